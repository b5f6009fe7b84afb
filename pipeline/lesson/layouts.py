# SPDX-License-Identifier: Apache-2.0
"""Place slide and presenter in the picture. Pure arithmetic; all edges are even, as video needs.

A presenter in a corner goes where the slide has no text: into the requested corner, into another
one, into one of them at a smaller size, else into any free place. Only when a slide leaves no room
at all does it go over the least text. Of free corners, one without drawings comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Int64

from manifests.errors import find_nearest

Mode = Literal["corner", "presenter", "slide", "beside"]
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]

CORNERS: tuple[Corner, ...] = get_args(Corner)
WORDS = (
    "corner",
    "presenter full",
    "slide only",
    "side by side",
    *CORNERS,
    "left",
    "right",
    "round",
    "square",
    "size",
    "margin",
)
SMALLER = (1.0, 0.85, 0.7)  # of the requested size, tried in order
BESIDE_SHARE = 0.3  # of the width goes to the presenter beside a slide, or of the height below it
# width by height: in narrower pictures a column beside the slide would cut faces in half
UPRIGHT = 1.25
_CHANGES: dict[str, dict[str, Any]] = {
    "corner": {"mode": "corner", "always": True},
    "presenter full": {"mode": "presenter"},
    "slide only": {"mode": "slide"},
    "side by side": {"mode": "beside"},
    "left": {"side": "left"},
    "right": {"side": "right"},
    "round": {"round": True},
    "square": {"round": False},
}
_NUMBER = re.compile(r"(size|margin)\s+(\d+(?:\.\d+)?)\s*(%?)")
_RANGES = {"size": (0.1, 0.9), "margin": (0.0, 0.25)}


class LayoutError(ValueError):
    """A layout that cannot be read.

    It says which part is wrong, what was expected, and which word is similar.
    """

    def __init__(
        self, message: str, *, expected: str | None = None, near: str | None = None
    ) -> None:
        """Take the message, and `expected` and `near` for the Problem that names the place."""
        self.expected, self.nearest = expected, near
        super().__init__(message)


@dataclass(frozen=True, slots=True, order=True)
class Rect:
    """A rectangle in pixels of the delivered picture."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column right of the rectangle."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row below the rectangle."""
        return self.top + self.height

    def overlap(self, other: Rect) -> int:
        """Count the pixels shared with another rectangle."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, wide) * max(0, high)

    def __str__(self) -> str:
        """Write the rectangle as rows do: `left,top,width,height`."""
        return f"{self.left},{self.top},{self.width},{self.height}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How a section shares the picture.

    `size` and `margin`: shares of the picture's height; `side`: where the presenter stands beside a
    slide; `always`: show the presenter even over a slide that fills the picture, because the script
    says so.
    """

    mode: Mode = "corner"
    corner: Corner = "bottom-right"
    side: Literal["left", "right"] = "right"
    size: float = 0.3
    margin: float = 0.04
    round: bool = True
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where slide and presenter lie; None: not shown.

    `covered`: pixels of slide text under the presenter.
    """

    slide: Rect | None
    presenter: Rect | None
    round: bool = False
    covered: int = 0


def parse(text: str, *, base: Arrangement | None = None) -> Arrangement:
    """Parse a layout: parts between commas, each of which changes `base`.

    Raises LayoutError that names the unknown part.

    >>> parse("corner, top-left, size 25%, square").corner
    'top-left'
    """
    arrangement = base or Arrangement()
    for part in filter(None, (" ".join(part.casefold().split()) for part in text.split(","))):
        arrangement = _change(arrangement, part)
    return arrangement


def place(
    arrangement: Arrangement,
    size: tuple[int, int],
    text: Sequence[Rect],
    *,
    art: Sequence[Rect] = (),
    full_bleed: bool = False,
) -> Placement:
    """Place slide and presenter in a picture of `size` (width, height).

    `text`: where the section's slides have text; `art`: where they have anything, which is kept
    free when a corner allows. `full_bleed`: the slide is a picture to its edges; then a presenter
    in a corner is hidden unless the script asks for it.
    """
    whole = Rect(0, 0, *size)
    mode = arrangement.mode
    if mode == "slide" or (mode == "corner" and full_bleed and not arrangement.always):
        return Placement(slide=whole, presenter=None)
    if mode == "presenter":
        return Placement(slide=None, presenter=whole)
    if mode == "beside":
        return _place_beside(arrangement, size)
    presenter = _find_corner(arrangement, size, text, art)
    covered = sum(presenter.overlap(box) for box in text)
    return Placement(slide=whole, presenter=presenter, round=arrangement.round, covered=covered)


def _change(arrangement: Arrangement, part: str) -> Arrangement:
    number = _NUMBER.fullmatch(part)
    if number:
        return _change_number(arrangement, number[1], float(number[2]) / (100 if number[3] else 1))
    if part in CORNERS:
        return replace(arrangement, mode="corner", corner=part, always=True)
    if part in _CHANGES:
        return replace(arrangement, **_CHANGES[part])
    near = find_nearest(part, list(WORDS))
    raise LayoutError(
        f"unknown part of a layout: {part!r}",
        expected=None if near else "one of " + ", ".join(WORDS),
        near=near,
    )


def _change_number(arrangement: Arrangement, name: str, value: float) -> Arrangement:
    low, high = _RANGES[name]
    if not low <= value <= high:
        raise LayoutError(
            f"a {name} of {value:g} is out of range",
            expected=f"{low:.0%} to {high:.0%} of the picture's height",
        )
    return (
        replace(arrangement, size=value) if name == "size" else replace(arrangement, margin=value)
    )


