# SPDX-License-Identifier: Apache-2.0
"""Write captions as SRT, WebVTT and ASS. This is the one door to pysubs2."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests import layout
from manifests.timebase import round_half_up
from pipeline.deliver.captions import Caption

# no letters, but Persian, Indic scripts and many emoji are spelled with them
JOINERS = "\u200c\u200d\u200e\u200f"


def write_captions(
    captions: Sequence[Caption], folder: Path, *, rate: Fraction
) -> tuple[Path, Path]:
    """Write `captions.srt` and `captions.vtt` (UTF-8) into a folder; return both paths."""
    srt, vtt = folder / layout.SRT, folder / layout.VTT
    srt.write_text(_format_captions(captions, "srt", rate), encoding="utf-8")
    vtt.write_text(_format_captions(captions, "vtt", rate) or "WEBVTT\n", encoding="utf-8")
    return srt, vtt


def write_ass(
    captions: Sequence[Caption], path: Path, *, size: tuple[int, int], rate: Fraction, font: str
) -> Path:
    """Write captions as an ASS file that can be burned into a picture of `size` (width, height).

    They are white with a dark edge, low in the middle. A line of 42 characters also fits into
    upright pictures.
    """
    import pysubs2

    width, height = size
    file = pysubs2.SSAFile()
    file.info |= {
        "PlayResX": str(width),
        "PlayResY": str(height),
        "WrapStyle": "2",
        "YCbCr Matrix": "TV.709",
    }
    file.styles["Default"] = _build_style(size, font)
    file.extend(_build_events(captions, "ass", rate))
    path.write_text(str(file.to_string("ass")), encoding="utf-8")
    return path


def _build_style(size: tuple[int, int], font: str) -> Any:
    import pysubs2

    width, height = size
    letters = min(height * 0.055, width * 0.043)
    return pysubs2.SSAStyle(
        fontname=font,
        fontsize=letters,
        outline=letters * 0.055,
        shadow=0,
        marginv=round(height * 0.06),
        primarycolor=pysubs2.Color(235, 235, 235),
        outlinecolor=pysubs2.Color(16, 16, 16),
        alignment=pysubs2.Alignment.BOTTOM_CENTER,
    )


def _format_captions(captions: Sequence[Caption], form: str, rate: Fraction) -> str:
    import pysubs2

    file = pysubs2.SSAFile()
    file.extend(_build_events(captions, form, rate))
    return str(file.to_string(form))


def _build_events(captions: Sequence[Caption], form: str, rate: Fraction) -> list[Any]:
    import pysubs2

    events = []
    for caption in captions:
        start, end = (
            round_half_up(Fraction(frame * 1000) / rate) for frame in (caption.start, caption.end)
        )
        text = "\\N".join(_escape_markup(line, form) for line in caption.lines)
        events.append(pysubs2.SSAEvent(start=start, end=end, text=text))
    return events


def _escape_markup(text: str, form: str) -> str:
    """Escape what a player would take for markup.

    Braces and backslashes steer pysubs2, angle brackets are tags, and `-->` is a time line.
    """
    plain = "".join(c for c in text if c.isprintable() or c in JOINERS)
    plain = plain.translate({ord("{"): "(", ord("}"): ")", ord("\\"): "＼"})
    if form == "vtt":
        return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.translate({ord("<"): "‹", ord(">"): "›"})
