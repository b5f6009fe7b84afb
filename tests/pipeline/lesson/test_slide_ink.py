# SPDX-License-Identifier: Apache-2.0
"""Words in the picture of a slide are found."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.lesson import slide_ink

SIZE = (640, 360)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("#ffff00", "#ffffff"),
        ("#ff0000", "#0000ff"),
        ("#000077", "#000000"),
        ("#cccccc", "#ffffff"),
    ],
)
def test_words_are_found_in_colours_that_differ_little_in_lightness(ink: str, paper: str) -> None:
    image = Image.new("RGB", SIZE, paper)
    ImageDraw.Draw(image).text(
        (300, 300), "Words in colour", font=ImageFont.load_default(24), fill=ink
    )
    pixels = np.asarray(image)
    drawn_over = (pixels != pixels[0, 0]).any(axis=2)
    for box in slide_ink.find_ink(pixels):
        drawn_over[box.top : box.bottom, box.left : box.right] = False
    assert drawn_over.sum() < 0.1 * (pixels != pixels[0, 0]).any(axis=2).sum()
