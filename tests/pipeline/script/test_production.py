# SPDX-License-Identifier: Apache-2.0
"""The production file: its defaults, and the borders of its folder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifests.errors import InputError
from pipeline.script import file_paths, production
from pipeline.script.settings import FILE

LEAST = 'title = "The Lighthouse"\nrecordings = ["a.wav"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "production"
    place.mkdir()
    for name in ("script.fountain", "cast.csv", "consents.csv", "a.wav"):
        (place / name).touch()
    (place / FILE).write_text(LEAST)
    return place


def test_a_title_and_a_recording_are_enough(folder: Path) -> None:
    found = production.load(folder)
    assert (found.title, found.rate, found.width, found.height, found.talker) == (
        "The Lighthouse",
        Fraction(25),
        1280,
        720,
        "previs",
    )
    assert (
        found.cut.minimum_shot_seconds,
        found.delivery.loudness_lufs,
        found.delivery.burn_in,
    ) == (1.2, -16.0, True)
    assert found.resolve_path(found.script) == folder / "script.fountain"


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("24", 24),
        ('"29.97"', Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ('"25/2"', Fraction(25, 2)),
    ],
)
def test_rates_are_exact(folder: Path, written: str, rate: Fraction) -> None:
    (folder / FILE).write_text(f"{LEAST}rate = {written}\n")
    assert production.load(folder).rate == rate


def test_a_loaded_production_cannot_be_changed(folder: Path) -> None:
    found = production.load(folder)
    with pytest.raises(ValidationError):
        found.title = "Another"  # type: ignore[misc]


def test_consents_may_be_absent_only_where_consent_is_not_required(folder: Path) -> None:
    (folder / "consents.csv").unlink()
    with pytest.raises(InputError, match="column consents: no such file"):
        production.load(folder)
    (folder / FILE).write_text(f"{LEAST}[consent]\nrequired = false\n")
    assert production.load(folder).consent.required is False


def test_all_wrong_keys_come_at_once_with_their_lines(folder: Path) -> None:
    (folder / FILE).write_text(
        'title = ""\nrecordings = []\nrate = true\n\n[cut]\nminimum_shot_seconds = "1"\n\n'
        "[look]\nstrength = nan\n[lok]\nx = 1\n"
    )
    with pytest.raises(InputError) as caught:
        production.load(folder)
    assert {(problem.line, problem.column) for problem in caught.value.problems} == {
        (1, "title"),
        (2, "recordings"),
        (3, "rate"),
        (6, "cut.minimum_shot_seconds"),
        (9, "look.strength"),
        (10, "lok"),
    }


def test_the_folder_is_not_a_key(folder: Path) -> None:
    (folder / FILE).write_text(f'{LEAST}folder = "/"\n')
    with pytest.raises(InputError, match="line 3, column folder: unknown key"):
        production.load(folder)


@pytest.mark.parametrize(
    "relative",
    [
        "",
        " ",
        "/etc/passwd",
        "../a.wav",
        "a/../../b",
        "C:\\a.wav",
        "C:a.wav",
        "\\\\server\\a",
        "http://a/b.wav",
        "file:a.wav",
        "~/a",
        "-vf",
        "a/-vf",
        "a\nb",
        "a\0b",
    ],
)
def test_paths_that_lead_out_of_the_folder_are_refused(folder: Path, relative: str) -> None:
    with pytest.raises(ValueError):
        file_paths.resolve_inside(folder, relative)


def test_links_are_followed_inside_and_refused_outside(folder: Path) -> None:
    (folder / "inner.wav").symlink_to(folder / "a.wav")
    (folder / "outer").symlink_to(folder.parent)
    assert file_paths.resolve_inside(folder, "inner.wav").is_file()
    with pytest.raises(ValueError, match="a link that leads outside"):
        file_paths.resolve_inside(folder, "outer/a.wav")


@given(st.text(max_size=30))
def test_whatever_is_accepted_lies_inside(relative: str) -> None:
    folder = Path("/nowhere/production")
    try:
        path = file_paths.resolve_inside(folder, relative)
    except ValueError:
        return
    assert path.resolve().is_relative_to(folder.resolve())


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('[delivery]\nprofiles = ["stems"]', "at least one profile with a picture"),
        ('[delivery]\nprofiles = ["alfa"]', "alpha"),
        ('[delivery]\nwatermark = "two\\nlines"', "one line of text"),
        ("[look]\nreference_face = [0.2, 0.3]", "left, top, right and bottom"),
        ("[look]\nreference_face = [0.8, 0.3, 0.2, 0.5]", "left, top, right and bottom"),
        ('[layout]\nscenes = { sc01 = "two hander" }', "two-hander"),
        ("[cut]\nscene_dissolve_frames = 1000", "100"),
    ],
)
def test_wrong_settings_of_finishing_are_told_with_what_is_right(
    folder: Path, setting: str, words: str
) -> None:
    (folder / "production.toml").write_text(f"{LEAST}\n{setting}\n")
    with pytest.raises(InputError, match=words):
        production.load(folder)


def test_a_talker_without_mattes_cannot_deliver_transparent_files(folder: Path) -> None:
    from flows.inputs import read_inputs
    from flows.project import open_project

    (folder / "production.toml").write_text(
        f'talker = "dice"\n{LEAST}\n[delivery]\nprofiles = ["web", "alpha"]\n'
    )
    with pytest.raises(InputError, match=r"delivery\.profiles.*'dice' draws no mattes"):
        read_inputs(open_project(folder))
