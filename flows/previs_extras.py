# SPDX-License-Identifier: Apache-2.0
"""What only the previs talker can do for `talk`: mattes, acting tracks, filmed performances,
contact sheets of a portrait.

Mattes are straight alpha, in ProRes 4444 (.mov) or VP9 (.webm, .mkv). A track is JSON for game
engines and avatars: what the talker acts, frame by frame, without its pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from flows.progress import reporter
from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from manifests.timebase import format_timecode
from model.previs.filmed import FilmedPerformance
from model.previs.talker import PrevisClip, PrevisTalker
from model.previs.track import Row
from model.talker import Frame, Speech, Talker
from pipeline import media
from pipeline.deliver import contact_sheet as sheet
from pipeline.frame_writer import FrameWriter

SCALE = "scale=out_color_matrix=bt709:out_range=limited:flags=accurate_rnd+full_chroma_int"
PRORES = (
    "-vf",
    f"{SCALE},format=yuva444p10le",
    "-c:v",
    "prores_ks",
    "-profile:v",
    "4444",
    "-vendor",
    "apl0",
)
VP9 = (
    "-vf",
    f"{SCALE},format=yuva420p",
    "-c:v",
    "libvpx-vp9",
    "-crf",
    "18",
    "-b:v",
    "0",
    "-auto-alt-ref",
    "0",
)
MATTES = {".mov": PRORES, ".webm": VP9, ".mkv": VP9}
INTENSITIES = (0.3, 0.6, 1.0)


def previs_of(talker: Talker, wanted: str) -> PrevisTalker:
    """The talker as previs. Raises InputError naming the option that another talker cannot fill."""
    if not isinstance(talker, PrevisTalker):
        message = f"the talker {talker.name!r} cannot do this"
        raise InputError(Problem(file=wanted, message=message, expected="--talker previs"))
    return talker


def filmed_performance(talker: PrevisTalker, path: Path) -> FilmedPerformance:
    """Measure a filmed performance; its frames stream."""
    info = media.probe(path)
    if info.video is None:
        raise InputError(
            Problem(
                file=str(path), message="there is no picture in this file", expected="a filmed face"
            )
        )
    reporter().step("Filmed performance")
    frames = media.read_frames(path, width=info.video.width, height=info.video.height)
    return talker.film(frames, info.video.rate, name=path.name)


def write_layers(clip: PrevisClip, path: Path, speech: Speech) -> None:
    """The clip's frames with the person's matte as straight alpha, lossless."""
    size = (clip.width, clip.height)
    threads = os.cpu_count() or 1
    with FrameWriter(path, size=size, rate=speech.rate, pixels="rgba", threads=threads) as writer:
        for frame, matte in clip.layers():
            writer.write(np.dstack([frame, matte]))
            reporter().count(writer.frames, clip.frames)


def write_track(rows: Iterable[Row], rate: Fraction, path: Path) -> None:
    """One JSON object: the frame rate and a row for each frame, written as it comes."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(
            json.dumps({"rate": [rate.numerator, rate.denominator]})[:-1] + ', "frames": [\n'
        )
        for number, row in enumerate(rows):
            file.write((",\n" if number else "") + json.dumps(row))
        file.write("\n]}\n")


def contact_sheet(
    path: Path,
    name: str,
    *,
    stills: Iterable[tuple[str, float, Frame]],
    mouths: Iterable[tuple[int, Frame]],
    rate: Fraction,
) -> None:
    """Emotions at `INTENSITIES`, one row an emotion; then, enlarged, consecutive frames of the
    clip's mouth, numbered at its `rate`.

    `name`: of the portrait.
    """

    def pictures() -> Iterator[tuple[Frame, str, str]]:
        width = 0
        for label, intensity, frame in stills:
            width = frame.shape[1]
            yield frame, f"{label} {intensity:g}", name
        for number, frame in mouths:
            yield (
                sheet.resize_to_width(frame, width),
                format_timecode(number, rate),
                f"frame {number}",
            )

    sheet.tile_pictures(pictures(), path, columns=len(INTENSITIES))
