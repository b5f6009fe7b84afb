# SPDX-License-Identifier: Apache-2.0
"""Write captions as TTML: `captions.ttml` in the text profile of IMSC 1.1.

Broadcasters and streaming services accept this format. Times are counted in frames of the delivery
rate, so they are exact at every rate. The document is built as a tree, so that text is text.
Source: W3C Recommendations TTML2 and "TTML Profiles for Internet Media Subtitles and Captions 1.1"
(2018).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from manifests import layout
from pipeline.deliver.captions import Caption

TT = "http://www.w3.org/ns/ttml"
PARAMETERS, STYLING = f"{TT}#parameter", f"{TT}#styling"
XML = "http://www.w3.org/XML/1998/namespace"
TEXT_PROFILE = f"{TT}/profile/imsc1.1/text"
PREFIXES = {"": TT, "ttp": PARAMETERS, "tts": STYLING}
SPOKEN, PLACE = "spoken", "low"
STYLE = {
    "fontFamily": "proportionalSansSerif",
    "fontSize": "80%",
    "lineHeight": "125%",
    "textAlign": "center",
    "color": "#EBEBEB",
    "textOutline": "#101010 5%",
}
REGION = {"origin": "10% 10%", "extent": "80% 84%", "displayAlign": "after"}


def write_ttml(captions: Sequence[Caption], folder: Path, *, rate: Fraction, language: str) -> Path:
    """Write `captions.ttml` into a folder. `language` is a BCP 47 tag."""
    for prefix, name in PREFIXES.items():
        ElementTree.register_namespace(prefix, name)
    path = folder / layout.TTML
    root = build_document(captions, rate=rate, language=language)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def build_document(
    captions: Sequence[Caption], *, rate: Fraction, language: str
) -> ElementTree.Element:
    """Build the document as a tree: one paragraph per caption."""
    frame_rate, multiplier = express_rate(rate)
    ratio = f"{multiplier.numerator} {multiplier.denominator}"
    root = ElementTree.Element(
        f"{{{TT}}}tt",
        {
            f"{{{XML}}}lang": language,
            f"{{{PARAMETERS}}}contentProfiles": TEXT_PROFILE,
            f"{{{PARAMETERS}}}timeBase": "media",
            f"{{{PARAMETERS}}}frameRate": str(frame_rate),
            f"{{{PARAMETERS}}}frameRateMultiplier": ratio,
        },
    )
    _add_head(root)
    body = ElementTree.SubElement(root, f"{{{TT}}}body", {"style": SPOKEN, "region": PLACE})
    division = ElementTree.SubElement(body, f"{{{TT}}}div")
    for number, caption in enumerate(captions, start=1):
        _add_paragraph(division, caption, number)
    return root


def express_rate(rate: Fraction) -> tuple[int, Fraction]:
    """Express a frame rate as TTML does: a whole number and its multiplier.

    >>> express_rate(Fraction(30000, 1001))
    (30, Fraction(1000, 1001))
    """
    whole = -(-rate.numerator // rate.denominator)
    return whole, rate / whole


def _add_head(root: ElementTree.Element) -> None:
    head = ElementTree.SubElement(root, f"{{{TT}}}head")
    styling, layout = (
        ElementTree.SubElement(head, f"{{{TT}}}{name}") for name in ("styling", "layout")
    )
    for parent, kind, name, values in (
        (styling, "style", SPOKEN, STYLE),
        (layout, "region", PLACE, REGION),
    ):
        styled = {f"{{{STYLING}}}{key}": value for key, value in values.items()}
        ElementTree.SubElement(parent, f"{{{TT}}}{kind}", {f"{{{XML}}}id": name, **styled})


def _add_paragraph(division: ElementTree.Element, caption: Caption, number: int) -> None:
    shown = {f"{{{XML}}}id": f"c{number}", "begin": f"{caption.start}f", "end": f"{caption.end}f"}
    lines = [_remove_forbidden(line) for line in caption.lines]
    if _is_right_to_left(lines):
        shown[f"{{{STYLING}}}direction"] = "rtl"
    paragraph = ElementTree.SubElement(division, f"{{{TT}}}p", shown)
    paragraph.text = lines[0]
    for line in lines[1:]:
        ElementTree.SubElement(paragraph, f"{{{TT}}}br").tail = line


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
