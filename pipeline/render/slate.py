# SPDX-License-Identifier: Apache-2.0
"""Draw slates for skipped shots: a still with the shot's number, who is seen, and the line's text.

A slate takes a talker's place, so that everything after it (assembly, checks, deliverables) is as
for any other take. Text is drawn as text by Pillow, never as markup; control and direction
characters are left out, letters the system's fonts lack show as boxes.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import UInt8

from manifests.rows import Shot
from model.emotion import Performance
from model.talker import MATTE, Clip, Frame, Matte, Portrait, Speech, TakeMeasures
from pipeline.cut.shot_identity import identify_shot
from pipeline.deliver.contact_sheet import INK, PAPER, QUIET, load_font
from pipeline.render.render import wants_matte

SLATE = "slate"  # its name as a talker, and the label of its takes
VERSION = "1.0.0"
LONGEST_TEXT = 600  # characters; more would be too small to read
MARGIN = 0.1  # of the picture's sides, EBU R 95 keeps 5 % free


def make_slate_shot(shot: Shot, *, size: tuple[int, int]) -> Shot:
    """Make the slate of a shot, under its own identity.

    `size`: width and height of the delivered picture.
    """
    settings = f'{{"{MATTE}": true}}' if wants_matte(shot) else "{}"
    slate = replace(
        shot,
        talker=SLATE,
        talker_version=VERSION,
        weights_digest="",
        talker_settings=settings,
        seed=0,
        width=size[0],
        height=size[1],
    )
    return replace(slate, shot_id=identify_shot(slate))


def draw_slate(shot: Shot) -> Frame:
    """Draw the still: `shot.height` x `shot.width` RGB.

    The same shot gives the same pixels on one machine.
    """
    from PIL import Image, ImageDraw

    width, height = shot.width, shot.height
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    left, top = round(width * MARGIN), round(height * MARGIN)
    title = max(10, height // 18)
    pen.text(
        (left, top),
        f"{shot.number}   {clean_text(shot.character)}",
        font=load_font(title),
        fill=QUIET,
    )
    lines, size = _fit_text(
        clean_text(shot.text) or "(listens)", width - 2 * left, height - 3 * top - title
    )
    pen.multiline_text(
        (left, 2 * top + title), "\n".join(lines), font=load_font(size), fill=INK, spacing=size // 3
    )
    return np.asarray(image)


def clean_text(text: str) -> str:
    r"""Clean text of control and direction characters, on one line, at most `LONGEST_TEXT` long.

    >>> clean_text("a\u202eb\x00 c\n d")
    'ab c d'
    """
    kept = "".join(c if unicodedata.category(c)[0] != "C" or c.isspace() else "" for c in text)
    kept = " ".join(kept.split())
    return kept if len(kept) <= LONGEST_TEXT else kept[: LONGEST_TEXT - 1] + "…"


def _fit_text(text: str, width: int, height: int) -> tuple[list[str], int]:
    """Fit text into a box: lines, and the font size, at most an eighth of the height."""
    for size in range(max(8, height // 8), 7, -1):
        across = max(4, int(width / (load_font(size).getlength("nnnnnnnnnn") / 10)))
        lines = textwrap.wrap(text, across, break_long_words=True)
        high = len(lines) * (size * 4 // 3)
        if high <= height and all(load_font(size).getlength(line) <= width for line in lines):
            return lines, size
    return textwrap.wrap(text, max(4, width // 5))[: max(1, height // 11)], 8


@dataclass(slots=True, eq=False)
class StillClip:
    """A clip that holds a picture."""

    still: Frame
    frames: int
    width: int = field(init=False)
    height: int = field(init=False)

    def __post_init__(self) -> None:
        """Take the size of the picture."""
        self.height, self.width = self.still.shape[:2]

    def __iter__(self) -> Iterator[Frame]:
        """Repeat the picture, `frames` times."""
        for _ in range(self.frames):
            yield self.still

    def layers(self) -> Iterator[tuple[Frame, Matte]]:
        """Repeat the picture with a matte that is opaque all over."""
        matte: UInt8[np.ndarray, "height width"] = np.full(
            self.still.shape[:2], 255, dtype=np.uint8
        )
        for _ in range(self.frames):
            yield self.still, matte

    def measures(self) -> TakeMeasures:
        """Report that there is no face: framing keeps the whole picture."""
        return TakeMeasures(face_box=(0.4, 0.3, 0.6, 0.6))


@dataclass(slots=True, kw_only=True)
class Slate:
    """A talker that holds up the slate of a shot."""

    shot: Shot
    name: str = SLATE
    version: str = VERSION
    weights_digest: str = ""
    context_seconds: float = 0.0
    licences: tuple[str, ...] = ()

    def talk(self, portrait: Portrait, speech: Speech, performance: Performance, seed: int) -> Clip:  # noqa: ARG002
        """Hold the still for as long as the speech lasts."""
        return StillClip(draw_slate(self.shot), speech.frames)
