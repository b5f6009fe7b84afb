# SPDX-License-Identifier: Apache-2.0
"""What is true of a recording, and how far from it listening was: NAME.wav + NAME.rttm (+ NAME.csv) and the measures on them.

Reading is forgiving about columns that it does not need and strict about everything else: a benchmark on a sheet that was read
wrongly is worse than none.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import InputError, Problem, nearest
from manifests.rows import Cue, Line, Turn
from manifests.timebase import MASTER_HZ
from pipeline.turns import SpeakerSpan

COLLAR = 0.25
STEP = MASTER_HZ // 100
HALF_FOUND = 0.5  # a line is found when cue and truth share half of their union
SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".mp4", ".mov", ".mkv")
NEEDED = ("character", "text", "start", "end")
ALSO = {"start_seconds": "start", "end_seconds": "end", "speaker": "character", "id": "line_id", "line": "line_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueLine:
    """One row of the sheet; `start` and `end` in samples at 48 kHz, -1 when the line is not spoken."""

    line: Line
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A recording whose truth is known. `turns`: who speaks when (samples at 48 kHz); `sheet`: empty when there is no line sheet."""

    sound: Path
    turns: list[SpeakerSpan]
    sheet: list[TrueLine]


def read_folder(folder: Path, *, only: str = "") -> tuple[list[Known], list[str]]:
    """Every NAME.rttm with its recording and its sheet, and what was left out and why. Raises InputError with all that is wrong.

    `only`: beginnings of names, with commas between them."""
    if not folder.is_dir():
        raise InputError(Problem(file=str(folder), message="no such folder"))
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.startswith(tuple(only.split(","))))
    known: list[Known] = []
    problems: list[Problem] = []
    for truth in (path for path in files if path.suffix.lower() == ".rttm"):
        try:
            known.append(_known(truth, files))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    stems = {one.sound.stem for one in known}
    alone = [path.name for path in files if path.suffix.lower() in SOUNDS and path.stem not in stems]
    if not known:
        got = f"{len(alone)} recordings without one" if alone else "none"
        raise InputError(
            Problem(file=str(folder), message="nothing to measure", expected="NAME.wav + NAME.rttm", got=got)
        )
    return known, [f"{name}: left out, there is no {Path(name).stem}.rttm" for name in alone]


def _known(truth: Path, files: Sequence[Path]) -> Known:
    sounds = [path for path in files if path.stem == truth.stem and path.suffix.lower() in SOUNDS]
    if len(sounds) != 1:
        got = ", ".join(path.name for path in sounds) or "none"
        raise InputError(
            Problem(file=truth.name, message="this needs one recording", expected=f"{truth.stem}.wav", got=got)
        )
    problems: list[Problem] = []
    turns: list[SpeakerSpan] = []
    sheet: list[TrueLine] = []
    try:
        turns = read_turns(truth)
    except InputError as error:
        problems += error.problems
    lines = truth.with_suffix(".csv")
    try:
        sheet = read_sheet(lines) if lines in files else []
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return Known(sound=sounds[0], turns=turns, sheet=sheet)


def read_turns(path: Path) -> list[SpeakerSpan]:
    """The SPEAKER lines of an RTTM file as full spans in samples at 48 kHz, speakers numbered as they come.

    Raises InputError with every line that is none, and when there are no turns or those of several recordings."""
    spans: list[SpeakerSpan] = []
    problems: list[Problem] = []
    speakers: dict[str, int] = {}
    recordings: set[str] = set()
    for number, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        fields = text.split()
        if not fields or fields[0].startswith((";", "#")) or (fields[0] != "SPEAKER" and len(fields) >= 8):
            continue  # comments and the other line types of RTTM
        try:
            start, length = float(fields[3]), float(fields[4])
            if not (fields[0] == "SPEAKER" and start >= 0 and 0 < length < 1e6):
                raise ValueError(text)
            speaker = speakers.setdefault(fields[7], len(speakers))
        except (ValueError, IndexError):
            expected = "SPEAKER name 1 start duration <NA> <NA> speaker <NA> <NA>, in seconds"
            problems.append(
                Problem(file=path.name, line=number, message="not a turn", expected=expected, got=text[:80])
            )
            continue
        recordings.add(fields[1])
        begin, end = round(start * MASTER_HZ), round((start + length) * MASTER_HZ)
        spans.append(SpeakerSpan(start=begin, end=max(begin + 1, end), speaker=speaker, exclusive=False))
    if len(recordings) > 1:
        problems.append(
            Problem(file=path.name, message="turns of several recordings", got=", ".join(sorted(recordings)))
        )
    if not spans and not problems:
        problems.append(Problem(file=path.name, message="there are no turns in it"))
    if problems:
        raise InputError(problems)
    return spans


