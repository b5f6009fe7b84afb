# SPDX-License-Identifier: Apache-2.0
"""Contact sheets: one labelled frame per shot, in one PNG.

Pillow draws the text; no text ever reaches a filter string.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from manifests.atomic_write import atomic_write
from manifests.timebase import format_timecode
from pipeline.media import read_frames

INK, QUIET, PAPER = (235, 235, 235), (150, 150, 150), (24, 24, 26)
MARGIN, TEXT = 12, 44  # pixels around pictures, and for the text below them
FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial.ttf",
)  # wider than Pillow's own, when there

Colour = tuple[int, int, int]
Frame = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetCell:
    """One picture of a sheet: a frame of the programme and two lines of text below it."""

    frame: int
    title: str
    note: str


def lay_out(
    pictures: Mapping[int, Frame], cells: Sequence[SheetCell], path: Path, *, rate: Fraction
) -> Path:
    """Write a sheet from pictures that are already decoded, by frame."""
    ordered = sorted(cells, key=lambda cell: cell.frame)
    labelled = [
        (pictures[cell.frame], cell.title, f"{format_timecode(cell.frame, rate)}  {cell.note}")
        for cell in ordered
    ]
    return tile_pictures(labelled, path, columns=_choose_columns(len(cells)))


def write_poster(video: Path, frame: int, path: Path, *, size: tuple[int, int]) -> Path:
    """Write one frame of a video as a JPEG of the given width and height. Raises ToolError."""
    from PIL import Image

    (picture,) = pick_frames(video, [frame], size=size).values()
    with atomic_write(path) as partial:
        Image.fromarray(picture).save(partial, quality=92, subsampling=0)
    return path


def write_before_after_sheet(pairs: Sequence[tuple[Frame, Frame, str, str]], path: Path) -> Path:
    """Write a PNG of graded shots: ungraded on the left, graded on the right.

    Each pair has a title and a note (its differences).
    """
    cells = []
    for before, after, title, note in pairs:
        cells += [(before, title, "before"), (after, "", f"after  {note}")]
    return tile_pictures(cells, path, columns=4 if len(pairs) > 1 else 2)


def tile_pictures(pictures: Iterable[tuple[Frame, str, str]], path: Path, *, columns: int) -> Path:
    """Write pictures as one PNG, each with a title and a note below it.

    Columns are as wide as the widest picture, rows as high as their highest.
    """
    from PIL import Image, ImageDraw

    cells = list(pictures)
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(picture.shape[0] for picture, _, _ in row) for row in rows]
    wide = max((picture.shape[1] for row in rows for picture, _, _ in row), default=320)
    tall = sum(heights) + len(heights) * (TEXT + MARGIN) + MARGIN
    image = Image.new("RGB", (columns * (wide + MARGIN) + MARGIN, tall), PAPER)
    draw = ImageDraw.Draw(image)
    top = MARGIN
    for row, high in zip(rows, heights, strict=True):
        for place, (picture, title, note) in enumerate(row):
            left = MARGIN + place * (wide + MARGIN)
            image.paste(Image.fromarray(picture), (left, top))
            _draw_text(draw, (left, top + high + 4), title, width=wide, style=(15, INK))
            _draw_text(draw, (left, top + high + 24), note, width=wide, style=(13, QUIET))
        top += high + TEXT + MARGIN
    with atomic_write(path) as partial:
        image.save(partial)
    return path


def _draw_text(
    draw: Any, place: tuple[int, int], text: str, *, width: int, style: tuple[int, Colour]
) -> None:
    size, ink = style
    draw.text(place, shorten_text(text, size, width), font=load_font(size), fill=ink)


def resize_to_width(picture: Frame, width: int) -> Frame:
    """Enlarge or reduce a picture to a width."""
    from PIL import Image

    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


@functools.cache
def load_font(size: int) -> Any:
    """Load the first of `FONTS` that the system has, else the font inside Pillow (Latin only)."""
    from PIL import ImageFont

    for name in FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def shorten_text(text: str, size: int, width: int) -> str:
    """Shorten text to one printable line no wider than `width` pixels, with an ellipsis."""
    measure: Callable[[str], float] = load_font(size).getlength
    plain = " ".join(
        "".join(c for c in text if unicodedata.category(c)[0] != "C" or c == " ").split()
    )[:500]
    if measure(plain) <= width:
        return plain
    while plain and measure(plain + "…") > width:
        plain = plain[:-1]
    return plain.rstrip() + "…"


def pick_frames(video: Path, frames: Iterable[int], *, size: tuple[int, int]) -> dict[int, Frame]:
    """Decode frames of a video by number, each once, in `size` (width, height).

    Everything is one decode. Raises ToolError.
    """
    numbers = sorted(set(frames))
    if not numbers:
        return {}
    wanted = "+".join(f"eq(n\\,{frame})" for frame in numbers)
    chain = f"select='{wanted}',scale={size[0]}:{size[1]}:flags=area+accurate_rnd+full_chroma_int"
    return dict(
        zip(numbers, read_frames(video, width=size[0], height=size[1], filters=chain), strict=True)
    )


def _choose_columns(count: int) -> int:
    """Choose columns so that cells of 16:9 fill a 16:10 page, at most eight."""
    across: float = (count * 0.9) ** 0.5 + 0.4
    return max(1, min(8, round(across)))
