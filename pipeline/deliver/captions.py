# SPDX-License-Identifier: Apache-2.0
"""Captions: the script's own words at the times at which they are spoken, as SRT and WebVTT. The
one door to pysubs2.

Rules and their limits follow the Netflix Timed Text Style Guide (general requirements and English,
Japanese, Chinese, Korean pages): at most two lines, characters a line, five sixths of a second to
seven seconds, two frames between captions, reading speed, and no caption that hangs a few frames
over a shot change. Composing keeps them where speech allows; `lint` names those it could not keep.
"""

from __future__ import annotations

import itertools
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests.rows import Cue
from manifests.timebase import MASTER_HZ, Span, round_half_up

SENTENCE_ENDS, CLAUSE_ENDS = ".!?…。！？", ",;:—–、，；："
# no letters, but Persian, Indic scripts and many emoji are spelled with them
JOINERS = "\u200c\u200d\u200e\u200f"
PAUSE = MASTER_HZ * 4 // 5  # a pause this long ends a caption
LINGER = MASTER_HZ // 4  # how long a caption stays after its last word when nothing follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Limits of a language: characters a line and a second (wide ones count once), lines, seconds
    shown, frames between captions.
    """

    line_characters: int = 42
    characters_per_second: float = 20.0
    lines: int = 2
    shortest_seconds: Fraction = Fraction(5, 6)
    longest_seconds: Fraction = Fraction(7)
    gap_frames: int = 2


LANGUAGE_RULES = {
    "ja": Rules(line_characters=13, characters_per_second=4.0),
    "zh": Rules(line_characters=16, characters_per_second=9.0),
    "ko": Rules(line_characters=16, characters_per_second=12.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Lines of text shown from `start` to `end` (frames of the timeline). `spoken_end`: the frame
    at which its last word is over.
    """

    start: int
    end: int
    spoken_end: int
    lines: tuple[str, ...]
    character: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that a caption breaks. `number` counts from 1 as in the SRT file."""

    rule: str
    number: int
    frame: int
    value: str
    limit: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of text with its time in samples; spaces and punctuation stay with the word before
    them.
    """

    text: str
    start: int
    end: int


def rules_for(language: str) -> Rules:
    """The limits for a language tag such as `en`, `ja` or `zh-Hant`; English limits for all
    others.
    """
    return LANGUAGE_RULES.get(language.partition("-")[0].lower(), Rules())


def compose(
    cues: Iterable[Cue],
    *,
    rate: Fraction,
    frames: int,
    shot_changes: Sequence[int] = (),
    rules: Rules | None = None,
) -> list[Caption]:
    """Captions of all cues that were found, in order of time, on the frame grid, none past
    `frames`.

    `shot_changes`: first frames of the shots.
    """
    rules = rules or Rules()
    spoken = sorted(
        (cue for cue in cues if cue.start >= 0 and cue.text.strip()),
        key=lambda cue: (cue.start, cue.end),
    )
    blocks = [
        _caption(block, cue.character, rate, rules)
        for cue in spoken
        for block in _blocks(_pieces(cue), rules=rules)
    ]
    blocks.sort(key=lambda caption: (caption.start, caption.end))
    return _fit(
        _merge_overlaps(blocks, rate), rate=rate, frames=frames, changes=shot_changes, rules=rules
    )


def write(captions: Sequence[Caption], folder: Path, *, rate: Fraction) -> tuple[Path, Path]:
    """Write `captions.srt` and `captions.vtt` (UTF-8) into a folder and return both."""
    srt, vtt = folder / "captions.srt", folder / "captions.vtt"
    srt.write_text(_text(captions, "srt", rate), encoding="utf-8")
    vtt.write_text(_text(captions, "vtt", rate) or "WEBVTT\n", encoding="utf-8")
    return srt, vtt


