# SPDX-License-Identifier: Apache-2.0
"""One clip from one portrait and one recording: a production of a single shot, without script, cast
or record.

The talker's frames go into a lossless file beside the target; the finished file is encoded from it
in one pass and appears whole. The sound of the recording is laid under it from its first sample.
The whole speech is held in memory (4 MB a minute).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from flows.progress import reporter
from manifests.atomic_write import atomic_write, hidden_file
from manifests.errors import InputError, Problem, find_nearest
from manifests.timebase import ANALYSIS_HZ, frames_covering, parse_rate
from model.affect.packaged import LABEL, VARIABLE, is_user_embedder
from model.emotion import EmotionCurve, EmotionError, Performance, parse_curve
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
MOST_FPS = 120
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
SUFFIXES = (".mp4", ".mov", ".mkv")
LOSSLESS_SUFFIXES = (".mkv",)
MATTE_SUFFIXES = (".mov", ".webm", ".mkv")
SHEET_SUFFIXES = (".png", ".jpg", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for. `emotion` is a curve of the grammar over the whole clip; `emotion_from`: a
    sample of a performance whose emotion is taken instead. `face` as in the cast sheet.
    """

    portrait: Path
    speech: Path
    out: Path
    emotion: str = "neutral"
    emotion_from: Path | None = None
    text: str | None = None
    language: str = "en"
    rate: Fraction = Fraction(25)
    seed: int = 0
    face: str = "only"
    talker: str = "previs"
    settings: TalkerSettings = field(default_factory=dict)
    lossless: bool = False
    alpha: bool = False
    track: Path | None = None
    performance_from: Path | None = None
    contact_sheet: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The clip that was made. `label` says what its frames are. `felt`: what was taken from a
    sample of a performance, and by whom.
    """

    path: Path
    frames: int
    width: int
    height: int
    seconds: float
    label: str
    measures: TakeMeasures
    felt: str = ""


def parse_fps(text: str) -> Fraction:
    """The rate of a single clip: those of productions by their usual names, any other as a whole
    number or a ratio from 1 to `MOST_FPS`.

    >>> parse_fps("29.97"), parse_fps("60"), parse_fps("60000/1001")
    (Fraction(30000, 1001), Fraction(60, 1), Fraction(60000, 1001))
    """
    try:
        return parse_rate(text, file="--fps")
    except InputError:
        rate = (
            Fraction(text)
            if re.fullmatch(r"[0-9]{1,6}(/[1-9][0-9]{0,5})?", text.strip())
            else Fraction(0)
        )
        if 1 <= rate <= MOST_FPS:
            return rate
        message = f"{text!r} is not a frame rate"
        expected = f"25, 29.97, 30000/1001 or another whole number or ratio from 1 to {MOST_FPS}"
        raise InputError(Problem(file="--fps", message=message, expected=expected)) from None


def make(request: Request) -> Made:
    """Make the clip. Raises InputError with all problems of the request before anything is
    written.
    """
    performance_text = _checked(request)
    felt = (
        feel(request.emotion_from, request.talker, request.settings)
        if request.emotion_from
        else None
    )
    portrait = portraits.read(request.portrait, face=request.face)
    speech = _speech(request)
    curve = felt if isinstance(felt, EmotionCurve) else parse_curve(performance_text)
    performance = Performance.from_curve(curve, start=0, end=speech.frames)
    reporter().step(f"Loading {request.talker}")
    talker = load(request.talker, request.settings)
    if isinstance(felt, EmotionGaussian):
        assert isinstance(talker, GaussianTalker)  # its description says so
        clip = talker.talk_as(portrait, speech, felt, request.seed)
    else:
        clip = _begin(request, talker, portrait, speech, performance)
    reporter().step("Frames")
    with hidden_file(request.out.with_suffix(".frames.mkv")) as frames:
        _write_frames(request, clip, frames, speech)
        reporter().step("Encoding")
        encode(
            frames,
            request.speech,
            request.out,
            picture=_picture(request),
            seconds=clip.frames / request.rate,
        )
    return Made(
        path=request.out,
        frames=clip.frames,
        width=clip.width,
        height=clip.height,
        seconds=float(clip.frames / request.rate),
        label=describe(request.talker, request.settings).label,
        measures=clip.measures(),
        felt=told(felt) if felt else "",
    )


def feel(sample: Path, talker: str, settings: TalkerSettings) -> EmotionCurve | EmotionGaussian:
    """What a sample feels like to a talker: see `as_understood`. Raises InputError when there is
    nothing to be felt in it.
    """
    from pipeline.corpus import emotion_sample

    reporter().step("Emotion")
    return as_understood(emotion_sample.measure_emotion(sample), describe(talker, settings))


def as_understood(felt: SampleEmotion, talker: Description) -> EmotionCurve | EmotionGaussian:
    """A Gaussian for a talker whose weights were trained with the same embedder, a mix of labels
    for one that knows labels only.

    Raises InputError when its weights were trained with another embedder.
    """
    if not talker.embedder:
        return felt.words
    gaussian = felt.gaussian
    if talker.embedder != gaussian.embedder:
        message = f"the talker {talker.name!r} was trained with another emotion embedder; name its folder in {VARIABLE}"
        expected, got = f"embedder {talker.embedder}", f"embedder {gaussian.embedder}"
        raise InputError(
            Problem(file="--emotion-from", message=message, expected=expected, got=got)
        )
    return EmotionGaussian(
        mean=gaussian.mean.numpy(), logvar=gaussian.logvar.numpy(), embedder=gaussian.embedder
    )


def told(felt: EmotionCurve | EmotionGaussian) -> str:
    """What was felt in a sample, in a line; an embedder that knows no people is called that."""
    words = str(felt) if isinstance(felt, EmotionCurve) else "an emotion without a name"
    return (
        f"{words}, as felt by the packaged embedder ({LABEL})" if not is_user_embedder() else words
    )


def encode(
    frames: Path, sound: Path, out: Path, *, picture: Sequence[str], seconds: Fraction
) -> None:
    """Lay the sound under the frames and write the finished file of exactly `seconds`. `picture`:
    the encoder's options.

    The length is said, not left to `-shortest`: how much padding that lets through depends on how
    far the sound ran ahead.
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
    request: Request, talker: Talker, portrait: Portrait, speech: Speech, performance: Performance
) -> Clip:
    """The clip; what only previs can do beside it is done first."""
    wanted = {
        "--alpha": request.alpha,
        "--track": request.track,
        "--performance-from": request.performance_from,
        "--contact-sheet": request.contact_sheet,
    }
    asked = [name for name, value in wanted.items() if value]
    if not asked:
        return _watched(talker.talk(portrait, speech, performance, request.seed), request)
    from flows import previs_extras

    previs = previs_extras.previs_of(talker, asked[0])
    filmed = (
        previs_extras.filmed_performance(previs, request.performance_from)
        if request.performance_from
        else None
    )
    if request.contact_sheet:
        previs_extras.contact_sheet(
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


def _watched(clip: Clip, request: Request) -> Clip:
    """A DICE-Talk clip tells of its denoising steps too, which take most of its time."""
    if request.talker == "dice":
        from model.dice.clip import DiceClip

        assert isinstance(clip, DiceClip)
        clip.progress = reporter().count
    return clip


def _picture(request: Request) -> Sequence[str]:
    if request.lossless:
        return LOSSLESS_MATTE if request.alpha else LOSSLESS
    if request.alpha:
        from flows.previs_extras import MATTES

        return MATTES[request.out.suffix]
    return WEB


def _checked(request: Request) -> str:
    """The emotion, when all of the request is in order."""
    problems = _misplaced(request)
    try:
        parse_curve(request.emotion)
    except EmotionError as error:
        problems.append(
            Problem(
                file="--emotion", message=str(error), got=error.got, nearest=error.nearest_names
            )
        )
    if request.emotion_from and request.emotion != "neutral":
        message = "either an emotion in words or a sample of one, not both"
        problems.append(Problem(file="--emotion-from", message=message, got=request.emotion))
    for _, path in _files_read(request):
        if not path.is_file():
            problems.append(Problem(file=str(path), message="no such file"))
    try:
        describe(request.talker, request.settings)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return request.emotion


def _misplaced(request: Request) -> list[Problem]:
    """What is wrong with the names of the files to be written."""
    problems = [_misnamed(request)]
    if request.contact_sheet and request.contact_sheet.suffix.lower() not in SHEET_SUFFIXES:
        expected = " or ".join(SHEET_SUFFIXES)
        message = "not a file name for a contact sheet"
        problems.append(
            Problem(file=str(request.contact_sheet), message=message, expected=expected)
        )
    taken = {path.resolve(): name for name, path in _files_read(request)}
    for path in (request.out, request.track, request.contact_sheet):
        if path is None:
            continue
        if not path.resolve().parent.is_dir():
            problems.append(Problem(file=str(path), message="its folder does not exist"))
        elif path.is_dir():
            problems.append(
                Problem(file=str(path), message="this is a folder", expected="the name of a file")
            )
        elif path.resolve() in taken:
            message = f"would be written over {taken[path.resolve()]}"
            problems.append(Problem(file=str(path), message=message, expected="another name"))
        taken.setdefault(path.resolve(), "another file of this clip")
    return [problem for problem in problems if problem is not None]


def _misnamed(request: Request) -> Problem | None:
    """The problem of a clip's name that does not say a container which can hold it."""
    kind, known = "a clip", tuple[str, ...](SUFFIXES)
    if request.lossless:
        kind, known = "a lossless clip", LOSSLESS_SUFFIXES
    elif request.alpha:
        kind, known = "a clip with a matte", MATTE_SUFFIXES
    if request.out.suffix in known:
        return None
    near = find_nearest(request.out.suffix, known)
    message = f"not a file name for {kind}"
    return Problem(
        file=str(request.out), message=message, expected=" or ".join(known), nearest=near
    )


def _files_read(request: Request) -> list[tuple[str, Path]]:
    named = {
        "the portrait": request.portrait,
        "the speech": request.speech,
        "the filmed performance": request.performance_from,
        "the sample of an emotion": request.emotion_from,
    }
    return [(name, path) for name, path in named.items() if path is not None]


def _speech(request: Request) -> Speech:
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
    blocks = [block[:, 0] for block in media.read_audio(request.speech, hz=ANALYSIS_HZ, channels=1)]
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


def _write_frames(request: Request, clip: Clip, path: Path, speech: Speech) -> None:
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
            reporter().count(writer.frames, clip.frames)
