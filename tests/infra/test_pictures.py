# SPDX-License-Identifier: Apache-2.0
"""The pictures of the README: the animated one is what its command makes, and the page fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from infra.pictures import (
    ANIMATED,
    IMAGES,
    MOMENTS,
    ROOT,
    SIZE,
    WIDTHS,
    build_page,
    find_too_wide,
    label_picture,
    save_film,
)

LARGEST = 3_000_000  # bytes


def test_the_animated_picture_is_small_and_has_every_moment() -> None:
    path = IMAGES / ANIMATED
    assert path.stat().st_size < LARGEST
    with Image.open(path) as picture:
        assert picture.size == SIZE
        expected = sum(float(part.seconds) for part in MOMENTS) * 12.5
        assert abs(picture.n_frames - expected) <= len(MOMENTS)


def test_frames_last_eighty_milliseconds_and_play_for_ever(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", SIZE, colour) for colour in ("black", "white", "red")]
    save_film(pictures, tmp_path / "film.webp")
    with Image.open(tmp_path / "film.webp") as film:
        film.seek(1)
        film.load()
        assert (film.info["duration"], film.info["loop"], film.n_frames) == (80, 0, 3)


def test_a_label_changes_only_the_lower_left_corner() -> None:
    before = Image.new("RGB", SIZE, "white")
    after = label_picture(before.copy(), "MARA   fear 1")
    assert after.size == SIZE
    assert after.crop((0, 0, 640, 300)).getcolors() == [(640 * 300, (255, 255, 255))]
    assert len(after.crop((0, 300, 320, 360)).getcolors(1000) or ()) > 2


@pytest.mark.parametrize("width", WIDTHS)
def test_the_readme_fits_into_a_window(width: int, chromium: Any, tmp_path: Path) -> None:
    source = tmp_path / "readme.html"
    source.write_text(build_page((ROOT / "README.md").read_text()))
    page = chromium.new_page()
    page.goto(source.as_uri())
    assert find_too_wide(page, width) == []
    page.close()


def test_a_wide_table_is_found(chromium: Any) -> None:
    page = chromium.new_page()
    page.set_content(build_page("|a|\n|---|\n|" + "x" * 500 + "|\n"))
    assert len(find_too_wide(page, 390)) >= 1
    page.close()