def write_ass(
    captions: Sequence[Caption], path: Path, *, size: tuple[int, int], rate: Fraction, font: str
) -> Path:
    """Write captions as an ASS file to be burned into a picture of `size` (width, height): white
    with a dark edge, low in the middle.

    A line of 42 characters fits into upright pictures too.
    """
    import pysubs2

    width, height = size
    letters = min(height * 0.055, width * 0.043)
    file = pysubs2.SSAFile()
    file.info |= {
        "PlayResX": str(width),
        "PlayResY": str(height),
        "WrapStyle": "2",
        "YCbCr Matrix": "TV.709",
    }
    file.styles["Default"] = pysubs2.SSAStyle(
        fontname=font,
        fontsize=letters,
        outline=letters * 0.055,
        shadow=0,
        marginv=round(height * 0.06),
        primarycolor=pysubs2.Color(235, 235, 235),
        outlinecolor=pysubs2.Color(16, 16, 16),
        alignment=pysubs2.Alignment.BOTTOM_CENTER,
    )
    file.extend(_events(captions, "ass", rate))
    path.write_text(str(file.to_string("ass")), encoding="utf-8")
    return path


def later(captions: Sequence[Caption], frames: int) -> list[Caption]:
    """The captions moved by a number of frames, behind a slate."""
    if not frames:
        return list(captions)
    return [
        replace(c, start=c.start + frames, end=c.end + frames, spoken_end=c.spoken_end + frames)
        for c in captions
    ]


def lint(
    captions: Sequence[Caption], *, rate: Fraction, shot_changes: Sequence[int], rules: Rules
) -> list[Finding]:
    """Every rule that a caption breaks, by name: line length, lines, duration, reading speed, gap,
    shot change.
    """
    findings: list[Finding] = []
    for number, (caption, after) in enumerate(
        itertools.zip_longest(captions, captions[1:]), start=1
    ):
        for rule, value, limit in _broken(
            caption, after.start if after else None, rate=rate, changes=shot_changes, rules=rules
        ):
            findings.append(
                Finding(rule=rule, number=number, frame=caption.start, value=value, limit=limit)
            )
    return findings


