# SPDX-License-Identifier: Apache-2.0
"""Parse emotions: the eight labels of DICE-Talk, blends of them, and curves over a line.

One grammar everywhere (script notes, sheets, `--emotion`): `curve = mix ("->" mix)*`, `mix = term
("+" term)*`, `term = label [0..1.5]`; e.g. `happy 0.6 + surprised 0.4`, `neutral -> angry 0.9`. A
label alone means intensity 1. A caller may add words (`furious` for `angry 1.2`); the script
decides which (`pipeline/script/emotion_synonyms.py`). Word processors turn `->` into an arrow as
people type; that arrow means the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from manifests.errors import find_nearest

LABELS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
MAXIMUM = 1.5
LONGEST = 500  # characters of a curve
# weights are kept to this many decimals, so that a curve and its text are the same thing
DIGITS = 4

Weights = Float64[np.ndarray, "8"]
Mix = tuple[tuple[str, float], ...]

_TERM = re.compile(
    r"^(?P<word>[^\W\d_](?:[^\d+>]*[^\W\d_])?)\s*(?P<weight>[0-9]+\.?[0-9]*|\.[0-9]+)?$"
)
_OWN_WORDS: Mapping[str, Mix] = {label: ((label, 1.0),) for label in LABELS}
_NO_WORDS: Mapping[str, Mix] = {}


class EmotionError(ValueError):
    """Text that is not of the emotion grammar.

    `got`: the part that is wrong. `nearest_names`: the known labels like it. `expected`: what would
    be right, where that is not one of the labels.
    """

    def __init__(
        self,
        message: str,
        *,
        got: str,
        nearest_names: str | None = None,
        expected: str | None = None,
    ) -> None:
        """Store what is wrong; callers add file and line."""
        super().__init__(message)
        self.got = got
        self.nearest_names = nearest_names
        self.expected = expected


@dataclass(frozen=True, slots=True)
class EmotionCurve:
    """The emotion of a line: a mix that is held, or several that are spread evenly over the line.

    Canonical: labels sorted, no zeros.
    """

    mixes: tuple[Mix, ...]

    def __str__(self) -> str:
        """Return the canonical text, which parses to the same curve.

        >>> str(parse_curve("surprised .4 + happy 0.60 -> angry"))
        'happy 0.6 + surprised 0.4 -> angry 1'
        """
        return " -> ".join(
            " + ".join(f"{label} {weight:g}" for label, weight in mix) for mix in self.mixes
        )

    def at(self, position: float) -> Weights:
        """Return the weights (order of `LABELS`) at a position in [0, 1], linear between mixes."""
        keys = np.stack([_weigh_mix(mix) for mix in self.mixes])
        place = float(np.clip(position, 0, 1)) * (len(keys) - 1)
        below = min(int(place), max(len(keys) - 2, 0))
        above = min(below + 1, len(keys) - 1)
        blended: Weights = keys[below] + (keys[above] - keys[below]) * (place - below)
        return blended


def parse_curve(text: str, *, words: Mapping[str, Mix] = _NO_WORDS) -> EmotionCurve:
    """Parse the text of a curve.

    `words` (casefolded) are understood beside the labels; each stands for a mix, times its
    intensity.

    Raises:
        EmotionError: It names the wrong part and the nearest words.

    >>> str(parse_curve("neutral -> Furious 0.5", words={"furious": (("angry", 1.2),)}))
    'neutral 1 -> angry 0.6'
    """
    if len(text) > LONGEST:
        raise EmotionError(
            f"an emotion of {len(text)} characters; at most {LONGEST} are allowed", got=text[:20]
        )
    return EmotionCurve(
        tuple(_parse_mix(part, words) for part in text.replace("→", "->").split("->"))
    )


def hold_emotion(label: str, intensity: float = 1.0) -> EmotionCurve:
    """Make a curve that holds one label."""
    return parse_curve(f"{label} {intensity:g}")


@dataclass(frozen=True, slots=True)
class PerformanceKey:
    """Weights (order of `LABELS`) at a frame of the shot.

    The frame may lie outside the shot when a line continues across a cut.
    """

    frame: int
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """Emotion weights over the frames of a shot.

    They are linear between keys, and held before the first and after the last.
    """

    keys: tuple[PerformanceKey, ...]

    def at(self, frames: Iterable[float]) -> Float64[np.ndarray, "frames 8"]:
        """Return the weights at frame positions."""
        positions = np.asarray(list(frames), dtype=np.float64)
        known = np.array([key.frame for key in self.keys], dtype=np.float64)
        weights = np.array([key.weights for key in self.keys], dtype=np.float64)
        return np.stack([np.interp(positions, known, column) for column in weights.T], axis=1)

    def to_plain(self) -> list[list[float]]:
        """Return `[[frame, weight x 8], ...]`, for identities and manifests."""
        return [[key.frame, *key.weights] for key in self.keys]

    @classmethod
    def from_plain(cls, rows: Iterable[Iterable[float]]) -> Performance:
        """Read the result of `to_plain`."""
        lists = [list(row) for row in rows]
        return cls(tuple(PerformanceKey(int(row[0]), tuple(map(float, row[1:]))) for row in lists))

    @classmethod
    def from_curve(cls, curve: EmotionCurve, *, start: int, end: int) -> Performance:
        """Spread a line's curve over frames `start` to `end`, from the shot's first frame."""
        last = max(end - 1, start)
        places = np.linspace(0, 1, len(curve.mixes)) if len(curve.mixes) > 1 else np.zeros(1)
        keys = {
            round(start + place * (last - start)): tuple(curve.at(place).round(6).tolist())
            for place in places
        }
        return cls(tuple(PerformanceKey(frame, weights) for frame, weights in sorted(keys.items())))

    @classmethod
    def from_lines(
        cls, lines: Iterable[tuple[EmotionCurve, int, int]], *, ease_frames: int
    ) -> Performance:
        """Join the curves of several lines (curve, start, end in frames of the shot; in order).

        Each line holds over its own frames. Between two lines the first emotion stays until
        `ease_frames` before the second begins, then turns into it. Keys that change nothing are
        dropped, so equal performances are equal.

        Raises:
            ValueError: There is no line.
        """
        keys: dict[int, tuple[float, ...]] = {}
        for curve, start, end in lines:
            if keys and start - ease_frames > max(keys):
                keys[start - ease_frames] = keys[max(keys)]
            after = max(keys, default=start - 1) + 1
            begin, last = max(start, after), max(end - 1, start, after)
            for key in cls.from_curve(curve, start=begin, end=last + 1).keys:
                keys[key.frame] = key.weights
            keys[last] = tuple(curve.at(1).round(6).tolist())
        if not keys:
            raise ValueError("a performance needs at least one line")
        return cls(
            _drop_repeated_keys(
                [PerformanceKey(frame, weights) for frame, weights in sorted(keys.items())]
            )
        )


def _drop_repeated_keys(keys: list[PerformanceKey]) -> tuple[PerformanceKey, ...]:
    """Drop keys that repeat their neighbours; an unchanging performance is one key at frame 0."""
    changing = [
        key
        for index, key in enumerate(keys)
        if any(
            keys[beside].weights != key.weights
            for beside in (index - 1, index + 1)
            if 0 <= beside < len(keys)
        )
    ]
    return tuple(changing) or (PerformanceKey(0, keys[0].weights),)


def _parse_mix(text: str, words: Mapping[str, Mix]) -> Mix:
    weights: dict[str, float] = {}
    for term in text.split("+"):
        for label, weight in _parse_term(term.strip(), text, words):
            if label in weights:
                raise EmotionError(
                    f"{label!r} is named twice in {text.strip()!r}",
                    got=term.strip(),
                    expected="each label once",
                )
            weights[label] = weight
    mix = tuple((label, weights[label]) for label in sorted(weights) if weights[label])
    return mix or (("neutral", 1.0),)


def _parse_term(term: str, whole: str, words: Mapping[str, Mix]) -> Mix:
    match = _TERM.match(term)
    if not match:
        raise EmotionError(
            f"{whole.strip()!r} is not an emotion: write 'label' or 'label 0.6'", got=term
        )
    word, factor = " ".join(match["word"].casefold().split()), float(match["weight"] or 1)
    mix = words.get(word, _OWN_WORDS.get(word))
    if mix is None:
        near = find_nearest(word, [*LABELS, *words])
        raise EmotionError(f"unknown emotion {word!r}", got=word, nearest_names=near)
    scaled = tuple((label, round(weight * factor, DIGITS)) for label, weight in mix)
    for label, weight in scaled:
        if weight > MAXIMUM:
            message = f"intensity {weight:g} of {label!r} is above {MAXIMUM}"
            raise EmotionError(message, got=term, expected=f"0 to {MAXIMUM:g}")
    return scaled


def _weigh_mix(mix: Mix) -> Weights:
    weights = np.zeros(len(LABELS))
    for label, weight in mix:
        weights[LABELS.index(label)] = weight
    return weights
