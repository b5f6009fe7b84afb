# SPDX-License-Identifier: Apache-2.0
"""Render a shot: one take, through a talker.

The take's frames go straight from the talker into a lossless file that appears under the shot's
identity only when it is whole. Its row stands beside it as JSON, written first, so that a run that
was killed between file and record can be continued without making the take again (`adopt_take`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Float32

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem, ToolError
from manifests.identity import digest_file
from manifests.rows import Recording, Shot, Take
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ, round_half_up, sample_of_frame
from model.emotion import Performance
from model.talker import (
    MATTE,
    Clip,
    Frame,
    LayeredClip,
    Matte,
    Portrait,
    Role,
    Speech,
    SteppedClip,
    Talker,
)
from pipeline.frame_writer import FrameWriter
from pipeline.speech.ingest import read_span

RAMP_SAMPLES = ANALYSIS_HZ // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderContext:
    """Where takes are made, and what goes into their rows.

    `root` is the build folder that all paths in rows are relative to.
    """

    root: Path
    recordings: Sequence[Recording]
    worker: str
    run_id: str
    label: str
    licences: tuple[str, ...] = ()
    threads: int = 1


def context_span(
    start_frame: int, end_frame: int, rate: Fraction, context_seconds: float
) -> tuple[int, int]:
    """Compute the timeline samples (48 kHz) that a talker reads: a shot with its context."""
    context = round_half_up(Fraction(context_seconds).limit_denominator(1000) * MASTER_HZ)
    return sample_of_frame(start_frame, rate) - context, sample_of_frame(end_frame, rate) + context


def read_speech(
    shot: Shot, recordings: Sequence[Recording], *, root: Path, context_seconds: float
) -> Speech:
    """Read the shot's sound as the talker wants it: 16 kHz mono with context.

    The sound is silent where the timeline has none. Where others speak in the shot (`voiced`), only
    what the one in the picture says is left.
    """
    start, end = context_span(shot.first_drawn, shot.last_drawn, shot.rate, context_seconds)
    lead = round_half_up(
        Fraction((sample_of_frame(shot.first_drawn, shot.rate) - start) * ANALYSIS_HZ, MASTER_HZ)
    )
    samples = read_span(recordings, start, end, hz=ANALYSIS_HZ, root=root)
    voiced = shot.voiced_spans
    return Speech(
        samples=silence_others(samples, voiced, lead=lead, rate=shot.rate) if voiced else samples,
        lead=lead,
        frames=shot.frames,
        rate=shot.rate,
        text=shot.text or None,
        language=shot.lang,
        role=cast(Role, shot.role),
        before_frames=max(0, shot.before_frames - shot.head_frames),
    )


def silence_others(
    samples: Float32[np.ndarray, " samples"],
    voiced: Sequence[tuple[int, ...]],
    *,
    lead: int,
    rate: Fraction,
) -> Float32[np.ndarray, " samples"]:
    """Silence the sound outside the `voiced` frames of the shot, with ramps of 10 ms."""
    gain = np.zeros(len(samples), dtype=np.float32)
    for first, last in voiced:
        gain[
            lead + sample_of_frame(first, rate, ANALYSIS_HZ) : lead
            + sample_of_frame(last, rate, ANALYSIS_HZ)
        ] = 1
    ramp = np.full(RAMP_SAMPLES, 1 / RAMP_SAMPLES, dtype=np.float32)
    return samples * np.convolve(gain, ramp, mode="same")


def generate_take(
    shot: Shot,
    *,
    talker: Talker,
    portrait: Portrait,
    context: RenderContext,
    progress: Callable[[int, int], None] | None = None,
) -> Take:
    """Make the take of a shot, or adopt the existing one.

    `progress(done, of)` is called for each frame, and for each step of a talker that works in
    steps; an exception that it raises ends the take. Raises InputError and ToolError as the talker
    does.
    """
    standing = adopt_take(shot.shot_id, root=context.root)
    if standing is not None:
        return standing
    began = time.monotonic()
    clip = _start_talker(shot, talker, portrait, context)
    if isinstance(clip, SteppedClip):
        clip.progress = progress
    with atomic_write(take_path(shot.shot_id, root=context.root)) as partial:
        written = _write_frames(clip, shot, partial, context=context, progress=progress)
        if written != shot.frames:
            raise ToolError(
                f"the talker made {written} frames of {shot.shot_id}, {shot.frames} were asked for"
            )
        take = _build_row(shot, clip, context, file=partial, seconds=time.monotonic() - began)
        _write_row(take, root=context.root)
    return take


def _start_talker(shot: Shot, talker: Talker, portrait: Portrait, context: RenderContext) -> Clip:
    speech = read_speech(
        shot, context.recordings, root=context.root, context_seconds=talker.context_seconds
    )
    return talker.talk(portrait, speech, Performance.from_plain(shot.curve), shot.seed)


def _write_frames(
    clip: Clip,
    shot: Shot,
    path: Path,
    *,
    context: RenderContext,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Write a clip's frames, and its mattes when the shot asks for them.

    Mattes are complete before the take stands, so that a take is never without.
    """
    size, matte = (clip.width, clip.height), matte_path(shot.shot_id, root=context.root)
    pictures = _pair_with_mattes(clip, shot)
    with contextlib.ExitStack() as files:
        writer = files.enter_context(
            FrameWriter(path, size=size, rate=shot.rate, threads=context.threads)
        )
        if wants_matte(shot):
            mattes = files.enter_context(
                FrameWriter(matte, size=size, rate=shot.rate, pixels="gray")
            )
        for frame, alpha in pictures:
            writer.write(frame)
            if alpha is not None:
                mattes.write(alpha)
            if progress is not None:
                progress(writer.frames, shot.frames)
    return writer.frames


