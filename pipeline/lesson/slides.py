# SPDX-License-Identifier: Apache-2.0
"""Slides as stills: a PDF or a folder of pictures, each fitted into the delivered picture, with
where its text is. The door to pypdfium2.

A slide's identity is the digest of its rendered pixels, so a PDF that is written again without a
visible change changes nothing. Text boxes come from a PDF's text layer; of pictures, also those in
a PDF, and of pages without that layer, cells full of fine strokes count as text (`ink`), which errs
on the side of too much.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int16, UInt8

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_bytes, digest_file
from pipeline.lesson.layouts import Rect
from pipeline.lesson.lesson_script import SLIDE_NAME

VERSION = "3"  # of how slides are drawn and read
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
LARGEST_FILE, MOST_SLIDES, MOST_PIXELS = 512 << 20, 500, 100_000_000
CLEARANCE = 0.012  # of the height is kept free around text
# of the border's pixels differ visibly from their neighbours where a picture reaches the edges
FULL_BLEED = 0.25
VISIBLE = 6  # of 255: a difference between neighbours that is no gradient
BACKDROP = 0.8  # of the slide is covered by a picture that text stands on: what it shows is no text
INK_CELL = 45  # cells in the height
# of 255, and of a cell's pixels: strokes as strong and as many as letters have
INK_STROKE, INK_SHARE = 28, 0.06
_NUMBERED = re.compile(r"(?:.*?[^0-9])?0*(?P<number>\d+)[-_ ]?(?P<letter>[a-z]?)", re.IGNORECASE)

Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """A slide as a still of the delivered size at `path`. `digest`: of its pixels. `boxes`: where
    text is, clearance included; `art`: where strokes of any kind are.

    `text` is the text layer's words; `paper` the colour of its border as hex RGB; `full_bleed`: a
    picture that fills it.
    """

    name: str
    digest: str
    path: Path
    boxes: tuple[Rect, ...]
    art: tuple[Rect, ...] = ()
    text: str = ""
    paper: str = "000000"
    full_bleed: bool = False


@dataclass(frozen=True, slots=True)
class _SlidePage:
    """A slide as it is read: fitted pixels, text boxes in those pixels and words."""

    name: str
    pixels: Picture
    boxes: tuple[Rect, ...]
    text: str


def read(path: Path, *, size: tuple[int, int], root: Path) -> list[Slide]:
    """The slides of a PDF or of a folder of pictures, in order, as stills of `size` (width, height)
    under `root/media/slides`.

    What was read once is not read again. Raises InputError for what is no slide, naming each.
    """
    key = digest([VERSION, list(size), _names(path), [digest_file(file) for file in _files(path)]])
    index = root / layout.SLIDES / f"{key}.json"
    known = _known(index, root)
    if known is not None:
        return known
    pages = _pdf_pages(path, size) if path.is_file() else _picture_pages(path, size)
    slides = [_slide(page, root) for page in pages]
    _write_text(index, json.dumps([_plain(slide, root) for slide in slides]))
    return slides


def list_names(path: Path) -> list[str]:
    """The slides' names, without drawing them: for checking a script. Raises InputError as `read`
    does.
    """
    if path.is_dir():
        return _names(path)
    with _opened(path) as document:
        return name_pages(document)


def name_pages(document: Any) -> list[str]:
    """A PDF's page labels as slides' names; where a label repeats (steps of one slide), `3a`, `3b`;
    without labels, or with some that no script can name, page numbers.
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
        named.append(label if counts[label] == 1 else f"{label}{_letters(seen[label])}")
    return (
        named if len(set(named)) == len(named) else [str(index + 1) for index in range(len(labels))]
    )


def name_picture(file: Path) -> str:
    """A picture's slide name: the last number in its file name and a letter after it, else the
    whole stem with hyphens for what no script can name.

    >>> name_of_picture(Path("slide-03b.png")), name_of_picture(Path("cover.png"))
    ('3b', 'cover')
    """
    found = _NUMBERED.fullmatch(file.stem)
    return (
        f"{found['number']}{found['letter'].lower()}"
        if found
        else re.sub(r"[^\w.-]+", "-", file.stem)[:60]
    )


