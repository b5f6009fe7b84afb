# SPDX-License-Identifier: Apache-2.0
"""Report a training's progress: a callback of named numbers, and the loss curve in a file.

Not a display: flows draw bars and write TensorBoard's files from the same callback.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from manifests.atomic_write import atomic_write

Report = Callable[[int, Mapping[str, float]], None]
"""`report(step, {"loss/total": 1.25, ...})`, after each step or less often."""


def ignore_report(_step: int, _values: Mapping[str, float]) -> None:
    """Ignore the numbers of a step."""


class LossCurve:
    """The numbers of each step, one JSON object a line: curves can be compared by byte."""

    def __init__(self, path: Path) -> None:
        """Name the file. `path` need not exist."""
        self.path = path

    def rewind(self, step: int) -> None:
        """Remove the steps from `step` on: a resumed training goes through them again."""
        kept = [line for line in self._lines() if json.loads(line)["step"] < step]
        with atomic_write(self.path) as partial:
            partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Append a step."""
        line = json.dumps({"step": step, **values})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def read(self) -> list[dict[str, float]]:
        """Read all steps, in order."""
        return [json.loads(line) for line in self._lines()]

    def _lines(self) -> list[str]:
        """Return complete lines only: a killed process may leave half of one."""
        if not self.path.is_file():
            return []
        text = self.path.read_text(encoding="utf-8")
        return [line for line in text[: text.rfind("\n") + 1].split("\n") if line]
