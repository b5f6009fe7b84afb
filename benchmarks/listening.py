# SPDX-License-Identifier: Apache-2.0
"""Measure listening: `python -m benchmarks.listening FOLDER` prints a table for any folder of NAME.wav + NAME.rttm (+ NAME.csv).

The RTTM says who truly speaks when. The optional line sheet (`line_id, scene, character, text, start, end`) is the script with true
starts and ends in seconds (empty for a line that is not spoken); with it the matching is measured too. `make bench-listening` makes
its own corpus first (`listening_corpus.py`). Times are CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from manifests.rows import Cue, Line, Recording, Turn
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline import align, diarize, ingest, transcribe

COLLAR = 0.25
STOCK = diarize.Settings(
    method="centroid", threshold=0.7, refine=False
)  # what pyannote's own pipeline of this family ships with
STEP = MASTER_HZ // 100
HALF_FOUND = 0.5  # a line is found when cue and truth share half of their union

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueLine:
    """One row of the sheet; `start` and `end` in samples at 48 kHz, -1 when the line is not spoken."""

    line: Line
    start: int
    end: int


@dataclass(slots=True, kw_only=True)
class Scores:
    """What was measured on one recording; None where there was nothing to measure."""

    name: str
    seconds: float
    speakers: int
    der: float = 0.0
    der_unknown: float | None = None
    der_stock: float | None = None
    count_error: int | None = None
    right: float | None = None
    right_without_words: float | None = None
    found: float | None = None
    start_errors: list[float] = field(default_factory=list)
    end_errors: list[float] = field(default_factory=list)
    flagged: int = 0
    wrong: int = 0
    wrong_flagged: int = 0
    speed: float = 0.0
    overhead: float | None = None


def evaluate(wav: Path, root: Path, *, full: bool = True) -> tuple[Scores, list[Cue]]:
    """Listen to one recording and compare with its truth. `full`: also unknown count, stock settings and bare engine calls."""
    reference = _reference(wav.with_suffix(".rttm"))
    sheet = _sheet(wav.with_suffix(".csv")) if wav.with_suffix(".csv").exists() else []
    count = len(reference.labels())
    recording, ingest_seconds = _timed(lambda: _ingest(wav, root))
    known = diarize.Settings(speakers=count)
    turns, diarize_seconds = _timed(lambda: diarize.diarize([recording], root=root, settings=known))
    words, transcribe_seconds = _timed(
        lambda: transcribe.transcribe([recording], root=root, settings=transcribe.Settings())
    )
    seconds = recording.samples / MASTER_HZ
    scores = Scores(name=wav.stem, seconds=seconds, speakers=count, der=_error(reference, turns))
    cues, align_seconds = _timed(lambda: align.align([t.line for t in sheet], turns, words, recordings=[recording]))
    spent = ingest_seconds + diarize_seconds + transcribe_seconds + align_seconds
    scores.speed = spent / seconds
    if sheet:
        _score_cues(scores, cues, sheet, recording=recording, turns=turns)
    if full:
        _score_others(scores, reference, recording, root)
        scores.overhead = spent / _bare_seconds(recording, root, count)
    return scores, cues


def _score_cues(
    scores: Scores, cues: Sequence[Cue], sheet: Sequence[TrueLine], *, recording: Recording, turns: Sequence[Turn]
) -> None:
    scores.right = right_share(cues, sheet)
    blind = align.align([t.line for t in sheet], turns, [], recordings=[recording])
    scores.right_without_words = right_share(blind, sheet)
    spoken = [(cue, true) for cue, true in zip(cues, sheet, strict=True) if true.start >= 0]
    found = [(cue, true) for cue, true in spoken if _is_found(cue, true)]
    scores.found = len(found) / max(1, len(spoken))
    scores.start_errors = [abs(cue.start - true.start) / MASTER_HZ for cue, true in found]
    scores.end_errors = [abs(cue.end - true.end) / MASTER_HZ for cue, true in found]
    for cue, true in zip(cues, sheet, strict=True):
        right = cue.start < 0 if true.start < 0 else _is_found(cue, true)
        flagged = cue.status != "matched" and not (cue.status == "missing" and right)
        scores.flagged += flagged
        scores.wrong += not right
        scores.wrong_flagged += flagged and not right


def _score_others(scores: Scores, reference: Any, recording: Recording, root: Path) -> None:
    unknown = diarize.diarize([recording], root=root, settings=diarize.Settings())
    stock = diarize.diarize([recording], root=root, settings=STOCK)
    scores.der_unknown, scores.der_stock = _error(reference, unknown), _error(reference, stock)
    scores.count_error = len({turn.speaker for turn in unknown}) - scores.speakers


def _is_found(cue: Cue, true: TrueLine) -> bool:
    if cue.start < 0:
        return False
    shared = min(cue.end, true.end) - max(cue.start, true.start)
    return shared > HALF_FOUND * (max(cue.end, true.end) - min(cue.start, true.start))


def right_share(cues: Sequence[Cue], sheet: Sequence[TrueLine]) -> float:
    """Share of the true speech time of the script's lines in which the right character is on (10 ms steps)."""
    length = max(true.end for true in sheet) // STEP + 1
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


