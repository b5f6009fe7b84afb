# SPDX-License-Identifier: Apache-2.0
"""The packaged ffmpeg comes first; another one serves only by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from manifests.errors import InputError
from pipeline import ffmpeg_binary

PACKAGED = ffmpeg_binary.find_packaged()


def test_an_ffmpeg_in_path_is_not_used_even_if_it_has_all_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PACKAGED is not None
    (tmp_path / "ffmpeg").symlink_to(PACKAGED)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg"))
    monkeypatch.delenv("CALLSHEET_FFMPEG", raising=False)
    assert shutil.which("ffmpeg") == str(tmp_path / "ffmpeg")
    assert ffmpeg_binary.ffmpeg_path.__wrapped__() == str(PACKAGED)


def test_an_ffmpeg_that_is_named_comes_before_the_packaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PACKAGED is not None
    (tmp_path / "mine").symlink_to(PACKAGED)
    monkeypatch.setenv("CALLSHEET_FFMPEG", str(tmp_path / "mine"))
    assert ffmpeg_binary.ffmpeg_path.__wrapped__() == str(tmp_path / "mine")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings, which nothing in the environment outranks."""
    monkeypatch.delenv("CALLSHEET_FFMPEG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "callsheet").mkdir()
    return tmp_path / ffmpeg_binary.SETTINGS


def test_the_users_settings_name_one_and_the_environment_outranks_them(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PACKAGED is not None
    for name in ("mine", "other"):
        (tmp_path / name).symlink_to(PACKAGED)
    settings.write_text(f'ffmpeg = "{tmp_path / "mine"}"\n')
    assert ffmpeg_binary.ffmpeg_path.__wrapped__() == str(tmp_path / "mine")
    assert ffmpeg_binary.is_named()
    monkeypatch.setenv("CALLSHEET_FFMPEG", str(tmp_path / "other"))
    assert ffmpeg_binary.ffmpeg_path.__wrapped__() == str(tmp_path / "other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ""),
        ('ffmpeg = "/nowhere/ffmpeg"', "settings.toml names no program"),
        ('ffmepg = "x"', "unknown key ffmepg"),
        ("ffmpeg = 5", "ffmpeg is not a text"),
        ("ffmpeg = ", "cannot be read"),
        ("ffmpeg = " + "9" * 5000, "cannot be read"),
    ],
)
def test_settings_that_are_wrong_are_one_error(settings: Path, text: str, message: str) -> None:
    settings.write_text(text)
    if not message:
        assert ffmpeg_binary.ffmpeg_path.__wrapped__() == str(PACKAGED)
        return
    with pytest.raises(InputError, match=message):
        ffmpeg_binary.ffmpeg_path.__wrapped__()


@pytest.mark.parametrize("name", ["/nowhere/ffmpeg", "no-such-program", "."])
def test_a_named_program_that_does_not_exist_is_an_error(name: str) -> None:
    with pytest.raises(InputError, match="CALLSHEET_FFMPEG names no program"):
        ffmpeg_binary.choose_ffmpeg(named=name, packaged=PACKAGED)


def test_without_a_packaged_program_one_has_to_be_named() -> None:
    with pytest.raises(InputError, match=r"named by \$CALLSHEET_FFMPEG"):
        ffmpeg_binary.choose_ffmpeg(named="", packaged=None)
