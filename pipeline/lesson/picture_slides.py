# SPDX-License-Identifier: Apache-2.0
"""Read a folder of pictures as slides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from manifests.errors import InputError, Problem
from pipeline.lesson.slide_files import list_slide_files, name_picture
from pipeline.lesson.slide_ink import find_ink
from pipeline.lesson.slide_page import (
    SlidePage,
    SlidePicture,
    clear_boxes,
    fit_rectangle,
    lay_on_paper,
)

MOST_PIXELS = 100_000_000


def read_picture_pages(folder: Path, size: tuple[int, int]) -> Iterator[SlidePage]:
    """Read the pictures of a folder, fitted into `size`. Raises InputError that names a bad one."""
    for file in list_slide_files(folder):
        drawn = _read_picture(file, folder.name, size)
        place = fit_rectangle((drawn.shape[1], drawn.shape[0]), size)
        pixels = lay_on_paper(drawn, place, size)
        boxes = clear_boxes(find_ink(pixels), size)
        yield SlidePage(name=name_picture(file), pixels=pixels, boxes=boxes, text="")


def _read_picture(file: Path, folder: str, size: tuple[int, int]) -> SlidePicture:
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
            Problem(file=f"{folder}/{file.name}", message="not a readable picture", got=str(error))
        ) from error
    place = fit_rectangle(opaque.size, size)
    return np.asarray(opaque.resize((place.width, place.height), Image.Resampling.LANCZOS))
