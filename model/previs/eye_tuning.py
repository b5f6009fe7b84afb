# SPDX-License-Identifier: Apache-2.0
"""Tuning of eyelids and eyes: every number of `eyes`, with its unit and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeTuning:
    """Numbers of eyelids and eyeballs. Unless a line says otherwise they were chosen by eye.

    IOD is the distance between the eyes. "Lines" are thicknesses of the lash line.
    """

    # The eye at rest.
    corner_room: float = 0.03  # IOD; the lids meet a little beside the landmarks of their corners
    least_room: float = 2.0  # px
    line: float = 0.012  # IOD; thickness of the lash line
    box: tuple[float, float, float] = (0.42, 0.36, 0.22)  # IOD aside, above and below the eye
    curve_window: int = 5  # px over which lid curves are smoothed
    crease_of_opening: float = 0.9  # height of the crease, share of the open eye
    crease_least: float = 0.15  # IOD
    crease_most: float = 0.9  # share of the way to the brow
    crease_foot: float = 0.03  # IOD; height of the crease at the corners
    lash_share: int = 4  # the darker quarter of the lid's edge gives the lashes' colour
    lash_least: int = 3  # px of it at least
    lash_dark: float = 0.8  # of that colour
    # Skin of a shut lid.
    skin_below: float = 3.4  # lines below the lower lid at which the shut lids' skin ends
    lid_light: float = 0.88  # a shut lid is at least this light, measured by the skin below the eye
    fold: float = 0.20  # where the lid folds, share of its height
    fold_depth: float = 0.08  # how dark the fold is
    fold_width: float = 0.09  # share of the lid's height
    roundness: float = 0.05  # light of the lid's middle over its ends
    skin_blur: float = 0.05  # IOD along the eye
    hair_width: float = 0.14  # IOD; thinner dark upright hairs are filled
    least_hair: int = 3  # px
    hair_blur: float = 0.02  # IOD
    least_blur: float = 0.8  # px
    # The eyeball above the lid.
    ball_foot: float = 1.5  # lines above the lower lid that the mirrored iris keeps
    white_beside: float = 1.2  # iris radii from its middle where the white begins
    white_pixels: int = 8  # fewer are not trusted
    white_percentile: float = 60
    white_unknown: float = 180.0  # grey of an eye without any white
    iris_edge: float = 0.12  # iris radii over which its edge fades
    least_edge: float = 1.0  # px
    ball_from: float = 2.2  # lines below the lid at which the portrait's own eye begins
    ball_fade: float = 1.2  # lines
    # Turning an eye.
    least_turn: float = 0.05  # px; smaller turns are not drawn
    turn_gain: float = 1.25  # so that the middle of the eye moves whole
    turn_fade: float = 4  # lines outside the lids
    # A wide eye.
    least_lift: float = 0.5  # px
    shadow: float = 0.45  # of the lid on the ball
    shadow_reach: float = 1.6  # lines
    wide_edge: tuple[float, float] = (0.4, 0.8)  # lines: where the cover begins, and over how many
    wide_foot: float = 2  # lines above the lower lid
    wide_opening: tuple[float, float] = (2, 3)  # lines: narrower eyes are left as they are
    # A closing eye.
    least_closure: float = 0.02
    upper_share: float = 0.85  # of the way to a shut eye that the upper lid moves
    lid_above: float = 2  # lines above the upper lid at which it begins
    lid_below: float = 0.6  # lines below the lower lid at which both meet
    lid_edge: float = 0.5  # lines over which a lid's edge is soft
    ends: float = 0.10  # share of the eye's width over which lids fade at the corners
    cover_gain: float = 3  # lids cover fully from a third of the closure on
    lash_gain: float = 2.5
    lashes: float = 0.9  # how much the line of shut lashes covers
    lash_widths: tuple[float, float] = (1.1, 1.5)  # lines above and below its middle
    crease_fade: float = 0.35  # share of the lid's height
    below_fade: float = 2  # lines


TUNING = EyeTuning()