def read_sheet(path: Path) -> list[TrueLine]:
    """The line sheet: `character, text, start, end` (seconds or M:SS.mmm, empty for a line that nobody speaks), if given
    `line_id, scene`; other columns are passed over. Raises InputError with every cell that makes no sense."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        names = {name: _column(name) for name in table.fieldnames or () if name}
        missing = [name for name in NEEDED if name not in names.values()]
        if missing:
            raise InputError([_no_column(path, name, list(names)) for name in missing])
        rows = [{new: (row[old] or "").strip() for old, new in names.items()} for row in table]
    lines: list[TrueLine] = []
    problems: list[Problem] = []
    for number, row in enumerate(rows, 2):
        try:
            lines.append(_true_line(path, row, number))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return lines


def _column(name: str) -> str:
    plain = name.strip().casefold().replace(" ", "_").replace("-", "_")
    return ALSO.get(plain, plain)


def _no_column(path: Path, name: str, columns: list[str]) -> Problem:
    return Problem(
        file=path.name, column=name, message="no such column", got=", ".join(columns), nearest=nearest(name, columns)
    )


def _true_line(path: Path, row: dict[str, str], number: int) -> TrueLine:
    problems: list[Problem] = []
    times = []
    for column in ("start", "end"):
        try:
            times.append(_samples(row[column]))
        except ValueError:
            expected = "seconds, M:SS.mmm or nothing"
            problems.append(
                Problem(
                    file=path.name, row=number, column=column, message="not a time", expected=expected, got=row[column]
                )
            )
    if not row["character"] or not row["text"]:
        problems.append(Problem(file=path.name, row=number, message="a line needs a character and a text"))
    unspoken = [time < 0 for time in times]
    if not problems and (any(unspoken) or times[0] >= times[1]) and not all(unspoken):
        got = f"{row['start'] or 'nothing'} to {row['end'] or 'nothing'}"
        problems.append(
            Problem(file=path.name, row=number, column="end", message="the end must come after the start", got=got)
        )
    if problems:
        raise InputError(problems)
    line = Line(
        line_id=row.get("line_id") or f"L{number - 1:03}",
        order=number - 2,
        scene=row.get("scene") or "1",
        character=row["character"],
        text=row["text"],
    )
    return TrueLine(line=line, start=times[0], end=times[1])


def _samples(text: str) -> int:
    if not text:
        return -1
    seconds = sum(float(part) * 60.0**i for i, part in enumerate(reversed(text.split(":"))))
    if not 0 <= seconds < 1e6:
        raise ValueError(text)
    return round(seconds * MASTER_HZ)


def full_spans(turns: Sequence[Turn]) -> list[SpeakerSpan]:
    """What was found, as `diarization_error` takes it: the full turns, in samples at 48 kHz."""
    speakers = {name: number for number, name in enumerate(sorted({turn.speaker for turn in turns}))}
    return [
        SpeakerSpan(start=turn.start, end=turn.end, speaker=speakers[turn.speaker], exclusive=False)
        for turn in turns
        if not turn.exclusive
    ]


def diarization_error(true: Sequence[SpeakerSpan], found: Sequence[SpeakerSpan], *, hz: int = MASTER_HZ) -> float:
    """Diarization error rate of pyannote.metrics, collar 0.25 s, overlap scored. Spans in samples at `hz`."""
    from pyannote.metrics.diarization import DiarizationErrorRate

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'uem' was approximated")  # the whole file is scored
        rate = DiarizationErrorRate(collar=COLLAR, skip_overlap=False)
        return float(rate(_annotation(true, hz), _annotation(found, hz)))


def _annotation(spans: Sequence[SpeakerSpan], hz: int) -> Any:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for number, span in enumerate(spans):
        annotation[Segment(span.start / hz, span.end / hz), number] = str(span.speaker)
    return annotation


def right_share(cues: Sequence[Cue], sheet: Sequence[TrueLine]) -> float:
    """Share of the true speech time of the script's lines in which the right character is on (10 ms steps).

    Where two lines overlap each counts by itself: both characters have to be on.
    """
    length = max((true.end for true in sheet), default=0) // STEP + 1
    right = spoken = 0
    for character in {true.line.character for true in sheet}:
        true = _on([(t.start, t.end) for t in sheet if t.line.character == character], length)
        on = _on([(cue.start, cue.end) for cue in cues if cue.character == character], length)
        right, spoken = right + int((true & on).sum()), spoken + int(true.sum())
    return right / max(1, spoken)


def _on(spans: Sequence[tuple[int, int]], length: int) -> np.ndarray:
    track = np.zeros(length, dtype=bool)
    for start, end in spans:
        if start >= 0:
            track[start // STEP : end // STEP] = True
    return track


def is_found(cue: Cue, true: TrueLine) -> bool:
    """Whether a cue lies where its line is spoken: they share half of their union."""
    if cue.start < 0:
        return False
    shared = min(cue.end, true.end) - max(cue.start, true.start)
    return shared > HALF_FOUND * (max(cue.end, true.end) - min(cue.start, true.start))


def line_errors(cues: Sequence[Cue], sheet: Sequence[TrueLine]) -> tuple[float, list[float], list[float]]:
    """Share of the spoken lines that were found, and how far their starts and ends are off, in seconds."""
    spoken = [(cue, true) for cue, true in zip(cues, sheet, strict=True) if true.start >= 0]
    found = [(cue, true) for cue, true in spoken if is_found(cue, true)]
    starts = [abs(cue.start - true.start) / MASTER_HZ for cue, true in found]
    ends = [abs(cue.end - true.end) / MASTER_HZ for cue, true in found]
    return len(found) / max(1, len(spoken)), starts, ends