def fit_rectangle(size: tuple[int, int], into: tuple[int, int]) -> Rect:
    """The largest rectangle of the shape of `size` in the middle of a picture of size `into`."""
    scale = min(into[0] / size[0], into[1] / size[1])
    width, height = (
        max(1, min(most, round(side * scale))) for side, most in zip(size, into, strict=True)
    )
    return Rect((into[0] - width) // 2, (into[1] - height) // 2, width, height)


def find_ink(pixels: Picture) -> list[Rect]:
    """Where a picture has what looks like text: cells with many strong strokes, joined along each
    row of cells.
    """
    height, width = pixels.shape[:2]
    cell = max(4, height // INK_CELL)
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell))
    padded[:height, :width] = _strokes(pixels) > INK_STROKE
    full = padded.reshape(rows, cell, columns, cell).mean(axis=(1, 3)) > INK_SHARE
    return [
        Rect(
            first * cell,
            row * cell,
            min((last - first) * cell, width - first * cell),
            min(cell, height - row * cell),
        )
        for row in range(rows)
        for first, last in _runs(full[row])
    ]


def is_full_bleed(pixels: Picture) -> bool:
    """Whether a picture reaches the edges: its border is textured, not paper and not a gradient."""
    border = np.concatenate([pixels[2], pixels[-3], pixels[:, 2], pixels[:, -3]]).astype(np.int16)
    different = np.abs(np.diff(border, axis=0)).max(axis=1) >= VISIBLE
    return float(different.mean()) > FULL_BLEED


def _strokes(pixels: Picture) -> Int16[np.ndarray, "height width"]:
    """The largest step to the next pixel, across or down, of any of the three colours: yellow on
    white and red on blue are read too, and hardly differ in lightness.
    """
    colours = pixels.astype(np.int16)
    across = np.abs(np.diff(colours, axis=1, append=colours[:, -1:]))
    down = np.abs(np.diff(colours, axis=0, append=colours[-1:]))
    largest: Int16[np.ndarray, "height width"] = np.maximum(across, down).max(axis=2)
    return largest


