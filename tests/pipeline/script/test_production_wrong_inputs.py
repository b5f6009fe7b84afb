# SPDX-License-Identifier: Apache-2.0
"""Every wrong input is one clear error that says where and what, and all mistakes come at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from manifests.errors import InputError, Problem
from pipeline.script import cast, consent, emotion_synonyms, production, script, settings_problems
from tests.data import bad_inputs

TODAY = date(2026, 11, 22)


def collect_problems(folder: Path) -> list[Problem]:
    """Everything that is wrong with a production, as `plan --inputs` gathers it."""
    problems: list[Problem] = []

    def gather(read: Callable[[], Any]) -> Any:
        try:
            return read()
        except InputError as error:
            problems.extend(error.problems)
            return None

    wanted = gather(lambda: production.load(folder))
    if wanted is None:
        return problems
    own = wanted.resolve_path(wanted.emotions) if wanted.emotions else None
    words = gather(lambda: emotion_synonyms.load_words(own)) or {}
    lines = gather(
        lambda: script.read(wanted.resolve_path(wanted.script), words=words, folder=folder)
    )
    actors = gather(lambda: cast.read(wanted.resolve_path(wanted.cast), words=words, folder=folder))
    consents = gather(lambda: consent.read(wanted.resolve_path(wanted.consents)))
    if lines and actors:
        problems.extend(cast.find_unknown_characters(lines, actors))
    if actors and consents is not None:
        problems.extend(
            consent.check_consents(
                actors, consents, consent.ConsentTerms(on=TODAY, required=wanted.consent.required)
            )
        )
    return problems


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "production"
    bad_inputs.lighthouse_without_media(folder)
    return folder


def test_the_example_itself_has_no_problem(copy: Path) -> None:
    assert collect_problems(copy) == []


@pytest.mark.parametrize("bad", bad_inputs.BAD, ids=lambda bad: bad.name)
def test_a_wrong_input_is_one_clear_error(bad: Any, copy: Path) -> None:
    bad.spoil(copy)
    found = [str(problem) for problem in collect_problems(copy)]
    assert any(all(text in line for text in bad.says) for line in found), "\n".join(found)


def test_names_of_the_wrong_inputs_are_told_apart() -> None:
    names = [bad.name for bad in bad_inputs.BAD]
    assert len(set(names)) == len(names) >= 40


def test_mistakes_in_all_files_are_told_at_once(copy: Path) -> None:
    bad_inputs.change("script.fountain", "contempt 0.8", "contemt 0.8")(copy)
    bad_inputs.change("script.fountain", "sad 0.8", "sda 0.8")(copy)
    bad_inputs.change("cast.csv", ",12,", ",-12,")(copy)
    bad_inputs.change("cast.csv", ",13,", ",x,")(copy)
    bad_inputs.change("consents.csv", "2099-12-31", "never")(copy)
    places = [
        (problem.file, problem.line or problem.row, problem.column)
        for problem in collect_problems(copy)
    ]
    assert places == [
        ("script.fountain", 13, None),
        ("script.fountain", 20, None),
        ("cast.csv", 3, "seed"),
        ("cast.csv", 4, "seed"),
        ("consents.csv", 2, "valid_until"),
    ]


def test_one_mistake_makes_one_problem_in_its_own_file(copy: Path) -> None:
    bad_inputs.change("cast.csv", "portraits/mara.png", "portraits/marra.png")(copy)
    assert len(collect_problems(copy)) == 1


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(InputError, match="a number that is too long"):
        settings_problems.parse_toml(f"title = {'9' * 5000}")
