# SPDX-License-Identifier: Apache-2.0
"""Caption splitting: divide a cue's text into captions, and captions into lines.

Text breaks after sentences, else after clauses, else where a word ends.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from manifests.rows import Cue
from manifests.timebase import MASTER_HZ
from pipeline.deliver.caption_rules import CaptionRules

SENTENCE_ENDS, CLAUSE_ENDS = ".!?…。！？", ",;:—–、，；："
PAUSE = MASTER_HZ * 4 // 5  # a pause this long ends a caption


@dataclass(frozen=True, slots=True)
class CaptionPiece:
    """A stretch of text with its time in samples.

    Spaces and punctuation stay with the word before them.
    """

    text: str
    start: int
    end: int


def wrap_lines(text: str, width: int) -> tuple[str, ...]:
    """Break a text into lines of about equal length, at most `width` where a break is possible.

    A text that fits stays on one line.

    >>> wrap_lines("The lamp was never out, the keeper was.", 24)
    ('The lamp was never out,', 'the keeper was.')
    """
    text = text.strip()
    if count_characters(text) <= width:
        return (text,)
    places = [index for index in range(1, len(text)) if _can_break(text, index)]
    if not places:
        return (text,)
    count = -(-count_characters(text) // width)
    best = min(places, key=lambda place: _rate_break(text, place, count, width))
    return (text[:best].strip(), *wrap_lines(text[best:], width))


def count_characters(text: str) -> int:
    """Count the characters that take room; combining marks and zero-width characters do not."""
    return sum(
        1
        for c in unicodedata.normalize("NFC", text)
        if unicodedata.category(c) not in ("Mn", "Me", "Cf")
    )


def split_cue(cue: Cue) -> list[CaptionPiece]:
    """Split the cue's text at its timed words.

    Text in which the timed words are not found is timed evenly.
    """
    text = " ".join(cue.text.split())
    starts, times, place = [], [], 0
    for word, start, end in cue.timed_words:
        found = text.casefold().find(word.casefold(), place)
        if found >= 0 and len(text.casefold()) == len(text):
            starts.append(found)
            times.append((start, end))
            place = found + len(word)
    if not starts:
        return _split_evenly(text, cue.start, cue.end)
    starts[0] = 0
    return [
        CaptionPiece(text[first:last], start, max(start, end))
        for first, last, (start, end) in zip(starts, [*starts[1:], len(text)], times, strict=True)
    ]


def _split_evenly(text: str, start: int, end: int) -> list[CaptionPiece]:
    places = [0, *(index for index in range(1, len(text)) if _can_break(text, index)), len(text)]
    return [
        CaptionPiece(
            text[first:last],
            start + (end - start) * first // len(text),
            start + (end - start) * last // len(text),
        )
        for first, last in itertools.pairwise(places)
    ]


def group_pieces(
    pieces: Sequence[CaptionPiece], *, rules: CaptionRules
) -> list[list[CaptionPiece]]:
    """Group the pieces of one cue into captions; break after sentences or clauses if possible."""
    blocks: list[list[CaptionPiece]] = []
    current: list[CaptionPiece] = []
    for piece in pieces:
        pause = bool(current) and piece.start - current[-1].end > PAUSE
        if current and (pause or not _fits_caption([*current, piece], rules)):
            cut = len(current) if pause else _find_best_break(current)
            blocks.append(current[:cut])
            current = current[cut:]
        current.append(piece)
    return [*blocks, current] if current else blocks


def _fits_caption(pieces: Sequence[CaptionPiece], rules: CaptionRules) -> bool:
    lines = wrap_lines("".join(piece.text for piece in pieces), rules.line_characters)
    short = pieces[-1].end - pieces[0].start <= rules.longest_seconds * MASTER_HZ
    return (
        short
        and len(lines) <= rules.lines
        and max(map(count_characters, lines)) <= rules.line_characters
    )


def _find_best_break(pieces: Sequence[CaptionPiece]) -> int:
    """Find how many pieces to keep.

    They reach up to the last sentence end, else clause end, beyond the first third; else all stay.
    """
    for ends in (SENTENCE_ENDS, CLAUSE_ENDS):
        for count in range(len(pieces), len(pieces) // 3, -1):
            if (
                pieces[count - 1].text.rstrip(" \"'”’»)")[-1:] in ends
                and pieces[count - 1].text.strip()
            ):
                return count
    return len(pieces)


def _can_break(text: str, index: int) -> bool:
    """Check whether a line may break before `text[index]`.

    It may after a space, or beside a wide character that is not a closing mark.
    """
    if text[index - 1] == " ":
        return True
    wide = any(unicodedata.east_asian_width(text[i]) in "WF" for i in (index - 1, index))
    return wide and unicodedata.category(text[index])[0] in "LN" and text[index - 1] not in "「『（"


def _rate_break(text: str, place: int, count: int, width: int) -> tuple[bool, float]:
    first = count_characters(text[:place].strip())
    ends_clause = text[:place].rstrip()[-1:] in SENTENCE_ENDS + CLAUSE_ENDS
    target = count_characters(text) / count
    return first > width, abs(first - target) - (6 if ends_clause else 0)