def _runs(full: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and one past last of each run; runs with one empty cell between them are one, as words
    of a line are.
    """
    closed = full | (np.roll(full, 1) & np.roll(full, -1))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], closed.astype(np.int8), [0]])))
    yield from ((int(first), int(last)) for first, last in edges.reshape(-1, 2))


# Reading


def _files(path: Path) -> list[Path]:
    """The PDF itself, or the folder's pictures in the order of their numbers. Raises InputError."""
    if path.is_dir():
        pictures = [
            file
            for file in path.iterdir()
            if file.suffix.lower() in PICTURES and not file.name.startswith(".")
        ]
        if not pictures:
            raise InputError(
                Problem(
                    file=path.name,
                    message="no slides in this folder",
                    expected="pictures such as 01.png, 02a.png",
                )
            )
        return sorted(pictures, key=_order)
    if not path.is_file():
        raise InputError(
            Problem(
                file=path.name, message="no such file", expected="a PDF or a folder of pictures"
            )
        )
    if path.suffix.lower() != ".pdf":
        raise InputError(
            Problem(
                file=path.name,
                message="not slides",
                expected="a PDF or a folder of pictures",
                got=path.suffix,
            )
        )
    return [path]


def _order(file: Path) -> tuple[bool, int, str, str]:
    found = _NUMBERED.fullmatch(file.stem)
    return (
        (False, int(found["number"]), found["letter"].lower(), file.name)
        if found
        else (True, 0, file.stem, file.name)
    )


def _names(path: Path) -> list[str]:
    files = _files(path)
    too_large = [file for file in files if file.stat().st_size > LARGEST_FILE]
    problems = [
        Problem(
            file=file.name, message="the file is too large", expected=f"{LARGEST_FILE >> 20} MB"
        )
        for file in too_large
    ]
    if len(files) > MOST_SLIDES:
        problems.append(
            Problem(
                file=path.name, message=f"{len(files)} slides", expected=f"at most {MOST_SLIDES}"
            )
        )
    found = [name_picture(file) for file in files] if path.is_dir() else []
    twice = {name for name, times in Counter(found).items() if times > 1}
    problems += [
        Problem(file=f"{path.name}/{file.name}", message=f"two slides are called {name!r}")
        for file, name in zip(files, found, strict=False)
        if name in twice
    ]
    if problems:
        raise InputError(problems)
    return found


def _opened(path: Path) -> Any:
    """The PDF, open. Raises InputError when it is none, or locked."""
    import pypdfium2

    _names(path)
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise InputError(_unopened(path, str(error))) from error
    if not 0 < len(document) <= MOST_SLIDES:
        pages = len(document)
        document.close()
        raise InputError(
            Problem(file=path.name, message=f"{pages} pages", expected=f"1 to {MOST_SLIDES}")
        )
    return document


def _unopened(path: Path, reason: str) -> Problem:
    if "password" in reason.casefold():
        return Problem(
            file=path.name, message="the PDF needs a password", expected="a copy without one"
        )
    got = (
        None if "success" in reason.casefold() else reason
    )  # PDFium's last error, which a PDF without pages leaves as it was
    expected = f"a whole PDF of 1 to {MOST_SLIDES} pages"
    return Problem(file=path.name, message="the PDF cannot be read", expected=expected, got=got)


def _pdf_pages(path: Path, size: tuple[int, int]) -> Iterator[_SlidePage]:
    import pypdfium2

    with _opened(path) as document:
        for index, name in enumerate(name_pages(document)):
            try:
                yield _pdf_page(document[index], name, size)
            except pypdfium2.PdfiumError as error:
                message = f"page {index + 1} cannot be drawn"
                raise InputError(
                    Problem(file=path.name, message=message, got=str(error))
                ) from error


def _pdf_page(page: Any, name: str, size: tuple[int, int]) -> _SlidePage:
    width, height = page.get_size()
    place = fit_rectangle((max(1, width), max(1, height)), size)
    drawn = page.render(scale=place.width / max(1, width), rev_byteorder=True)
    pixels = _on_paper(drawn.to_numpy()[..., :3], place, size)
    # knows of rotated pages and of those that do not begin at 0, 0
    to_pixels = drawn.get_posconv(page).to_bitmap

    def box_of(edges: tuple[float, float, float, float]) -> Rect:
        (left, top), (right, bottom) = (to_pixels(*edges[:2]), to_pixels(*edges[2:]))
        across, down = sorted((left, right)), sorted((top, bottom))
        return _clipped(
            place.left + across[0],
            place.top + down[0],
            place.left + across[1],
            place.top + down[1],
            size,
        )

    text = page.get_textpage()
    words = [box_of(text.get_rect(index)) for index in range(text.count_rects())]
    return _SlidePage(
        name=name,
        pixels=pixels,
        boxes=_cleared(
            [*words, *_drawn_words(pixels, words, [box_of(edges) for edges in _pictures_on(page)])],
            size,
        ),
        text="\n".join(text.get_text_range().split("\r\n")).strip(),
    )


def _pictures_on(page: Any) -> list[tuple[float, float, float, float]]:
    """The edges of a page's pictures, in points of the page; of those in nested forms nothing is
    known.
    """
    import pypdfium2.raw

    return [
        item.get_bounds()
        for item in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=1)
    ]


def _drawn_words(pixels: Picture, words: Sequence[Rect], pictures: Sequence[Rect]) -> list[Rect]:
    """What looks like text and is in no text layer: strokes in pictures, or anywhere on a slide
    without words (a scan).
    """
    if not words:
        return find_ink(pixels)
    backdrop = BACKDROP * pixels.shape[0] * pixels.shape[1]
    inside = [picture for picture in pictures if picture.width * picture.height < backdrop]
    strokes = find_ink(pixels) if inside else []
    shared = [_shared(stroke, picture) for picture in inside for stroke in strokes]
    return [rect for rect in shared if rect.width and rect.height]


def _shared(one: Rect, other: Rect) -> Rect:
    left, top = max(one.left, other.left), max(one.top, other.top)
    right, bottom = min(one.right, other.right), min(one.bottom, other.bottom)
    return Rect(left, top, max(0, right - left), max(0, bottom - top))


def _cleared(boxes: Sequence[Rect], size: tuple[int, int]) -> tuple[Rect, ...]:
    """Boxes with the clearance around them, inside the picture."""
    clear = round(CLEARANCE * size[1])
    return tuple(
        _clipped(
            box.left - clear, box.top - clear, box.right + clear - 1, box.bottom + clear - 1, size
        )
        for box in boxes
    )


