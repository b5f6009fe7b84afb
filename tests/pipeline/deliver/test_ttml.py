# SPDX-License-Identifier: Apache-2.0
"""Test TTML captions: well-formed IMSC 1.1, the same cues as WebVTT, times exact to the frame."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.deliver import caption_files, ttml
from pipeline.deliver.captions import Caption

TT = "{http://www.w3.org/ns/ttml}"
PARAMETER = "{http://www.w3.org/ns/ttml#parameter}"
STYLING = "{http://www.w3.org/ns/ttml#styling}"
XML = "{http://www.w3.org/XML/1998/namespace}"
RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(25, 2),
]


def make_captions(*cues: tuple[int, int, tuple[str, ...]]) -> list[Caption]:
    return [
        Caption(start=start, end=end, spoken_end=end, lines=lines) for start, end, lines in cues
    ]


def lines_of(paragraph: ElementTree.Element) -> list[str]:
    assert [child.tag for child in paragraph][1::2] == [f"{TT}br"] * (len(paragraph) // 2)
    return [span.text or "" for span in paragraph.iter(f"{TT}span")]


def parse(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()


def seconds_of(root: ElementTree.Element, time: str) -> Fraction:
    """Convert a time of a document to seconds, by the rules of TTML2.

    Reference: clause 12.3.1, offset times in frames.
    """
    over, under = map(int, root.attrib.get(f"{PARAMETER}frameRateMultiplier", "1 1").split())
    assert time.endswith("f")
    return int(time[:-1]) / (int(root.attrib[f"{PARAMETER}frameRate"]) * Fraction(over, under))


@pytest.mark.parametrize("rate", RATES)
def test_ttml_holds_the_cues_of_the_webvtt_at_exact_times(rate: Fraction, tmp_path: Path) -> None:
    composed = make_captions(
        (1, 31, ("The lamp was never out.",)),
        (1800, 1850, ("- Light it.", "- No & no, NADIA.")),
        (107892, 107953, ("Go.",)),
    )
    caption_files.write_captions(composed, tmp_path, rate=rate)
    path = ttml.write_ttml(composed, tmp_path, rate=rate, language="en-GB")
    root = parse(path)
    paragraphs = root.findall(f"{TT}body/{TT}div/{TT}p")
    beside = pysubs2.load(str(tmp_path / "captions.vtt"))
    assert [lines_of(paragraph) for paragraph in paragraphs] == [
        event.plaintext.replace("&amp;", "&").split("\n") for event in beside
    ]
    for caption, paragraph, event in zip(composed, paragraphs, beside, strict=True):
        begin, end = (seconds_of(root, paragraph.attrib[name]) for name in ("begin", "end"))
        assert (begin * rate, end * rate) == (caption.start, caption.end), (
            "to the frame, whatever the rate"
        )
        assert abs(begin * 1000 - event.start) <= 1
        assert abs(end * 1000 - event.end) <= 1


def test_a_document_names_its_profile_language_and_what_it_refers_to(tmp_path: Path) -> None:
    root = parse(ttml.write_ttml([], tmp_path, rate=Fraction(25), language="de"))
    assert root.tag == f"{TT}tt"
    assert root.attrib[f"{XML}lang"] == "de"
    assert (
        root.attrib[f"{PARAMETER}contentProfiles"]
        == "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
    )
    assert [part.tag.removeprefix(TT) for part in root] == ["head", "body"]
    known = {node.attrib[f"{XML}id"] for node in root.iter() if f"{XML}id" in node.attrib}
    body = root.find(f"{TT}body")
    assert body is not None
    assert body.attrib["region"] in known
    assert body.attrib[f"{STYLING}textAlign"] == "center"


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3))
def test_any_text_comes_back_as_text(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        captions = make_captions((0, 25, tuple(lines)))
        root = parse(ttml.write_ttml(captions, Path(folder), rate=Fraction(25), language="en"))
    (paragraph,) = root.iter(f"{TT}p")
    for line, back in zip(lines, lines_of(paragraph), strict=True):
        assert [c for c in line if c.isprintable()] == [c for c in back if c.isprintable()]


def test_markup_in_speech_is_shown_and_speech_from_right_to_left_is_marked(tmp_path: Path) -> None:
    spoken = ("<b>Never</b> & ]]> --> {\\an8}", "</p><p begin='0f'>")
    captions = make_captions((0, 25, spoken), (30, 50, ("- مرحبا NADIA",)))
    root = parse(ttml.write_ttml(captions, tmp_path, rate=Fraction(25), language="en"))
    first, second = root.iter(f"{TT}p")
    assert tuple(lines_of(first)) == spoken
    assert f"{STYLING}direction" not in first.attrib
    assert second.attrib[f"{STYLING}direction"] == "rtl"
