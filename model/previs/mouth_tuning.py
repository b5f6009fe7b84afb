# SPDX-License-Identifier: Apache-2.0
"""Tuning of the drawn mouth: every number of `mouth`, with its unit and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MouthTuning:
    """Numbers of the drawn mouth. Unless a line says otherwise they were chosen by eye.

    "Texture px" are pixels of the texture of the upper teeth, 300 wide; IOD is the distance between
    the eyes. Colours are RGB, 0 to 255.
    """

    # Teeth of the upper arch from the middle outwards, in texture px.
    tooth_widths: tuple[int, ...] = (36, 30, 30, 26, 22)
    tooth_heights: tuple[int, ...] = (60, 56, 59, 52, 46)
    tooth_light: tuple[float, ...] = (1.0, 0.97, 0.9, 0.78, 0.62)  # share, darker into the cheek
    gum: int = 34  # rows of gum above the teeth, texture px
    gum_overlap: int = 16  # rows of gum between the teeth, texture px
    texture: tuple[int, int] = (300, 154)  # columns and rows, gum included
    oversampling: int = 4  # a tooth is drawn four times as fine
    root_below_gum: int = 10  # texture px
    shoulder_above_edge: int = 9  # texture px
    edge_round: int = 36  # height of the round cutting edge, in oversampled px
    root_round: int = 40  # height of the round root, in oversampled px
    side_shade: tuple[float, float] = (0.08, 0.14)  # soft and steep shade of a tooth's sides
    side_powers: tuple[int, int] = (3, 16)  # how soft and how steep
    root_light: float = 0.80  # light at the gum, against 1 at the edge
    root_reach: float = 50  # texture px from gum to full light
    lower_light: float = 0.72  # of the lower teeth against the upper
    # Light of the teeth, from that of skin and eye whites.
    tooth_from_skin: float = 0.60
    tooth_from_white: float = 0.62
    tooth_darkest: float = 8
    tooth_brightest: float = 226
    ivory: tuple[float, float, float] = (1.03, 1.0, 0.93)  # colour of enamel, relative
    ivory_share: float = 0.50
    white_share: float = 0.30
    skin_share: float = 0.20
    gum_pink: tuple[float, float, float] = (150, 78, 80)
    gum_skin_grey: float = 130  # skin of this grey gives the pink as it stands
    gum_light: tuple[float, float] = (0.05, 1.1)  # least and most
    gum_fade: tuple[tuple[float, float], tuple[float, float]] = ((0.3, 1), (1, 0.45))  # to the side
    # Colours measured in the portrait.
    outer_lip: float = 0.6  # share of the outer line in a sample of the red
    inner_lip: float = 0.4
    seam_dark: float = 0.4  # of the lip's colour, where the lips are open at rest
    seam_most: float = 0.6  # of the lip's colour, the lightest that a seam may be
    seam_columns: tuple[int, int] = (8, 33)  # of the 41 points of a lip line: without the corners
    middle_point: int = 20  # of the 41 points of a lip line
    level_grey: float = 150  # mean of skin that counts as full light
    level_range: tuple[float, float] = (0.05, 1.15)
    white_percentile: float = 85  # the brighter pixels of an eye are its white
    living_chroma: float = 0.18  # chroma of the palest living skin and lips
    # The opening.
    least_gap: float = 0.01  # IOD; below it only the seam is seen
    blur: float = 0.006  # IOD; softness of edges
    least_blur: float = 0.6  # px
    cover_gain: float = 1.15  # the soft mask is made a little harder
    cover_offset: float = 0.05
    seam_gap: float = 0.008  # IOD; the gap at which a seam is darkest
    seam_fades: float = 4  # such gaps, until teeth and tongue take over
    seam_least: float = 0.05  # weaker seams are not drawn
    seam_width: float = 0.012  # IOD
    seam_cover: float = 0.85
    # Tongue and cavity.
    cavity: tuple[float, float, float] = (62, 24, 26)
    tongue: tuple[float, float, float] = (140, 66, 70)
    tongue_width: float = 0.32  # half of it, share of the mouth's width
    tongue_height: float = 0.40  # half of it, share of the gap
    tongue_blur: float = 0.07  # share of the gap
    tongue_cover: float = 0.9
    # Where the teeth hang.
    teeth_from_rest: float = 0.30  # width: share of the mouth at rest
    teeth_from_pose: float = 0.70  # and of the mouth in the pose
    teeth_narrowest: float = 0.75  # of the mouth at rest
    teeth_fit: float = 0.98  # of that width
    lower_below_lip: float = 0.012  # IOD
    lower_row: int = 38  # texture px that stand above the lower lip
    upper_above_seam: float = 0.080  # IOD
    upper_from_lip: float = 0.3  # share of the lip's place across; the rest is the skull's
    upper_from_skull: float = 0.7
    # Shade: gap in IOD, and how much light it lets in.
    aperture: tuple[tuple[float, ...], tuple[float, ...]] = (
        (0.01, 0.03, 0.06, 0.10),
        (0.40, 0.80, 0.98, 1.0),
    )
    shade_blur: float = 0.12  # share of the gap
    shade_least_blur: float = 0.012  # IOD
    shade_gain: float = 1.62
    shade_offset: float = 0.36
    shade_darkest: float = 0.16
    aside_light: float = 1.18  # light across the mouth: its height,
    aside_slope: float = 0.70  # its fall toward a corner,
    aside_darkest: float = 0.40  # and its least
    lip_glow: float = 0.14  # of the lip's colour, that shines in at the edge
    seam_glow: float = 0.5  # of the seam's colour


TUNING = MouthTuning()
