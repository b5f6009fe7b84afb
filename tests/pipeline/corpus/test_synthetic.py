# SPDX-License-Identifier: Apache-2.0
"""The synthetic corpus is planned the same each time, test voices are heard in test only, and wrong
sheets are told about at once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from manifests.errors import InputError
from model.emotion import LABELS
from pipeline.corpus import synthetic
from pipeline.corpus.synthetic import NeutralLine, Person

PEOPLE = [
    Person(
        identity=f"p{n}", sex=("female", "male")[n % 2], split=split, licence="CC0-1.0", key=f"k{n}"
    )
    for n, split in enumerate(["train", "train", "judge", "judge", "val", "val", "test", "test"])
]
LINES = [
    NeutralLine(
        voice=voice,
        sex=sex,
        split=split,
        text_id=f"t{n}",
        text="A line.",
        file=f"{voice}{n}",
        key=f"{voice}{n}",
    )
    for voice, sex, split in [
        ("anna", "female", "train"),
        ("bert", "male", "train"),
        ("cara", "female", "test"),
        ("dirk", "male", "test"),
    ]
    for n in range(3)
]


def test_everybody_performs_every_emotion_at_every_level_once() -> None:
    planned = synthetic.plan_clips(PEOPLE, LINES, seed=0)
    assert len(planned) == len({clip.clip_id for clip in planned}) == len(PEOPLE) * len(LABELS) * 3


def test_the_same_seed_plans_the_same_and_another_seed_another() -> None:
    first, again, other = (
        [clip.clip_id for clip in synthetic.plan_clips(PEOPLE, LINES, seed=seed)]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert not set(first) & set(other)


def test_a_person_more_changes_nobody_else() -> None:
    fewer = {clip.clip_id for clip in synthetic.plan_clips(PEOPLE[:3], LINES, seed=0)}
    assert fewer < {clip.clip_id for clip in synthetic.plan_clips(PEOPLE, LINES, seed=0)}


def test_test_voices_are_heard_in_test_only_and_everybody_keeps_one_of_their_sex() -> None:
    for clip in synthetic.plan_clips(PEOPLE, LINES, seed=0):
        assert (clip.line.split == "test") == (clip.person.split == "test")
        assert clip.line.sex == clip.person.sex


def test_a_missing_voice_is_told() -> None:
    with pytest.raises(InputError, match="no male voice of the split 'test'"):
        synthetic.check_voices(PEOPLE, LINES[:-3])


def test_all_that_is_wrong_with_a_sheet_is_told_at_once(tmp_path: Path) -> None:
    with (tmp_path / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([synthetic.PERSON_COLUMNS, ("p0", "female", "trian", "CC0-1.0")])
    with pytest.raises(InputError) as wrong:
        synthetic.read_people(tmp_path)
    told = str(wrong.value)
    assert "no such file" in told
    assert "did you mean 'train'" in told


def test_a_sheet_that_is_not_there_names_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"infra/corpus\.sh"):
        synthetic.read_lines(tmp_path)


def test_few_identities_are_of_all_splits() -> None:
    crowd = [p for _ in range(10) for p in PEOPLE]
    some = synthetic._select_first(crowd, 20)
    assert {person.split for person in some} == {"train", "judge", "val", "test"}
    assert len(some) == 20
