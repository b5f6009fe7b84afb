# SPDX-License-Identifier: Apache-2.0
"""Close eyelids and turn eyes, by changing where the renderer samples the portrait.

The lid is an occluder: skin between crease and lid edge is stretched over the eye, so that the iris
is covered and not squeezed. Turning an eye moves what lies between the lids along them; the lids
stay. All work is in the face's axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float32

from model.previs import anatomy
from model.previs.eye_tuning import TUNING
from model.previs.landmarks import Face
from model.previs.rig import Box

Cover = Float32[np.ndarray, "rows columns 1"]
Region = Float32[np.ndarray, "rows columns 2"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Eye:
    """An eye at rest.

    Curves are over `across` (px along the face's right): `crease`, `upper` and `lower` lid, px
    along its down, both from `origin`. `box`: the pixels that may change. `lash`: colour of the
    lash line. `skin`: the box without lashes. `wide`: the box with the eyeball completed above the
    lid. `line`: thickness of the lash line in px.
    """

    box: Box
    origin: Float32[np.ndarray, " 2"]
    across: Float32[np.ndarray, " n"]
    crease: Float32[np.ndarray, " n"]
    upper: Float32[np.ndarray, " n"]
    lower: Float32[np.ndarray, " n"]
    lash: Float32[np.ndarray, " 3"]
    skin: Float32[np.ndarray, "rows columns 3"]
    wide: Float32[np.ndarray, "rows columns 3"]
    line: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lid:
    """What to paint over an eye, how far it covers, and the lash line.

    `skin`: the lid's skin or, for a wide eye, the eyeball.
    """

    skin: Float32[np.ndarray, "rows columns 3"]
    cover: Cover
    line: Cover


def find_eyes(rgb: np.ndarray, face: Face, irises: np.ndarray, box: Box) -> tuple[Eye, Eye]:
    """Find both eyes of a face, the viewer's left first.

    Nothing outside `box` will change. `irises`: see `landmarks.Irises`.
    """
    eyes = [_solve_eye(rgb, face, (side, irises[side]), box) for side in (0, 1)]
    return eyes[0], eyes[1]


def _solve_eye(rgb: np.ndarray, face: Face, which: tuple[int, np.ndarray], box: Box) -> Eye:
    side, iris = which
    origin, unit = face.eyes[side], face.unit
    upper, lower = (
        _sort_curve(face, points[side], origin) for points in (anatomy.LID_UPPER, anatomy.LID_LOWER)
    )
    # the lids meet a little beside the landmarks of their corners
    room = max(TUNING.least_room, np.ceil(TUNING.corner_room * unit))
    across = np.arange(
        np.floor(upper[0, 0]) - room, np.ceil(upper[-1, 0]) + room + 1, dtype=np.float32
    )
    top, bottom = _resample_curve(across, upper), _resample_curve(across, lower)
    left, low, right, high = eye_box = _find_eye_box(face, origin, box)
    pixels = np.ascontiguousarray(rgb[low:high, left:right], dtype=np.float32)
    line = TUNING.line * unit
    edge = origin + np.stack([across, top - line], axis=1) @ face.axes.T
    eye = Eye(
        box=eye_box,
        origin=origin.astype(np.float32),
        across=across,
        crease=_find_crease(face, side, (across, top, bottom)).astype(np.float32),
        upper=top.astype(np.float32),
        lower=bottom.astype(np.float32),
        lash=_pick_lash_colour(rgb, edge),
        skin=pixels,
        wide=pixels,
        line=line,
    )
    wide, skin = _complete_eyeball(eye, face.axes, iris), _build_lid_skin(rgb, eye, face)
    return replace(eye, wide=wide, skin=skin)


def _find_crease(
    face: Face, side: int, lids: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Find the crease of an upper lid: px along the face's down, over `across`.

    `lids`: `across`, then the upper and the lower lid over it.
    """
    (across, top, bottom), unit = lids, face.unit
    opening = np.maximum(bottom - top, 0)
    place = (across - across[0]) / (across[-1] - across[0])
    brows = face.points[list(anatomy.BROWS[side][5:]), :2]
    brow = ((brows - face.eyes[side]) @ face.axes)[:, 1].mean()
    wanted = max(TUNING.crease_of_opening * opening.max(), TUNING.crease_least * unit)
    height = min(wanted, TUNING.crease_most * max(top.min() - brow, 0.0))
    foot = TUNING.crease_foot * unit
    crease = top - (height - foot) * np.sqrt(np.sin(np.pi * place).clip(0)) - foot
    return np.asarray(crease)


def _find_eye_box(face: Face, origin: np.ndarray, box: Box) -> Box:
    """Find the box of whole px around an eye, inside `box`."""
    aside, above, below = TUNING.box
    corners = np.array([(-aside, -above), (aside, -above), (-aside, below), (aside, below)])
    corners = corners @ face.axes.T * face.unit + origin
    low = np.maximum(np.floor(corners.min(axis=0)), box[:2]).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)), box[2:]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _list_pixels(box: Box) -> Region:
    """List the pixel positions of a box."""
    left, top, right, bottom = box
    grid = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    return np.stack(grid, axis=-1).astype(np.float32)


