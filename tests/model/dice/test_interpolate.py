# SPDX-License-Identifier: Apache-2.0
"""Frames between frames."""

from fractions import Fraction

import torch

from model.dice import stream
from model.dice.interpolate import Interpolator


def test_places_between_frames_are_interpolated_and_the_last_frame_is_held() -> None:
    torch.manual_seed(0)
    network = Interpolator(16).eval()
    images = list(torch.rand(3, 3, 32, 32))
    wanted = [Fraction(0), Fraction(1, 2), Fraction(1), Fraction(5, 4), Fraction(2), Fraction(7, 2)]
    found = list(stream.interpolate_frames(network, images, wanted))
    assert torch.equal(found[0], images[0])
    with torch.no_grad():
        assert torch.equal(found[1], network(images[0][None], images[1][None])[0])
    assert torch.equal(found[2], images[1])
    assert not torch.equal(found[3], images[1])
    assert torch.equal(found[4], images[2])
    assert torch.equal(found[5], images[2])
