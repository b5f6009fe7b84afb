# SPDX-License-Identifier: Apache-2.0
"""Measure listening: diarization, transcription and matching, on recordings with known truth.

`python -m benchmarks.listening FOLDER` prints a table for any folder of NAME.wav + NAME.rttm (+
NAME.csv). The RTTM says who truly speaks when. The optional line sheet (`line_id, scene, character,
text, start, end`) is the script with true starts and ends in seconds (empty for a line that is not
spoken); with it the matching is measured too. `make bench-listening` makes its own corpus first
(`listening_corpus.py`). Times are CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float32

from benchmarks.listening_measures import (
    is_found,
    measure_diarization_error,
    measure_line_errors,
    measure_right_share,
    to_full_spans,
)
from benchmarks.listening_truth import KnownRecording, TrueLine, cut_to_recording, read_folder
from manifests.errors import InputError, Problem, ToolError
from manifests.rows import Cue, Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline import media
from pipeline.align import align
from pipeline.speech import diarize, ingest, pyannote_pipeline, transcribe

# What pyannote's own pipeline of this family ships with.
STOCK = diarize.DiarizationSettings(method="centroid", threshold=0.7, refine=False)

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Scores:
    """Measurements of one recording; None where there was nothing to measure."""

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


def evaluate(known: KnownRecording, root: Path, *, full: bool = True) -> tuple[Scores, list[Cue]]:
    """Listen to one recording and compare with its truth.

    `full`: measure unknown count, stock settings and bare engine calls too.
    """
    recording, ingest_seconds = _time_work(lambda: _ingest(known.sound, root))
    known, left_out = cut_to_recording(known, recording.samples)
    print(*left_out, sep="\n", end="\n" if left_out else "", file=sys.stderr)
    count = len({turn.speaker for turn in known.turns})
    settings = diarize.DiarizationSettings(speakers=count)
    turns, diarize_seconds = _time_work(
        lambda: diarize.diarize([recording], root=root, settings=settings)
    )
    words, transcribe_seconds = _time_work(
        lambda: transcribe.transcribe(
            [recording], root=root, settings=transcribe.TranscriptionSettings()
        )
    )
    lines = [true.line for true in known.sheet]
    cues, align_seconds = _time_work(
        lambda: align.align_cues(lines, turns, words, recordings=[recording])
    )
    spent = ingest_seconds + diarize_seconds + transcribe_seconds + align_seconds
    seconds = recording.samples / MASTER_HZ
    scores = Scores(name=known.sound.stem, seconds=seconds, speakers=count, speed=spent / seconds)
    scores.der = measure_diarization_error(known.turns, to_full_spans(turns))
    if known.sheet:
        _score_cues(scores, cues, known.sheet)
        blind = align.align_cues(lines, turns, [], recordings=[recording])
        scores.right_without_words = measure_right_share(blind, known.sheet)
    if full:
        _score_others(scores, known, recording, root)
        scores.overhead = spent / _time_bare_engines(recording, root, count)
    return scores, cues


def _score_cues(scores: Scores, cues: Sequence[Cue], sheet: Sequence[TrueLine]) -> None:
    scores.right = measure_right_share(cues, sheet)
    scores.found, scores.start_errors, scores.end_errors = measure_line_errors(cues, sheet)
    for cue, true in zip(cues, sheet, strict=True):
        right = cue.start < 0 if true.start < 0 else is_found(cue, true)
        flagged = cue.status != "matched" and not (cue.status == "missing" and right)
        scores.flagged += flagged
        scores.wrong += not right
        scores.wrong_flagged += flagged and not right


def _score_others(scores: Scores, known: KnownRecording, recording: Recording, root: Path) -> None:
    unknown = diarize.diarize([recording], root=root, settings=diarize.DiarizationSettings())
    stock = diarize.diarize([recording], root=root, settings=STOCK)
    scores.der_unknown = measure_diarization_error(known.turns, to_full_spans(unknown))
    scores.der_stock = measure_diarization_error(known.turns, to_full_spans(stock))
    scores.count_error = len({turn.speaker for turn in unknown}) - scores.speakers


def _ingest(wav: Path, root: Path) -> Recording:
    recording = ingest.ingest(wav, order=0, offset_samples=0, root=root, folder=wav.parent)
    # named like a line or a character it would be searched for that alone
    return replace(recording, source="")


def _time_work(work: Callable[[], T]) -> tuple[T, float]:
    begin = time.process_time()
    result = work()
    return result, time.process_time() - begin


def _time_bare_engines(recording: Recording, root: Path, count: int) -> float:
    """Measure CPU seconds of the two engines called once each, with nothing of ours around them."""
    sound = ingest.read_span([recording], 0, recording.samples, hz=ANALYSIS_HZ, root=root)
    return _time_work(lambda: _run_bare_engines(sound, count=count))[1]


def _run_bare_engines(sound: Float32[np.ndarray, " samples"], *, count: int) -> None:
    import torch

    torch.set_num_threads(1)
    file = {"waveform": torch.from_numpy(sound)[None], "sample_rate": ANALYSIS_HZ, "uri": "bare"}
    with pyannote_pipeline.silence_engine():
        diarize._load_pipeline(diarize.DiarizationSettings())(file, num_speakers=count)
    model = transcribe._load_model(transcribe.TranscriptionSettings())
    segments, _ = model.transcribe(
        sound, language="en", word_timestamps=True, condition_on_previous_text=False
    )
    list(segments)


COLUMNS = [
    "name",
    "s",
    "spk",
    "DER",
    "DER?",
    "DERstock",
    "count",
    "right",
    "nowords",
    "found",
    "start50",
    "start95",
    "end50",
    "end95",
    "flag",
    "wrong",
    "caught",
    "speed",
    "over",
]


def format_table(results: Sequence[Scores]) -> str:
    """Format one row a recording, one for each condition, and one for all, as aligned text.

    The condition is what follows the last `-` of the names. Times are in milliseconds.
    """
    conditions = _group_by_condition(results)
    groups = {
        f"all {name}": some
        for name, some in conditions.items()
        if len(conditions) > 1 and len(some) > 1
    }
    groups["all"] = list(results)
    rows = [
        COLUMNS,
        *[_format_row(scores) for scores in results],
        *[_format_row(_pool_scores(n, some)) for n, some in groups.items()],
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def _group_by_condition(results: Sequence[Scores]) -> dict[str, list[Scores]]:
    found: dict[str, list[Scores]] = {}
    for scores in results:
        found.setdefault(scores.name.rpartition("-")[2], []).append(scores)
    return found


def _format_row(scores: Scores) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return [
        scores.name,
        f"{scores.seconds:.0f}",
        str(scores.speakers),
        share(scores.der),
        share(scores.der_unknown),
        share(scores.der_stock),
        "-" if scores.count_error is None else f"{scores.count_error:+d}",
        share(scores.right),
        share(scores.right_without_words),
        share(scores.found),
        *_format_percentiles(scores.start_errors),
        *_format_percentiles(scores.end_errors),
        str(scores.flagged),
        str(scores.wrong),
        str(scores.wrong_flagged),
        share(scores.speed),
        share(scores.overhead),
    ]


def _format_percentiles(errors: Sequence[float]) -> list[str]:
    return [f"{1000 * np.percentile(errors, p):.0f}" if errors else "-" for p in (50, 95)]


def _pool_scores(name: str, results: Sequence[Scores]) -> Scores:
    """Pool recordings: means, all line errors, sums of counts."""

    def mean(name: str) -> float | None:
        values = [getattr(scores, name) for scores in results if getattr(scores, name) is not None]
        return statistics.fmean(values) if values else None

    return Scores(
        name=f"{name} ({len(results)})",
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--only", default="", help="names that begin with this, or one of these: report,zz"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out unknown count, stock settings and bare engines",
    )
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    arguments = parser.parse_args()
    try:
        known, left_out = read_folder(arguments.folder, only=arguments.only)
        print(*left_out, sep="\n", end="\n" if left_out else "", file=sys.stderr)
        _check_sounds(known)
    except InputError as error:
        raise SystemExit(str(error)) from None
    results, failed = _evaluate_all(known, full=not arguments.quick)
    if results:
        print(format_table(results))
    if arguments.json:
        arguments.json.write_text(
            json.dumps([asdict(scores) for scores in results], indent=1) + "\n", encoding="utf-8"
        )
    if failed:
        raise SystemExit("\n".join(failed))


def _check_sounds(known: Sequence[KnownRecording]) -> None:
    """Raise InputError for all files that are no sound, before listening to the first."""
    problems: list[Problem] = []
    for recording in known:
        try:
            media.probe(recording.sound)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)


def _evaluate_all(known: Sequence[KnownRecording], *, full: bool) -> tuple[list[Scores], list[str]]:
    """Return the scores of all readable recordings, and the problems of the others."""
    results: list[Scores] = []
    failed: list[str] = []
    for number, recording in enumerate(known, 1):
        print(f"{number} of {len(known)}: {recording.sound.name}", file=sys.stderr, flush=True)
        try:
            if not results:
                _warm_up(recording)
            results.append(_evaluate_in_scratch(recording, full=full))
        except InputError as error:
            failed.append(str(error))
        except ToolError as error:
            failed.append(f"{recording.sound.name}: {error}")
    return results, failed


def _evaluate_in_scratch(known: KnownRecording, *, full: bool) -> Scores:
    with tempfile.TemporaryDirectory() as root:
        return evaluate(known, Path(root), full=full)[0]


def _warm_up(known: KnownRecording) -> None:
    """Import and start the engines on a few seconds, so that the first row does not pay for it."""
    with tempfile.TemporaryDirectory() as folder:
        recording = _ingest(known.sound, Path(folder))
        sound = ingest.read_span([recording], 0, 8 * MASTER_HZ, hz=ANALYSIS_HZ, root=Path(folder))
        _run_bare_engines(sound, count=2)
        diarize.find_speaker_spans(sound, settings=diarize.DiarizationSettings(speakers=2))


if __name__ == "__main__":
    main()