def wrap(text: str, width: int) -> tuple[str, ...]:
    """Break a text into lines of about equal length, at most `width` where it has places to break;
    one line when it fits.

    >>> wrap("The lamp was never out, the keeper was.", 24)
    ('The lamp was never out,', 'the keeper was.')
    """
    text = text.strip()
    if length(text) <= width:
        return (text,)
    places = [index for index in range(1, len(text)) if _breakable(text, index)]
    if not places:
        return (text,)
    count = -(-length(text) // width)
    best = min(places, key=lambda place: _unevenness(text, place, count, width))
    return (text[:best].strip(), *wrap(text[best:], width))


def length(text: str) -> int:
    """Characters that take room: combining marks and zero-width characters do not count."""
    return sum(
        1
        for c in unicodedata.normalize("NFC", text)
        if unicodedata.category(c) not in ("Mn", "Me", "Cf")
    )


def _pieces(cue: Cue) -> list[_Piece]:
    """The cue's text cut at its timed words. Text whose words are not found in it is timed
    evenly.
    """
    text = " ".join(cue.text.split())
    starts, times, place = [], [], 0
    for word, start, end in json.loads(cue.words):
        found = text.casefold().find(str(word).casefold(), place)
        if found >= 0 and len(text.casefold()) == len(text):
            starts.append(found)
            times.append((int(start), int(end)))
            place = found + len(str(word))
    if not starts:
        return _even(text, cue.start, cue.end)
    starts[0] = 0
    return [
        _Piece(text[first:last], start, max(start, end))
        for first, last, (start, end) in zip(starts, [*starts[1:], len(text)], times, strict=True)
    ]


def _even(text: str, start: int, end: int) -> list[_Piece]:
    places = [0, *(index for index in range(1, len(text)) if _breakable(text, index)), len(text)]
    return [
        _Piece(
            text[first:last],
            start + (end - start) * first // len(text),
            start + (end - start) * last // len(text),
        )
        for first, last in itertools.pairwise(places)
    ]


def _blocks(pieces: Sequence[_Piece], *, rules: Rules) -> list[list[_Piece]]:
    """Pieces of one cue in groups that fit a caption, broken after sentences or clauses where
    possible.
    """
    blocks: list[list[_Piece]] = []
    current: list[_Piece] = []
    for piece in pieces:
        pause = bool(current) and piece.start - current[-1].end > PAUSE
        if current and (pause or not _fits([*current, piece], rules)):
            cut = len(current) if pause else _best_break(current)
            blocks.append(current[:cut])
            current = current[cut:]
        current.append(piece)
    return [*blocks, current] if current else blocks


def _fits(pieces: Sequence[_Piece], rules: Rules) -> bool:
    lines = wrap("".join(piece.text for piece in pieces), rules.line_characters)
    short = pieces[-1].end - pieces[0].start <= rules.longest_seconds * MASTER_HZ
    return short and len(lines) <= rules.lines and max(map(length, lines)) <= rules.line_characters


def _best_break(pieces: Sequence[_Piece]) -> int:
    """How many pieces to keep: up to the last sentence end, else clause end, beyond the first
    third; else all.
    """
    for ends in (SENTENCE_ENDS, CLAUSE_ENDS):
        for count in range(len(pieces), len(pieces) // 3, -1):
            if (
                pieces[count - 1].text.rstrip(" \"'”’»)")[-1:] in ends
                and pieces[count - 1].text.strip()
            ):
                return count
    return len(pieces)


def _caption(block: Sequence[_Piece], character: str, rate: Fraction, rules: Rules) -> Caption:
    span = Span(block[0].start, max(block[-1].end, block[0].start)).at(rate)
    lines = wrap("".join(piece.text for piece in block), rules.line_characters)
    return Caption(
        start=span.start, end=span.end, spoken_end=span.end, lines=lines, character=character
    )


def _merge_overlaps(blocks: Sequence[Caption], rate: Fraction) -> list[Caption]:
    """People who speak at once share a caption, one line each, marked with a hyphen; a short
    overlap only shortens the first one.
    """
    merged: list[Caption] = []
    for caption in blocks:
        before = merged[-1] if merged else None
        if before is None or caption.start >= max(before.end - rate / 2, before.start + rate):
            merged.append(caption)
        elif before.character == caption.character:
            merged.append(replace(caption, start=max(caption.start, before.start + 1)))
        else:
            merged[-1] = _together(before, caption)
    return merged


def _together(first: Caption, second: Caption) -> Caption:
    end = max(first.end, second.end)
    lines = [" ".join(first.lines)] if not first.lines[0].startswith("- ") else list(first.lines)
    spoken = [
        line if line.startswith("- ") else f"- {line}" for line in [*lines, " ".join(second.lines)]
    ]
    character = f"{first.character} / {second.character}"
    return Caption(
        start=first.start, end=end, spoken_end=end, lines=tuple(spoken), character=character
    )


def _fit(
    captions: Sequence[Caption],
    *,
    rate: Fraction,
    frames: int,
    changes: Sequence[int],
    rules: Rules,
) -> list[Caption]:
    """Let captions stay long enough to be read, as far as the next caption, the shot change and the
    end allow.
    """
    fitted: list[Caption] = []
    for caption, after in itertools.zip_longest(captions, captions[1:]):
        limit = after.start - rules.gap_frames if after else frames
        reading = Fraction(sum(map(length, caption.lines))) / Fraction(
            rules.characters_per_second
        ).limit_denominator(100)
        needed = caption.start + round_half_up(max(reading, rules.shortest_seconds) * rate)
        wanted = max(caption.spoken_end + round_half_up(Fraction(LINGER, MASTER_HZ) * rate), needed)
        longest = min(limit, caption.start + round_half_up(rules.longest_seconds * rate))
        end = min(wanted, longest)
        hanging = [
            change for change in changes if caption.spoken_end <= change < end < change + rate / 2
        ]
        if hanging:
            early = max(hanging[0] - rules.gap_frames, caption.spoken_end)
            late = hanging[0] + round_half_up(rate / 2 + Fraction(1, 2))
            end = early if early >= needed else min(late, longest)
        fitted.append(replace(caption, end=max(end, min(caption.start + 1, frames))))
    return [caption for caption in fitted if caption.end > caption.start]


def _broken(
    caption: Caption, after: int | None, *, rate: Fraction, changes: Sequence[int], rules: Rules
) -> Iterable[tuple[str, str, str]]:
    seconds = Fraction(caption.end - caption.start) / rate
    longest = max(map(length, caption.lines))
    speed = float(sum(map(length, caption.lines)) / seconds)
    hanging = [
        change
        for change in changes
        if 0 < caption.end - change < rate / 2 and caption.spoken_end <= change
    ]
    if longest > rules.line_characters:
        yield "line length", f"{longest} characters", f"{rules.line_characters}"
    if len(caption.lines) > rules.lines:
        yield "lines", f"{len(caption.lines)}", f"{rules.lines}"
    if seconds < rules.shortest_seconds:
        yield (
            "shortest duration",
            f"{float(seconds):.2f} s",
            f"{float(rules.shortest_seconds):.2f} s",
        )
    if seconds > rules.longest_seconds:
        yield "longest duration", f"{float(seconds):.2f} s", f"{float(rules.longest_seconds):.2f} s"
    if speed > rules.characters_per_second:
        yield (
            "reading speed",
            f"{speed:.1f} characters a second",
            f"{rules.characters_per_second:g}",
        )
    if after is not None and after - caption.end < rules.gap_frames:
        yield "gap", f"{after - caption.end} frames", f"{rules.gap_frames}"
    if hanging:
        yield (
            "shot change",
            f"{caption.end - hanging[0]} frames over the cut",
            "0, or half a second",
        )


def _text(captions: Sequence[Caption], form: str, rate: Fraction) -> str:
    import pysubs2

    file = pysubs2.SSAFile()
    file.extend(_events(captions, form, rate))
    return str(file.to_string(form))


def _events(captions: Sequence[Caption], form: str, rate: Fraction) -> list[Any]:
    import pysubs2

    events = []
    for caption in captions:
        start, end = (
            round_half_up(Fraction(frame * 1000) / rate) for frame in (caption.start, caption.end)
        )
        text = "\\N".join(_safe(line, form) for line in caption.lines)
        events.append(pysubs2.SSAEvent(start=start, end=end, text=text))
    return events


def _safe(text: str, form: str) -> str:
    """Text that no player takes for markup: braces and backslashes steer pysubs2, angle brackets
    are tags, `-->` is a time line.
    """
    plain = "".join(c for c in text if c.isprintable() or c in JOINERS)
    plain = plain.translate({ord("{"): "(", ord("}"): ")", ord("\\"): "＼"})
    if form == "vtt":
        return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.translate({ord("<"): "‹", ord(">"): "›"})


def _breakable(text: str, index: int) -> bool:
    """Whether a line may break before `text[index]`: after a space, or beside a wide character that
    is no closing mark.
    """
    if text[index - 1] == " ":
        return True
    wide = any(unicodedata.east_asian_width(text[i]) in "WF" for i in (index - 1, index))
    return wide and unicodedata.category(text[index])[0] in "LN" and text[index - 1] not in "「『（"


def _unevenness(text: str, place: int, count: int, width: int) -> tuple[bool, float]:
    first = length(text[:place].strip())
    ends_clause = text[:place].rstrip()[-1:] in SENTENCE_ENDS + CLAUSE_ENDS
    target = length(text) / count
    return first > width, abs(first - target) - (6 if ends_clause else 0)