def _ingest(wav: Path, root: Path) -> Recording:
    return ingest.ingest(wav, order=0, offset_samples=0, media=root / "media", folder=wav.parent)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    begin = time.process_time()
    result = work()
    return result, time.process_time() - begin


def _bare_seconds(recording: Recording, root: Path, count: int) -> float:
    """CPU seconds of the two engines called once each, with nothing of ours around them."""
    import torch

    sound = ingest.read_span([recording], 0, recording.samples, hz=ANALYSIS_HZ, root=root)
    file = {"waveform": torch.from_numpy(sound)[None], "sample_rate": ANALYSIS_HZ, "uri": "bare"}

    def diarized() -> object:
        with diarize._quiet():
            return diarize._pipeline(diarize.Settings())(file, num_speakers=count)

    def recognised() -> object:
        model = transcribe._model(transcribe.Settings())
        segments, _ = model.transcribe(sound, language="en", word_timestamps=True, condition_on_previous_text=False)
        return list(segments)

    return _timed(diarized)[1] + _timed(recognised)[1]


def _reference(path: Path) -> Any:
    from pyannote.database.util import load_rttm

    return next(iter(load_rttm(path).values()))


def _error(reference: Any, turns: Sequence[Turn]) -> float:
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    hypothesis = Annotation()
    for number, turn in enumerate(turns):
        if not turn.exclusive:
            hypothesis[Segment(turn.start / MASTER_HZ, turn.end / MASTER_HZ), number] = turn.speaker
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'uem' was approximated")  # the whole file is scored
        return float(DiarizationErrorRate(collar=COLLAR, skip_overlap=False)(reference, hypothesis))


def _sheet(path: Path) -> list[TrueLine]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        TrueLine(
            line=Line(
                line_id=row["line_id"], order=i, scene=row["scene"], character=row["character"], text=row["text"]
            ),
            start=round(float(row["start"]) * MASTER_HZ) if row["start"] else -1,
            end=round(float(row["end"]) * MASTER_HZ) if row["end"] else -1,
        )
        for i, row in enumerate(rows)
    ]


COLUMNS = [
    "name", "s", "spk", "DER", "DER?", "DERstock", "count", "right", "nowords", "found", "start50", "start95", "end50", "end95",
    "flag", "wrong", "caught", "speed", "over",
]  # fmt: skip


def table(results: Sequence[Scores]) -> str:
    """One row a recording and one for all, as aligned text. Times in milliseconds."""
    rows = [COLUMNS, *[_row(scores) for scores in results], _row(_together(results))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(scores: Scores) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return [
        scores.name, f"{scores.seconds:.0f}", str(scores.speakers), share(scores.der), share(scores.der_unknown), share(scores.der_stock),
        "-" if scores.count_error is None else f"{scores.count_error:+d}", share(scores.right), share(scores.right_without_words),
        share(scores.found), *_percentiles(scores.start_errors), *_percentiles(scores.end_errors), str(scores.flagged),
        str(scores.wrong), str(scores.wrong_flagged), share(scores.speed), share(scores.overhead),
    ]  # fmt: skip


def _percentiles(errors: Sequence[float]) -> list[str]:
    return [f"{1000 * np.percentile(errors, p):.0f}" if errors else "-" for p in (50, 95)]


def _together(results: Sequence[Scores]) -> Scores:
    """Means over recordings; line errors pooled; counts summed."""

    def mean(name: str) -> float | None:
        values = [getattr(scores, name) for scores in results if getattr(scores, name) is not None]
        return statistics.fmean(values) if values else None

    return Scores(
        name=f"all {len(results)}",
        seconds=sum(scores.seconds for scores in results),
        speakers=0,
        der=mean("der") or 0.0,
        speed=mean("speed") or 0.0,
        start_errors=[error for scores in results for error in scores.start_errors],
        end_errors=[error for scores in results for error in scores.end_errors],
        flagged=sum(scores.flagged for scores in results),
        wrong=sum(scores.wrong for scores in results),
        wrong_flagged=sum(scores.wrong_flagged for scores in results),
        der_unknown=mean("der_unknown"),
        der_stock=mean("der_stock"),
        right=mean("right"),
        right_without_words=mean("right_without_words"),
        found=mean("found"),
        overhead=mean("overhead"),
    )


def main() -> None:
    """Read the command line, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="names that begin with this")
    parser.add_argument("--quick", action="store_true", help="leave out unknown count, stock settings and bare engines")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    asked = parser.parse_args()
    results = []
    for wav in sorted(asked.folder.glob(f"{asked.only}*.wav")):
        if wav.with_suffix(".rttm").exists():
            with tempfile.TemporaryDirectory() as root:
                results.append(evaluate(wav, Path(root), full=not asked.quick)[0])
    if not results:
        raise SystemExit(f"no NAME.wav + NAME.rttm in {asked.folder}")
    print(table(results))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(scores) for scores in results], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
