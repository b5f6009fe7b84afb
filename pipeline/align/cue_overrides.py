# SPDX-License-Identifier: Apache-2.0
"""Write and read `cues.csv`: cues for a person to check, and the corrections made in it.

The sheet is an export. Cells that differ from what was exported (start, end, character, take,
ignore) are changes. Each row carries what was exported and when, so the sheet can be read back by
itself. Corrections become decisions that outlive edits of the script. Pure: texts and rows in, rows
out; the caller records the decisions.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Cue, Recording
from manifests.timebase import MASTER_HZ
from pipeline.align.align import Alignment
from pipeline.align.new_cues import assign_recording
from pipeline.script import sheet_columns
from pipeline.script.tables import SheetRecord, SheetTable

FIELDS = ("start", "end", "character", "take", "ignore")
COLUMNS = sheet_columns.list_names(sheet_columns.CUES)
YES, NO = ("yes", "y", "true", "1", "x"), ("", "no", "n", "false", "0")
MOST_PAST_END = MASTER_HZ  # a time typed by hand may lie a little after the end of the sound
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula


@dataclass(frozen=True, slots=True, kw_only=True)
class CueOverride:
    """One decision about one line.

    `value` is canonical text: samples for start and end, a name, a number, `yes` or "". `at`: when
    it was decided, or for a change just read, when its sheet was exported (UTC, ISO 8601).
    """

    line_id: str
    field: str
    value: str
    at: str

    def to_detail(self) -> dict[str, str]:
        """Convert to the detail of an event; `CueOverride(**detail)` is the inverse."""
        return {"line_id": self.line_id, "field": self.field, "value": self.value, "at": self.at}


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideConflict:
    """A changed cell that a newer decision contradicts; it is not applied."""

    change: CueOverride
    decided: CueOverride

    def __str__(self) -> str:
        """Describe the conflict in one line."""
        place = f"{self.change.line_id}, {self.change.field}"
        sheet, decided = _format_value(self.change), _format_value(self.decided)
        return f"{place}: the sheet says {sheet}, but {decided} was decided at {self.decided.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedOverrides:
    """The cues with the decisions applied, and why some decisions do not fit."""

    cues: list[Cue]
    unfit: list[str]


def export(found: Alignment, *, at: str) -> str:
    """Export the sheet as CSV text in UTF-8, with times in seconds.

    Lines end with a line feed. Text that a spreadsheet would compute begins with an apostrophe.
    """
    out = io.StringIO()
    sheet = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    sheet.writeheader()
    for cue in found.cues:
        cells = _list_cells(cue, found)
        exported = json.dumps([*(cells[name] for name in FIELDS), at], ensure_ascii=False)
        row = cells | _list_facts(cue, found) | {"exported": exported}
        sheet.writerow({name: _add_apostrophe(text) for name, text in row.items()})
    return out.getvalue()


def _list_facts(cue: Cue, found: Alignment) -> dict[str, str]:
    """List the cells that only inform."""
    return {
        "line_id": cue.line_id,
        "text": cue.text,
        "status": cue.status,
        "reasons": cue.reasons,
        "confidence": f"{cue.confidence:.2f}",
        "takes": str(len(found.takes.get(cue.line_id, ()))),
    }


def read_changes(table: SheetTable, *, characters: Iterable[str]) -> list[CueOverride]:
    """Read the cells that differ from what was exported.

    Raises InputError with every cell that makes no sense.
    """
    known = {name.casefold(): name for name in characters}
    changes: list[CueOverride] = []
    problems: list[Problem] = []
    for record in table.records:
        for exported in _read_exported_cells(table, record, problems):
            try:
                changes += _compare_cell(table, record, exported, known)
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return changes


def _read_exported_cells(
    table: SheetTable, record: SheetRecord, problems: list[Problem]
) -> list[CueOverride]:
    """Read what a row's `FIELDS` held when it was exported, or add the problem to the list."""
    try:
        *values, at = _read_exported(record)
    except (ValueError, RecursionError):
        message = "this column holds what was exported; leave it as it is"
        problems.append(table.problem(record, "exported", message))
        return []
    line_id = _strip_apostrophe(record["line_id"])
    return [
        CueOverride(line_id=line_id, field=name, value=value, at=at)
        for name, value in zip(FIELDS, values, strict=True)
    ]


