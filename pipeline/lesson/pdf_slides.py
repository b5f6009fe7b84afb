# SPDX-License-Identifier: Apache-2.0
"""Read the pages of a PDF as slides: their pictures, their text and where it is.

The door to pypdfium2. Text boxes come from the text layer. In pictures on a page, and on pages
without that layer, strokes count as text (`slide_ink`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem
from pipeline.lesson.layouts import Rect
from pipeline.lesson.lesson_script import SLIDE_NAME
from pipeline.lesson.slide_files import MOST_SLIDES, check_slide_files
from pipeline.lesson.slide_ink import find_ink
from pipeline.lesson.slide_page import (
    SlidePage,
    SlidePicture,
    clear_boxes,
    clip_box,
    fit_rectangle,
    lay_on_paper,
)

# share of the slide from which a picture counts as a backdrop: text stands on it, and what it shows
# is not text
BACKDROP = 0.8


def name_pages(document: Any) -> list[str]:
    """Name a PDF's pages by their labels.

    Where a label repeats (steps of one slide), the names are `3a`, `3b`. Without labels, or with
    some that no script can name, the names are page numbers.
    """
    labels = [
        re.sub(r"\s+", "-", document.get_page_label(index).strip())
        for index in range(len(document))
    ]
    if not all(map(SLIDE_NAME.fullmatch, labels)):
        return [str(index + 1) for index in range(len(labels))]
    counts, seen = Counter(labels), Counter[str]()
    named = []
    for label in labels:
        seen[label] += 1
        named.append(label if counts[label] == 1 else f"{label}{_spell_letters(seen[label])}")
    return (
        named if len(set(named)) == len(named) else [str(index + 1) for index in range(len(labels))]
    )


def open_pdf(path: Path) -> Any:
    """Open a PDF. Raises InputError when it cannot be read, is locked, or has too many pages."""
    import pypdfium2

    check_slide_files(path)
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise InputError(_describe_bad_pdf(path, str(error))) from error
    if not 0 < len(document) <= MOST_SLIDES:
        pages = len(document)
        document.close()
        raise InputError(
            Problem(file=path.name, message=f"{pages} pages", expected=f"1 to {MOST_SLIDES}")
        )
    return document


def _describe_bad_pdf(path: Path, reason: str) -> Problem:
    if "password" in reason.casefold():
        message = "the PDF needs a password"
        return Problem(file=path.name, message=message, expected="a copy without a password")
    # of a PDF without pages, PDFium reports whatever its last error was
    got = None if "success" in reason.casefold() else reason
    expected = f"a complete PDF of 1 to {MOST_SLIDES} pages"
    return Problem(file=path.name, message="the PDF cannot be read", expected=expected, got=got)


def read_pdf_pages(path: Path, size: tuple[int, int]) -> Iterator[SlidePage]:
    """Read the pages of a PDF, fitted into `size`. Raises InputError that names a bad page."""
    import pypdfium2

    with open_pdf(path) as document:
        for index, name in enumerate(name_pages(document)):
            try:
                yield _read_pdf_page(document[index], name, size)
            except pypdfium2.PdfiumError as error:
                problem = Problem(
                    file=path.name, message=f"page {index + 1} cannot be drawn", got=str(error)
                )
                raise InputError(problem) from error


def _read_pdf_page(page: Any, name: str, size: tuple[int, int]) -> SlidePage:
    width, height = page.get_size()
    place = fit_rectangle((max(1, width), max(1, height)), size)
    drawn = page.render(scale=place.width / max(1, width), rev_byteorder=True)
    pixels = lay_on_paper(drawn.to_numpy()[..., :3], place, size)
    # knows of rotated pages and of those that do not begin at 0, 0
    to_pixels = drawn.get_posconv(page).to_bitmap

    def box_of(edges: tuple[float, float, float, float]) -> Rect:
        return _convert_edges(to_pixels, edges, place, size)

    text = page.get_textpage()
    words = [box_of(text.get_rect(index)) for index in range(text.count_rects())]
    drawn_words = _find_drawn_words(pixels, words, [box_of(e) for e in _find_pictures(page)])
    return SlidePage(
        name=name,
        pixels=pixels,
        boxes=clear_boxes([*words, *drawn_words], size),
        text="\n".join(text.get_text_range().split("\r\n")).strip(),
    )


def _convert_edges(
    to_pixels: Any, edges: tuple[float, float, float, float], place: Rect, size: tuple[int, int]
) -> Rect:
    """Convert left, bottom, right and top in points of the page to a box in the picture."""
    (left, top), (right, bottom) = (to_pixels(*edges[:2]), to_pixels(*edges[2:]))
    across, down = sorted((left, right)), sorted((top, bottom))
    return clip_box(
        place.left + across[0],
        place.top + down[0],
        place.left + across[1],
        place.top + down[1],
        size,
    )


def _find_pictures(page: Any) -> list[tuple[float, float, float, float]]:
    """Find the edges of a page's pictures, in points of the page, except those in nested forms."""
    import pypdfium2.raw

    return [
        item.get_bounds()
        for item in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=1)
    ]


def _find_drawn_words(
    pixels: SlidePicture, words: Sequence[Rect], pictures: Sequence[Rect]
) -> list[Rect]:
    """Find what looks like text but is in no text layer.

    These are strokes in pictures, or anywhere on a slide without words (a scan).
    """
    if not words:
        return find_ink(pixels)
    backdrop = BACKDROP * pixels.shape[0] * pixels.shape[1]
    inside = [picture for picture in pictures if picture.width * picture.height < backdrop]
    strokes = find_ink(pixels) if inside else []
    shared = [_intersect(stroke, picture) for picture in inside for stroke in strokes]
    return [rect for rect in shared if rect.width and rect.height]


def _intersect(box: Rect, other: Rect) -> Rect:
    left, top = max(box.left, other.left), max(box.top, other.top)
    right, bottom = min(box.right, other.right), min(box.bottom, other.bottom)
    return Rect(left, top, max(0, right - left), max(0, bottom - top))


def _spell_letters(number: int) -> str:
    """Spell a number with letters: a, b ... z, aa, ab ..."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters
