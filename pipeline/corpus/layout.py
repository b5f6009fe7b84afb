# SPDX-License-Identifier: Apache-2.0
"""What the readers of published corpora find: one row for each performance, and the names that they do not understand."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from manifests.identity import digest
from model.training.corpus import SPLITS

SHARES = {"train": 0.55, "judge": 0.15, "val": 0.10, "test": 0.20}
WINDOW_SECONDS = 10  # a longer recording is read in stretches of this length
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """One performance in a published corpus. `level` 0: none is given. `audio` None: the video's own sound. `start`: seconds into both."""

    identity: str
    emotion: str
    video: Path
    audio: Path | None = None
    level: int = 0
    intensity: float = 1.0
    text_id: str = ""
    text: str = ""
    start: Fraction = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What lies in a folder: performances, and for each file that is none, why."""

    performed: list[Performed] = field(default_factory=list)
    strange: list[tuple[Path, str]] = field(default_factory=list)


def split_of(identity: str) -> str:
    """The split of an identity: the same for ever, whoever else is in the corpus."""
    place = int(digest(["split", identity])[:8], 16) / 16**8
    for name in SPLITS:
        if place < SHARES[name]:
            return name
        place -= SHARES[name]
    return SPLITS[-1]
