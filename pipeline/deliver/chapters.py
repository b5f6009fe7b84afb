# SPDX-License-Identifier: Apache-2.0
"""Chapters of a file, and the ffmetadata text with which ffmpeg writes them into a container."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChapter:
    """A named part of the programme that begins at a frame and lasts until the next."""

    frame: int
    title: str


def format_chapters(chapters: Sequence[FileChapter], *, end: int, rate: Fraction) -> str:
    r"""Format chapters as an ffmetadata file; the last chapter lasts until frame `end`.

    >>> chapters = [FileChapter(frame=0, title="One; two")]
    >>> print(format_chapters(chapters, end=50, rate=Fraction(25)).replace(chr(10), "|"))
    ;FFMETADATA1|[CHAPTER]|TIMEBASE=1/25|START=0|END=50|title=One\; two|
    """
    lines = [";FFMETADATA1"]
    ends = [*(chapter.frame for chapter in chapters[1:]), end]
    for chapter, last in zip(chapters, ends, strict=bool(chapters)):
        lines += [
            "[CHAPTER]",
            f"TIMEBASE={rate.denominator}/{rate.numerator}",
            f"START={chapter.frame}",
            f"END={last}",
        ]
        lines += [f"title={_escape_title(chapter.title)}"]
    return "\n".join(lines) + "\n"


def _escape_title(title: str) -> str:
    """Escape a chapter title.

    Ffmpeg takes an escaped backslash for an escaped line end, so a backslash becomes its full-width
    likeness.
    """
    plain = " ".join(title.split()).replace("\\", "\uff3c")
    return re.sub(r"([=;#])", r"\\\1", plain)