def _compare_cell(
    table: SheetTable, record: SheetRecord, exported: CueOverride, characters: Mapping[str, str]
) -> list[CueOverride]:
    """Return the change of a cell against what was exported, if there is one."""
    name = exported.field
    value = _read_value(table, record, name, characters)
    old = _read_value(table, _replace_cell(record, name, exported.value), name, characters)
    return [replace(exported, value=value)] if value != old else []


def separate_conflicts(
    changed: Sequence[CueOverride], decided: Sequence[CueOverride]
) -> tuple[list[CueOverride], list[OverrideConflict]]:
    """Separate new decisions from changes that contradict a decision made after the export."""
    latest = select_latest(decided)
    fresh, conflicts = [], []
    for change in changed:
        before = latest.get((change.line_id, change.field))
        if before is None or before.at <= change.at:
            fresh.append(change)
        elif before.value != change.value:
            conflicts.append(OverrideConflict(change=change, decided=before))
    return fresh, conflicts


def select_latest(decided: Sequence[CueOverride]) -> dict[tuple[str, str], CueOverride]:
    """Select the latest decision on each field of each line."""
    return {
        (override.line_id, override.field): override
        for override in sorted(decided, key=lambda override: override.at)
    }


def select_circled_takes(decided: Sequence[CueOverride]) -> dict[str, int]:
    """Select the takes chosen by hand, for `AlignmentHints`."""
    return {
        line_id: int(override.value)
        for (line_id, name), override in select_latest(decided).items()
        if name == "take" and override.value
    }


def apply(
    found: Alignment, decided: Sequence[CueOverride], *, recordings: Sequence[Recording] = ()
) -> AppliedOverrides:
    """Apply decisions made by hand to the cues.

    A decision on a line, take or time that is not there is reported, not applied. `recordings`: to
    find which of them a moved line lies in and where they end; without them, neither is checked.
    """
    ends = max((row.offset_samples + row.samples for row in recordings), default=None)
    by_line = _group_by_line(decided)
    known = {cue.line_id for cue in found.cues}
    missing = [line_id for line_id in by_line if line_id not in known]
    unfit = [f"{line_id}: this line is no longer in the script" for line_id in missing]
    cues = []
    for cue in found.cues:
        mine, takes = by_line.get(cue.line_id, {}), len(found.takes.get(cue.line_id, ()))
        changed, complaint = _apply_to_cue(cue, mine, takes=takes, ends=ends)
        moved = (changed.start, changed.end) != (cue.start, cue.end)
        cues.append(assign_recording(changed, recordings) if moved else changed)
        unfit += [f"{cue.line_id}: {complaint}"] if complaint else []
    return AppliedOverrides(cues=cues, unfit=unfit)


def _group_by_line(decided: Sequence[CueOverride]) -> dict[str, dict[str, str]]:
    """Group the latest decisions by line, then by field."""
    by_line: dict[str, dict[str, str]] = {}
    for (line_id, name), override in select_latest(decided).items():
        by_line.setdefault(line_id, {})[name] = override.value
    return by_line


def _list_cells(cue: Cue, found: Alignment) -> dict[str, str]:
    takes = len(found.takes.get(cue.line_id, ()))
    times = (
        ["", ""]
        if cue.start < 0
        else [f"{sample / MASTER_HZ:.3f}" for sample in (cue.start, cue.end)]
    )
    take = str(found.chosen.get(cue.line_id, takes)) if takes > 1 else ""
    ignored = "yes" if cue.reasons.startswith("ignored") else ""
    return {
        "start": times[0],
        "end": times[1],
        "character": cue.character,
        "take": take,
        "ignore": ignored,
    }


def _apply_to_cue(
    cue: Cue, mine: Mapping[str, str], *, takes: int, ends: int | None
) -> tuple[Cue, str]:
    """Apply a line's decisions to its cue, and say what does not fit ("" when all does).

    `ends`: where the recordings end, when known.
    """
    if mine.get("ignore"):
        return _ignore(cue), ""
    if mine.get("take") and int(mine["take"]) > takes:
        count = "only 1 take was" if takes == 1 else f"only {takes} takes were"
        return cue, f"take {mine['take']} was chosen, but {count if takes else 'none was'} found"
    start = int(mine["start"]) if mine.get("start") else cue.start
    end = int(mine["end"]) if mine.get("end") else cue.end
    by_hand = [name for name in FIELDS if mine.get(name)]
    if not by_hand:
        return cue, ""
    if complaint := _check_span(start, end, ends):
        return cue, complaint
    end = end if ends is None else min(end, ends)
    return replace(
        cue,
        start=start,
        end=end,
        character=mine.get("character") or cue.character,
        status="matched",
        confidence=1.0,
        reasons=f"set by hand: {', '.join(by_hand)}; {cue.reasons}",
        words=_fit_words(cue.words, start, end),
    ), ""


