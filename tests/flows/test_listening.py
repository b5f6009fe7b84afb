# SPDX-License-Identifier: Apache-2.0
"""A production may name its own listening models: a wrong folder is told before anything runs,
licences that nobody knows are not sold."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.inputs import read_inputs
from flows.listening import resolve_word_settings
from flows.project import open_project
from manifests.errors import InputError
from model import weights


def add(production: Path, text: str) -> None:
    with (production / "production.toml").open("a") as file:
        file.write(f"\n{text}\n")


def test_folders_that_hold_no_model_are_named_together(production: Path) -> None:
    add(production, '[listen]\ndiarization = "nowhere"\nrecogniser = "portraits"')
    with pytest.raises(InputError) as told:
        read_inputs(open_project(production))
    said = str(told.value)
    assert "nowhere" in said
    assert "portraits" in said


def test_a_recogniser_outside_the_production_is_taken_by_its_path(production: Path) -> None:
    folder = weights.locate("whisper-tiny-en")
    add(production, f'[listen]\nrecogniser = "{folder}"')
    film = open_project(production)
    assert read_inputs(film).lines
    assert Path(resolve_word_settings(film).model) == folder


def test_a_model_of_unknown_licence_is_refused_for_commercial_work_until_somebody_agrees(
    production: Path,
) -> None:
    folder = weights.locate("whisper-tiny-en")
    (production / "production.toml").write_text(
        (production / "production.toml").read_text()
        + f'\n[listen]\nrecogniser = "{folder}"\n[licences]\ncommercial = true\n'
    )
    with pytest.raises(InputError) as told:
        read_inputs(open_project(production))
    assert str(folder) in str(told.value)
