# SPDX-License-Identifier: Apache-2.0
"""Read slides as stills of the delivered size: a PDF or a folder of pictures.

A slide's identity is the digest of its rendered pixels, so a PDF that is written again without a
visible change changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.identity import digest, digest_bytes, digest_file
from pipeline.lesson.layouts import Rect
from pipeline.lesson.pdf_slides import name_pages, open_pdf, read_pdf_pages
from pipeline.lesson.picture_slides import read_picture_pages
from pipeline.lesson.slide_files import check_slide_files, list_slide_files
from pipeline.lesson.slide_ink import find_ink, is_full_bleed
from pipeline.lesson.slide_page import SlidePage, SlidePicture, find_paper

VERSION = "3"  # of how slides are drawn and read


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """A slide as a still of the delivered size at `path`.

    `digest`: of its pixels; `boxes`: where text is, clearance included; `art`: where strokes of any
    kind are; `text`: the text layer's words; `paper`: the colour of its border as hex RGB;
    `full_bleed`: a picture that reaches the edges.
    """

    name: str
    digest: str
    path: Path
    boxes: tuple[Rect, ...]
    art: tuple[Rect, ...] = ()
    text: str = ""
    paper: str = "000000"
    full_bleed: bool = False


def read(path: Path, *, size: tuple[int, int], root: Path) -> list[Slide]:
    """Read the slides of a PDF or of a folder of pictures, in order.

    They become stills of `size` (width, height) under `root/media/slides`. What was read before is
    not read again.

    Raises InputError that names each file that is not a slide.
    """
    key = digest(
        [
            VERSION,
            list(size),
            check_slide_files(path),
            [digest_file(file) for file in list_slide_files(path)],
        ]
    )
    index = root / layout.SLIDES / f"{key}.json"
    known = _read_index(index, root)
    if known is not None:
        return known
    pages = read_pdf_pages(path, size) if path.is_file() else read_picture_pages(path, size)
    slides = [_write_still(page, root) for page in pages]
    _write_text(index, json.dumps([_to_json(slide, root) for slide in slides]))
    return slides


def list_names(path: Path) -> list[str]:
    """List the slides' names without drawing them. Raises InputError as `read` does."""
    if path.is_dir():
        return check_slide_files(path)
    with open_pdf(path) as document:
        return name_pages(document)


def collect_text_boxes(slides: Sequence[Slide]) -> list[Rect]:
    """Collect the boxes where any of several slides has text."""
    return sorted({box for slide in slides for box in slide.boxes})


def _write_still(page: SlidePage, root: Path) -> Slide:
    pixels = np.ascontiguousarray(page.pixels)
    identity = digest_bytes(pixels.tobytes() + str(page.pixels.shape).encode())
    path = root / layout.SLIDES / f"{identity}.png"
    if not path.is_file():
        _write_picture(page.pixels, path)
    return Slide(
        name=page.name,
        digest=identity,
        path=path,
        boxes=page.boxes,
        art=tuple(find_ink(page.pixels)),
        text=page.text,
        paper=bytes(find_paper(page.pixels)).hex(),
        full_bleed=is_full_bleed(page.pixels),
    )


def _write_picture(pixels: SlidePicture, path: Path) -> None:
    from PIL import Image

    with atomic_write(path) as partial:
        Image.fromarray(pixels).save(partial, compress_level=4)


def _read_index(index: Path, root: Path) -> list[Slide] | None:
    if not index.is_file():
        return None
    rows = json.loads(index.read_text(encoding="utf-8"))
    slides = [Slide(**{**row, "path": root / row["path"], **_read_rects(row)}) for row in rows]
    return slides if all(slide.path.is_file() for slide in slides) else None


def _read_rects(row: dict[str, Any]) -> dict[str, tuple[Rect, ...]]:
    return {name: tuple(Rect(*box) for box in row[name]) for name in ("boxes", "art")}


def _to_json(slide: Slide, root: Path) -> dict[str, Any]:
    rects = {
        name: [(box.left, box.top, box.width, box.height) for box in boxes]
        for name, boxes in (("boxes", slide.boxes), ("art", slide.art))
    }
    return {**asdict(slide), "path": str(slide.path.relative_to(root)), **rects}


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")
