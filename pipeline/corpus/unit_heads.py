# SPDX-License-Identifier: Apache-2.0
"""The second test set: unseen identities with expressions of a 3D head's units, not of previs.

`units.csv` names tall pictures of stills, one expression coming up in each; a clip blends from
still to still while a test voice speaks a line in the same emotion. Mouths do not follow the words,
so these clips are for emotion only. They are reported beside the rest, never with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from manifests.corpus_rows import CorpusClip
from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_file
from model.emotion import LABELS
from pipeline.corpus import source_sheets
from pipeline.corpus.performance import LEVELS
from pipeline.corpus.source_sheets import check_file, check_value, raise_problems, read_rows
from pipeline.corpus.synthetic import NeutralLine
from pipeline.script.sheet_columns import list_names

VERSION = "1"
COLUMNS = list_names(source_sheets.UNIT_HEADS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedUnits:
    """A clip to be made of stills.

    `clip_id` is the digest of everything that shapes it; `number` seeds its draws.
    """

    clip_id: str
    identity: str
    emotion: str
    level: int
    stills: int
    licence: str
    file: str
    line: NeutralLine
    number: int


def plan_units(folder: Path, lines: Sequence[NeutralLine], *, seed: int) -> list[PlannedUnits]:
    """Plan the clips of `units.csv` in `folder`, each with a line of a test voice.

    Raises InputError for what is missing.
    """
    path = folder / "units.csv"
    rows = read_rows(path, COLUMNS)
    levels = [str(level) for level in LEVELS]
    problems: list[Problem | None] = []
    for number, row in enumerate(rows, 2):
        problems += [
            check_file(path, folder / row["file"], number),
            check_file(path, folder / f"{row['identity']}.png", number),
            check_value(path, row, "emotion", LABELS, number),
            check_value(path, row, "level", levels, number),
            _check_stills(path, row, number),
        ]
    raise_problems(problems)
    return [_plan_row(folder, row, lines, seed) for row in rows]


def _check_stills(path: Path, row: dict[str, str], number: int) -> Problem | None:
    if row["stills"].isdecimal() and int(row["stills"]) >= 2:
        return None
    return Problem(
        file=str(path),
        row=number,
        column="stills",
        message="not a count",
        expected="2 or more",
        got=row["stills"],
    )


def _plan_row(
    folder: Path, row: dict[str, str], lines: Sequence[NeutralLine], seed: int
) -> PlannedUnits:
    key = digest_file(folder / row["file"])
    chance = np.random.default_rng([seed, int(key[:8], 16)])
    own = [line for line in lines if line.sex == row["sex"] and line.split == "test"]
    line = own[int(chance.integers(len(own)))]
    number = int(chance.integers(1 << 31))
    return PlannedUnits(
        clip_id=digest(["units", VERSION, key, line.key, number]),
        identity=row["identity"],
        emotion=row["emotion"],
        level=int(row["level"]),
        stills=int(row["stills"]),
        licence=row["licence"],
        file=row["file"],
        line=line,
        number=number,
    )


def read_stills(path: Path, count: int) -> UInt8[np.ndarray, "stills height width 3"]:
    """Read the stills of a tall picture, from top to bottom.

    Raises InputError when its height cannot be divided by `count`.
    """
    import cv2

    tall = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if tall is None or len(tall) % count:
        got = "no picture" if tall is None else f"{tall.shape[1]} x {tall.shape[0]} px"
        raise InputError(
            Problem(
                file=str(path),
                message="not a picture of stills",
                expected=f"{count} stills of one height",
                got=got,
            )
        )
    return np.asarray(tall.reshape(count, -1, *tall.shape[1:]), np.uint8)


def blend_stills(pictures: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    """Blend stills [k, height, width, 3] into `frames` pictures, each between two neighbours."""
    for place in np.linspace(0, len(pictures) - 1, frames):
        below = min(int(place), len(pictures) - 2)
        share = place - below
        yield np.rint(pictures[below] * (1 - share) + pictures[below + 1] * share).astype(np.uint8)


def build_row(planned: PlannedUnits, *, frames: int, prepared: str) -> CorpusClip:
    """Build the record's row of a clip."""
    return CorpusClip(
        clip_id=planned.clip_id,
        corpus="units",
        identity=planned.identity,
        emotion=planned.emotion,
        level=planned.level,
        intensity=LEVELS[planned.level],
        voice=planned.line.voice,
        text=planned.line.text,
        text_id=planned.line.text_id,
        split="test",
        frames=frames,
        prepared=prepared,
        licence=planned.licence,
        source="faceunits01",
    )
