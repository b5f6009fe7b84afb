# SPDX-License-Identifier: Apache-2.0
"""The limits of docs and style that a machine can hold: sizes, docstrings, licence lines, no
prints, light imports."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("manifests", "model", "pipeline", "flows")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LOOPS = {"forward", "main"}  # a forward pass or a training loop reads best in one piece
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def lines_of(function: Function) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_no_function_is_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {lines_of(function)} lines"
        for path in FILES
        for function in functions(path)
        if lines_of(function) > (80 if function.name in LOOPS else 60)
    ]
    assert not long, "\n".join(long)


def test_nine_of_ten_functions_are_short() -> None:
    sizes = [lines_of(function) for path in FILES for function in functions(path)]
    assert statistics.quantiles(sizes, n=10)[-1] <= 30
    assert statistics.median(sizes) <= 15


def test_no_file_is_long() -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for path in FILES
        if (n := len(path.read_text().splitlines())) > 500
    }
    assert not long


def test_functions_take_few_parameters() -> None:
    many = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in FILES
        if path.parent.name != "verbs"  # there every option is an argument
        for function in functions(path)
        if len(function.args.posonlyargs + function.args.args) > 6
    ]
    assert not many, "\n".join(many)


def test_every_file_names_its_licence_and_says_what_it_is_for() -> None:
    for path in FILES:
        text = path.read_text()
        assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n"), path
        assert ast.get_docstring(ast.parse(text)), path


def test_public_functions_and_classes_are_documented() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in FILES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, Function | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("banned", ["utils", "common", "helpers", "core"])
def test_no_module_has_a_name_that_says_nothing(banned: str) -> None:
    assert not [path for path in FILES if path.stem == banned]


def test_planning_imports_nothing_heavy() -> None:
    heavy = (
        "torch",
        "cv2",
        "ray",
        "prefect",
        "pyannote",
        "faster_whisper",
        "diffusers",
        "transformers",
    )
    code = f"import sys; import flows.cli, flows.project, flows.plan; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_layers_and_doors_hold() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
