# SPDX-License-Identifier: Apache-2.0
"""Read the script: Fountain or a line sheet (CSV, XLSX) to `Line`s in spoken order.

The emotion of a line comes from an `[[emotion: ...]]` note, else from a parenthetical that is in
the synonym table, else it is left to the actor's default. A parenthetical that is no emotion is
direction. A parenthetical or note that changes the mood in the middle of a speech begins a new line
there. Who the characters are is checked by `cast`.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.identity import digest
from manifests.rows import Line
from model.emotion import EmotionCurve, EmotionError, parse_curve
from pipeline.script import file_paths, fountain, tables
from pipeline.script.emotion_synonyms import Words, add_emotion_hint, parse_parenthetical
from pipeline.script.text_files import read_text

SUFFIXES = (".fountain", ".txt", ".csv", ".xlsx")
NEEDED = ("line_id", "scene", "character", "text")
COLUMNS = (*NEEDED, "emotion", "direction", "audio_file", "start", "end", "lang", "notes")
_EMOTION_NOTE = re.compile(r"emotion\s*[:=]\s*(?P<curve>.*)", re.IGNORECASE)
_KEYED_NOTE = re.compile(r"(?P<key>\w+)\s*[:=].*")
_LEADING_MOOD = re.compile(
    r"\((?P<mood>[^()]{1,80})\)\s*(?P<words>\S.*)"
)  # "(furious) Get out!": a bracket of its own, but for the line
_OTHER_KEYS = re.compile(
    r"(?:(?:emotions?|mood|feeling)\b\s*[:=]?)?\s*(?P<curve>.+)", re.IGNORECASE
)
# Extensions of a speaker who is not in the picture; OFF is what German, French and Italian scripts
# write.
_UNSEEN = {"VO", "OS", "OC", "OFF", "VOICEOVER", "OFFSCREEN", "OFFCAMERA"}
_CONTINUED = {"CONTD", "CONT", "CONTINUED"}
_CLOCK = re.compile(r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+(?:[.,]\d+)?)")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(slots=True, kw_only=True)
class _LineDraft:
    """A line of a speech while its parts are read. `mood` comes from a parenthetical, `noted` from
    a note, which wins.
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
    """The lines of a script. `words`: from `words()`; `language`: of lines that name none;
    `folder`: the production's.

    Raises InputError with every problem of the script, each with its line or row.
    """
    if path.suffix.lower() not in SUFFIXES:
        expected = " or ".join(SUFFIXES)
        raise InputError(
            Problem(
                file=path.name,
                message="not a script",
                expected=expected,
                got=path.suffix or "no suffix",
            )
        )
    if path.suffix.lower() in {".csv", ".xlsx"}:
        return _read_sheet(path, words, language, folder or path.parent)
    return _read_fountain(path, words, language)


def _read_fountain(path: Path, words: Words, language: str) -> list[Line]:
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(
            Problem(file=path.name, message="no such file", nearest=find_nearest(path.name, beside))
        )
    text = read_text(path)
    _check_lines(text, path.name)
    play = fountain.parse(text, file=path.name)
    problems = [
        Problem(
            file=path.name,
            line=note.line,
            message="this emotion note belongs to no speech",
            got=f"[[{note.text}]]",
            expected="the note under the character's name or in the words",
        )
        for note in play.stray_notes
        if _EMOTION_NOTE.fullmatch(note.text)
    ]
    lines: list[Line] = []
    for speech in play.speeches:
        drafts = _drafts(speech, words, path.name, problems)
        lines += [
            _line_of_speech(speech, draft, first=index == 0, lang=language)
            for index, draft in enumerate(drafts)
        ]
    return _finished(lines, problems, path.name)


