# SPDX-License-Identifier: Apache-2.0
"""The small diffusion talker: 64 px, under five million parameters, trained here on made faces.

It demonstrates diffusion and is not DICE-Talk. In come a portrait, speech and an emotion curve
(`model.talker`); out come RGB frames. Open `talker` first, then `clip` (one shot), `sampling` and
`guidance` (from noise to latents); docs/how-it-works/nano.md names its limits. This file holds
settings and weights of a plan and imports nothing heavy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.errors import InputError, Problem, find_nearest

if TYPE_CHECKING:
    from model.talker import Description

NAME = "nano"
VERSION = "1.0.0"
LABEL = "diffusion demonstration"
CONTEXT_SECONDS = 0.5
FACE_WEIGHTS = ("mediapipe-face-detector", "mediapipe-face-mesh")
HEARING_WEIGHTS = ("whisper-tiny-en",)
LICENCES: tuple[str, ...] = (
    "diffusion demonstration (weights of this package): Apache-2.0, trained on CC0 made faces "
    "and synthetic speech",
    "MediaPipe face detector and face mesh: Apache-2.0",
    "Whisper tiny.en: MIT",
)
WEIGHTS = Path(__file__).with_name("weights")
"""The checkpoint that ships with the package."""
CONFIG, DIGEST = "config.json", "digest"
CHECKPOINT = ("model.safetensors", CONFIG, DIGEST)
"""The files of a checkpoint, as `model.affect.checkpoint` writes them; that module is not imported
for a plan."""
UNFINISHED = "autoencoder"  # the stage of training after which nothing can denoise yet
FILE = "nano settings"
RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, 200),
    "guidance": (0, 20),
    "size": (128, 4320),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoSettings:
    """Settings of the talker.

    - `steps`: denoising steps.
    - `guidance`: 1 follows sound and emotion as learnt (one branch), more exaggerates them (two
      branches).
    - `size`: short side of the frames in pixels, None for the portrait's own.
    - `weights`: folder of a checkpoint of your own training.
    """

    steps: int = 10
    guidance: float = 2.0
    size: int | None = None
    weights: str = ""

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint."""
        return Path(self.weights).expanduser() if self.weights else WEIGHTS


def read_settings(table: Mapping[str, object]) -> NanoSettings:
    """Check a mapping from a settings file. Raises InputError with every problem."""
    known = [field.name for field in fields(NanoSettings)]
    problems = [
        Problem(
            file=FILE,
            column=name,
            message=f"unknown setting {name!r}",
            nearest=find_nearest(name, known),
        )
        for name in table
        if name not in known
    ]
    values: dict[str, Any] = {name: table[name] for name in known if table.get(name) is not None}
    problems += [problem for name, value in values.items() if (problem := _problem(name, value))]
    if problems:
        raise InputError(problems)
    return NanoSettings(**values)


def describe(settings: Mapping[str, object]) -> Description:
    """Describe the talker for a plan. Raises InputError for bad settings or missing weights."""
    from manifests.identity import digest
    from model import weights
    from model.talker import Description

    chosen = read_settings(settings)
    needed = FACE_WEIGHTS + HEARING_WEIGHTS
    for name in needed:
        weights.locate(name)
    shaping = {name: value for name, value in asdict(chosen).items() if name != "weights"}
    return Description(
        name=NAME,
        version=VERSION,
        label=LABEL,
        weights_digest=digest([_digest(chosen.folder), weights.digest_weights(needed)]),
        context_seconds=CONTEXT_SECONDS,
        licences=LICENCES,
        weights=needed,
        shaping=shaping,
    )


def _digest(folder: Path) -> str:
    """Read the digest that the checkpoint's writer noted, without reading the weights.

    Raises InputError when the folder is no checkpoint of this talker.
    """
    expected = "a folder that `callsheet train diffusion` finished"
    missing = [name for name in CHECKPOINT if not (folder / name).is_file()]
    if missing:
        names = ", ".join(missing)
        message = f"the weights of the diffusion demonstration are incomplete: {names} missing"
        raise InputError(Problem(file=str(folder), message=message, expected=expected))
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError:
        config = None
    kind, stage = (
        config.get(name) if isinstance(config, dict) else None for name in ("kind", "stage")
    )
    if kind != LABEL or stage == UNFINISHED:
        file, got = str(folder / CONFIG), repr(stage if kind == LABEL else kind)
        message = "this talker cannot use these weights"
        raise InputError(Problem(file=file, message=message, expected=expected, got=got))
    return (folder / DIGEST).read_text(encoding="utf-8").strip()


def _problem(name: str, value: object) -> Problem | None:
    if name == "weights":
        good, expected = isinstance(value, str), "a folder"
    else:
        low, high = RANGES[name]
        whole = name != "guidance"
        number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        good = number and low <= float(str(value)) <= high
        expected = f"a {'whole ' if whole else ''}number from {low:g} to {high:g}"
    return (
        None
        if good
        else Problem(
            file=FILE, column=name, message=f"bad {name}", expected=expected, got=repr(value)
        )
    )
