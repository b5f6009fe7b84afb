# SPDX-License-Identifier: Apache-2.0
"""Captions that are burned into the picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.assemble import assemble
from pipeline.cut import framing
from pipeline.deliver import burn_in
from pipeline.deliver.captions import Caption
from pipeline.deliver.delivery_job import DeliveryJob
from pipeline.frame_writer import FrameWriter


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_two_full_lines_of_burned_captions_stay_clear_of_the_corner_picture(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    picture = assemble.Picture(width=size[0], height=size[1], rate=Fraction(25))
    job = DeliveryJob(picture=picture, sound_id="", sound_path=tmp_path, root=tmp_path)
    lines = (
        "Wagging, the dogs of Skye jumped by my gate",
        "while I, too, grew jolly and grey, my lamb.",
    )
    burned = burn_in.burn_captions([Caption(start=0, end=2, spoken_end=2, lines=lines)], job)
    assert burned.captions is not None
    with FrameWriter(tmp_path / "black.mkv", size=size, rate=Fraction(25)) as writer:
        writer.write(np.zeros((size[1], size[0], 3), np.uint8))
    drawn = f"ass=filename={burned.captions[0]}:fontsdir={burned.captions[0].parent}"
    (shown,) = media.read_frames(
        tmp_path / "black.mkv", width=size[0], height=size[1], filters=drawn
    )
    left, top, width, height = framing.arrange_layout("picture-in-picture", size)[1]
    assert shown[top : top + height, left : left + width].max() < 10
    assert shown[:, left : left + width].max() > 200, "the lines are long enough to reach below it"
