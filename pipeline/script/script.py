# SPDX-License-Identifier: Apache-2.0
"""Read the script: Fountain or a line sheet (CSV, XLSX) to `Line`s in spoken order.

The emotion of a line comes from an `[[emotion: ...]]` note, else from a parenthetical that is in
the synonym table, else from the actor's default. A parenthetical that is not an emotion is
direction. A parenthetical or note that changes the emotion in the middle of a speech begins a new
line there. `cast` checks who the characters are.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.identity import digest
from manifests.rows import Line
from model.emotion import EmotionCurve, EmotionError, parse_curve
from pipeline.script import fountain, line_sheet, tables
from pipeline.script.cue_extensions import is_unseen, list_other_extensions
from pipeline.script.emotion_synonyms import Words, add_emotion_hint, parse_parenthetical
from pipeline.script.text_files import read_text

SUFFIXES = (".fountain", ".txt", ".csv", ".xlsx")
_EMOTION_NOTE = re.compile(r"emotion\s*[:=]\s*(?P<curve>.*)", re.IGNORECASE)
_KEYED_NOTE = re.compile(r"(?P<key>\w+)\s*[:=].*")
_LEADING_MOOD = re.compile(
    r"\((?P<mood>[^()]{1,80})\)\s*(?P<words>\S.*)"
)  # "(furious) Get out!": a bracket of its own, but for the line
_OTHER_KEYS = re.compile(
    r"(?:(?:emotions?|mood|feeling)\b\s*[:=]?)?\s*(?P<curve>.+)", re.IGNORECASE
)


@dataclass(slots=True, kw_only=True)
class _LineDraft:
    """A line of a speech while its parts are read.

    `mood` comes from a parenthetical, `noted` from a note, which takes precedence.
    """

    source_line: int
    text: list[str] = field(default_factory=list)
    mood: EmotionCurve | None = None
    mood_text: str = ""
    noted: EmotionCurve | None = None
    direction: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read(
    path: Path, *, words: Words, language: str = "en", folder: Path | None = None
) -> list[Line]:
    """Read the lines of a script.

    `words`: from `load_words`; `language`: of lines that name none; `folder`: the production's.

    Raises InputError with every problem of the script, each with its line or row.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        expected, got = ".fountain, .txt, .csv or .xlsx", path.suffix or "no suffix"
        message = "not a supported script format"
        raise InputError(Problem(file=path.name, message=message, expected=expected, got=got))
    if suffix in {".csv", ".xlsx"}:
        lines, problems = line_sheet.read_lines(path, words, language, folder or path.parent)
        return _number_lines(lines, problems, path.name)
    return _read_fountain(path, words, language)


def _read_fountain(path: Path, words: Words, language: str) -> list[Line]:
    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = find_nearest(path.name, siblings)
        raise InputError(Problem(file=path.name, message="no such file", nearest=near))
    text = read_text(path)
    _check_line_lengths(text, path.name)
    play = fountain.parse(text, file=path.name)
    problems = _check_stray_notes(play, path.name)
    lines: list[Line] = []
    for speech in play.speeches:
        drafts = _split_speech(speech, words, path.name, problems)
        lines += [
            _to_line(speech, draft, first=index == 0, lang=language)
            for index, draft in enumerate(drafts)
        ]
    return _number_lines(lines, problems, path.name)


def _check_stray_notes(play: fountain.Screenplay, file: str) -> list[Problem]:
    return [
        Problem(
            file=file,
            line=note.line,
            message="this emotion note is outside any speech",
            got=f"[[{note.text}]]",
            expected="the note below a character's name or within the dialogue",
        )
        for note in play.stray_notes
        if _EMOTION_NOTE.fullmatch(note.text)
    ]


