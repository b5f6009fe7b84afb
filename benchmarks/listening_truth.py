# SPDX-License-Identifier: Apache-2.0
"""Read the truth of recordings (NAME.wav + NAME.rttm + NAME.csv).

Reading is forgiving about columns that it does not need and strict about everything else: a
benchmark on a misread sheet is worse than none. The measures are in `listening_measures`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Line
from manifests.timebase import MASTER_HZ
from pipeline.script.text_files import read_text
from pipeline.speech.turns import SpeakerSpan

SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".mp4", ".mov", ".mkv")
NEEDED = ("character", "text", "start", "end")
ALSO = {
    "start_seconds": "start",
    "start_time": "start",
    "start_s": "start",
    "end_seconds": "end",
    "end_time": "end",
    "end_s": "end",
    "speaker": "character",
    "id": "line_id",
    "line": "line_id",
}
# As NIST writes it, but that names may hold spaces: `SPEAKER name channel start duration <NA> <NA>
# speaker [<NA> [<NA>]]`.
_TURN = re.compile(
    r"(?P<recording>.+?)\s+\S+\s+(?P<start>\S+)\s+(?P<length>\S+)\s+<NA>\s+<NA>\s+(?P<speaker>.+?)(\s+(<NA>|\d*\.\d+)){0,2}"
)
OTHER_FIELDS = 8  # the other line types of RTTM have as many, or more


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueLine:
    """One row of the sheet; `start` and `end` in samples at 48 kHz, -1 for a line not spoken."""

    line: Line
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRecording:
    """A recording with its truth.

    `turns`: who speaks when (samples at 48 kHz); `sheet`: empty when there is no line sheet.
    """

    sound: Path
    turns: list[SpeakerSpan]
    sheet: list[TrueLine]


def read_folder(folder: Path, *, only: str = "") -> tuple[list[KnownRecording], list[str]]:
    """Read every NAME.rttm with its recording and its sheet.

    Returns them with notes on what was left out and why. `only`: beginnings of names, with commas
    between them. Raises InputError with all problems.
    """
    if not folder.is_dir():
        raise InputError(Problem(file=str(folder), message="no such folder"))
    named = tuple(only.split(","))
    files = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.startswith(named) and not path.name.startswith(".")
    )
    known: list[KnownRecording] = []
    problems: list[Problem] = []
    for truth in (path for path in files if path.suffix.lower() == ".rttm"):
        try:
            known.append(_read_recording(truth, files))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    stems = {recording.sound.stem for recording in known}
    alone = [
        path.name for path in files if path.suffix.lower() in SOUNDS and path.stem not in stems
    ]
    if not known:
        got = f"{len(alone)} recordings without one" if alone else "none"
        raise InputError(
            Problem(
                file=str(folder),
                message="nothing to measure",
                expected="NAME.wav + NAME.rttm",
                got=got,
            )
        )
    return known, [f"{name}: left out, there is no {Path(name).stem}.rttm" for name in alone]


def _read_recording(truth: Path, files: Sequence[Path]) -> KnownRecording:
    beside = {path.suffix.lower(): path for path in files if path.stem == truth.stem}
    sounds = [path for suffix, path in beside.items() if suffix in SOUNDS]
    if ".wav" not in beside and len(sounds) != 1:
        got = ", ".join(path.name for path in sounds) or "none"
        raise InputError(
            Problem(
                file=truth.name,
                message="this needs one recording",
                expected=f"{truth.stem}.wav",
                got=got,
            )
        )
    problems: list[Problem] = []
    turns: list[SpeakerSpan] = []
    sheet: list[TrueLine] = []
    try:
        turns = read_turns(truth)
    except InputError as error:
        problems += error.problems
    try:
        sheet = read_sheet(beside[".csv"]) if ".csv" in beside else []
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return KnownRecording(sound=beside.get(".wav", *sounds[:1]), turns=turns, sheet=sheet)


def read_turns(path: Path) -> list[SpeakerSpan]:
    """Read the SPEAKER lines of an RTTM file as full spans in samples at 48 kHz.

    Speakers are numbered in the order of appearance. Of a file with several recordings, only those
    of the one that it is named after count. Turns without length are skipped. Raises InputError
    with every malformed line, and when there are no turns, or several recordings and none of that
    name.
    """
    found: list[tuple[str, float, float, str]] = []
    problems: list[Problem] = []
    for number, text in enumerate(read_text(path).splitlines(), 1):
        fields = text.split()
        if not fields or fields[0].startswith((";", "#")):
            continue
        if fields[0].upper() != "SPEAKER" and len(fields) >= OTHER_FIELDS:
            continue
        try:
            found.append(_parse_turn(text.strip()))
        except ValueError:
            expected = "SPEAKER name 1 start duration <NA> <NA> speaker <NA> <NA>, in seconds"
            problems.append(
                Problem(
                    file=path.name,
                    line=number,
                    message="not a turn",
                    expected=expected,
                    got=text[:80],
                )
            )
    recordings = {name for name, *_ in found}
    if len(recordings) > 1 and path.stem not in recordings:
        problems.append(
            Problem(
                file=path.name,
                message=f"turns of several recordings, none of them {path.stem!r}",
                got=", ".join(sorted(recordings)),
            )
        )
    spans = _build_spans([turn for turn in found if len(recordings) == 1 or turn[0] == path.stem])
    if not spans and not problems:
        problems.append(Problem(file=path.name, message="there are no turns in it"))
    if problems:
        raise InputError(problems)
    return spans


def _parse_turn(text: str) -> tuple[str, float, float, str]:
    """Parse a SPEAKER line: recording, start, length and speaker. Raises ValueError."""
    kind, *fields = text.split()
    if kind.upper() != "SPEAKER" or len(fields) < 7:
        raise ValueError(text)
    match = _TURN.fullmatch(text[len(kind) :].strip())
    if match:
        recording, speaker = match["recording"], match["speaker"]
        start, length = float(match["start"]), float(match["length"])
    else:  # other words than <NA>, or none
        recording, speaker = fields[0], fields[6]
        start, length = float(fields[2]), float(fields[3])
    if not (start >= 0 and 0 <= length < 1e6):
        raise ValueError(text)
    return recording, start, length, speaker


def _build_spans(found: Sequence[tuple[str, float, float, str]]) -> list[SpeakerSpan]:
    speakers: dict[str, int] = {}
    spans = []
    for _, start, length, name in found:
        if length:
            begin, end = round(start * MASTER_HZ), round((start + length) * MASTER_HZ)
            speaker = speakers.setdefault(name, len(speakers))
            spans.append(
                SpeakerSpan(start=begin, end=max(begin + 1, end), speaker=speaker, exclusive=False)
            )
    return spans


def cut_to_recording(known: KnownRecording, samples: int) -> tuple[KnownRecording, list[str]]:
    """Keep the truth of the first `samples` (48 kHz) of a recording, and note what was left out.

    An excerpt often comes with the truth of the whole. Raises InputError when nothing of the truth
    lies in the recording.
    """
    name, ends = known.sound.name, f"{samples / MASTER_HZ:.1f} s"
    turns = [
        replace(turn, end=min(turn.end, samples)) for turn in known.turns if turn.start < samples
    ]
    sheet = [true for true in known.sheet if true.start < samples]
    if not turns:
        first = min(turn.start for turn in known.turns) / MASTER_HZ
        message = "no turn of its RTTM lies in this recording"
        raise InputError(
            Problem(
                file=name,
                message=message,
                expected=f"turns before {ends}",
                got=f"the first at {first:.1f} s",
            )
        )
    left_out = [
        f"{name} ends at {ends}: {count} {what} after that left out"
        for count, what in (
            (len(known.turns) - len(turns), "turns"),
            (len(known.sheet) - len(sheet), "lines"),
        )
        if count
    ]
    return replace(known, turns=turns, sheet=sheet), left_out


def read_sheet(path: Path) -> list[TrueLine]:
    """Read the line sheet.

    Columns: `character, text, start, end` (seconds or M:SS.mmm, empty for a line that nobody
    speaks), optionally `line_id, scene`; others are ignored. Raises InputError with every bad cell.
    """
    text = read_text(path)
    header = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        names = _map_columns(path, [name for name in table.fieldnames or () if name])
        rows = [
            (table.line_num, {new: (row[old] or "").strip() for new, old in names.items()})
            for row in table
        ]
    except csv.Error as error:
        raise InputError(
            Problem(file=path.name, row=table.line_num, message=f"not a sheet: {error}")
        ) from error
    rows = [(number, row) for number, row in rows if any(row.values())]
    if not rows:
        raise InputError(Problem(file=path.name, message="there are no lines in it"))
    lines: list[TrueLine] = []
    problems: list[Problem] = []
    for order, (number, row) in enumerate(rows):
        try:
            lines.append(_read_true_line(path, row, number, order=order))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return lines


def _map_columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    """Map our name of each known column to the sheet's.

    A column's own name counts before another name for it.
    """
    plain = {re.sub(r"[\s-]+", "_", name.strip().casefold()): name for name in header}
    names = {ALSO[name]: written for name, written in plain.items() if name in ALSO} | plain
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise InputError([_describe_missing_column(path, name, list(names)) for name in missing])
    return names


def _describe_missing_column(path: Path, name: str, columns: list[str]) -> Problem:
    return Problem(
        file=path.name,
        column=name,
        message="no such column",
        got=", ".join(columns),
        nearest=find_nearest(name, columns),
    )


def _read_true_line(path: Path, row: dict[str, str], number: int, *, order: int) -> TrueLine:
    problems: list[Problem] = []
    times = []
    for column in ("start", "end"):
        try:
            times.append(_parse_time(row[column]))
        except ValueError:
            expected = "seconds, M:SS.mmm or nothing"
            problems.append(
                Problem(
                    file=path.name,
                    row=number,
                    column=column,
                    message="not a time",
                    expected=expected,
                    got=row[column],
                )
            )
    if not row["character"] or not row["text"]:
        problems.append(
            Problem(file=path.name, row=number, message="a line needs a character and a text")
        )
    unspoken = [time < 0 for time in times]
    if not problems and (any(unspoken) or times[0] >= times[1]) and not all(unspoken):
        got = f"{row['start'] or 'nothing'} to {row['end'] or 'nothing'}"
        problems.append(
            Problem(
                file=path.name,
                row=number,
                column="end",
                message="the end must come after the start",
                got=got,
            )
        )
    if problems:
        raise InputError(problems)
    line = Line(
        line_id=row.get("line_id") or f"L{order + 1:03}",
        order=order,
        scene=row.get("scene") or "1",
        character=row["character"],
        text=row["text"],
    )
    return TrueLine(line=line, start=times[0], end=times[1])


def _parse_time(text: str) -> int:
    if not text:
        return -1
    seconds = sum(
        float(part.replace(",", ".")) * 60.0**i for i, part in enumerate(reversed(text.split(":")))
    )
    if not 0 <= seconds < 1e6:
        raise ValueError(text)
    return round(seconds * MASTER_HZ)
