# SPDX-License-Identifier: Apache-2.0
"""Compare the DICE-Talk networks with golden tensors of the reference.

    python -m benchmarks.dice_parity DIR

Prints one line per fixture (largest difference against its tolerance) and exits with 1 when one
fails. A fixture is `NAME.json` beside `NAME.safetensors`; the beginning of its name says its kind,
its JSON the sizes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from benchmarks.dice_fixtures import KINDS
from benchmarks.golden import Compared, Fixture


@torch.no_grad()
def compare_fixture(folder: Path, name: str) -> list[Compared]:
    """Compare everything in one fixture. Raises ValueError for an unknown kind."""
    kind = next((kind for kind in KINDS if name.startswith(kind)), None)
    if kind is None:
        raise ValueError(f"{name}: not a known kind of fixture ({', '.join(KINDS)})")
    return list(KINDS[kind](Fixture.read(folder, name)))


def list_fixtures(folder: Path) -> list[str]:
    """List the fixtures of a folder."""
    return sorted(path.stem for path in folder.glob("*.json") if path.stem != "index")


def format_verdict(folder: Path, name: str) -> tuple[bool, str]:
    """Check one fixture; return whether it passed, and a line that says so."""
    try:
        compared = compare_fixture(folder, name)
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        return False, f"{name:32} FAIL  {type(error).__name__}: {error}"
    worst = max(compared, key=lambda c: c.closeness)
    passed = all(c.passed for c in compared)
    verdict = "pass" if passed else "FAIL"
    return (
        passed,
        f"{name:32} {worst.difference:9.2e}  tolerance {worst.tolerance:.0e}  {verdict}  "
        f"({worst.name})",
    )


def main(arguments: list[str]) -> int:
    """Compare every fixture of the folder named on the command line."""
    torch.set_num_threads(1)
    if len(arguments) != 1 or not list_fixtures(Path(arguments[0])):
        print(
            "usage: python -m benchmarks.dice_parity DIR (a folder with NAME.json and "
            "NAME.safetensors)",
            file=sys.stderr,
        )
        return 2
    verdicts = []
    for name in list_fixtures(Path(arguments[0])):
        passed, text = format_verdict(Path(arguments[0]), name)
        verdicts.append(passed)
        print(text, flush=True)
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
