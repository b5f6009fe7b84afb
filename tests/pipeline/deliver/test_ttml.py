# SPDX-License-Identifier: Apache-2.0
"""Test TTML captions: well-formed IMSC 1.1, the same cues as WebVTT, times exact to the frame."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ttconv.imsc import reader
from ttconv.isd import ISD

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
# What Callsheet wrote before ttconv did, with the rate and its multiplier left open.
EARLIER = """<?xml version='1.0' encoding='utf-8'?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"
    xmlns:tts="http://www.w3.org/ns/ttml#styling" xml:lang="en-GB" ttp:timeBase="media"
    ttp:contentProfiles="http://www.w3.org/ns/ttml/profile/imsc1.1/text"
    ttp:frameRate="{frame_rate}" ttp:frameRateMultiplier="{over} {under}">
  <head>
    <styling>
      <style xml:id="spoken" tts:fontFamily="proportionalSansSerif" tts:fontSize="80%"
             tts:lineHeight="125%" tts:textAlign="center" tts:color="#EBEBEB"
             tts:textOutline="#101010 5%" />
    </styling>
    <layout>
      <region xml:id="low" tts:origin="10% 10%" tts:extent="80% 84%" tts:displayAlign="after" />
    </layout>
  </head>
  <body style="spoken" region="low">
    <div>
      <p xml:id="c1" begin="1f" end="31f">The lamp was never out.</p>
      <p xml:id="c2" begin="40f" end="60f">  two  spaces <br />tabhere</p>
      <p xml:id="c3" begin="90f" end="99f" tts:direction="rtl">- مرحبا NADIA<br />שלום</p>
      <p xml:id="c4" begin="1800f" end="1850f">- Light it.<br />- No &amp; &lt;no&gt;.</p>
      <p xml:id="c5" begin="107892f" end="107953f">Go.</p>
    </div>
  </body>
</tt>"""


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


def list_shown(root: ElementTree.Element) -> list[Any]:
    """List when the picture changes, and what it then shows with which computed styles."""
    document = reader.to_model(ElementTree.ElementTree(root))
    return [
        (offset, [describe(region) for region in shown.iter_regions()])
        for offset, shown in ISD.generate_isd_sequence(document)
    ]


def describe(element: Any) -> tuple[Any, ...]:
    styles = sorted((name.__name__, str(element.get_style(name))) for name in element.iter_styles())
    text = element.get_text() if hasattr(element, "get_text") else ""
    return type(element).__name__, text, styles, [describe(child) for child in element]


@pytest.mark.parametrize("rate", RATES)
def test_a_reader_shows_the_same_as_of_earlier_documents(rate: Fraction, tmp_path: Path) -> None:
    frame_rate = -(-rate.numerator // rate.denominator)
    over, under = (rate / frame_rate).as_integer_ratio()
    earlier = EARLIER.format(frame_rate=frame_rate, over=over, under=under)
    composed = make_captions(
        (1, 31, ("The lamp was never out.",)),
        (40, 60, ("  two  spaces ", "tab\there")),
        (90, 99, ("- مرحبا NADIA", "שלום")),
        (1800, 1850, ("- Light it.", "- No & <no>.")),
        (107892, 107953, ("Go.",)),
    )
    written = parse(ttml.write_ttml(composed, tmp_path, rate=rate, language="en-GB"))
    shown = list_shown(written)
    assert [offset * rate for offset, _ in shown][1:3] == [1, 31]
    assert shown == list_shown(ElementTree.fromstring(earlier))


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