def _check_lines(text: str, file: str) -> None:
    """Nobody speaks a line of this length: such a file is no script, and reading it on would take
    minutes.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > tables.MAXIMUM_CELL:
            expected = f"at most {tables.MAXIMUM_CELL}"
            message = f"a line of {len(line)} characters"
            raise InputError(Problem(file=file, line=number, message=message, expected=expected))


def _line_of_speech(
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
        voice_over=_is_unseen(speech.extensions),
        simultaneous=speech.dual and first,
        notes="; ".join([*_other_extensions(speech.extensions), *draft.notes]),
        source_line=speech.line if first else draft.source_line,
    )


def _drafts(
    speech: fountain.ScreenplaySpeech, words: Words, file: str, problems: list[Problem]
) -> list[_LineDraft]:
    """Split a speech where its mood changes; those without words (a mute reaction) are left out."""
    drafts = [_LineDraft(source_line=speech.line)]
    for part in speech.parts:
        if part.kind == "text":
            _take_text(drafts, part, words)
        elif part.kind == "parenthetical":
            _take_parenthetical(drafts, part, words)
        else:
            _take_note(drafts, part, words, file, problems)
    if len(drafts) > 1 and not drafts[-1].text:  # a note after the last words means those words
        last = drafts.pop()
        drafts[-1].noted = drafts[-1].noted or last.noted
        drafts[-1].direction += [text for text in (last.mood_text, *last.direction) if text]
    return [draft for draft in drafts if any(draft.text)]


def _take_text(drafts: list[_LineDraft], part: fountain.SpeechPart, words: Words) -> None:
    """Words; a mood in brackets before them, on their line, is one that its writer gave no line of
    its own.
    """
    found = _LEADING_MOOD.fullmatch(part.text)
    if found and parse_parenthetical(found["mood"], words)[0]:
        _take_parenthetical(drafts, replace(part, kind="parenthetical", text=found["mood"]), words)
        drafts[-1].text.append(found["words"])
    else:
        drafts[-1].text.append(part.text)


def _take_parenthetical(drafts: list[_LineDraft], part: fountain.SpeechPart, words: Words) -> None:
    mood, rest = parse_parenthetical(part.text, words)
    if mood and drafts[-1].text:
        drafts.append(_LineDraft(source_line=part.line))
    draft = drafts[-1]
    if mood and not draft.mood:
        draft.mood, draft.mood_text = mood, part.text
        draft.direction += [rest] if rest else []
    else:
        draft.direction.append(part.text)


def _take_note(
    drafts: list[_LineDraft],
    part: fountain.SpeechPart,
    words: Words,
    file: str,
    problems: list[Problem],
) -> None:
    found = _EMOTION_NOTE.fullmatch(part.text)
    if not found:
        drafts[-1].notes.append(part.text)
        if meant := _meant_as_emotion(part.text):
            got = f"[[{part.text}]]"
            problems.append(
                Problem(
                    file=file,
                    line=part.line,
                    message="unknown note",
                    got=got,
                    nearest=f"'emotion: {meant}'",
                )
            )
        return
    try:
        curve = parse_curve(found["curve"], words=words)
    except EmotionError as error:
        problems.append(
            add_emotion_hint(error, words, Problem(file=file, line=part.line, message=str(error)))
        )
        return
    if part.alone and drafts[-1].text:
        drafts.append(_LineDraft(source_line=part.line))
    if drafts[-1].noted:
        problems.append(
            Problem(
                file=file,
                line=part.line,
                message="a second emotion note for the same words",
                got=f"[[{part.text}]]",
            )
        )
    drafts[-1].noted = curve


def _meant_as_emotion(note: str) -> str:
    """What a note such as `emotoin: sad`, `emotion sad` or `sad` should say after `emotion: `; ""
    for any other note.
    """
    keyed = _KEYED_NOTE.fullmatch(note)
    if keyed and difflib.get_close_matches(keyed["key"].casefold(), ["emotion"], cutoff=0.8):
        return "..."
    found = _OTHER_KEYS.fullmatch(note)
    try:
        return str(parse_curve(found["curve"])) if found else ""
    except EmotionError:
        return ""


def _is_unseen(extensions: Iterable[str]) -> bool:
    return any(_bare(word) in _UNSEEN for extension in extensions for word in _said_in(extension))


def _other_extensions(extensions: Iterable[str]) -> list[str]:
    return [
        word
        for extension in extensions
        for word in _said_in(extension)
        if _bare(word) not in _UNSEEN | _CONTINUED
    ]


def _said_in(extension: str) -> list[str]:
    """The extensions in one bracket: `V.O., CONT'D` are two, `O/S` is one."""
    if _bare(extension) in _UNSEEN:
        return [extension]
    return [word.strip() for word in re.split(r"[,;/]", extension) if word.strip()]


def _bare(extension: str) -> str:
    return re.sub(r"[^A-Z]", "", extension.upper())


def _read_sheet(path: Path, words: Words, language: str, folder: Path) -> list[Line]:
    table = tables.read(path, needed=NEEDED, known=COLUMNS)
    problems: list[Problem] = []
    lines, scene = [], ""
    there = {
        name: file_paths.locate(folder, name)
        for name in {r["audio_file"] for r in table.records}
        if name
    }
    for record in table.records:
        found = list(_row_problems(table, record, words, there))
        problems += found
        scene = record["scene"] or scene  # an empty cell: as above
        if not found:
            lines.append(replace(_line_of_row(record, words, language), scene=scene))
    seen: dict[str, int] = {}
    for record in table.records:
        if record["line_id"] and seen.setdefault(record["line_id"], record.number) != record.number:
            message = (
                f"line_id {record['line_id']!r} stands in row {seen[record['line_id']]} already"
            )
            problems.append(table.problem(record, "line_id", message))
    return _finished(lines, problems, path.name)


def _row_problems(
    table: tables.SheetTable,
    record: tables.SheetRecord,
    words: Words,
    there: Mapping[str, Path | file_paths.UnusableFile],
) -> Iterator[Problem]:
    """What is wrong in a row. `there`: the audio files that the sheet names, found or not."""
    for column in ("character", "text"):
        if not record[column]:
            yield table.problem(record, column, "this cell is empty")
    if record["character"] and not fountain.parse_cue(record["character"]):
        yield table.problem(
            record, "character", "not a character's name", got=repr(record["character"])
        )
    if record["emotion"]:
        try:
            parse_curve(record["emotion"], words=words)
        except EmotionError as error:
            yield add_emotion_hint(error, words, table.problem(record, "emotion", str(error)))
    if record["audio_file"]:
        found = there[record["audio_file"]]
        if isinstance(found, file_paths.UnusableFile):
            yield table.problem(
                record, "audio_file", found.message, expected=found.expected, nearest=found.nearest
            )
    if record["lang"] and not _LANGUAGE.fullmatch(record["lang"]):
        yield table.problem(
            record,
            "lang",
            "not a language",
            expected="a code such as en or zh",
            got=repr(record["lang"]),
        )
    yield from _time_problems(table, record)


def _time_problems(table: tables.SheetTable, record: tables.SheetRecord) -> Iterator[Problem]:
    expected = "seconds (75.25) or M:SS.mmm (1:15.250)"
    bad = [
        column for column in ("start", "end") if record[column] and _seconds(record[column]) is None
    ]
    for column in bad:
        yield table.problem(
            record, column, "not a time", expected=expected, got=repr(record[column])
        )
    start, end = _seconds(record["start"]), _seconds(record["end"])
    if not bad and start is not None and end is not None and end <= start:
        yield table.problem(
            record,
            "end",
            f"the line ends at {record['end']}, not after its start at {record['start']}",
        )


def _seconds(text: str) -> float | None:
    found = _CLOCK.fullmatch(text)
    if not found:
        return None
    hours, minutes = int(found["hours"] or 0), int(found["minutes"] or 0)
    return float(3600 * hours + 60 * minutes + Fraction(found["seconds"].replace(",", ".")))


def _line_of_row(record: tables.SheetRecord, words: Words, language: str) -> Line:
    name, extensions, dual = fountain.parse_cue(record["character"]) or (
        record["character"],
        (),
        False,
    )
    curve = str(parse_curve(record["emotion"], words=words)) if record["emotion"] else ""
    return Line(
        line_id=record["line_id"],
        order=0,
        scene=record["scene"],
        character=name,
        text=" ".join(record["text"].split()),
        performance=curve,
        direction=record["direction"],
        lang=record["lang"] or language,
        voice_over=_is_unseen(extensions),
        simultaneous=dual,
        audio_file=record["audio_file"],
        start_seconds=_seconds(record["start"]),
        end_seconds=_seconds(record["end"]),
        notes=record["notes"],
        source_line=record.number,
    )


def _finished(lines: list[Line], problems: list[Problem], file: str) -> list[Line]:
    """Number the lines and name those that have no id: by scene, character, words and how often
    they were said, so that other lines may come and go, and a change of mood or direction keeps the
    name.
    """
    if not lines and not problems:
        expected = "a character's name in capitals, its words on the next line"
        problems = [Problem(file=file, message="nobody speaks in this script", expected=expected)]
    if problems:
        raise InputError(
            sorted(problems, key=lambda problem: (problem.line or 0, problem.row or 0))
        )
    said: Counter[tuple[str, str, str]] = Counter()
    named = []
    for order, line in enumerate(lines):
        key = (line.scene, line.character, line.text)
        said[key] += 1
        line_id = line.line_id or f"{_slug(line.character)}-{digest([*key, said[key]])[:8]}"
        named.append(
            replace(line, line_id=line_id, order=order, scene=line.scene or "1", source=file)
        )
    return named


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.casefold()).strip("-")