def _check_line_lengths(text: str, file: str) -> None:
    """Refuse a line that is too long to be spoken.

    Such a file is not a script, and reading it would take minutes.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > tables.MAXIMUM_CELL:
            message = f"this line has {len(line)} characters"
            expected = f"at most {tables.MAXIMUM_CELL} characters"
            raise InputError(Problem(file=file, line=number, message=message, expected=expected))


def _to_line(
    speech: fountain.ScreenplaySpeech, draft: _LineDraft, *, first: bool, lang: str
) -> Line:
    curve = draft.noted or draft.mood
    direction = (
        [draft.mood_text, *draft.direction] if draft.noted and draft.mood_text else draft.direction
    )
    return Line(
        line_id="",
        order=0,
        scene=speech.scene,
        character=speech.character,
        text=fountain.strip_emphasis(" ".join(draft.text)),
        performance=str(curve) if curve else "",
        direction=", ".join(direction),
        lang=lang,
        voice_over=is_unseen(speech.extensions),
        simultaneous=speech.dual and first,
        notes="; ".join([*list_other_extensions(speech.extensions), *draft.notes]),
        source_line=speech.line if first else draft.source_line,
    )


def _split_speech(
    speech: fountain.ScreenplaySpeech, words: Words, file: str, problems: list[Problem]
) -> list[_LineDraft]:
    """Split a speech where its emotion changes, and leave out parts without words."""
    drafts = [_LineDraft(source_line=speech.line)]
    for part in speech.parts:
        if part.kind == "text":
            _add_text(drafts, part, words)
        elif part.kind == "parenthetical":
            _add_parenthetical(drafts, part, words)
        else:
            _add_note(drafts, part, words, file, problems)
    if len(drafts) > 1 and not drafts[-1].text:  # a note after the last words means those words
        last = drafts.pop()
        drafts[-1].noted = drafts[-1].noted or last.noted
        drafts[-1].direction += [text for text in (last.mood_text, *last.direction) if text]
    return [draft for draft in drafts if any(draft.text)]


def _add_text(drafts: list[_LineDraft], part: fountain.SpeechPart, words: Words) -> None:
    """Add words to the last draft.

    An emotion in brackets before them on the same line, as in "(furious) Get out!", counts as a
    parenthetical.
    """
    found = _LEADING_MOOD.fullmatch(part.text)
    if found and parse_parenthetical(found["mood"], words)[0]:
        _add_parenthetical(drafts, replace(part, kind="parenthetical", text=found["mood"]), words)
        drafts[-1].text.append(found["words"])
    else:
        drafts[-1].text.append(part.text)


def _add_parenthetical(drafts: list[_LineDraft], part: fountain.SpeechPart, words: Words) -> None:
    mood, rest = parse_parenthetical(part.text, words)
    if mood and drafts[-1].text:
        drafts.append(_LineDraft(source_line=part.line))
    draft = drafts[-1]
    if mood and not draft.mood:
        draft.mood, draft.mood_text = mood, part.text
        draft.direction += [rest] if rest else []
    else:
        draft.direction.append(part.text)


def _add_note(
    drafts: list[_LineDraft],
    part: fountain.SpeechPart,
    words: Words,
    file: str,
    problems: list[Problem],
) -> None:
    """Read an emotion note, keep any other note, and add problems with either to the list."""
    found = _EMOTION_NOTE.fullmatch(part.text)
    if not found:
        drafts[-1].notes.append(part.text)
        if emotion := _guess_emotion(part.text):
            message = "this note looks like a misspelt emotion note"
            problems.append(_note_problem(part, file, message, f"'emotion: {emotion}'"))
        return
    try:
        curve = parse_curve(found["curve"], words=words)
    except EmotionError as error:
        plain = Problem(file=file, line=part.line, message=str(error))
        problems.append(add_emotion_hint(error, words, plain))
        return
    if part.alone and drafts[-1].text:
        drafts.append(_LineDraft(source_line=part.line))
    if drafts[-1].noted:
        problems.append(_note_problem(part, file, "two emotion notes for the same words"))
    drafts[-1].noted = curve


def _note_problem(
    part: fountain.SpeechPart, file: str, message: str, near: str | None = None
) -> Problem:
    got = f"[[{part.text}]]"
    return Problem(file=file, line=part.line, message=message, got=got, nearest=near)


def _guess_emotion(note: str) -> str:
    """Guess what a note should say after `emotion: `; "" for a note that is not about emotion.

    Such notes are `emotoin: sad`, `emotion sad` or `sad`.
    """
    keyed = _KEYED_NOTE.fullmatch(note)
    if keyed and difflib.get_close_matches(keyed["key"].casefold(), ["emotion"], cutoff=0.8):
        return "..."
    found = _OTHER_KEYS.fullmatch(note)
    try:
        return str(parse_curve(found["curve"])) if found else ""
    except EmotionError:
        return ""


def _number_lines(lines: list[Line], problems: list[Problem], file: str) -> list[Line]:
    """Give each line its place in the order, and an id if it has none.

    An id comes from scene, character, words and how often they were said. So lines may come and go,
    and a change of emotion or direction keeps the id. Raises InputError with the problems, if any.
    """
    if not lines and not problems:
        expected = "a character's name in capitals with the dialogue on the next line"
        problems = [Problem(file=file, message="nobody speaks in this script", expected=expected)]
    if problems:
        raise InputError(
            sorted(problems, key=lambda problem: (problem.line or 0, problem.row or 0))
        )
    counts: Counter[tuple[str, str, str]] = Counter()
    numbered = []
    for order, line in enumerate(lines):
        key = (line.scene, line.character, line.text)
        counts[key] += 1
        line_id = line.line_id or f"{_slug(line.character)}-{digest([*key, counts[key]])[:8]}"
        numbered.append(
            replace(line, line_id=line_id, order=order, scene=line.scene or "1", source=file)
        )
    return numbered


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.casefold()).strip("-")
