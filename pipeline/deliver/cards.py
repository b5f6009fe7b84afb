# SPDX-License-Identifier: Apache-2.0
"""Cards before and after the programme: their text, and their stills.

They name the title, the format and what generated the pictures. They bear no date and no machine,
so that the same film gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manifests import identity, layout
from manifests.atomic_write import atomic_write
from manifests.rows import Cut
from manifests.timebase import format_timecode, round_half_up
from pipeline.assemble import edit_list
from pipeline.assemble.assemble import Picture
from pipeline.deliver import contact_sheet
from pipeline.deliver.burn_in import LABEL
from pipeline.deliver.delivery_job import Card

VERSION = "1"
PAPER, INK, QUIET = (30, 30, 33), (232, 232, 232), (160, 160, 160)

Lines = tuple[str, ...]


def build_slate_lines(title: str, episode: str, cuts: Sequence[Cut], picture: Picture) -> Lines:
    """Build the text of the slate: title, episode, format and length, and the kind of pictures."""
    rate = float(picture.rate)
    length = format_timecode(edit_list.count_frames(cuts), picture.rate)
    form = f"{picture.width}x{picture.height}   {rate:.6g} frames a second   {length}"
    return title, f"Episode {episode}", form, credit_pictures(cuts)


def build_end_lines(title: str, cuts: Sequence[Cut]) -> Lines:
    """Build the text of the end card."""
    return title, credit_pictures(cuts), "The people in these pictures are animated portraits."


def credit_pictures(cuts: Sequence[Cut]) -> str:
    """Name what generated the pictures, in plain words.

    >>> credit_pictures([])
    'AI-generated pictures'
    """
    labels = sorted({cut.label for cut in cuts if cut.label})
    return f"{LABEL} pictures" + (f" ({', '.join(labels)})" if labels else "")


def make_card(lines: Lines, seconds: float, picture: Picture, *, root: Path) -> Card | None:
    """Make the still with these lines for a number of seconds; None for no time at all.

    It is drawn once, under `root/media/cards`.
    """
    frames = round_half_up(picture.rate * round(seconds * 1000) / 1000)
    if not frames:
        return None
    digest = identity.digest([VERSION, list(lines), picture.width, picture.height])
    path = root / layout.CARDS / f"{digest}.png"
    if not path.exists():
        _draw_card(lines, picture, path)
    return Card(path=path, frames=frames, digest=digest)


def _draw_card(lines: Lines, picture: Picture, path: Path) -> None:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", picture.size, PAPER)
    draw = ImageDraw.Draw(image)
    large, small = max(12, min(picture.size) // 12), max(9, min(picture.size) // 28)
    top = picture.height * 0.36
    for number, line in enumerate(lines):
        size = small if number else large
        text, font = _fit_line(line, size, round(picture.width * 0.9))
        draw.text(
            (picture.width / 2, top), text, font=font, fill=QUIET if number else INK, anchor="ma"
        )
        top += size * 1.7
    with atomic_write(path) as partial:
        image.save(partial)


def _fit_line(text: str, size: int, width: int) -> tuple[str, Any]:
    """Fit the text on one line.

    Latin text is set in the font that comes with Pillow, so that machines agree; other scripts need
    a font of the system.
    """
    from PIL import ImageFont

    latin = all(ord(letter) < 0x180 for letter in text)
    while size > 8:
        font = ImageFont.load_default(size) if latin else contact_sheet.load_font(size)
        if font.getlength(text) <= width:
            break
        size -= 1
    return contact_sheet.shorten_text(text, size, width) if font.getlength(
        text
    ) > width else text, font
