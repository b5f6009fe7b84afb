# SPDX-License-Identifier: Apache-2.0
"""Parse Fountain, the plain-text screenplay format: who says what, on which line of the file.

Only what a production uses is kept: scene headings, cues, and speeches with their parentheticals
and notes, each with its line number. Action, transitions, sections and layout are recognised and
left out. Source: the Fountain 1.1 syntax, fountain.io/syntax. As an extension, a line of letters
that have no case (Chinese, Japanese, Arabic ...) without punctuation can be a cue without a forcing
`@`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from manifests.errors import InputError, Problem

_HEADING = re.compile(r"(?:INT\.?/EXT|EXT\.?/INT|INT|EXT|EST|I\.?/E|E\.?/I)[. ]", re.IGNORECASE)
_FORCED_HEADING = re.compile(r"\.(?=[*_]*\w)")
_SCENE_NUMBER = re.compile(r"\s*#(?P<number>[^#\s]+)#\s*$")
_CUE = re.compile(r"(?P<name>[^()^]*[^()^\s])\s*(?P<extensions>(?:\([^()]*\)\s*)*)(?P<dual>\^)?\s*")
_TITLE_KEY = re.compile(r"(?P<key>[^\W\d_][\w -]*):(?P<value>.*)")
_TITLE_KEYS = {
    "title",
    "credit",
    "author",
    "authors",
    "source",
    "draft date",
    "date",
    "contact",
    "copyright",
    "notes",
}
# Emphasis that is not closed within 400 characters is a star: a bound keeps the time linear.
_EMPHASIS = re.compile(
    r"(?<!\\)(\*{1,3})(?=[^\s*])(.{1,400}?)(?<=[^\s\\])\1|(?<![\\\w])(_)(?=\S)(.{1,400}?)(?<=[^\s\\])_(?!\w)"
)
_CASELESS_NAME = re.compile(r"[\w ・·'’-]{1,24}")
# Private-use characters stand in for what is lifted out of the text, so that line structure and
# numbers survive.
_NOTE, _BREAK, _BONEYARD = "\ue000", "\ue001", "\ue002"
_NO_MARKS = dict.fromkeys(map(ord, (_NOTE, _BREAK, _BONEYARD)), " ")
_CUE_LENGTH = 200
_PARENTHETICAL_LINES = 6  # a bracket that is not closed by then is spoken
_WIDE_BRACKETS = str.maketrans("（）", "()")
_UNCLOSED = {
    "[[": "this note ([[) is not closed before the next empty line",
    "/*": "this boneyard (/*) is never closed",
}
_NOTE_MARK = re.compile(f"{_NOTE}(\\d+){_NOTE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPart:
    """A piece of a speech, in its order.

    `alone`: it has a line to itself, as a note after words has not.
    """

    kind: Literal["text", "parenthetical", "note"]
    text: str
    line: int
    alone: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenplaySpeech:
    """A cue and what follows it.

    `extensions`: as written, without brackets: `V.O.`, `CONT'D`. `dual`: spoken at the same time as
    the speech before.
    """

    scene: str
    character: str
    extensions: tuple[str, ...]
    dual: bool
    line: int
    parts: tuple[SpeechPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenplay:
    """The speeches of a script and the notes that stand outside any speech."""

    speeches: tuple[ScreenplaySpeech, ...]
    stray_notes: tuple[SpeechPart, ...]


@dataclass(slots=True)
class _ScriptPage:
    """A script without boneyard, as numbered lines; notes are lifted out."""

    notes: list[str]
    lines: list[tuple[int, str]]
    scene: str = ""
    scenes: dict[str, int] = field(default_factory=dict)


def parse(text: str, *, file: str) -> Screenplay:
    """Parse a script. Raises InputError when a note or a boneyard is opened and never closed."""
    page = _lift_notes(re.sub("\r\n?", "\n", text.translate(_NO_MARKS)), file)
    speeches: list[ScreenplaySpeech] = []
    strays: list[SpeechPart] = []
    index = _skip_title_page(page.lines)
    while index < len(page.lines):
        end = _find_block_end(page.lines, index)
        block = page.lines[index:end]
        if block and (cue := _find_cue(block)):
            speeches.append(_read_speech(page, cue, block))
        else:
            strays += _read_other_block(page, block)
        index = max(end, index + 1)
    return Screenplay(speeches=tuple(speeches), stray_notes=tuple(strays))


def parse_cue(text: str) -> tuple[str, tuple[str, ...], bool] | None:
    """Parse a cue line to its name, extensions and dual mark; None when it is not a cue.

    >>> parse_cue("MARA (V.O.) (CONT'D) ^")
    ('MARA', ('V.O.', "CONT'D"), True)
    """
    found = (
        _CUE.fullmatch(text.translate(_WIDE_BRACKETS).strip()) if len(text) <= _CUE_LENGTH else None
    )
    if not found:
        return None
    extensions = tuple(part.strip() for part in re.findall(r"\(([^()]*)\)", found["extensions"]))
    return " ".join(found["name"].split()), extensions, bool(found["dual"])


def strip_emphasis(text: str) -> str:
    r"""Remove emphasis marks and escapes, and put the text on one line.

    >>> strip_emphasis("I **really** _mean_ 2 \\* 3")
    'I really mean 2 * 3'
    """
    before = ""
    while before != text:
        before, text = text, _EMPHASIS.sub(lambda found: found[2] or found[4], text)
    text = " ".join(re.sub(r"\\([*_\\])", r"\1", text).split())
    return re.sub(
        r"(?<=[⺀-鿿＀-￯]) (?=[⺀-鿿＀-￯])", "", text
    )  # lines of Chinese join without a space


def _lift_notes(text: str, file: str) -> _ScriptPage:
    """Take notes and boneyard out of a script; notes leave a mark, so that lines keep their number.

    Raises InputError for a note or boneyard that is never closed.
    """
    notes: list[str] = []
    pieces: list[str] = []
    place = 0
    while found := re.compile(r"/\*|\[\[").search(text, place):
        pieces.append(text[place : found.start()])
        is_note = found[0] == "[["
        end = text.find("]]" if is_note else "*/", found.end())
        body = text[found.end() : end]
        if end < 0 or (is_note and "\n\n" in body):
            line = text.count("\n", 0, found.start()) + 1
            raise InputError(Problem(file=file, line=line, message=_UNCLOSED[found[0]]))
        mark = f"{_NOTE}{len(notes)}{_NOTE}" if is_note else _BONEYARD
        pieces.append(_BREAK * body.count("\n") + mark)
        notes += [" ".join(body.split())] if is_note else []
        place = end + 2
    pieces.append(text[place:])
    return _ScriptPage(notes, list(_number_lines("".join(pieces))))


def _number_lines(text: str) -> Iterator[tuple[int, str]]:
    number = 1
    for raw in text.split("\n"):
        line = raw.replace(_BREAK, "").replace(_BONEYARD, "")
        # a line that held nothing but boneyard was never there
        if line.strip() or _BONEYARD not in raw:
            yield number, line
        number += 1 + raw.count(_BREAK)


def _skip_title_page(lines: list[tuple[int, str]]) -> int:
    start = next((index for index, (_, line) in enumerate(lines) if line.strip()), 0)
    first = lines[start][1] if lines else ""
    found = _TITLE_KEY.fullmatch(first)
    if (
        not found
        or _HEADING.match(first)
        or (_may_be_shouted(found) and found["key"].casefold() not in _TITLE_KEYS)
    ):
        return 0
    return next(
        (index for index in range(start, len(lines)) if not lines[index][1].strip()), len(lines)
    )


def _may_be_shouted(key: re.Match[str]) -> bool:
    """Say whether a key such as `FADE IN:` or `MARA:` may be no key of a title page."""
    return key["key"].isupper() and not key["value"].strip()


def _find_block_end(lines: list[tuple[int, str]], start: int) -> int:
    """Find the line after a block, which ends at an empty line.

    A line of two spaces is Fountain's way to keep an empty line inside a speech. What takes one
    line is a block by itself, even when no empty line follows.
    """
    if _takes_one_line(lines[start][1].strip()):
        return start + 1
    index = start
    while index < len(lines) and (
        lines[index][1].strip() or (index > start and lines[index][1] == "  ")
    ):
        index += 1
    return index


def _takes_one_line(line: str) -> bool:
    """Say whether a line is a block by itself.

    These are headings, sections, synopses, page breaks, transitions, centred text, and notes above
    something.
    """
    words = _NOTE_MARK.sub("", line).strip()
    if not words:
        return bool(line)
    return words[0] in "#=>" or _is_transition(words) or _is_heading(words)


def _is_transition(line: str) -> bool:
    return line.endswith("TO:") and line.isupper()


def _find_cue(block: list[tuple[int, str]]) -> tuple[str, tuple[str, ...], bool] | None:
    line = strip_emphasis(_NOTE_MARK.sub("", block[0][1]))
    if len(block) < 2 or not line or line[0] in "!>#=~" or _is_heading(line):
        return None
    found = parse_cue(line.removeprefix("@"))
    if not found or line.startswith("@"):
        return found
    return found if _is_name(found[0]) else None


def _is_name(name: str) -> bool:
    # written in German capitals, too
    letters = [letter for letter in name if letter.isalpha() and letter != "ß"]
    if not letters or any(unicodedata.category(letter) in {"Ll", "Lt"} for letter in letters):
        return False
    has_capitals = any(letter.isupper() for letter in letters)
    return has_capitals or bool(_CASELESS_NAME.fullmatch(name))


def _is_heading(line: str) -> bool:
    words = line.lstrip("*_")  # set in bold, as many writers do
    return bool(_HEADING.match(words) or _FORCED_HEADING.match(words))


def _read_speech(
    page: _ScriptPage, cue: tuple[str, tuple[str, ...], bool], block: list[tuple[int, str]]
) -> ScreenplaySpeech:
    name, extensions, dual = cue
    number, first = block[0]
    parts = [
        SpeechPart(kind="note", text=note, line=number, alone=False)
        for note in _find_notes(page, first)
    ]
    for at, line in _join_parentheticals(block[1:]):
        parts += _read_parts(page, at, line)
    return ScreenplaySpeech(
        scene=page.scene,
        character=name,
        extensions=extensions,
        dual=dual,
        line=number,
        parts=tuple(parts),
    )


def _join_parentheticals(block: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join a parenthetical that was wrapped over several lines, and number it by its first line.

    Full-width brackets count as brackets.
    """
    lines = [(number, _narrow_brackets(line.strip())) for number, line in block]
    index = 0
    while index < len(lines):
        end = _find_parenthetical_end(lines, index)
        yield lines[index][0], " ".join(line for _, line in lines[index:end])
        index = end


