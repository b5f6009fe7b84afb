# SPDX-License-Identifier: Apache-2.0
"""Extras of the previs talker for `talk`: mattes, tracks, filmed performances, contact sheets.

Mattes are straight alpha, in ProRes 4444 (.mov) or VP9 (.webm, .mkv). A track is JSON for game
engines and avatars: the acting frame by frame, without pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from flows.progress import get_reporter
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


def require_previs(talker: Talker, wanted: str) -> PrevisTalker:
    """Return the talker as previs.

    Raises:
        InputError: Another talker is selected; the option `wanted` is named.
    """
    if not isinstance(talker, PrevisTalker):
        message = f"the talker {talker.name!r} cannot do this"
        raise InputError(Problem(file=wanted, message=message, expected="--talker previs"))
    return talker


def measure_filmed_performance(talker: PrevisTalker, path: Path) -> FilmedPerformance:
    """Measure a filmed performance; its frames are streamed."""
    info = media.probe(path)
    if info.video is None:
        raise InputError(
            Problem(
                file=str(path), message="there is no picture in this file", expected="a filmed face"
            )
        )
    get_reporter().step("Filmed performance")
    frames = media.read_frames(path, width=info.video.width, height=info.video.height)
    return talker.film(frames, info.video.rate, name=path.name)


def write_layers(clip: PrevisClip, path: Path, speech: Speech) -> None:
    """Write the clip's frames with the person's matte as straight alpha, lossless."""
    size = (clip.width, clip.height)
    threads = os.cpu_count() or 1
    with FrameWriter(path, size=size, rate=speech.rate, pixels="rgba", threads=threads) as writer:
        for frame, matte in clip.layers():
            writer.write(np.dstack([frame, matte]))
            get_reporter().count(writer.frames, clip.frames)


def write_track(rows: Iterable[Row], rate: Fraction, path: Path) -> None:
    """Write a JSON object with the frame rate and a row for each frame, as rows arrive."""
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(
            json.dumps({"rate": [rate.numerator, rate.denominator]})[:-1] + ', "frames": [\n'
        )
        for number, row in enumerate(rows):
            file.write((",\n" if number else "") + json.dumps(row))
        file.write("\n]}\n")


def write_contact_sheet(
    path: Path,
    name: str,
    *,
    stills: Iterable[tuple[str, float, Frame]],
    mouths: Iterable[tuple[int, Frame]],
    rate: Fraction,
) -> None:
    """Write the contact sheet of a portrait, called `name`.

    Emotions at `INTENSITIES`, one row per emotion; then consecutive frames of the clip's mouth,
    enlarged and numbered at its `rate`.
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
