# SPDX-License-Identifier: Apache-2.0
"""Listen to long recordings: `python -m benchmarks.listening_long CORPUS` measures two hours.

The dialogues of the listening corpus are laid end to end, over and over, until the recording is
long enough; the sheets become one script of as many scenes. It prints the peak memory of this
process and the CPU seconds after each step, and how much was right. `--minutes 10 --bounded 600`
diarizes ten minutes twice instead: with all voices clustered, and with 600 of them. `--minutes 17
--only report --rooms` diarizes dialogues by the beginning of their names, with and without
compensation for room acoustics.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile as sf
from jaxtyping import Float32

from benchmarks.listening_measures import (
    measure_diarization_error,
    measure_line_errors,
    measure_right_share,
    to_full_spans,
)
from benchmarks.listening_truth import TrueLine, read_sheet, read_turns
from manifests.rows import Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline.align import align
from pipeline.speech import diarize, ingest, transcribe
from pipeline.speech.turns import SpeakerSpan

UNBOUNDED = 10**9

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Cost of one step: CPU seconds, and peak memory of the process until its end."""

    name: str
    cpu_seconds: float
    peak_gigabytes: float


def measure_steps(
    wav: Path, sheet: list[TrueLine], root: Path, *, speakers: int
) -> tuple[list[Step], list[str]]:
    """Listen to `wav` step by step as a production does.

    Also returns lines that say how much was right.
    """
    taken: list[Step] = []
    recording = _measure_step(taken, "bring in", lambda: _ingest(wav, root))
    settings = diarize.DiarizationSettings(speakers=speakers)
    turns = _measure_step(
        taken, "who", lambda: diarize.diarize([recording], root=root, settings=settings)
    )
    words = _measure_step(
        taken,
        "what",
        lambda: transcribe.transcribe(
            [recording], root=root, settings=transcribe.TranscriptionSettings()
        ),
    )
    lines = [true.line for true in sheet]
    cues = _measure_step(
        taken, "match", lambda: align.align_cues(lines, turns, words, recordings=[recording])
    )
    error = measure_diarization_error(read_turns(wav.with_suffix(".rttm")), to_full_spans(turns))
    found, _, _ = measure_line_errors(cues, sheet)
    return taken, [
        f"{len(sheet)} lines, {len(turns)} turns, {len(words)} words",
        f"diarization error {error:.3f}, right character {measure_right_share(cues, sheet):.3f}, "
        f"lines found {found:.3f}",
    ]


def compare_bounded(wav: Path, root: Path, *, speakers: int, most: int) -> list[str]:
    """Compare the diarization error of clustering all voices and at most `most` of them."""
    recording = _ingest(wav, root)
    sound = ingest.read_span([recording], 0, recording.samples, hz=ANALYSIS_HZ, root=root)
    settings = diarize.DiarizationSettings(speakers=speakers, most_embeddings=UNBOUNDED)
    true = read_turns(wav.with_suffix(".rttm"))
    whole, some = (
        _diarize_spans(sound, settings=chosen)
        for chosen in (settings, replace(settings, most_embeddings=most))
    )
    same = ", the same turns" if whole == some else ""
    return [
        f"{recording.samples / MASTER_HZ / 60:.1f} minutes, {speakers} voices",
        f"all embeddings          diarization error {measure_diarization_error(true, whole):.4f}",
        f"at most {most:<6} of them  diarization error {measure_diarization_error(true, some):.4f}",
        f"between the two         {measure_diarization_error(whole, some):.4f}{same}",
    ]


def compare_rooms(wav: Path, root: Path, *, speakers: int) -> list[str]:
    """Compare the diarization error with and without compensation for room acoustics."""
    recording = _ingest(wav, root)
    sound = ingest.read_span([recording], 0, recording.samples, hz=ANALYSIS_HZ, root=root)
    true = read_turns(wav.with_suffix(".rttm"))
    left, taken_off = (
        measure_diarization_error(
            true,
            _diarize_spans(
                sound, settings=diarize.DiarizationSettings(speakers=speakers, rooms=rooms)
            ),
        )
        for rooms in (False, True)
    )
    return [
        f"{recording.samples / MASTER_HZ / 60:.1f} minutes, {speakers} voices",
        f"diarization error as rooms leave the voices {left:.3f}, with what rooms add taken off "
        f"{taken_off:.3f}",
    ]


