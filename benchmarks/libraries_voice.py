# SPDX-License-Identifier: Apache-2.0
"""Compare our TD-PSOLA with libraries that change the pitch and speed of speech.

`pip install pyworld-prebuilt==0.3.6.post1 python-stretch==0.3.1`, then
`python -m benchmarks.libraries_voice` (seven minutes). The voices are those of the example. Neither
package is a dependency of Callsheet. Pitch is measured by two trackers, ours and WORLD's, because a
tracker favours the engine that it belongs to.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio
from scipy.signal import resample_poly

from manifests.rows import Recording
from model import weights
from model.affect import prosody
from pipeline.corpus.psola import Manner, modify_speech
from pipeline.speech import transcribe
from pipeline.speech.pyannote_pipeline import import_encoder
from pipeline.speech.speaker_encoder import embed

HZ = 16000
EXAMPLE = Path("examples/lighthouse/recordings/dialogue.flac")
SPANS = ((2.0, 6.0), (8.0, 12.0), (20.0, 24.0), (40.0, 44.0))  # seconds
FACTORS = (
    Manner(pitch_semitones=4.0),
    Manner(pitch_semitones=-3.0),
    Manner(rate=1.25),
    Manner(pitch_semitones=2.0, rate=0.85),
)
CURVES = (
    Manner(pitch_semitones=3.5, pitch_range=1.46, rise_semitones=1.5, rate=1.13),  # about happy
    Manner(pitch_semitones=-2.0, pitch_range=0.62, rise_semitones=-1.5, rate=0.8),  # about sad
    Manner(pitch_semitones=6.0, pitch_range=2.0, rise_semitones=4.0, rate=0.92),  # about surprised
)
GROSS = 6.0  # semitones: a tracker that is further off took another octave
FFT, HOP = 1024, 256  # of the phase vocoder

Sound = np.ndarray
Engine = Callable[[Sound, Manner], Sound]


def main() -> None:
    """Print a line for each engine and kind of change."""
    samples, rate = soundfile.read(EXAMPLE, dtype="float64")
    sound = resample_poly(samples, 1, rate // HZ)
    parts = [sound[int(first * HZ) : int(last * HZ)] for first, last in SPANS]
    for name, modify in (("TD-PSOLA (ours)", modify_ours), ("WORLD (pyworld)", modify_world)):
        print_scores(f"{name}, factors", modify, parts, FACTORS)
        print_scores(f"{name}, curves", modify, parts, CURVES)
    print_scores("Signalsmith (python-stretch), factors", modify_signalsmith, parts, FACTORS)
    print_scores("torchaudio, factors", modify_torchaudio, parts, FACTORS)


def print_scores(
    name: str, modify: Engine, parts: list[Sound], manners: tuple[Manner, ...]
) -> None:
    """Make every change on every part, measure the results and print their means."""
    modify(parts[0], manners[0])  # the first call loads libraries
    pairs = [(part, manner) for part in parts for manner in manners]
    began = time.perf_counter()
    changed = [modify(part, manner) for part, manner in pairs]
    work = (time.perf_counter() - began) / sum(len(part) / HZ for part, _ in pairs)
    encoder = import_encoder().load(weights.locate("ge2e-speaker"))
    rows = [
        (
            *measure_pitch_error(part, out, manner),
            abs(len(out) / HZ - len(part) / HZ / manner.rate) * 1000,
            measure_harmonicity(out) - measure_harmonicity(part),
            compare_voices(encoder, part, out),
        )
        for (part, manner), out in zip(pairs, changed, strict=True)
    ]
    ours, world, length, harmonicity, voice = np.mean(rows, axis=0)
    words = count_word_errors([part for part, _ in pairs], changed)
    print(
        f"{name}: pitch off by {ours:.2f} semitones (WORLD's tracker {world:.2f}), length by "
        f"{length:.0f} ms, harmonicity {harmonicity:+.1f} dB, voice cosine {voice:.3f}, "
        f"{100 * words:.0f} % of words changed, {work:.3f} s of work for each second",
        flush=True,
    )


def modify_ours(sound: Sound, manner: Manner) -> Sound:
    """Change pitch and speed with our own PSOLA."""
    return modify_speech(sound, manner).sound


def modify_world(sound: Sound, manner: Manner) -> Sound:
    """Change pitch and speed with WORLD (Morise et al. 2016)."""
    world: Any = importlib.import_module("pyworld")
    f0, times = world.harvest(sound, HZ)
    envelope, noise = world.cheaptrick(sound, f0, times, HZ), world.d4c(sound, f0, times, HZ)
    places = np.arange(0, len(f0) - 1, manner.rate).round().astype(int)
    raised = move_pitch(f0, manner)[places]
    out: np.ndarray = world.synthesize(raised, envelope[places], noise[places], HZ)
    return out


def modify_signalsmith(sound: Sound, manner: Manner) -> Sound:
    """Change pitch and speed by one factor each with Signalsmith Stretch."""
    stretch = importlib.import_module("python_stretch").Signalsmith.Stretch()
    stretch.preset(1, HZ)
    stretch.setTransposeSemitones(manner.pitch_semitones)
    stretch.setTimeFactor(manner.rate)
    out: np.ndarray = stretch.process(sound.astype(np.float32)[None])[0].astype(np.float64)
    return out


def modify_torchaudio(sound: Sound, manner: Manner) -> Sound:
    """Change pitch and speed by one factor each with torchaudio's phase vocoder."""
    wave = torch.from_numpy(sound.astype(np.float32))
    if manner.pitch_semitones:
        wave = torchaudio.functional.pitch_shift(wave, HZ, manner.pitch_semitones)  # type: ignore[arg-type]
    if manner.rate == 1:
        return wave.numpy().astype(np.float64)
    window = torch.hann_window(FFT)
    spectrum = torch.stft(wave, FFT, HOP, window=window, return_complex=True)
    advance = torch.linspace(0, np.pi * HOP, FFT // 2 + 1)[:, None]
    slower = torchaudio.functional.phase_vocoder(spectrum, manner.rate, advance)
    length = round(len(sound) / manner.rate)
    out = torch.istft(slower, FFT, HOP, window=window, length=length)
    return out.numpy().astype(np.float64)


def move_pitch(f0: np.ndarray, manner: Manner) -> np.ndarray:
    """Compute the pitch that a manner asks for, in Hz; 0 stays 0."""
    voiced = f0 > 0
    logs = np.log2(np.where(voiced, f0, 1))
    mean = logs[voiced].mean()
    along = np.linspace(-0.5, 0.5, len(f0)) * manner.rise_semitones / 12
    moved = mean + manner.pitch_semitones / 12 + (logs - mean) * manner.pitch_range + along
    return np.where(voiced, np.clip(2**moved, prosody.LOWEST_HZ, prosody.HIGHEST_HZ), 0)


def measure_pitch_error(part: Sound, out: Sound, manner: Manner) -> tuple[float, float]:
    """Measure how far pitch is from its curve, by our tracker and by WORLD's.

    Means over the 10 ms that are voiced in both, in semitones, without other octaves.
    """
    ours, world = (
        compare_curves(move_pitch(track(part), manner), track(out), manner.rate)
        for track in (track_ours, track_world)
    )
    return ours, world


def track_ours(sound: Sound) -> np.ndarray:
    """Track pitch each 10 ms as Callsheet does."""
    return prosody.measure_track(sound).f0


def track_world(sound: Sound) -> np.ndarray:
    """Track pitch each 10 ms with WORLD's Harvest."""
    f0: np.ndarray = importlib.import_module("pyworld").harvest(sound, HZ, frame_period=10.0)[0]
    return f0


def compare_curves(wanted: np.ndarray, found: np.ndarray, rate: float) -> float:
    """Return the mean distance of two pitch curves in semitones; `found` is at another speed."""
    places = np.minimum((np.arange(len(found)) * rate).round().astype(int), len(wanted) - 1)
    both = (found > 0) & (wanted[places] > 0)
    off = np.abs(12 * np.log2(found[both] / wanted[places][both]))
    return float(off[off < GROSS].mean())


def measure_harmonicity(sound: Sound) -> float:
    """Measure the median harmonics-to-noise ratio of voiced speech in dB, period by period."""
    ratios = []
    for step, pitch in enumerate(track_ours(sound)):
        period, start = round(HZ / pitch) if pitch else 0, step * prosody.STEP
        first, second = sound[start : start + period], sound[start + period : start + 2 * period]
        if period and len(second) == period:
            power = max(float(np.sqrt((first @ first) * (second @ second))), 1e-12)
            same = np.clip(first @ second / power, 0.01, 0.999)
            ratios.append(10 * np.log10(same / (1 - same)))
    return float(np.median(ratios))


def compare_voices(encoder: Any, first: Sound, second: Sound) -> float:
    """Compare two sounds by the speaker encoder: the cosine of their unit vectors."""
    vectors = [embed(encoder, sound.astype(np.float32)) for sound in (first, second)]
    assert vectors[0] is not None
    assert vectors[1] is not None
    return float(vectors[0] @ vectors[1])


def count_word_errors(before: list[Sound], after: list[Sound]) -> float:
    """Return the share of words that the recogniser hears otherwise than in the original."""
    wanted, heard = hear_words(before), hear_words(after)
    pairs = zip(wanted, heard, strict=True)
    wrong = sum(
        max(low_end - low, high_end - high)
        for first, second in pairs
        for kind, low, low_end, high, high_end in SequenceMatcher(
            None, first, second, autojunk=False
        ).get_opcodes()
        if kind != "equal"
    )
    return wrong / sum(len(words) for words in wanted)


def hear_words(sounds: list[Sound]) -> list[list[str]]:
    """Transcribe sounds: the words of each, in small letters."""
    with tempfile.TemporaryDirectory() as folder:
        recordings = [_store(sound, k, Path(folder)) for k, sound in enumerate(sounds)]
        settings = transcribe.TranscriptionSettings()
        words = transcribe.transcribe(recordings, root=Path(folder), settings=settings)
    found: list[list[str]] = [[] for _ in sounds]
    for word in words:
        found[int(word.recording_id)].append(word.text.strip(".,!?").casefold())
    return found


def _store(sound: Sound, number: int, folder: Path) -> Recording:
    soundfile.write(folder / f"{number}.flac", np.clip(sound, -1, 1), HZ)
    texts = dict.fromkeys(("source", "source_digest", "master_path"), "")
    numbers = dict.fromkeys(("offset_samples", "clipped_samples"), 0)
    levels = dict.fromkeys(("peak_dbfs", "rms_dbfs", "dc_offset"), 0.0)
    return Recording(
        recording_id=str(number),
        order=number,
        samples=len(sound),
        analysis_path=f"{number}.flac",
        source_hz=HZ,
        source_channels=1,
        **texts,
        **numbers,
        **levels,
    )


if __name__ == "__main__":
    main()