def _complete_eyeball(
    eye: Eye, axes: np.ndarray, iris: np.ndarray
) -> Float32[np.ndarray, "rows columns 3"]:
    """Complete the eyeball above the upper lid.

    The iris is mirrored about its middle; the rest gets the colour of the white.
    """
    place = _EyeSampling(eye, _list_pixels(eye.box), axes)
    middle = (iris[:2] - eye.origin) @ axes
    lowest = place.lower - TUNING.ball_foot * eye.line
    mirrored = np.minimum(2 * middle[1] - place.down, lowest)
    folded = _sample_box(eye.wide, place.to_box(place.right, mirrored))
    between = place.inside & (place.down > place.upper + eye.line) & (place.down < lowest)
    distance = np.hypot(place.right - middle[0], place.down - middle[1])
    beside = between & (distance > TUNING.white_beside * iris[2])
    seen = eye.wide[beside] if beside.sum() > TUNING.white_pixels else eye.wide[between]
    unknown = np.full(3, TUNING.white_unknown)
    white = np.percentile(seen, TUNING.white_percentile, axis=0) if len(seen) else unknown
    edge = max(TUNING.iris_edge * iris[2], TUNING.least_edge)
    disc = np.clip((iris[2] - distance) / edge + 0.5, 0, 1)[..., None]
    ball = white + (folded - white) * disc
    under_lid = place.down - place.upper - TUNING.ball_from * eye.line
    old = np.clip(under_lid / (TUNING.ball_fade * eye.line), 0, 1)[..., None]
    return np.asarray(ball + (eye.wide - ball) * old, dtype=np.float32)


def _build_lid_skin(rgb: np.ndarray, eye: Eye, face: Face) -> Float32[np.ndarray, "rows columns 3"]:
    """Build the box without the eye and its lashes: skin from the crease to below the lower lid.

    It is shaded as round as a lid is.
    """
    left, top, right, bottom = eye.box
    bare = _remove_lashes(np.ascontiguousarray(rgb[top:bottom, left:right]), face.unit)
    place = _EyeSampling(eye, _list_pixels(eye.box), face.axes)
    above, below = (
        _sample_along(bare, eye, face, edge)
        for edge in (eye.crease - eye.line, eye.lower + TUNING.skin_below * eye.line)
    )
    dark = np.maximum(TUNING.lid_light * below.mean(axis=1) / np.maximum(above.mean(axis=1), 1), 1)
    # the samples above may hold the brow's hair or shade
    above = above * dark[:, None]
    length = np.maximum(place.lower + TUNING.skin_below * eye.line - place.crease, 1e-3)
    share = np.clip((place.down - place.crease) / length, 0, 1)
    column = np.clip(np.rint(place.right - eye.across[0]), 0, len(eye.across) - 1).astype(int)
    smooth = (share**2 * (3 - 2 * share))[..., None]
    skin = above[column] * (1 - smooth) + below[column] * smooth
    fold = TUNING.fold_depth * np.exp(-(((share - TUNING.fold) / TUNING.fold_width) ** 2))
    round_light = 1 + TUNING.roundness * np.sin(np.pi * share) - fold
    return np.asarray(skin * round_light[..., None], dtype=np.float32)


