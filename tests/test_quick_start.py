# SPDX-License-Identifier: Apache-2.0
"""The README's quick start prints what the README prints: the example is rendered as a new user
would, then once more."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns("build")


def printed_in_readme() -> list[str]:
    """The two blocks of output in the quick start."""
    return [
        block.strip()
        for block in re.findall(
            r"^```\n(The Lighthouse.*?|Nothing to do.*?)^```$", README, flags=re.M | re.S
        )
    ]


README = (ROOT / "README.md").read_text()


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_the_quick_start_prints_what_the_readme_prints(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "examples" / "lighthouse", tmp_path / "examples" / "lighthouse", ignore=IGNORED
    )
    command = [sys.executable, "-m", "flows", "render", "examples/lighthouse"]
    said = [
        subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == printed_in_readme()
