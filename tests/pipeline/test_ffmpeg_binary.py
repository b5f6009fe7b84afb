# SPDX-License-Identifier: Apache-2.0
"""The packaged ffmpeg comes first; another serves only by name or where none is packaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from manifests.errors import InputError
from pipeline import ffmpeg_binary

PACKAGED = Path(
    ffmpeg_binary.choose_ffmpeg(named="", packaged=ffmpeg_binary.find_packaged(), system=None)
)


def test_encoders_that_this_ffmpeg_lacks_are_named() -> None:
    assert ffmpeg_binary.missing_encoders([]) == []
    assert ffmpeg_binary.missing_encoders(["libx265", "libx266plus", "libsvtav1"]) == [
        "libx266plus"
    ]


def test_an_ffmpeg_in_path_is_not_used_even_if_it_has_all_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ffmpeg").symlink_to(PACKAGED)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg"))
    monkeypatch.delenv("CALLSHEET_FFMPEG", raising=False)
    assert shutil.which("ffmpeg") == str(tmp_path / "ffmpeg")
    assert ffmpeg_binary.ffmpeg_path.__wrapped__() == str(PACKAGED)


def test_an_ffmpeg_that_is_named_comes_before_the_packaged_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALLSHEET_FFMPEG", "/opt/ffmpeg")
    assert ffmpeg_binary.ffmpeg_path.__wrapped__() == "/opt/ffmpeg"


def test_without_a_packaged_ffmpeg_a_complete_one_in_path_serves(tmp_path: Path) -> None:
    old = tmp_path / "ffmpeg"
    old.write_text("#!/bin/sh\necho ' TS loudnorm A->A'\n")
    old.chmod(0o755)
    assert ffmpeg_binary.choose_ffmpeg(named="", packaged=None, system=str(PACKAGED)) == str(
        PACKAGED
    )
    with pytest.raises(InputError, match=r"CALLSHEET_FFMPEG.*which lacks alphamerge"):
        ffmpeg_binary.choose_ffmpeg(named="", packaged=None, system=str(old))
    with pytest.raises(InputError, match="none in PATH"):
        ffmpeg_binary.choose_ffmpeg(named="", packaged=None, system=None)
