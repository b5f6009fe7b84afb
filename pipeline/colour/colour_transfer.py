# SPDX-License-Identifier: Apache-2.0
"""Colour transfer: estimate the transform that brings a shot to a look, from pooled pixels.

This is pure arithmetic without media or files. The result is one affine map of gamma-encoded
R'G'B', where a gain of light is very nearly a gain of values. Skin is compared with skin and the
rest with the rest; the weights serve the estimate only. Two estimates are blended:

* When the look shows the same scene: the linear Monge-Kantorovich map (Pitie and Kokaram 2007) of
  all colours.
* When the look shows another person or place: three gains that bring skin under the look's light.
  They never change how light or dark a complexion is, and remove a colour cast only as far as no
  complexion explains it. The surroundings are ignored then: a brown wall is not a cast.

Reinhard et al. 2001 (mean and spread in Lab) is included for comparison.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float64, UInt8

from pipeline.colour import colour
from pipeline.colour.skin_tone import FaceBox, build_skin_axes, measure_cast, weigh_skin

FLAT_THUMB = 1e-3  # a picture without structure looks like any other
LARGEST_LOG_GAIN = 0.7  # a factor of two; more than any honest cast

Method = Literal["monge-kantorovich", "reinhard", "none"]
Pixels = Float64[np.ndarray, "count 3"]
Weights = Float64[np.ndarray, " count"]
Thumb = Float64[np.ndarray, "16 16"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColourSample:
    """Pooled colours of a shot or a look.

    `pixels` are rgb; `skin` is how much each counts as skin; `thumb` is a luma picture of 16 x 16.
    """

    pixels: Pixels
    skin: Weights
    thumb: Thumb

    @property
    def has_skin(self) -> bool:
        """Whether the sample contains enough skin to rely on."""
        return bool(self.skin.sum() >= 1)

    @property
    def without_skin(self) -> ColourSample:
        """The same sample with no pixel counted as skin.

        It is compared with pictures in which the position of the skin is unknown.
        """
        return replace(self, skin=np.zeros_like(self.skin))

    @property
    def skin_mean(self) -> colour.Vector:
        """Mean colour of the skin."""
        return colour.compute_moments(self.pixels, self.skin + 1e-9).mean

    @property
    def rest_mean(self) -> colour.Vector:
        """Mean colour of everything that is not skin."""
        return colour.compute_moments(self.pixels, 1 - self.skin + 1e-9).mean

    @property
    def weights(self) -> Weights:
        """The weight of each pixel: skin counts as much as everything else together.

        Without skin, every pixel counts the same.
        """
        share = self.skin.sum() / max((1 - self.skin).sum(), 1e-9)
        weights: Weights = self.skin + (1 - self.skin) * min(share, 1.0) + 1e-9
        return weights

    @property
    def whole(self) -> colour.Moments:
        """Moments of all colours in rgb."""
        return colour.compute_moments(self.pixels, self.weights)

    @property
    def lab(self) -> colour.Moments:
        """Moments of all colours in Lab."""
        return colour.compute_moments(colour.rgb_to_lab(self.pixels), self.weights)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetLook:
    """The colours that shots are matched to.

    It holds the mean colours of skin and rest, moments of the whole in rgb and in Lab, and a small
    luma picture (`thumb`) that identifies the same scene.
    """

    skin_mean: colour.Vector
    rest_mean: colour.Vector
    whole: colour.Moments
    lab: colour.Moments
    thumb: Thumb
    has_skin: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColourTransform:
    """An affine map of rgb.

    `limited`: the map was weakened to stay within the limit. `before` and `after` are mean
    CIEDE2000 differences to the look.
    """

    matrix: colour.Matrix
    offset: colour.Vector
    limited: bool
    before: float
    after: float

    def __call__(self, rgb: colour.Colours) -> colour.Colours:
        """Apply the map to rgb; the result may leave [0, 1]."""
        moved: colour.Colours = rgb @ self.matrix.T + self.offset
        return moved


def estimate_transfer(
    sample: ColourSample,
    look: TargetLook,
    *,
    method: Method,
    strength: float = 1.0,
    limit: float = 14.0,
) -> ColourTransform:
    """Estimate the transform of one shot toward a look, scaled by `strength`.

    The mean shift of skin or rest stays within `limit` (CIEDE2000).
    """
    sample = sample if look.has_skin else sample.without_skin
    matrix, offset = _estimate_unlimited(sample, look, method)
    shift = strength * _measure_shift(sample, matrix, offset)
    share = strength * min(1.0, limit / max(shift, 1e-9))
    matrix, offset = np.eye(3) + share * (matrix - np.eye(3)), share * offset
    before, after = (
        _measure_difference(sample, look, m, o)
        for m, o in ((np.eye(3), np.zeros(3)), (matrix, offset))
    )
    return ColourTransform(
        matrix=matrix, offset=offset, limited=shift > limit, before=before, after=after
    )


def sample_pictures(
    pictures: UInt8[np.ndarray, "frames height width 3"], face: FaceBox | None
) -> ColourSample:
    """Pool the colours of pictures that share one face box.

    `face` is in fractions of the picture; with None, nothing counts as skin.
    """
    rgb = pictures.astype(np.float64) / 255
    skin = np.zeros(rgb.shape[:3]) if face is None else weigh_skin(rgb, face)
    return ColourSample(
        pixels=rgb.reshape(-1, 3), skin=skin.reshape(-1), thumb=_make_thumb(rgb.mean(axis=0))
    )


def build_look(sample: ColourSample) -> TargetLook:
    """Make a look from one sample (a reference still or another shot)."""
    return TargetLook(
        skin_mean=sample.skin_mean,
        rest_mean=sample.rest_mean,
        whole=sample.whole,
        lab=sample.lab,
        thumb=sample.thumb,
        has_skin=sample.has_skin,
    )


def build_character_looks(
    characters: Sequence[str],
    samples: Sequence[ColourSample],
    looks: Mapping[str, TargetLook | None],
) -> dict[str, TargetLook]:
    """Choose the look that each character's shots are matched to.

    The shots of a character then match each other and come near the character's entry in `looks`.
    The result is that look itself where it shows the character's own scene. Otherwise it is the
    mean of the character's shots with gains toward the look's light; without a look, toward neutral
    light.
    """
    groups: dict[str, list[ColourSample]] = defaultdict(list)
    for character, sample in zip(characters, samples, strict=True):
        groups[character].append(sample)
    return {
        character: _choose_group_look(group, looks.get(character))
        for character, group in groups.items()
    }


def _choose_group_look(group: Sequence[ColourSample], look: TargetLook | None) -> TargetLook:
    """Choose the look of one character's shots.

    When skin is not known in all the shots and in the look, it is ignored everywhere, so that like
    is compared with like.
    """
    known = all(sample.has_skin for sample in group) and (look is None or look.has_skin)
    own = _average_looks([build_look(sample if known else sample.without_skin) for sample in group])
    if look is not None and _measure_sameness(own, look) == 1:
        return look
    return _apply_gains(own, _estimate_log_gains(own, look))


def _average_looks(looks: Sequence[TargetLook]) -> TargetLook:
    def mean(of: Callable[[TargetLook], colour.Values]) -> colour.Values:
        middle: colour.Values = np.mean([of(look) for look in looks], axis=0)
        return middle

    return TargetLook(
        skin_mean=mean(lambda look: look.skin_mean),
        rest_mean=mean(lambda look: look.rest_mean),
        whole=colour.Moments(
            mean=mean(lambda look: look.whole.mean),
            covariance=mean(lambda look: look.whole.covariance),
        ),
        lab=colour.Moments(
            mean=mean(lambda look: look.lab.mean), covariance=mean(lambda look: look.lab.covariance)
        ),
        thumb=mean(lambda look: look.thumb),
        has_skin=all(look.has_skin for look in looks),
    )


def _apply_gains(look: TargetLook, log_gains: colour.Vector) -> TargetLook:
    """Apply three gains to a look.

    Its Lab mean moves by the effect of the gains on the rgb mean; its Lab spread is kept.
    """
    gains = np.exp(log_gains)
    mean = look.whole.mean * gains
    step = colour.rgb_to_lab(np.clip(mean, 0, 1)) - colour.rgb_to_lab(
        np.clip(look.whole.mean, 0, 1)
    )
    return replace(
        look,
        skin_mean=look.skin_mean * gains,
        rest_mean=look.rest_mean * gains,
        whole=colour.Moments(mean=mean, covariance=look.whole.covariance * np.outer(gains, gains)),
        lab=colour.Moments(mean=look.lab.mean + step, covariance=look.lab.covariance),
    )


def _estimate_unlimited(
    sample: ColourSample, look: TargetLook, method: Method
) -> tuple[colour.Matrix, colour.Vector]:
    if method == "none":
        return np.eye(3), np.zeros(3)
    if method == "reinhard":
        return _fit_reinhard(sample, look)
    gains = np.diag(np.exp(_estimate_log_gains(sample, look)))
    trust = _measure_sameness(sample, look)
    if trust == 0:
        return gains, np.zeros(3)
    matrix, offset = colour.estimate_monge_kantorovich(sample.whole, look.whole)
    return trust * matrix + (1 - trust) * gains, trust * offset


def _fit_reinhard(sample: ColourSample, look: TargetLook) -> tuple[colour.Matrix, colour.Vector]:
    """Fit Reinhard's map in Lab by an affine map of rgb on the shot's own colours."""
    lab = colour.rgb_to_lab(sample.pixels)
    matrix, offset = colour.estimate_reinhard(sample.lab, look.lab)
    moved = np.clip(colour.lab_to_rgb(lab @ matrix.T + offset), 0, 1)
    root = np.sqrt(sample.weights)[:, None]
    plain = np.concatenate([sample.pixels, np.ones((len(lab), 1))], axis=1)
    solved = np.linalg.lstsq(plain * root, moved * root, rcond=None)[0]
    return solved[:3].T, solved[3]


def _estimate_log_gains(
    sample: ColourSample | TargetLook, look: TargetLook | None
) -> colour.Vector:
    """Estimate log gains of R'G'B' toward a look's light, or toward neutral light.

    Skin shows the light; without skin, the whole picture does. A cast is what skin of that depth
    does not explain. It is removed as far as it stands out from natural spread (Wiener's rule).
    """
    if not sample.has_skin or (look is not None and not look.has_skin):
        return np.zeros(3) if look is None else _measure_log_ratio(look.rest_mean, sample.rest_mean)
    cast, spread = measure_cast(sample.skin_mean)
    if look is not None:
        goal, goal_spread = measure_cast(look.skin_mean)
        cast, spread = cast - goal, np.hypot(spread, goal_spread)
    certain = cast * cast**2 / (cast**2 + spread**2)
    gains: colour.Vector = np.clip(
        -certain @ build_skin_axes()[1:], -LARGEST_LOG_GAIN, LARGEST_LOG_GAIN
    )
    return gains


def _measure_log_ratio(target: colour.Vector, source: colour.Vector) -> colour.Vector:
    ratio = np.log(np.maximum(target, 0.01) / np.maximum(source, 0.01))
    limited: colour.Vector = np.clip(ratio, -LARGEST_LOG_GAIN, LARGEST_LOG_GAIN)
    return limited


def _measure_sameness(sample: ColourSample | TargetLook, look: TargetLook) -> float:
    """Measure how surely the look shows the same scene.

    The result is 0 below a correlation of the luma pictures of 0.8, and 1 above 0.9.
    """
    if min(float(sample.thumb.std()), float(look.thumb.std())) < FLAT_THUMB:
        return 0.0
    correlation = float(np.corrcoef(sample.thumb.ravel(), look.thumb.ravel())[0, 1])
    return float(np.clip((correlation - 0.8) / 0.1, 0, 1))


def _measure_shift(sample: ColourSample, matrix: colour.Matrix, offset: colour.Vector) -> float:
    means = np.stack([sample.skin_mean, sample.rest_mean])
    moved = np.clip(means @ matrix.T + offset, 0, 1)
    return float(colour.delta_e(colour.rgb_to_lab(means), colour.rgb_to_lab(moved)).max())


def _measure_difference(
    sample: ColourSample, look: TargetLook, matrix: colour.Matrix, offset: colour.Vector
) -> float:
    """Measure the mean CIEDE2000 of skin to skin and rest to rest."""
    means = np.stack([sample.skin_mean, sample.rest_mean])
    goal = colour.rgb_to_lab(np.clip(np.stack([look.skin_mean, look.rest_mean]), 0, 1))
    moved = colour.rgb_to_lab(np.clip(means @ matrix.T + offset, 0, 1))
    difference = colour.delta_e(moved, goal)
    return float(difference.mean() if sample.has_skin and look.has_skin else difference[1])


def _make_thumb(picture: Float64[np.ndarray, "height width 3"]) -> Thumb:
    """Make a luma picture of 16 x 16; each cell is the mean of its pixels."""
    luma = picture @ colour.LUMA
    rows = (
        [part.mean(axis=0) for part in np.array_split(luma, 16, axis=0)]
        if len(luma) >= 16
        else None
    )
    if rows is None or luma.shape[1] < 16:
        return np.full((16, 16), float(luma.mean()))
    return np.stack([[float(cell.mean()) for cell in np.array_split(row, 16)] for row in rows])
