# SPDX-License-Identifier: Apache-2.0
"""The page about environment settings names every variable that the code reads or sets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/reference/environment.md").read_text(encoding="utf-8")
PACKAGES = ("manifests", "model", "pipeline", "flows")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


def find_variables() -> Iterator[str]:
    """Find texts that look like variables in modules that read or set the environment."""
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "environ" in text or "envvar" in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from [node.value] if VARIABLE.fullmatch(node.value) else []


def test_every_variable_of_the_code_is_on_the_page() -> None:
    found = set(find_variables())
    assert {"CALLSHEET_FFMPEG", "RAY_ADDRESS"} <= found
    assert sorted(name for name in found if f"`{name}`" not in PAGE) == []


def test_every_variable_of_the_deployment_and_of_make_is_on_the_page() -> None:
    compose = re.findall(r"\$\{(\w+)", (ROOT / "infra/compose.yaml").read_text())
    make = re.findall(r"^(\w+) \?=|\$\((PORTRAITS)\)", (ROOT / "Makefile").read_text(), flags=re.M)
    names = {*compose, *(name for pair in make for name in pair if name)}
    assert sorted(name for name in names if f"`{name}`" not in PAGE) == []


def test_every_variable_on_the_page_is_in_the_code() -> None:
    known = {*find_variables(), "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"}
    deployed = (ROOT / "infra/compose.yaml").read_text()
    named = {name[0] for name in re.finditer(VARIABLE, PAGE)}
    assert sorted(name for name in named - known if name not in deployed) == []
