# SPDX-License-Identifier: Apache-2.0
"""Boxes: rectangles in whole pixels, and how rows write them."""

from __future__ import annotations

from typing import NamedTuple, Self


class Box(NamedTuple):
    """A rectangle in pixels. Rows write it as `left,top,width,height`.

    >>> Box.parse("8,0,640,360").width, str(Box(8, 0, 640, 360))
    (640, '8,0,640,360')
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a box as rows write it."""
        return cls(*map(int, text.split(",")))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    def __str__(self) -> str:
        """Write the box as rows do."""
        return ",".join(map(str, self))