def _diarize_spans(
    sound: Float32[np.ndarray, " samples"], *, settings: diarize.DiarizationSettings
) -> list[SpeakerSpan]:
    """Find the full spans, in samples at 48 kHz as the truth is."""
    ratio = MASTER_HZ // ANALYSIS_HZ
    spans = diarize.find_speaker_spans(sound, settings=settings)
    return [
        replace(span, start=span.start * ratio, end=span.end * ratio)
        for span in spans
        if not span.exclusive
    ]


def lay_end_to_end(
    corpus: Path, folder: Path, *, seconds: float, only: str = ""
) -> tuple[Path, list[TrueLine], int]:
    """Write `long.wav` and `long.rttm` into `folder` as a stream.

    Returns the WAV, its line sheet, and the number of speakers.
    """
    wav, now = folder / "long.wav", 0
    truths: list[str] = []
    lines: list[TrueLine] = []
    with sf.SoundFile(wav, "w", samplerate=MASTER_HZ, channels=1, subtype="PCM_16") as whole:
        for number, name in enumerate(_cycle_dialogues(corpus, only)):
            if now >= seconds * MASTER_HZ:
                break
            for text in name.with_suffix(".rttm").read_text(encoding="utf-8").splitlines():
                fields = text.split()
                fields[1], fields[3] = "long", f"{float(fields[3]) + now / MASTER_HZ:.4f}"
                truths.append(" ".join(fields))
            lines += [
                _move_line(true, now, scene=number, order=len(lines))
                for true in read_sheet(name.with_suffix(".csv"))
            ]
            with sf.SoundFile(name) as dialogue:
                for block in dialogue.blocks(blocksize=MASTER_HZ, dtype="int16"):
                    whole.write(block)
                now += dialogue.frames
    wav.with_suffix(".rttm").write_text("\n".join(truths) + "\n", encoding="utf-8")
    return wav, lines, len({text.split()[7] for text in truths})


def _cycle_dialogues(corpus: Path, only: str) -> Iterator[Path]:
    """Yield all dialogues with a sheet, over and over.

    Those with the same script are never next to each other.
    """
    names = sorted(wav for wav in corpus.glob(f"{only}*.wav") if wav.with_suffix(".csv").exists())
    by_condition = sorted(names, key=lambda wav: (wav.stem.rpartition("-")[2], wav.stem))
    while by_condition:
        yield from by_condition


def _move_line(true: TrueLine, samples: int, *, scene: int, order: int) -> TrueLine:
    line = replace(true.line, line_id=f"S{scene}{true.line.line_id}", scene=str(scene), order=order)
    if true.start < 0:
        return TrueLine(line=line, start=-1, end=-1)
    return TrueLine(line=line, start=true.start + samples, end=true.end + samples)


def _ingest(wav: Path, root: Path) -> Recording:
    return ingest.ingest(wav, order=0, offset_samples=0, root=root, folder=wav.parent)


def _measure_step(taken: list[Step], name: str, work: Callable[[], T]) -> T:
    begin = time.process_time()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts in kilobytes
    taken.append(Step(name=name, cpu_seconds=time.process_time() - begin, peak_gigabytes=peak))
    print(f"{name:10} {taken[-1].cpu_seconds:8.1f} s CPU   peak {peak:.2f} GB", flush=True)
    return result


def main() -> None:
    """Read the command line, listen, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument(
        "--minutes", type=float, default=120.0, help="how long the recording is (120)"
    )
    parser.add_argument(
        "--bounded",
        type=int,
        help="compare clustering this many embeddings with clustering all, no more",
    )
    parser.add_argument("--only", default="", help="dialogues whose names begin with this")
    parser.add_argument(
        "--rooms", action="store_true", help="compare with leaving in what rooms add, no more"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wav, sheet, speakers = lay_end_to_end(
            arguments.corpus, folder, seconds=60 * arguments.minutes, only=arguments.only
        )
        if not sheet:
            raise SystemExit(f"no NAME.wav + NAME.rttm + NAME.csv in {arguments.corpus}")
        if arguments.rooms:
            lines_out = compare_rooms(wav, folder, speakers=speakers)
        elif arguments.bounded:
            lines_out = compare_bounded(wav, folder, speakers=speakers, most=arguments.bounded)
        else:
            _, lines_out = measure_steps(wav, sheet, folder, speakers=speakers)
        print("\n".join(lines_out))


if __name__ == "__main__":
    main()
