# SPDX-License-Identifier: Apache-2.0
"""Compare the DICE-Talk networks with golden tensors of the reference: `python -m
benchmarks.dice_parity DIR`.

Prints one line per fixture (largest difference against its tolerance) and ends with 1 when one
fails. A fixture is `NAME.json` beside `NAME.safetensors`; its kind is read from how its name
begins, its sizes from its JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from benchmarks.dice_fixtures import KINDS
from benchmarks.golden import Compared, Fixture


@torch.no_grad()
def check(folder: Path, name: str) -> list[Compared]:
    """Everything compared for one fixture. Raises ValueError for a kind that is not known."""
    kind = next((kind for kind in KINDS if name.startswith(kind)), None)
    if kind is None:
        raise ValueError(f"{name}: not a known kind of fixture ({', '.join(KINDS)})")
    return list(KINDS[kind](Fixture.read(folder, name)))


def names(folder: Path) -> list[str]:
    """The fixtures of a folder."""
    return sorted(path.stem for path in folder.glob("*.json") if path.stem != "index")


def line(folder: Path, name: str) -> tuple[bool, str]:
    """The verdict on one fixture, and the line that tells it."""
    try:
        compared = check(folder, name)
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        return False, f"{name:32} FAIL  {type(error).__name__}: {error}"
    worst = max(compared, key=lambda c: c.closeness)
    passed = all(c.passed for c in compared)
    verdict = "pass" if passed else "FAIL"
    return (
        passed,
        f"{name:32} {worst.difference:9.2e}  tolerance {worst.tolerance:.0e}  {verdict}  ({worst.name})",
    )


def main(arguments: list[str]) -> int:
    """Compare every fixture of the folder named on the command line."""
    torch.set_num_threads(1)
    if len(arguments) != 1 or not names(Path(arguments[0])):
        print(
            "usage: python -m benchmarks.dice_parity DIR (a folder with NAME.json and NAME.safetensors)",
            file=sys.stderr,
        )
        return 2
    verdicts = []
    for name in names(Path(arguments[0])):
        passed, text = line(Path(arguments[0]), name)
        verdicts.append(passed)
        print(text, flush=True)
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