def _pair_with_mattes(clip: Clip, shot: Shot) -> Iterable[tuple[Frame, Matte | None]]:
    """Pair frames with their mattes, or with None. Raises InputError for talkers without mattes."""
    if not wants_matte(shot):
        return ((frame, None) for frame in clip)
    if isinstance(clip, LayeredClip):
        return clip.layers()
    raise InputError(
        Problem(file=shot.number, message=f"the talker {shot.talker!r} draws no mattes")
    )


def wants_matte(shot: Shot) -> bool:
    """Check whether a shot's take is written with the talker's matte."""
    return bool(shot.talker_options.get(MATTE))


def adopt_take(shot_id: str, *, root: Path) -> Take | None:
    """Find the take that stands under an identity, from the row beside its file.

    None when file or row is missing, or when the file is not the one that the row describes.
    """
    row, media = row_path(shot_id, root=root), take_path(shot_id, root=root)
    if not (row.is_file() and media.is_file()):
        return None
    try:
        take = Take(**json.loads(row.read_text()))
    except (ValueError, TypeError):  # the row is damaged: the take is made again
        return None
    return take if digest_file(media) == take.media_digest else None


def take_path(shot_id: str, *, root: Path) -> Path:
    """Return where the media of a take stands."""
    return root / layout.take_file(shot_id)


def matte_path(shot_id: str, *, root: Path) -> Path:
    """Return where the matte of a take stands: grey, 255 where the picture is the talker."""
    return root / layout.matte_file(shot_id)


def row_path(shot_id: str, *, root: Path) -> Path:
    """Return where the row of a take stands, beside its media."""
    return root / layout.take_row_file(shot_id)


def _write_row(take: Take, *, root: Path) -> None:
    with atomic_write(row_path(take.shot_id, root=root)) as partial:
        partial.write_text(json.dumps(dataclasses.asdict(take)))


def _build_row(
    shot: Shot, clip: Clip, context: RenderContext, *, file: Path, seconds: float
) -> Take:
    measures = clip.measures()
    left, top, right, bottom = measures.face_box
    return Take(
        shot_id=shot.shot_id,
        path=layout.take_file(shot.shot_id),
        media_digest=digest_file(file),
        frames=shot.frames,
        rate_num=shot.rate_num,
        rate_den=shot.rate_den,
        width=clip.width,
        height=clip.height,
        talker=shot.talker,
        talker_version=shot.talker_version,
        label=context.label,
        licences=" | ".join(context.licences),
        seed=shot.seed,
        face_left=left,
        face_top=top,
        face_right=right,
        face_bottom=bottom,
        wall_seconds=round(seconds, 3),
        worker=context.worker,
        run_id=context.run_id,
        measures=json.dumps(measures.numbers, sort_keys=True),
        warnings=json.dumps(measures.warnings),
    )