def _narrow_brackets(line: str) -> str:
    return line.translate(_WIDE_BRACKETS) if line[:1] == "（" or line[-1:] == "）" else line


def _find_parenthetical_end(lines: list[tuple[int, str]], start: int) -> int:
    """Find the index after a line, or after the parenthetical that it opens and does not close."""
    first = lines[start][1]
    if first.startswith("(") and ")" not in first:
        for index in range(start + 1, min(start + _PARENTHETICAL_LINES, len(lines))):
            if ")" in lines[index][1]:
                return index + 1 if lines[index][1].endswith(")") else start + 1
    return start + 1


def _read_parts(page: _ScriptPage, number: int, line: str) -> Iterator[SpeechPart]:
    notes = _find_notes(page, line)
    words = _NOTE_MARK.sub(" ", line).strip()
    if words.startswith("(") and words.endswith(")"):
        yield SpeechPart(kind="parenthetical", text=strip_emphasis(words[1:-1]), line=number)
    elif words:
        yield SpeechPart(kind="text", text=strip_emphasis(words.removeprefix("~")), line=number)
    for note in notes:
        yield SpeechPart(kind="note", text=note, line=number, alone=not words)


def _find_notes(page: _ScriptPage, line: str) -> list[str]:
    return [page.notes[int(index)] for index in _NOTE_MARK.findall(line)]


def _read_other_block(page: _ScriptPage, block: list[tuple[int, str]]) -> Iterator[SpeechPart]:
    if block and _is_heading(block[0][1].strip()):
        _begin_scene(page, strip_emphasis(_NOTE_MARK.sub("", block[0][1])))
    for number, line in block:
        for note in _find_notes(page, line):
            yield SpeechPart(kind="note", text=note, line=number)


def _begin_scene(page: _ScriptPage, heading: str) -> None:
    """Begin a scene under its number and heading, or its heading and how often it has been used."""
    number = _SCENE_NUMBER.search(heading)
    title = " ".join(_FORCED_HEADING.sub("", _SCENE_NUMBER.sub("", heading), count=1).split())
    if number:
        title = f"{number['number'].rstrip('.')} {title}"
    page.scenes[title] = page.scenes.get(title, 0) + 1
    page.scene = title if page.scenes[title] == 1 else f"{title} ({page.scenes[title]})"