def _place_beside(arrangement: Arrangement, size: tuple[int, int]) -> Placement:
    """Place the whole slide and the presenter next to each other.

    The slide is as large as the rest of the width allows, and the presenter has the full height
    beside it. In upright pictures the presenter has the full width below the slide, or above it for
    `left`.
    """
    width, height = size
    if width < UPRIGHT * height:
        row = _round_even(height * BESIDE_SHARE)
        wide, high = _round_even(width * (height - row) / height), height - row
        above = arrangement.side == "left"
        return Placement(
            slide=Rect(_round_even((width - wide) / 2), row if above else 0, wide, high),
            presenter=Rect(0, 0 if above else high, width, row),
        )
    column = _round_even(width * BESIDE_SHARE)
    wide, high = width - column, _round_even(height * (width - column) / width)
    top = _round_even((height - high) / 2)
    left = arrangement.side == "left"
    return Placement(
        slide=Rect(column if left else 0, top, wide, high),
        presenter=Rect(0 if left else wide, 0, column, height),
    )


def _find_corner(
    arrangement: Arrangement, size: tuple[int, int], text: Sequence[Rect], art: Sequence[Rect]
) -> Rect:
    """Find a square for the presenter that covers no text.

    It is in its corner if that is free, else in another, also smaller, else anywhere, else over the
    least text.
    """
    sides, edge = _list_sides(arrangement, size)
    boxes, all_ink = _to_array(_grow_boxes(text)), _to_array(_grow_boxes([*text, *art]))
    corners = [_list_corners(arrangement, size, side, edge) for side in sides]
    for rects in corners:
        free = [rect for rect in rects if not _is_covered(rect, boxes)]
        if free:
            return next((rect for rect in free if not _is_covered(rect, all_ink)), free[0])
    for rects in corners:
        found = _find_nearest_free(rects[0], size, edge, boxes)
        if found:
            return found
    return min(corners[-1], key=lambda rect: sum(rect.overlap(box) for box in text))


def _list_sides(arrangement: Arrangement, size: tuple[int, int]) -> tuple[list[int], int]:
    """List the sides of the presenter's square to try, and the margin, in pixels."""
    width, height = size
    edge = min(_round_even(arrangement.margin * height), width // 8 * 2, height // 8 * 2)
    most = min(width, height) - 2 * edge
    sides = [
        max(2, min(_round_even(arrangement.size * height * share), most // 2 * 2))
        for share in SMALLER
    ]
    return sides, edge


def _list_corners(
    arrangement: Arrangement, size: tuple[int, int], side: int, edge: int
) -> list[Rect]:
    """List the four corners: the requested one, the other of that side, then those across."""
    low, far = (size[1] - edge - side) // 2 * 2, (size[0] - edge - side) // 2 * 2
    places = {
        corner: Rect(
            edge if corner.endswith("left") else far,
            edge if corner.startswith("top") else low,
            side,
            side,
        )
        for corner in CORNERS
    }
    asked = places[arrangement.corner]
    return sorted(
        places.values(), key=lambda rect: (rect.left != asked.left, rect.top != asked.top)
    )


def _find_nearest_free(
    asked: Rect, size: tuple[int, int], edge: int, boxes: Int64[np.ndarray, "boxes 4"]
) -> Rect | None:
    """Find the free place nearest to the corner.

    Whatever is free can be pushed against text or an edge, so only those places are tried: exact,
    and quick for the few dozen boxes of a slide.
    """
    side = asked.width
    across = _list_stops(boxes[:, 0], boxes[:, 2], edge, (size[0] - edge - side) // 2 * 2, side)
    down = _list_stops(boxes[:, 1], boxes[:, 3], edge, (size[1] - edge - side) // 2 * 2, side)
    left, top = (grid.ravel() for grid in np.meshgrid(across, down))
    order = np.argsort((left - asked.left) ** 2 + (top - asked.top) ** 2, kind="stable")
    for index in order:
        rect = Rect(int(left[index]), int(top[index]), side, side)
        if not _is_covered(rect, boxes):
            return rect
    return None


def _list_stops(
    first: Int64[np.ndarray, " boxes"],
    last: Int64[np.ndarray, " boxes"],
    low: int,
    high: int,
    side: int,
) -> Int64[np.ndarray, " stops"]:
    stops = np.unique(np.concatenate([[low, high], last, first - side]))
    return stops[(stops >= low) & (stops <= high)]


def _is_covered(rect: Rect, boxes: Int64[np.ndarray, "boxes 4"]) -> bool:
    apart = (
        (boxes[:, 0] >= rect.right)
        | (boxes[:, 2] <= rect.left)
        | (boxes[:, 1] >= rect.bottom)
        | (boxes[:, 3] <= rect.top)
    )
    return not bool(apart.all())


def _grow_boxes(boxes: Iterable[Rect]) -> Iterator[Rect]:
    """Grow boxes to even edges."""
    for box in boxes:
        left, top = box.left // 2 * 2, box.top // 2 * 2
        yield Rect(left, top, -(-(box.right - left) // 2) * 2, -(-(box.bottom - top) // 2) * 2)


def _to_array(boxes: Iterable[Rect]) -> Int64[np.ndarray, "boxes 4"]:
    edges = [(box.left, box.top, box.right, box.bottom) for box in boxes]
    return np.array(edges, dtype=np.int64).reshape(-1, 4)


def _round_even(value: float) -> int:
    return round(value) // 2 * 2
