# SPDX-License-Identifier: Apache-2.0
"""`cues.csv`: what was matched, for a person to read and correct; and the corrections, as decisions
that outlive script edits.

The sheet is an export. Cells that differ from what was exported (start, end, character, take,
ignore) are changes; each row carries what was exported and when, so the sheet needs nothing else to
be read back. Pure: texts and rows in, rows out; recording the decisions is the caller's.
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
from pipeline.align.align import Alignment, assign_recording
from pipeline.script.tables import SheetRecord, SheetTable

FIELDS = ("start", "end", "character", "take", "ignore")
COLUMNS = (
    "line_id",
    "character",
    "text",
    "start",
    "end",
    "take",
    "takes",
    "ignore",
    "status",
    "confidence",
    "reasons",
    "exported",
)
YES, NO = ("yes", "y", "true", "1", "x"), ("", "no", "n", "false", "0")
MOST_PAST_END = MASTER_HZ  # a time typed by hand may lie a little after the end of the sound
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula


@dataclass(frozen=True, slots=True, kw_only=True)
class CueOverride:
    """One decision about one line. `value` is canonical text: samples for start and end, a name, a
    number, `yes` or "".

    `at`: when it was decided, or for a change just read when its sheet was exported (UTC, ISO
    8601).
    """

    line_id: str
    field: str
    value: str
    at: str

    def to_detail(self) -> dict[str, str]:
        """For the detail of an event; `Override(**plain)` is the inverse."""
        return {"line_id": self.line_id, "field": self.field, "value": self.value, "at": self.at}


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideConflict:
    """A changed cell that a newer decision contradicts; it is not applied."""

    change: CueOverride
    decided: CueOverride

    def __str__(self) -> str:
        """One line for people."""
        said, decided = (_readable(one) for one in (self.change, self.decided))
        return f"{self.change.line_id}, {self.change.field}: the sheet says {said}, decided {decided} at {self.decided.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedOverrides:
    """Cues with the decisions in them, and why the others did not fit."""

    cues: list[Cue]
    unfit: list[str]


def export(found: Alignment, *, at: str) -> str:
    """The sheet as CSV text (UTF-8, `\\n`). Times in seconds. Text that a spreadsheet would compute
    begins with an apostrophe.
    """
    out = io.StringIO()
    sheet = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    sheet.writeheader()
    for cue in found.cues:
        cells = _cells(cue, found)
        exported = json.dumps([*(cells[name] for name in FIELDS), at], ensure_ascii=False)
        row = {
            "line_id": cue.line_id,
            "text": cue.text,
            "status": cue.status,
            "reasons": cue.reasons,
        } | cells
        row |= {
            "confidence": f"{cue.confidence:.2f}",
            "takes": str(len(found.takes.get(cue.line_id, ()))),
            "exported": exported,
        }
        sheet.writerow({name: _harmless(text) for name, text in row.items()})
    return out.getvalue()


def read_changes(table: SheetTable, *, characters: Iterable[str]) -> list[CueOverride]:
    """The cells that differ from what was exported. Raises InputError with every cell that makes no
    sense.
    """
    known = {name.casefold(): name for name in characters}
    found: list[CueOverride] = []
    problems: list[Problem] = []
    for record in table.records:
        try:
            *before, at = _exported(record)
        except (ValueError, RecursionError):
            problems.append(
                table.problem(
                    record, "exported", "this column says what was exported; leave it as it is"
                )
            )
            continue
        for name, was in zip(FIELDS, before, strict=True):
            try:
                value, old = (
                    _canonical(table, record, name, known),
                    _canonical(table, _with(record, name, was), name, known),
                )
            except InputError as error:
                problems += error.problems
                continue
            if value != old:
                found.append(
                    CueOverride(line_id=_plain(record["line_id"]), field=name, value=value, at=at)
                )
    if problems:
        raise InputError(problems)
    return found


def separate_conflicts(
    changed: Sequence[CueOverride], decided: Sequence[CueOverride]
) -> tuple[list[CueOverride], list[OverrideConflict]]:
    """Which changes are new decisions, and which contradict a decision made after the sheet was
    exported.
    """
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
    """The latest decision on each field of each line."""
    latest: dict[tuple[str, str], CueOverride] = {}
    for one in sorted(decided, key=lambda override: override.at):
        latest[one.line_id, one.field] = one
    return latest


def select_circled_takes(decided: Sequence[CueOverride]) -> dict[str, int]:
    """Takes chosen by hand, for `align.Known`."""
    chosen = {
        line_id: one for (line_id, name), one in select_latest(decided).items() if name == "take"
    }
    return {line_id: int(one.value) for line_id, one in chosen.items() if one.value}


def apply(
    found: Alignment, decided: Sequence[CueOverride], *, recordings: Sequence[Recording] = ()
) -> AppliedOverrides:
    """The cues with what was decided by hand. A decision on a line, take or time that is not there
    is reported, not applied.

    `recordings`: for which of them a moved line lies in, and where they end; without them, neither
    is looked at.
    """
    ends = max((row.offset_samples + row.samples for row in recordings), default=None)
    by_line: dict[str, dict[str, str]] = {}
    for (line_id, name), one in select_latest(decided).items():
        by_line.setdefault(line_id, {})[name] = one.value
    known = {cue.line_id for cue in found.cues}
    unfit = [
        f"{line_id}: this line is no longer in the script"
        for line_id in by_line
        if line_id not in known
    ]
    cues = []
    for cue in found.cues:
        mine = by_line.get(cue.line_id, {})
        changed, complaint = _changed(
            cue, mine, takes=len(found.takes.get(cue.line_id, ())), ends=ends
        )
        moved = (changed.start, changed.end) != (cue.start, cue.end)
        cues.append(assign_recording(changed, recordings) if moved else changed)
        unfit += [f"{cue.line_id}: {complaint}"] if complaint else []
    return AppliedOverrides(cues=cues, unfit=unfit)


def _cells(cue: Cue, found: Alignment) -> dict[str, str]:
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


def _changed(cue: Cue, mine: Mapping[str, str], *, takes: int, ends: int | None) -> tuple[Cue, str]:
    """The cue as decided, and what did not fit ("" when all did). `ends`: where the recordings do,
    when known.
    """
    if mine.get("ignore"):
        return replace(
            cue,
            start=-1,
            end=-1,
            status="missing",
            confidence=1.0,
            reasons="ignored by hand",
            words="[]",
        ), ""
    if mine.get("take") and int(mine["take"]) > takes:
        return cue, f"take {mine['take']} was chosen, but only {takes} were found"
    start = int(mine["start"]) if mine.get("start") else cue.start
    end = int(mine["end"]) if mine.get("end") else cue.end
    by_hand = [name for name in FIELDS if mine.get(name)]
    if not by_hand:
        return cue, ""
    if start < 0 or start >= end:
        return (
            cue,
            f"it would run from {start / MASTER_HZ:.3f} to {end / MASTER_HZ:.3f} s; set both start and end",
        )
    if ends is not None and (start >= ends or end > ends + MOST_PAST_END):
        span = f"it would run from {start / MASTER_HZ:.3f} to {end / MASTER_HZ:.3f} s"
        return cue, f"{span}, but the recordings end at {ends / MASTER_HZ:.3f} s"
    end = end if ends is None else min(end, ends)
    return replace(
        cue,
        start=start,
        end=end,
        character=mine.get("character") or cue.character,
        status="matched",
        confidence=1.0,
        reasons=f"set by hand: {', '.join(by_hand)}; {cue.reasons}",
        words=_words_within(cue.words, start, end),
    ), ""


def _words_within(words: str, start: int, end: int) -> str:
    """The words of a moved cue with times inside it; none when most of them lay elsewhere, as then
    their times say nothing.
    """
    timed = json.loads(words)
    inside = [first < end and last > start for _, first, last in timed]
    if 2 * sum(inside) <= len(timed):
        return "[]"
    fitted = [(text, *(min(max(time, start), end) for time in times)) for text, *times in timed]
    return json.dumps(fitted, ensure_ascii=False)


def _readable(one: CueOverride) -> str:
    """The value of a decision as the sheet shows it."""
    timed = one.field in ("start", "end") and one.value
    return f"{int(one.value) / MASTER_HZ:.3f} s" if timed else repr(one.value)


def _canonical(
    table: SheetTable, record: SheetRecord, name: str, characters: Mapping[str, str]
) -> str:
    text = _plain(record[name])
    if name in ("start", "end"):
        return _samples(table, record, name, text)
    if name == "character":
        if text.casefold() not in characters:
            near = find_nearest(text, characters.values())
            raise InputError(
                table.problem(record, name, f"unknown character {text!r}", nearest=near)
            )
        return characters[text.casefold()]
    if name == "take":
        if text and not (text.isdecimal() and len(text) < 5 and int(text) > 0):
            raise InputError(
                table.problem(
                    record, name, "not the number of a take", expected="1, 2, ...", got=text
                )
            )
        return str(int(text)) if text else ""
    if text.casefold() not in (*YES, *NO):
        raise InputError(
            table.problem(record, name, "not an answer", expected="yes or nothing", got=text)
        )
    return "yes" if text.casefold() in YES else ""


def _exported(record: SheetRecord) -> list[str]:
    """What stood in the row's `FIELDS` when it was exported, and when that was. Raises ValueError,
    RecursionError.
    """
    said = json.loads(_plain(record["exported"]))
    if not (
        isinstance(said, list)
        and len(said) == len(FIELDS) + 1
        and all(isinstance(one, str) for one in said)
    ):
        raise ValueError("not what was exported")
    return said


def _samples(table: SheetTable, record: SheetRecord, name: str, text: str) -> str:
    """Seconds, `M:SS.mmm` or `H:MM:SS.mmm` to samples; "" stays."""
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


def _with(record: SheetRecord, name: str, text: str) -> SheetRecord:
    return replace(record, cells={**record.cells, name: text})


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
