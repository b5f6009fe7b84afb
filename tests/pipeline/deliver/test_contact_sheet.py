# SPDX-License-Identifier: Apache-2.0
"""Test that contact sheets show the right frame of every shot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.deliver import contact_sheet
from pipeline.frame_writer import FrameWriter


def test_each_cell_shows_its_own_frame(tmp_path: Path) -> None:
    levels = [20, 60, 100, 140, 180, 220]
    with FrameWriter(tmp_path / "film.mkv", size=(64, 36), rate=Fraction(25)) as writer:
        for level in levels:
            writer.write(np.full((36, 64, 3), level, np.uint8))
    cells = [
        contact_sheet.SheetCell(frame=frame, title=f"sc01_sh{frame}", note="MARA  happy 1")
        for frame in (5, 0, 3)
    ]
    pictures = contact_sheet.pick_frames(tmp_path / "film.mkv", [5, 0, 3], size=(64, 36))
    path = contact_sheet.lay_out(pictures, cells, tmp_path / "sheet.png", rate=Fraction(25))
    with Image.open(path) as image:
        picture = np.asarray(image).astype(int)
    shown = [picture[12 + 18, 12 + 32 + column * 76, 0] for column in range(2)]
    assert np.abs(np.subtract(shown, [20, 140])).max() <= 1
    assert abs(picture[12 + 18 + 92, 12 + 32, 0] - 220) <= 1


def test_titles_that_are_too_long_or_hold_control_characters_fit_their_cell() -> None:
    text = contact_sheet.shorten_text("sc01 \x1b[31m 日本語 \u202e" + "long " * 50, 15, 200)
    assert text.endswith("…")
    assert contact_sheet.load_font(15).getlength(text) <= 200
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_sheet_without_shots_is_still_a_picture(tmp_path: Path) -> None:
    path = contact_sheet.lay_out({}, [], tmp_path / "sheet.png", rate=Fraction(25))
    with Image.open(path) as picture:
        assert picture.size[0] > 0
