# SPDX-License-Identifier: Apache-2.0
"""Compare our TD-PSOLA with the WORLD vocoder: pitch asked for, the same voice, speed.

`pip install pyworld-prebuilt==0.3.6.post1`, then `python -m benchmarks.libraries_voice`. The voices
are those of the example. pyworld is not a dependency of Callsheet.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import resample_poly

from model import weights
from model.affect import prosody
from pipeline.corpus.psola import Manner, modify_speech
from pipeline.speech.pyannote_pipeline import import_encoder
from pipeline.speech.speaker_encoder import embed

HZ = 16000
EXAMPLE = Path("examples/lighthouse/recordings/dialogue.flac")
SPANS = ((2.0, 6.0), (8.0, 12.0), (20.0, 24.0), (40.0, 44.0))  # seconds
ASKED = ((4.0, 1.0), (-3.0, 1.0), (0.0, 1.25), (2.0, 0.85))  # semitones, rate


def main() -> None:
    """Print one line for each engine."""
    samples, rate = soundfile.read(EXAMPLE, dtype="float64")
    sound = resample_poly(samples, 1, rate // HZ)
    encoder = import_encoder().load(weights.locate("ge2e-speaker"))
    for name, modify in (("TD-PSOLA (ours)", modify_ours), ("WORLD (pyworld)", modify_world)):
        off, same, seconds, length = [], [], 0.0, 0.0
        for first, last in SPANS:
            part = sound[int(first * HZ) : int(last * HZ)]
            for semitones, speed in ASKED:
                began = time.perf_counter()
                changed = modify(part, semitones, speed)
                seconds += time.perf_counter() - began
                length += len(part) / HZ
                wanted = measure_pitch(part) + semitones
                off.append(abs(measure_pitch(changed) - wanted))
                same.append(compare_voices(encoder, part, changed))
        print(
            f"{name}: median pitch off by {np.mean(off):.2f} (at most {max(off):.2f}) semitones, "
            f"voice cosine {np.mean(same):.3f} (least {min(same):.3f}), "
            f"{seconds / length:.3f} s of work for each second"
        )


def modify_ours(sound: np.ndarray, semitones: float, speed: float) -> np.ndarray:
    """Change pitch and speed with our own PSOLA."""
    return modify_speech(sound, Manner(pitch_semitones=semitones, rate=speed)).sound


def modify_world(sound: np.ndarray, semitones: float, speed: float) -> np.ndarray:
    """Change pitch and speed with WORLD (Morise et al. 2016)."""
    world: Any = importlib.import_module("pyworld")
    f0, times = world.harvest(sound, HZ)
    envelope, noise = world.cheaptrick(sound, f0, times, HZ), world.d4c(sound, f0, times, HZ)
    places = np.arange(0, len(f0) - 1, speed).round().astype(int)
    raised = f0[places] * 2 ** (semitones / 12)
    out: np.ndarray = world.synthesize(raised, envelope[places], noise[places], HZ)
    return out


def measure_pitch(sound: np.ndarray) -> float:
    """Measure the median pitch of voiced speech, in semitones."""
    pitch = prosody.measure_track(sound).f0
    return float(12 * np.log2(np.median(pitch[pitch > 0])))


def compare_voices(encoder: Any, first: np.ndarray, second: np.ndarray) -> float:
    """Compare two sounds by the speaker encoder: the cosine of their unit vectors."""
    vectors = [embed(encoder, sound.astype(np.float32)) for sound in (first, second)]
    assert vectors[0] is not None
    assert vectors[1] is not None
    return float(vectors[0] @ vectors[1])


if __name__ == "__main__":
    main()
