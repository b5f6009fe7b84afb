# SPDX-License-Identifier: Apache-2.0
"""Test that cards name the film and what generated it, and are the same every time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.assemble.assemble import Picture
from pipeline.deliver import cards
from tests.pipeline.assemble.test_edit_list import event

PICTURE = Picture(width=320, height=180, rate=Fraction(25))


def test_a_slate_names_title_format_and_length_and_what_made_the_pictures() -> None:
    lines = cards.build_slate_lines("The Lamp", "e01", [event(0, 0, 50)], PICTURE)
    assert lines == (
        "The Lamp",
        "Episode e01",
        "320x180   25 frames a second   00:00:02:00",
        "AI-generated pictures",
    )


def test_a_card_stands_for_its_time_and_none_for_no_time(tmp_path: Path) -> None:
    card = cards.make_card(("The Lamp",), 1.5, PICTURE, root=tmp_path)
    assert card is not None
    assert card.frames == 38
    assert cards.make_card(("The Lamp",), 0.0, PICTURE, root=tmp_path) is None


@pytest.mark.parametrize("title", ["A" * 400, "\u202egnp.exe {\\i1} %s 'x'", "灯塔", ""])
def test_any_title_fits_and_is_drawn_as_it_is_written(tmp_path: Path, title: str) -> None:
    card = cards.make_card((title, "small print"), 1, PICTURE, root=tmp_path)
    assert card is not None
    with Image.open(card.path) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (180, 320, 3)
    edge = np.concatenate([pixels[:, :8].reshape(-1, 3), pixels[:, -8:].reshape(-1, 3)])
    assert (edge == cards.PAPER).all()


def test_the_same_words_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        cards.make_card(("The Lamp",), 1, PICTURE, root=tmp_path / name) for name in "ab"
    )
    assert first is not None
    assert second is not None
    assert first.path.read_bytes() == second.path.read_bytes()
