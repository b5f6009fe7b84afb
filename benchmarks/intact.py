# SPDX-License-Identifier: Apache-2.0
"""Measure what it costs to seal files and to compare them before use, as a share of a render.

`python -m benchmarks.intact FOLDER` copies a production, renders the copy in this process, and
prints the seconds inside `flows.intact` beside the seconds of the whole render; then once more
after one take was removed, when all other files are compared.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import intact
from flows.cli import main as callsheet
from manifests import layout

_spent = [0.0]


def count_seconds(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that its seconds are added up."""

    @functools.wraps(function)
    def counted(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            _spent[0] += time.perf_counter() - began

    return counted


def measure_render(folder: Path, title: str) -> None:
    """Render, and print the share of sealing and comparing. Raises SystemExit when it fails."""
    _spent[0], began = 0.0, time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            callsheet(["render", str(folder)])
        except SystemExit as left:
            if left.code:
                raise
    whole = time.perf_counter() - began
    share = 100 * _spent[0] / whole
    sys.stdout.write(f"{title}: {_spent[0]:.2f} s of {whole:.1f} s, {share:.1f} %\n")


def main() -> None:
    """Measure the first render, and one that makes a single take again."""
    for name in ("seal_files", "find_damaged"):  # the doors; the others go through them
        setattr(intact, name, count_seconds(getattr(intact, name)))
    with tempfile.TemporaryDirectory() as place:
        ignored = shutil.ignore_patterns(layout.BUILD)
        folder = Path(shutil.copytree(sys.argv[1], Path(place) / "film", ignore=ignored))
        measure_render(folder, "first render")
        next((folder / layout.BUILD / layout.TAKES).glob("*.mkv")).unlink()
        measure_render(folder, "one take made again")


if __name__ == "__main__":
    main()
