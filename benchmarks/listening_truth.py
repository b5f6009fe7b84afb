# SPDX-License-Identifier: Apache-2.0
"""What is true of a recording, and how far from it listening was: NAME.wav + NAME.rttm (+ NAME.csv)
and the measures on them.

Reading is forgiving about columns that it does not need and strict about everything else: a
benchmark on a sheet that was read wrongly is worse than none.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Cue, Line, Turn
from manifests.timebase import MASTER_HZ
from pipeline.script.text_files import read_text
from pipeline.speech.turns import SpeakerSpan

COLLAR = 0.25
STEP = MASTER_HZ // 100
HALF_FOUND = 0.5  # a line is found when cue and truth share half of their union
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
    """One row of the sheet; `start` and `end` in samples at 48 kHz, -1 when the line is not
    spoken.
    """

    line: Line
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A recording whose truth is known. `turns`: who speaks when (samples at 48 kHz); `sheet`:
    empty when there is no line sheet.
    """

    sound: Path
    turns: list[SpeakerSpan]
    sheet: list[TrueLine]


def read_folder(folder: Path, *, only: str = "") -> tuple[list[Known], list[str]]:
    """Every NAME.rttm with its recording and its sheet, and what was left out and why. Raises
    InputError with all that is wrong.

    `only`: beginnings of names, with commas between them.
    """
    if not folder.is_dir():
        raise InputError(Problem(file=str(folder), message="no such folder"))
    named = tuple(only.split(","))
    files = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name.startswith(named) and not path.name.startswith(".")
    )
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


def _known(truth: Path, files: Sequence[Path]) -> Known:
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
    return Known(sound=beside.get(".wav", *sounds[:1]), turns=turns, sheet=sheet)


def read_turns(path: Path) -> list[SpeakerSpan]:
    """The SPEAKER lines of an RTTM file as full spans in samples at 48 kHz, speakers numbered as
    they come.

    Of a file with several recordings, those of the one that it is named after. Turns without length
    are passed over. Raises InputError with every line that is none, and when there are no turns or
    several recordings, none of that name.
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
            found.append(_turn(text.strip()))
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
    spans = _spans([one for one in found if len(recordings) == 1 or one[0] == path.stem])
    if not spans and not problems:
        problems.append(Problem(file=path.name, message="there are no turns in it"))
    if problems:
        raise InputError(problems)
    return spans


def _turn(text: str) -> tuple[str, float, float, str]:
    """Recording, start, length and speaker of a SPEAKER line. Raises ValueError."""
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


def _spans(found: Sequence[tuple[str, float, float, str]]) -> list[SpeakerSpan]:
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


def within(known: Known, samples: int) -> tuple[Known, list[str]]:
    """What is true of the first `samples` (48 kHz) of a recording, and what was left out, for
    people.

    An excerpt often comes with the truth of the whole. Raises InputError when nothing is true of
    the recording at all.
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
    """The line sheet: `character, text, start, end` (seconds or M:SS.mmm, empty for a line that
    nobody speaks), if given `line_id, scene`; other columns are passed over. Raises InputError with
    every cell that makes no sense.
    """
    text = read_text(path)
    header = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        names = _columns(path, [name for name in table.fieldnames or () if name])
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
            lines.append(_true_line(path, row, number, order=order))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return lines


def _columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    """Our name of each column that is understood, and the sheet's; its own name counts before
    another name for it.
    """
    plain = {re.sub(r"[\s-]+", "_", name.strip().casefold()): name for name in header}
    names = {ALSO[name]: written for name, written in plain.items() if name in ALSO} | plain
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise InputError([_no_column(path, name, list(names)) for name in missing])
    return names


def _no_column(path: Path, name: str, columns: list[str]) -> Problem:
    return Problem(
        file=path.name,
        column=name,
        message="no such column",
        got=", ".join(columns),
        nearest=find_nearest(name, columns),
    )


def _true_line(path: Path, row: dict[str, str], number: int, *, order: int) -> TrueLine:
    problems: list[Problem] = []
    times = []
    for column in ("start", "end"):
        try:
            times.append(_samples(row[column]))
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


def _samples(text: str) -> int:
    if not text:
        return -1
    seconds = sum(
        float(part.replace(",", ".")) * 60.0**i for i, part in enumerate(reversed(text.split(":")))
    )
    if not 0 <= seconds < 1e6:
        raise ValueError(text)
    return round(seconds * MASTER_HZ)


def full_spans(turns: Sequence[Turn]) -> list[SpeakerSpan]:
    """What was found, as `diarization_error` takes it: the full turns, in samples at 48 kHz."""
    speakers = {
        name: number for number, name in enumerate(sorted({turn.speaker for turn in turns}))
    }
    return [
        SpeakerSpan(start=turn.start, end=turn.end, speaker=speakers[turn.speaker], exclusive=False)
        for turn in turns
        if not turn.exclusive
    ]


def diarization_error(
    true: Sequence[SpeakerSpan], found: Sequence[SpeakerSpan], *, hz: int = MASTER_HZ
) -> float:
    """Diarization error rate of pyannote.metrics, collar 0.25 s, overlap scored. Spans in samples
    at `hz`.
    """
    from pyannote.metrics.diarization import DiarizationErrorRate

    with warnings.catch_warnings():
        # the whole file is scored
        warnings.filterwarnings("ignore", message="'uem' was approximated")
        rate = DiarizationErrorRate(collar=COLLAR, skip_overlap=False)
        return float(rate(_annotation(true, hz), _annotation(found, hz)))


def _annotation(spans: Sequence[SpeakerSpan], hz: int) -> Any:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for number, span in enumerate(spans):
        annotation[Segment(span.start / hz, span.end / hz), number] = str(span.speaker)
    return annotation


def right_share(cues: Sequence[Cue], sheet: Sequence[TrueLine]) -> float:
    """Share of the true speech time of the script's lines in which the right character is on (10 ms
    steps).

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


def line_errors(
    cues: Sequence[Cue], sheet: Sequence[TrueLine]
) -> tuple[float, list[float], list[float]]:
    """Share of the spoken lines that were found, and how far their starts and ends are off, in
    seconds.
    """
    spoken = [(cue, true) for cue, true in zip(cues, sheet, strict=True) if true.start >= 0]
    found = [(cue, true) for cue, true in spoken if is_found(cue, true)]
    starts = [abs(cue.start - true.start) / MASTER_HZ for cue, true in found]
    ends = [abs(cue.end - true.end) / MASTER_HZ for cue, true in found]
    return len(found) / max(1, len(spoken)), starts, ends