def _sample_box(picture: np.ndarray, places: Region) -> np.ndarray:
    return np.asarray(
        cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _sample_along(
    bare: np.ndarray, eye: Eye, face: Face, down: np.ndarray
) -> Float32[np.ndarray, "n 3"]:
    """Sample colours along a curve over the eye, smoothed along it."""
    places = np.stack([eye.across, down], axis=1) @ face.axes.T + eye.origin - np.array(eye.box[:2])
    places = places.astype(np.float32)[None]
    colours = cv2.remap(bare, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blur = max(TUNING.skin_blur * face.unit, TUNING.least_blur)
    smooth = cv2.GaussianBlur(colours, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth[0])


def _remove_lashes(picture: np.ndarray, unit: float) -> Float32[np.ndarray, "rows columns 3"]:
    """Fill thin dark upright hairs from beside them."""
    width = max(TUNING.least_hair, round(TUNING.hair_width * unit) | 1)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((1, width), np.uint8))
    blur = max(TUNING.hair_blur * unit, TUNING.least_blur)
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), blur), dtype=np.float32)


def _sort_curve(face: Face, points: tuple[int, ...], origin: np.ndarray) -> np.ndarray:
    local = (face.points[list(points), :2] - origin) @ face.axes
    return np.asarray(local[np.argsort(local[:, 0])])


