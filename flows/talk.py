# SPDX-License-Identifier: Apache-2.0
"""Make one clip from one portrait and one recording, without script, cast or record.

The talker's frames go into a lossless file beside the target. The finished file is encoded from it
in one pass and appears whole, with the recording's sound from its first sample. The whole speech is
held in memory (4 MB a minute).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from flows.clip_request import ClipRequest, check_request
from flows.progress import get_reporter
from manifests.atomic_write import atomic_write, hidden_file
from manifests.errors import InputError, Problem
from manifests.timebase import ANALYSIS_HZ, frames_covering
from model.affect.packaged import LABEL, VARIABLE, is_user_embedder
from model.emotion import EmotionCurve, Performance, parse_curve
from model.talker import (
    Clip,
    Description,
    EmotionGaussian,
    GaussianTalker,
    Portrait,
    Speech,
    TakeMeasures,
    Talker,
    TalkerSettings,
)
from model.talkers import describe, load
from pipeline import media
from pipeline.assemble.assemble import TO_BT709
from pipeline.corpus.emotion_sample import SampleEmotion
from pipeline.deliver.profiles import BT709
from pipeline.frame_writer import FrameWriter
from pipeline.render import portraits

LONGEST_SECONDS = 2 * 3600
TO_YUV = "zscale=" + ":".join(f"{name}={value}" for name, value in TO_BT709.items())
TAGS = tuple(part for name, value in BT709.items() for part in (f"-{name}", str(value)))
WEB = (
    "-vf",
    f"{TO_YUV},format=yuv420p",
    "-c:v",
    "libx264",
    "-preset",
    "medium",
    "-crf",
    "16",
    *TAGS,
)
LOSSLESS = ("-c:v", "ffv1", "-level", "3", "-pix_fmt", "gbrp")
LOSSLESS_MATTE = (*LOSSLESS[:-1], "bgra")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedClip:
    """A finished clip. `label` names its frames.

    `felt` describes the emotion read from a sample, and which embedder read it.
    """

    path: Path
    frames: int
    width: int
    height: int
    seconds: float
    label: str
    measures: TakeMeasures
    felt: str = ""


def make_clip(request: ClipRequest) -> FinishedClip:
    """Make the clip.

    Raises:
        InputError: With all problems of the request, before anything is written.
    """
    emotion = check_request(request)
    sample = request.emotion_from
    felt = read_emotion(sample, request.talker, request.settings) if sample else None
    speech = _read_speech(request)
    clip = _load_and_begin(request, speech, felt or parse_curve(emotion))
    get_reporter().step("Frames")
    with hidden_file(request.out.with_suffix(".frames.mkv")) as frames:
        _write_frames(request, clip, frames, speech)
        get_reporter().step("Encoding")
        picture, seconds = _choose_encoder(request), clip.frames / request.rate
        encode(frames, request.speech, request.out, picture=picture, seconds=seconds)
    return FinishedClip(
        path=request.out,
        frames=clip.frames,
        width=clip.width,
        height=clip.height,
        seconds=float(seconds),
        label=describe(request.talker, request.settings).label,
        measures=clip.measures(),
        felt=describe_emotion(felt) if felt else "",
    )


def _load_and_begin(
    request: ClipRequest, speech: Speech, emotion: EmotionCurve | EmotionGaussian
) -> Clip:
    """Read the portrait, load the talker and begin the clip."""
    portrait = portraits.read(request.portrait, face=request.face)
    get_reporter().step(f"Loading {request.talker}")
    talker = load(request.talker, request.settings)
    if isinstance(emotion, EmotionGaussian):
        assert isinstance(talker, GaussianTalker)  # its description says so
        return talker.talk_as(portrait, speech, emotion, request.seed)
    performance = Performance.from_curve(emotion, start=0, end=speech.frames)
    return _begin(request, talker, portrait, speech, performance)


def read_emotion(
    sample: Path, talker: str, settings: TalkerSettings
) -> EmotionCurve | EmotionGaussian:
    """Read the emotion of a sample in a form that the talker takes (`translate_emotion`).

    Raises:
        InputError: The sample shows no emotion that can be read.
    """
    from pipeline.corpus import emotion_sample

    get_reporter().step("Emotion")
    return translate_emotion(emotion_sample.measure_emotion(sample), describe(talker, settings))


def translate_emotion(felt: SampleEmotion, talker: Description) -> EmotionCurve | EmotionGaussian:
    """Translate an emotion into what the talker knows.

    A talker trained with the same embedder gets the Gaussian; one that knows labels only gets a mix
    of labels.

    Raises:
        InputError: The talker was trained with another embedder.
    """
    if not talker.embedder:
        return felt.words
    gaussian = felt.gaussian
    if talker.embedder != gaussian.embedder:
        message = (
            f"the talker {talker.name!r} was trained with another emotion embedder;"
            f" name its folder in {VARIABLE}"
        )
        expected, got = f"embedder {talker.embedder}", f"embedder {gaussian.embedder}"
        raise InputError(
            Problem(file="--emotion-from", message=message, expected=expected, got=got)
        )
    return EmotionGaussian(
        mean=gaussian.mean.numpy(), logvar=gaussian.logvar.numpy(), embedder=gaussian.embedder
    )


def describe_emotion(felt: EmotionCurve | EmotionGaussian) -> str:
    """Describe in a line the emotion read from a sample; name the packaged embedder."""
    words = str(felt) if isinstance(felt, EmotionCurve) else "an emotion without a name"
    return (
        f"{words}, as read by the packaged embedder ({LABEL})" if not is_user_embedder() else words
    )


def encode(
    frames: Path, sound: Path, out: Path, *, picture: Sequence[str], seconds: Fraction
) -> None:
    """Encode the frames with their sound into a file of exactly `seconds`.

    `picture` holds the encoder's options. The length is stated and not left to `-shortest`, whose
    padding depends on how far the sound ran ahead.
    """
    coded = {".mkv": ["flac"], ".webm": ["libopus"]}.get(
        out.suffix, ["aac", "-b:a", "192k", "-ar", "48000"]
    )
    chosen = [
        *picture,
        "-c:a",
        *coded,
        *(["-movflags", "+faststart"] if out.suffix in {".mp4", ".mov"} else []),
    ]
    inputs = ["-i", f"file:{frames.resolve()}", *media.SAFE_INPUT, "-i", f"file:{sound.resolve()}"]
    laid = ["-map", "0:v:0", "-map", "1:a:0", *chosen, "-af", "apad", "-t", f"{float(seconds):.6f}"]
    with atomic_write(out) as partial:
        media.run([*inputs, *laid, f"file:{partial.resolve()}"])


def _begin(
    request: ClipRequest,
    talker: Talker,
    portrait: Portrait,
    speech: Speech,
    performance: Performance,
) -> Clip:
    """Begin the clip; write what only previs can make beside it first."""
    wanted = {
        "--alpha": request.alpha,
        "--track": request.track,
        "--performance-from": request.performance_from,
        "--contact-sheet": request.contact_sheet,
    }
    asked = [name for name, value in wanted.items() if value]
    if not asked:
        return _report_steps(talker.talk(portrait, speech, performance, request.seed), request)
    from flows import previs_extras

    previs = previs_extras.require_previs(talker, asked[0])
    filmed = (
        previs_extras.measure_filmed_performance(previs, request.performance_from)
        if request.performance_from
        else None
    )
    if request.contact_sheet:
        previs_extras.write_contact_sheet(
            request.contact_sheet,
            portrait.name,
            stills=previs.draw_stills(portrait, previs_extras.INTENSITIES),
            mouths=previs.draw_mouths(portrait, speech, performance, request.seed, filmed=filmed),
            rate=speech.rate,
        )
    if request.track:
        rows = previs.track(speech, performance, request.seed, filmed=filmed)
        previs_extras.write_track(rows, speech.rate, request.track)
    return previs.talk(portrait, speech, performance, request.seed, filmed=filmed)


def _report_steps(clip: Clip, request: ClipRequest) -> Clip:
    """Report the denoising steps of a DICE-Talk clip, which take most of its time."""
    if request.talker == "dice":
        from model.dice.clip import DiceClip

        assert isinstance(clip, DiceClip)
        clip.progress = get_reporter().count
    return clip


def _choose_encoder(request: ClipRequest) -> Sequence[str]:
    if request.lossless:
        return LOSSLESS_MATTE if request.alpha else LOSSLESS
    if request.alpha:
        from flows.previs_extras import MATTES

        return MATTES[request.out.suffix]
    return WEB


def _read_speech(request: ClipRequest) -> Speech:
    info = media.probe(request.speech)
    if info.audio is None:
        raise InputError(
            Problem(file=str(request.speech), message="there is no sound in this file")
        )
    if info.seconds > LONGEST_SECONDS:
        got = f"{float(info.seconds) / 3600:.1f} h"
        raise InputError(
            Problem(
                file=str(request.speech), message="too long for one clip", expected="2 h", got=got
            )
        )
    blocks = [
        block[:, 0]
        for block in media.read_audio(request.speech, hz=ANALYSIS_HZ, channels=1, tolerant=True)
    ]
    samples = np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)
    if not len(samples):
        raise InputError(
            Problem(file=str(request.speech), message="there is no sound in this file")
        )
    broken = np.flatnonzero(~np.isfinite(samples))
    if len(broken):
        message, got = "the sound is broken", f"no numbers from {broken[0] / ANALYSIS_HZ:.2f} s on"
        raise InputError(
            Problem(file=str(request.speech), message=message, expected="finite samples", got=got)
        )
    return Speech(
        samples=samples,
        lead=0,
        frames=frames_covering(len(samples), request.rate, ANALYSIS_HZ),
        rate=request.rate,
        text=request.text,
        language=request.language,
    )


def _write_frames(request: ClipRequest, clip: Clip, path: Path, speech: Speech) -> None:
    if request.alpha:
        from flows.previs_extras import write_layers
        from model.previs.talker import PrevisClip

        assert isinstance(clip, PrevisClip)  # `_begin` has refused other talkers
        write_layers(clip, path, speech)
        return
    size, threads = (clip.width, clip.height), os.cpu_count() or 1
    with FrameWriter(path, size=size, rate=speech.rate, threads=threads) as writer:
        for frame in clip:
            writer.write(frame)
            get_reporter().count(writer.frames, clip.frames)
