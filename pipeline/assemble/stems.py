# SPDX-License-Identifier: Apache-2.0
"""Stems of the master sound: one file per character and one of everything else.

Together they add up to the master exactly. Cues say who speaks when; nothing is separated. Where
two people speak at once, both stems hold the mixture at half its level.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from manifests import identity
from manifests.atomic_write import atomic_write, hidden_file
from manifests.rows import Cue
from manifests.timebase import MASTER_HZ
from pipeline.assemble.loudness import MeasuredLoudness, measure_loudness

# breath before, tail after, 20 ms of fade
BEFORE, AFTER, FADE = MASTER_HZ // 12, MASTER_HZ // 8, MASTER_HZ // 50
BLOCK = 10 * MASTER_HZ
ROOM = "room"
VERSION = "1"

Gate = Float64[np.ndarray, " samples"]
Span = tuple[int, int]


def find_speech_spans(cues: Sequence[Cue]) -> dict[str, list[Span]]:
    """Find when each character speaks, in samples of the timeline.

    Cues are widened by breath and tail; those that then touch are joined.
    """
    spans: dict[str, list[Span]] = defaultdict(list)
    for cue in sorted((cue for cue in cues if cue.start >= 0), key=lambda cue: cue.start):
        start, end = max(0, cue.start - BEFORE), cue.end + AFTER
        own = spans[cue.character]
        if own and start <= own[-1][1]:
            start, end = own[-1][0], max(end, own.pop()[1])
        own.append((start, end))
    return dict(spans)


def open_gate(spans: Sequence[Span], start: int, end: int) -> Gate:
    """Compute how open a character's microphone is over samples `[start, end)`.

    It is 1 inside the character's spans, with raised-cosine flanks of 20 ms outside.
    """
    place = np.arange(start, end)
    opened = np.zeros(end - start)
    for first, last in spans:
        if first - FADE < end and last + FADE > start:
            distance = np.maximum(np.maximum(first - place, place - (last - 1)), 0)
            opened = np.maximum(opened, 0.5 + 0.5 * np.cos(np.pi * np.minimum(distance / FADE, 1)))
    return opened


def name_stem_files(cues: Sequence[Cue]) -> dict[str, str]:
    """Name the file of every stem: one for each character that speaks, and the room."""
    return {
        name: f"{plain}.wav"
        for name, plain in _make_file_names([ROOM, *find_speech_spans(cues)]).items()
    }


def compute_stem_ids(sound_id: str, cues: Sequence[Cue]) -> dict[str, str]:
    """Compute the identity of every stem, before it is written.

    It depends on the master sound and on who speaks when.
    """
    spans = {name: [list(span) for span in own] for name, own in find_speech_spans(cues).items()}
    return {
        name: identity.digest([VERSION, sound_id, spans, name]) for name in name_stem_files(cues)
    }


def write_stems(master: Path, cues: Sequence[Cue], folder: Path) -> dict[str, Path]:
    """Write a stem for every character that speaks and one for the room.

    Stems are WAV, 48 kHz stereo, 24 bit; they add up to the master.
    """
    import soundfile

    spans = find_speech_spans(cues)
    paths = {name: folder / file for name, file in name_stem_files(cues).items()}
    with contextlib.ExitStack() as files:
        partial = {name: files.enter_context(atomic_write(path)) for name, path in paths.items()}
        opened = {
            name: files.enter_context(
                soundfile.SoundFile(path, "w", MASTER_HZ, 2, subtype="PCM_24")
            )
            for name, path in partial.items()
        }
        for start, block in _read_blocks(master):
            rest = block.copy()
            for name, share in share_master(spans, start, start + len(block)).items():
                part = np.round(block * share[:, None])
                opened[name].write((part * 256).astype(np.int32))
                rest -= part
            opened[ROOM].write((rest * 256).astype(np.int32))
    return paths


def measure_difference(master: Path, paths: Sequence[Path]) -> int:
    """Measure the largest difference between the sum of the stems and the master.

    The unit is one step of 24 bits. Stems of another length count as entirely different.
    """
    import soundfile

    with contextlib.ExitStack() as stack:
        whole = stack.enter_context(soundfile.SoundFile(master))
        parts = [stack.enter_context(soundfile.SoundFile(path)) for path in paths]
        if any(len(part) != len(whole) for part in parts):
            return 1 << 24
        worst = 0
        while len(block := whole.read(BLOCK, dtype="int32", always_2d=True)):
            total = sum(
                part.read(BLOCK, dtype="int32", always_2d=True).astype(np.int64) for part in parts
            )
            worst = max(worst, int(np.abs(total - block).max()) // 256)
        return worst


def share_master(spans: dict[str, list[Span]], start: int, end: int) -> dict[str, Gate]:
    """Compute what part of the master each character's stem holds; together at most all of it."""
    gates = {name: open_gate(own, start, end) for name, own in spans.items()}
    total = np.maximum(sum(gates.values(), np.zeros(end - start)), 1.0)
    return {name: opened / total for name, opened in gates.items()}


def measure_dialogue_loudness(master: Path, cues: Sequence[Cue], folder: Path) -> MeasuredLoudness:
    """Measure the loudness of the speech alone; silence when nobody speaks.

    The spans of the cues are joined and measured as one programme.
    """
    import soundfile

    everyone = [cue for cue in cues if cue.start >= 0]
    with hidden_file(folder / "dialogue.wav") as path:
        with (
            soundfile.SoundFile(master) as source,
            soundfile.SoundFile(path, "w", MASTER_HZ, 2, subtype="FLOAT") as file,
        ):
            for first, last in _merge_spans(everyone):
                source.seek(min(first, len(source)))
                file.write(
                    source.read(
                        max(0, min(last, len(source)) - first), dtype="float32", always_2d=True
                    )
                )
            # ebur128 needs a block to report at all
            file.write(np.zeros((MASTER_HZ // 2, 2), np.float32))
        return measure_loudness(path)


def _merge_spans(cues: Sequence[Cue]) -> list[Span]:
    spans: list[Span] = []
    for cue in sorted(cues, key=lambda cue: cue.start):
        if spans and cue.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], cue.end))
        else:
            spans.append((cue.start, cue.end))
    return spans


def _read_blocks(master: Path) -> Iterator[tuple[int, Float64[np.ndarray, "samples 2"]]]:
    """Read the master in blocks of whole 24-bit steps.

    Parts and rest then add up without rounding.
    """
    import soundfile

    with soundfile.SoundFile(master) as file:
        start = 0
        while len(block := file.read(BLOCK, dtype="int32", always_2d=True)):
            yield start, block.astype(np.float64) / 256
            start += len(block)


def _make_file_names(names: Sequence[str]) -> dict[str, str]:
    """Make a plain, distinct file name for each name."""
    taken: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W+", "_", name).strip("_").lower() or "unnamed"
        count = sum(
            1
            for other in taken.values()
            if other == plain or re.fullmatch(rf"{re.escape(plain)}_\d+", other)
        )
        taken[name] = f"{plain}_{count + 1}" if count else plain
    return taken
