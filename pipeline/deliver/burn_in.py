# SPDX-License-Identifier: Apache-2.0
"""Burn-ins: marks and labels over the picture, and captions written into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from manifests import identity, layout
from manifests.atomic_write import atomic_write
from model.talkers import MARKS
from pipeline.assemble import edit_list
from pipeline.assemble.assemble import Overlay
from pipeline.deliver.caption_files import write_ass
from pipeline.deliver.captions import Caption
from pipeline.deliver.delivery_job import DeliveryJob

LABEL = "AI-generated"
MARK_INK, MARK_EDGE = (255, 255, 255, 150), (0, 0, 0, 110)


def build_overlays(segment: edit_list.Segment, job: DeliveryJob) -> list[Overlay]:
    """Build the overlays of a segment.

    They are the mark of takes that are not final, and the label when it is asked for.
    """
    laid = []
    marks = sorted({MARKS[layer.cut.label] for layer in segment.layers if layer.cut.label in MARKS})
    if job.burn_in and marks:
        laid.append(Overlay(path=_find_mark(" + ".join(marks), job), corner="right"))
    if job.label:
        laid.append(Overlay(path=_find_mark(LABEL, job), corner="left"))
    return laid


def _find_mark(text: str, job: DeliveryJob) -> Path:
    """Return the picture of a mark, drawn once per text and size."""
    short_side = min(job.picture.size)
    path = job.root / layout.MARKS / f"{text.lower()}_{short_side}.png"
    if not path.exists():
        _draw_mark(path, text, short_side)
    return path


def burn_captions(captions: Sequence[Caption], job: DeliveryJob) -> DeliveryJob:
    """Return the job with its captions burned into the picture.

    They are set in the font that comes with Pillow (Aileron, CC0), so that all machines agree.
    """
    from PIL import ImageFont

    folder = job.root / layout.BURNED_CAPTIONS
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels are built with FreeType
    (folder / "aileron.ttf").write_bytes(font.font_bytes)
    digest = identity.digest([[c.start, c.end, list(c.lines)] for c in captions])
    path = folder / f"{digest}_{job.picture.width}x{job.picture.height}.ass"
    write_ass(
        captions, path, size=job.picture.size, rate=job.picture.rate, font=str(font.getname()[0])
    )
    return replace(job, captions=(path, digest))


def _draw_mark(path: Path, text: str, short_side: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=max(10, short_side // 36))
    spaced = " ".join(text)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(spaced, stroke_width=1))
    image = Image.new("RGBA", (right - left + 4, bottom - top + 4), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.text(
        (2 - left, 2 - top), spaced, font=font, fill=MARK_INK, stroke_width=1, stroke_fill=MARK_EDGE
    )
    with atomic_write(path) as partial:
        image.save(partial)