def _resample_curve(across: np.ndarray, curve: np.ndarray) -> np.ndarray:
    values = np.interp(across, curve[:, 0], curve[:, 1])
    window = TUNING.curve_window
    return np.convolve(np.pad(values, window // 2, "edge"), np.ones(window) / window, "valid")


def _pick_lash_colour(rgb: np.ndarray, places: np.ndarray) -> Float32[np.ndarray, " 3"]:
    """Pick the colour of shut lashes: the darker quarter of the lid edge, darkened."""
    height, width = rgb.shape[:2]
    x = np.clip(np.rint(places[:, 0]), 0, width - 1).astype(int)
    y = np.clip(np.rint(places[:, 1]), 0, height - 1).astype(int)
    colours = rgb[y, x].astype(np.float32)
    order = np.argsort(colours.mean(axis=1))
    darker = order[: max(TUNING.lash_least, len(order) // TUNING.lash_share)]
    return np.asarray(colours[darker].mean(axis=0) * TUNING.lash_dark, dtype=np.float32)


def turn_eye(eye: Eye, region: Region, axes: np.ndarray, gaze: tuple[float, float]) -> None:
    """Turn the eye by `gaze` px (right, down).

    It changes `region` in place: where the eye's box samples, in picture px.
    """
    if abs(gaze[0]) + abs(gaze[1]) < TUNING.least_turn:
        return
    place = _EyeSampling(eye, region, axes)
    half = (eye.across[-1] - eye.across[0]) / 2
    middle = eye.across.mean()
    aside = np.clip(TUNING.turn_gain * (1 - ((place.right - middle) / half) ** 2), 0, 1)
    outside = np.maximum(np.maximum(place.upper - place.down, place.down - place.lower), 0)
    share = aside * np.clip(1 - outside / (TUNING.turn_fade * eye.line), 0, 1)
    place.store_sampling(place.right - gaze[0] * share, place.down - gaze[1] * share)


def widen_eye(eye: Eye, region: Region, axes: np.ndarray, lift: float) -> Lid | None:
    """Return the eyeball under a lid that is raised by `lift` px at its middle.

    The eyeball stays as it is where the warp would stretch it.
    """
    if lift < TUNING.least_lift:
        return None
    place = _EyeSampling(eye, region, axes)
    opening = np.maximum(place.lower - place.upper, 1e-3)
    share = (place.down - place.upper) / opening
    length = eye.across[-1] - eye.across[0]
    raised = lift * np.sin(np.pi * np.clip((place.right - eye.across[0]) / length, 0, 1))
    down = place.lower - (1 - share) * (opening + raised)
    ball = _sample_box(eye.wide, place.to_box(place.right, down))
    under_lid = np.maximum(down - (place.upper - raised), 0)
    shadow = 1 - TUNING.shadow * np.exp(under_lid / (-TUNING.shadow_reach * eye.line))
    cover = _cover_ball(eye, place, opening)
    return Lid(
        skin=np.asarray(ball * shadow[..., None], dtype=np.float32),
        cover=np.asarray(cover[..., None], dtype=np.float32),
        line=np.zeros((*cover.shape, 1), np.float32),
    )


def _cover_ball(eye: Eye, place: _EyeSampling, opening: np.ndarray) -> np.ndarray:
    """Say how far the eyeball under a raised lid covers what the warp would show."""
    (begins, fade), (narrow, wide) = TUNING.wide_edge, TUNING.wide_opening
    edge = np.clip((place.down - place.upper - begins * eye.line) / (fade * eye.line), 0, 1)
    foot = np.clip((place.lower - place.down) / (TUNING.wide_foot * eye.line), 0, 1)
    open_enough = np.clip((opening - narrow * eye.line) / (wide * eye.line), 0, 1)
    return np.asarray(edge * foot * place.inside * open_enough)


def close_eye(eye: Eye, region: Region, axes: np.ndarray, closure: float) -> Lid | None:
    """Close the eye: the upper lid comes down, the lower rises a little.

    `closure` 0 leaves it, 1 shuts it. `region` says where the eye's box samples, in picture px.
    """
    if closure < TUNING.least_closure:
        return None
    place = _EyeSampling(eye, region, axes)
    edge = place.upper - TUNING.lid_above * eye.line
    opening = place.lower + TUNING.lid_below * eye.line - edge
    lid = edge + opening * closure * TUNING.upper_share
    rising = edge + opening * (1 - closure * (1 - TUNING.upper_share))
    soft = TUNING.lid_edge * eye.line
    under_lid = np.clip((lid - place.down) / soft + 0.5, 0, 1)
    on_lower = np.clip((place.down - rising) / soft + 0.5, 0, 1)
    ends = _fade_ends(eye, place)
    cover = _fade_lids(eye, place, np.maximum(under_lid, on_lower))
    cover = cover * ends * place.inside * min(closure * TUNING.cover_gain, 1.0)
    skin = _sample_box(eye.skin, place.to_box(place.right, place.down))
    distance = place.down - lid
    width = np.where(distance < 0, *TUNING.lash_widths) * eye.line
    covering = min(closure * TUNING.lash_gain, TUNING.lashes)
    line = np.exp(-((distance / width) ** 2)) * ends * place.inside * covering
    return Lid(
        skin=skin,
        cover=cover[..., None].astype(np.float32),
        line=line[..., None].astype(np.float32),
    )


def _fade_ends(eye: Eye, place: _EyeSampling) -> np.ndarray:
    """Fade the lids out at the corners of the eye."""
    beside = np.minimum(place.right - eye.across[0], eye.across[-1] - place.right)
    return np.asarray(np.clip(beside / (TUNING.ends * (eye.across[-1] - eye.across[0])), 0, 1))


def _fade_lids(eye: Eye, place: _EyeSampling, cover: np.ndarray) -> np.ndarray:
    """Fade the lids' cover out at the crease and below the eye."""
    height = np.maximum(TUNING.crease_fade * (place.upper - place.crease), eye.line)
    from_crease = np.clip((place.down - place.crease) / height, 0, 1)
    left = place.lower + TUNING.skin_below * eye.line - place.down
    from_below = np.clip(left / (TUNING.below_fade * eye.line), 0, 1)
    return np.asarray(cover * from_crease * from_below)


class _EyeSampling:
    """Where the pixels of an eye's box sample, in the face's axes about the eye, and its lids."""

    def __init__(self, eye: Eye, region: Region, axes: np.ndarray) -> None:
        self._region = region
        self._axes = axes.astype(np.float32)
        self._origin = eye.origin
        relative = (self._region - eye.origin) @ self._axes
        self.right, self.down = relative[..., 0], relative[..., 1]
        index = np.clip(self.right - eye.across[0], 0, len(eye.across) - 1.001)
        whole = index.astype(np.int32)
        part = index - whole
        self.inside = (self.right >= eye.across[0]) & (self.right <= eye.across[-1])
        self.crease, self.upper, self.lower = (
            curve[whole] + (curve[whole + 1] - curve[whole]) * part
            for curve in (eye.crease, eye.upper, eye.lower)
        )
        self._box = eye.box

    def to_box(self, right: np.ndarray, down: np.ndarray) -> Region:
        """Convert places in the face's axes to px of the eye's box."""
        picture = np.stack([right, down], axis=-1) @ self._axes.T + self._origin
        return np.asarray(picture - np.array(self._box[:2]), dtype=np.float32)

    def store_sampling(self, right: np.ndarray, down: np.ndarray) -> None:
        self._region[:] = np.stack([right, down], axis=-1) @ self._axes.T + self._origin


def paint_lid(eye: Eye, pixels: np.ndarray, lid: Lid) -> None:
    """Paint the lid and its lash line over the rendered pixels of the eye's box in place."""
    covered = pixels[..., :3] * (1 - lid.cover) + lid.skin * lid.cover
    pixels[..., :3] = cv2.convertScaleAbs(covered * (1 - lid.line) + eye.lash * lid.line)