def _ignore(cue: Cue) -> Cue:
    return replace(
        cue,
        start=-1,
        end=-1,
        status="missing",
        confidence=1.0,
        reasons="ignored by hand",
        words="[]",
    )


def _check_span(start: int, end: int, ends: int | None) -> str:
    """Say why a span in samples cannot be used, or ""."""
    span = f"it would run from {start / MASTER_HZ:.3f} to {end / MASTER_HZ:.3f} s"
    if start < 0 or start >= end:
        return f"{span}; set both start and end"
    if ends is not None and (start >= ends or end > ends + MOST_PAST_END):
        return f"{span}, but the recordings end at {ends / MASTER_HZ:.3f} s"
    return ""


def _fit_words(words: str, start: int, end: int) -> str:
    """Fit the words of a moved cue into its times.

    There are none when most of the words lie elsewhere, since their times then mean nothing.
    """
    timed = json.loads(words)
    inside = [first < end and last > start for _, first, last in timed]
    if 2 * sum(inside) <= len(timed):
        return "[]"
    fitted = [(text, *(min(max(time, start), end) for time in times)) for text, *times in timed]
    return json.dumps(fitted, ensure_ascii=False)


def _format_value(override: CueOverride) -> str:
    """Format the value of a decision as the sheet shows it."""
    timed = override.field in ("start", "end") and override.value
    return f"{int(override.value) / MASTER_HZ:.3f} s" if timed else repr(override.value)


def _read_value(
    table: SheetTable, record: SheetRecord, name: str, characters: Mapping[str, str]
) -> str:
    """Read a cell as canonical text. Raises InputError when it makes no sense."""
    text = _strip_apostrophe(record[name])
    if name in ("start", "end"):
        return _read_samples(table, record, name, text)
    if name == "character":
        if text.casefold() not in characters:
            near = find_nearest(text, characters.values())
            message = f"unknown character {text!r}"
            raise InputError(table.problem(record, name, message, nearest=near))
        return characters[text.casefold()]
    if name == "take":
        if text and not (text.isdecimal() and len(text) < 5 and int(text) > 0):
            message, expected = "not a take number", "1, 2, ..."
            raise InputError(table.problem(record, name, message, expected=expected, got=text))
        return str(int(text)) if text else ""
    if text.casefold() not in (*YES, *NO):
        expected = "yes or an empty cell"
        raise InputError(table.problem(record, name, "not yes or no", expected=expected, got=text))
    return "yes" if text.casefold() in YES else ""


def _read_exported(record: SheetRecord) -> list[str]:
    """Read what the row's `FIELDS` held when it was exported, and when that was.

    Raises ValueError or RecursionError.
    """
    cells = json.loads(_strip_apostrophe(record["exported"]))
    if not (
        isinstance(cells, list)
        and len(cells) == len(FIELDS) + 1
        and all(isinstance(cell, str) for cell in cells)
    ):
        raise ValueError("not what was exported")
    return cells


def _read_samples(table: SheetTable, record: SheetRecord, name: str, text: str) -> str:
    """Convert seconds, `M:SS.mmm` or `H:MM:SS.mmm` to samples; "" stays."""
    if not text:
        return ""
    try:
        seconds = sum(float(part) * 60**i for i, part in enumerate(reversed(text.split(":"))))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 86_400 or text.count(":") > 2:
        raise InputError(
            table.problem(record, name, "not a time", expected="seconds or M:SS.mmm", got=text)
        )
    return str(round(seconds * MASTER_HZ))


def _replace_cell(record: SheetRecord, name: str, text: str) -> SheetRecord:
    return replace(record, cells={**record.cells, name: text})


def _add_apostrophe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _strip_apostrophe(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