def _clipped(left: float, top: float, right: float, bottom: float, size: tuple[int, int]) -> Rect:
    first, last = (
        (max(0, int(left)), max(0, int(top))),
        (min(size[0], int(right) + 1), min(size[1], int(bottom) + 1)),
    )
    return Rect(*first, max(0, last[0] - first[0]), max(0, last[1] - first[1]))


def _picture_pages(folder: Path, size: tuple[int, int]) -> Iterator[_SlidePage]:
    for file in _files(folder):
        drawn = _read_picture(file, folder.name, size)
        place = fit_rectangle((drawn.shape[1], drawn.shape[0]), size)
        pixels = _on_paper(drawn, place, size)
        yield _SlidePage(
            name=name_picture(file), pixels=pixels, boxes=_cleared(find_ink(pixels), size), text=""
        )


def _read_picture(file: Path, folder: str, size: tuple[int, int]) -> Picture:
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as stored:
            if stored.width * stored.height > MOST_PIXELS:
                raise ValueError(f"{stored.width}x{stored.height} pixels")
            image = ImageOps.exif_transpose(stored)
            # Pillow makes 8 bits of 16 by cutting off what is above 255
            if image.mode.startswith("I;16"):
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            opaque = Image.new("RGB", image.size, (255, 255, 255))
            opaque.paste(image.convert("RGB"), mask=image.convert("RGBA").getchannel("A"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(
            Problem(
                file=f"{folder}/{file.name}",
                message="not a picture that can be read",
                got=str(error),
            )
        ) from error
    place = fit_rectangle(opaque.size, size)
    return np.asarray(opaque.resize((place.width, place.height), Image.Resampling.LANCZOS))


def _on_paper(drawn: Picture, place: Rect, size: tuple[int, int]) -> Picture:
    """A slide in the middle of the picture, on the colour of its own border."""
    drawn = drawn[: place.height, : place.width]
    pixels = np.empty((size[1], size[0], 3), dtype=np.uint8)
    pixels[:] = _paper(drawn)
    pixels[place.top : place.top + drawn.shape[0], place.left : place.left + drawn.shape[1]] = drawn
    return pixels


def _paper(pixels: Picture) -> UInt8[np.ndarray, " 3"]:
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour: UInt8[np.ndarray, " 3"] = np.median(border, axis=0).astype(np.uint8)
    return colour


# Stills


def _slide(page: _SlidePage, root: Path) -> Slide:
    from PIL import Image

    identity = digest_bytes(
        np.ascontiguousarray(page.pixels).tobytes() + str(page.pixels.shape).encode()
    )
    path = root / layout.SLIDES / f"{identity}.png"
    if not path.is_file():
        with atomic_write(path) as partial:
            Image.fromarray(page.pixels).save(partial, compress_level=4)
    return Slide(
        name=page.name,
        digest=identity,
        path=path,
        boxes=page.boxes,
        art=tuple(find_ink(page.pixels)),
        text=page.text,
        paper=bytes(_paper(page.pixels)).hex(),
        full_bleed=is_full_bleed(page.pixels),
    )


def _known(index: Path, root: Path) -> list[Slide] | None:
    if not index.is_file():
        return None
    rows = json.loads(index.read_text(encoding="utf-8"))
    slides = [Slide(**{**row, "path": root / row["path"], **_rects(row)}) for row in rows]
    return slides if all(slide.path.is_file() for slide in slides) else None


def _rects(row: dict[str, Any]) -> dict[str, tuple[Rect, ...]]:
    return {name: tuple(Rect(*box) for box in row[name]) for name in ("boxes", "art")}


def _plain(slide: Slide, root: Path) -> dict[str, Any]:
    rects = {
        name: [(box.left, box.top, box.width, box.height) for box in boxes]
        for name, boxes in (("boxes", slide.boxes), ("art", slide.art))
    }
    return {**asdict(slide), "path": str(slide.path.relative_to(root)), **rects}


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _letters(number: int) -> str:
    """a, b ... z, aa, ab ..."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def collect_text_boxes(slides: Sequence[Slide]) -> list[Rect]:
    """Where any of several slides has text."""
    return sorted({box for slide in slides for box in slide.boxes})
