# SPDX-License-Identifier: Apache-2.0
"""Write captions as TTML: `captions.ttml` in the text profile of IMSC 1.1.

Broadcasters and streaming services accept this format. The document is built and written with
ttconv. Times are counted in frames of the delivery rate, so they are exact at every rate.
Source: W3C Recommendations TTML2 and "TTML Profiles for Internet Media Subtitles and Captions 1.1"
(2018).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests import layout
from pipeline.deliver.captions import Caption

FONT_PERCENT, LINE_PERCENT, OUTLINE_PERCENT = 80, 125, 5  # of the cell, of the font, of the font
INK, EDGE = (235, 235, 235, 255), (16, 16, 16, 255)  # white and black of limited-range video
PLACE = "low"
PLACE_PERCENT = {"x": 10, "y": 10, "width": 80, "height": 84}  # of the picture


def write_ttml(captions: Sequence[Caption], folder: Path, *, rate: Fraction, language: str) -> Path:
    """Write `captions.ttml` into a folder. `language` is a BCP 47 tag."""
    from ttconv.imsc import config, writer

    settings = config.IMSCWriterConfiguration(
        time_format=config.TimeExpressionSyntaxEnum.frames,
        fps=rate,
        profile_signaling=config.ContentProfilesSignaling.CONTENT_PROFILES,
    )
    path = folder / layout.TTML
    document = build_document(captions, rate=rate, language=language)
    tree = writer.from_model(document, settings)
    tree.write(path, encoding="utf-8", xml_declaration=True)
    return path


def build_document(captions: Sequence[Caption], *, rate: Fraction, language: str) -> Any:
    """Build the document: a `ttconv.model.ContentDocument` with one paragraph per caption."""
    from ttconv import model
    from ttconv.imsc.designators import IMSC_11_TEXT_PROFILE_DESIGNATOR

    document = model.ContentDocument()
    document.set_lang(language)
    document.set_content_profiles({IMSC_11_TEXT_PROFILE_DESIGNATOR})
    region = model.Region(PLACE, document)
    document.put_region(region)
    body, division = model.Body(document), model.Div(document)
    body.set_region(region)
    _set_style(region, body)
    document.set_body(body)
    body.push_child(division)
    for number, caption in enumerate(captions, start=1):
        division.push_child(_build_paragraph(caption, number, document, rate))
    return document


def _set_style(region: Any, body: Any) -> None:
    from ttconv import style_properties as styles

    def percent(value: float) -> Any:
        return styles.LengthType(value, styles.LengthType.Units.pct)

    size = {name: percent(value) for name, value in PLACE_PERCENT.items()}
    properties = styles.StyleProperties
    region.set_style(properties.Origin, styles.CoordinateType(x=size["x"], y=size["y"]))
    region.set_style(
        properties.Extent, styles.ExtentType(width=size["width"], height=size["height"])
    )
    region.set_style(properties.DisplayAlign, styles.DisplayAlignType.after)
    family = styles.GenericFontFamilyType.proportionalSansSerif
    outline = styles.TextOutlineType(percent(OUTLINE_PERCENT), styles.ColorType(EDGE))
    body.set_style(properties.FontFamily, (family,))
    body.set_style(properties.FontSize, percent(FONT_PERCENT))
    body.set_style(properties.LineHeight, percent(LINE_PERCENT))
    body.set_style(properties.TextAlign, styles.TextAlignType.center)
    body.set_style(properties.Color, styles.ColorType(INK))
    body.set_style(properties.TextOutline, outline)


def _build_paragraph(caption: Caption, number: int, document: Any, rate: Fraction) -> Any:
    from ttconv import model
    from ttconv.style_properties import DirectionType, StyleProperties

    paragraph = model.P(document)
    paragraph.set_id(f"c{number}")
    paragraph.set_begin(caption.start / rate)
    paragraph.set_end(caption.end / rate)
    lines = [_remove_forbidden(line) for line in caption.lines]
    if _is_right_to_left(lines):
        paragraph.set_style(StyleProperties.Direction, DirectionType.rtl)
    for place, line in enumerate(lines):
        if place:
            paragraph.push_child(model.Br(document))
        span = model.Span(document)
        span.push_child(model.Text(document, line))
        paragraph.push_child(span)
    return paragraph


def _remove_forbidden(text: str) -> str:
    """Remove control characters, surrogates and unassigned characters.

    XML cannot hold most of them.
    """
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs", "Cn"))


def _is_right_to_left(lines: Sequence[str]) -> bool:
    """Check whether the first letter with a direction is of a script written from right to left."""
    directions = (unicodedata.bidirectional(letter) for line in lines for letter in line)
    return next(
        (letter in ("R", "AL") for letter in directions if letter in ("L", "R", "AL")), False
    )
