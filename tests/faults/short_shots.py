# SPDX-License-Identifier: Apache-2.0
"""A production of many very short shots, cheap enough to be rendered again and again: two people
who cut each other off."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

from tests.conftest import STARTER

SETTINGS = """\
title = "Very Short Shots"
episode = "e01"
rate = "25"
size = "128x72"
language = "de"
script = "lines.csv"
recordings = ["recordings/dialogue.flac"]

[cut]
minimum_shot_seconds = 0.2
sound_leads_frames = 0
picture_leads_frames = 0

[generate]
size = 128

[delivery]
profiles = ["web"]

[look]
method = "none"

[farm]
attempts = 5
silence_seconds = 20
"""
FRAMES = 10


def write_production(folder: Path, *, shots: int, extra: str = "") -> Path:
    """A production of `shots` shots of ten frames each. In German, so that nothing needs to be
    recognised: the sheet has the times."""
    for name in ("portraits/alex.jpg", "portraits/robin.jpg", "cast.csv", "consents.csv"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((STARTER / name).read_bytes())
    (folder / "production.toml").write_text(SETTINGS + extra)
    _write_sound(folder / "recordings" / "dialogue.flac", seconds=shots * FRAMES / 25)
    with (folder / "lines.csv").open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(["line_id", "scene", "character", "text", "emotion", "start", "end"])
        for number in range(shots):
            who = ("ALEX", "ROBIN")[number % 2]
            begins = number * FRAMES / 25
            sheet.writerow(
                [
                    number,
                    1,
                    who,
                    f"Zeile {number}",
                    f"happy {number % 10 / 10}",
                    begins,
                    begins + FRAMES / 25,
                ]
            )
    return folder


def _write_sound(path: Path, *, seconds: float) -> None:
    """The starter's dialogue, over and over."""
    path.parent.mkdir(parents=True)
    samples, hz = soundfile.read(STARTER / "recordings" / "dialogue.flac", dtype="int16")
    wanted = round(seconds * hz)
    soundfile.write(path, np.resize(samples, wanted), hz)
