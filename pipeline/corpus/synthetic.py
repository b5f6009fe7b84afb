# SPDX-License-Identifier: Apache-2.0
"""Plan the synthetic corpus: who performs which line, in which emotion, level and voice.

Pure: sheets and a seed in, rows of a plan out. `people.csv` names the portraits, `lines.csv` the
neutral recordings (`benchmarks/heads` and `benchmarks/corpus_voices.py` make both). Two voices are
heard in test only; otherwise a person keeps one voice of their sex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from manifests.errors import Problem
from manifests.identity import digest, digest_file
from model.affect.prepared_corpus import SPLITS
from model.emotion import LABELS
from pipeline.corpus import source_sheets
from pipeline.corpus.performance import LEVELS
from pipeline.corpus.source_sheets import check_file, check_value, raise_problems, read_rows
from pipeline.script.sheet_columns import list_names

VERSION = "1"  # of what clips are made of the same portraits, lines and seed
# folders in a corpus that it is made from
PORTRAITS, LINES, UNITS = "portraits", "lines", "portraits/units"
PERSON_COLUMNS = list_names(source_sheets.PEOPLE)
LINE_COLUMNS = list_names(source_sheets.VOICE_LINES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A portrait: `identity`.png lies beside the sheet. `key` is the picture's digest."""

    identity: str
    sex: str
    split: str
    licence: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeutralLine:
    """A neutral recording, 16 kHz mono. `split` is `test` for voices that only test hears."""

    voice: str
    sex: str
    split: str
    text_id: str
    text: str
    file: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClip:
    """A clip to be made.

    `clip_id` is the digest of portrait, line and draws, not of the talker, which `source` names.
    `number` seeds the draws.
    """

    clip_id: str
    person: Person
    line: NeutralLine
    emotion: str
    level: int
    number: int

    @property
    def identity(self) -> str:
        """The person who performs it."""
        return self.person.identity


def plan_clips(
    people: Sequence[Person], lines: Sequence[NeutralLine], *, seed: int
) -> list[PlannedClip]:
    """Plan a clip of every person in every emotion at every level.

    The same people, lines and seed give the same plan.
    """
    planned = []
    for person in people:
        chance = np.random.default_rng([seed, int(digest(person.identity)[:8], 16)])
        own = _choose_lines(person, lines, chance)
        for emotion in LABELS:
            for level in LEVELS:
                line = own[int(chance.integers(len(own)))]
                number = int(chance.integers(1 << 31))
                planned.append(_plan_clip(person, line, emotion, level=level, number=number))
    return planned


def _plan_clip(
    person: Person, line: NeutralLine, emotion: str, *, level: int, number: int
) -> PlannedClip:
    key = ["synthetic", VERSION, person.key, line.key, emotion, level, number]
    return PlannedClip(
        clip_id=digest(key), person=person, line=line, emotion=emotion, level=level, number=number
    )


def _choose_lines(
    person: Person, lines: Sequence[NeutralLine], chance: np.random.Generator
) -> list[NeutralLine]:
    """Choose a voice for a person; return its lines."""
    split = "test" if person.split == "test" else "train"
    voices = sorted(
        {line.voice for line in lines if line.sex == person.sex and line.split == split}
    )
    voice = voices[int(chance.integers(len(voices)))]
    return [line for line in lines if line.voice == voice]


def read_people(folder: Path, *, most: int | None = None) -> list[Person]:
    """Read the people of `people.csv`, the first `most` of each split in proportion.

    Raises InputError for what is missing.
    """
    path = folder / "people.csv"
    rows = read_rows(path, PERSON_COLUMNS)
    problems = [
        *(
            check_file(path, folder / f"{row['identity']}.png", number)
            for number, row in enumerate(rows, 2)
        ),
        *(check_value(path, row, "split", SPLITS, number) for number, row in enumerate(rows, 2)),
    ]
    raise_problems(problems)
    people = [
        Person(
            **{name: row[name] for name in PERSON_COLUMNS},
            key=digest_file(folder / f"{row['identity']}.png"),
        )
        for row in rows
    ]
    return people if most is None else _select_first(people, most)


def read_lines(folder: Path) -> list[NeutralLine]:
    """Read the recordings of `lines.csv`. Raises InputError for what is missing."""
    path = folder / "lines.csv"
    rows = read_rows(path, LINE_COLUMNS)
    raise_problems(
        [
            *(check_file(path, folder / row["file"], number) for number, row in enumerate(rows, 2)),
            *(
                check_value(path, row, "split", ("train", "test"), number)
                for number, row in enumerate(rows, 2)
            ),
        ]
    )
    return [
        NeutralLine(
            **{name: row[name] for name in LINE_COLUMNS}, key=digest_file(folder / row["file"])
        )
        for row in rows
    ]


def check_voices(people: Sequence[Person], lines: Sequence[NeutralLine]) -> None:
    """Check that everybody has a voice to speak with. Raises InputError."""
    wanted = sorted(
        {(person.sex, "test" if person.split == "test" else "train") for person in people}
    )
    there = {(line.sex, line.split) for line in lines}
    raise_problems(
        [
            Problem(
                file="lines.csv", message=f"no {sex} voice of the split {split!r}", column="voice"
            )
            for sex, split in wanted
            if (sex, split) not in there
        ]
    )


def _select_first(people: Sequence[Person], most: int) -> list[Person]:
    """Select about `most` people, as large a share of each split, at least two of each.

    Two are one of either sex.
    """
    chosen: list[Person] = []
    for split in SPLITS:
        mine = [person for person in people if person.split == split]
        chosen += mine[: max(2, round(most * len(mine) / len(people)))]
    return chosen
