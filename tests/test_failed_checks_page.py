# SPDX-License-Identifier: Apache-2.0
"""The guide to failed checks names every check that the code can make, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.deliver import caption_lint

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "guides" / "failed-checks.md"
SOURCES = [
    *(ROOT / "pipeline" / "checks").glob("*.py"),
    *(ROOT / "flows" / "finishing").glob("*.py"),
    ROOT / "flows" / "ledger" / "marks.py",
]
# functions that take the name of a check, and at which place
NAMED_AT = {"CheckVerdict": 0, "_check_equal": 0, "_check_stretches": 0, "_warn": 0} | {
    "_build_check": 1
}


def test_the_page_names_every_check_and_no_other() -> None:
    rows = re.findall(r"^\|`([^`]+)`\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(set(rows))
    assert set(rows) == _list_check_names()


def _list_check_names() -> set[str]:
    names = {name for path in SOURCES for name in _find_names(ast.parse(path.read_text()))}
    return names | {f"caption {rule}" for rule in _list_caption_rules()}


def _find_names(tree: ast.Module) -> Iterator[str]:
    known = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        for value in _find_name_values(node):
            literal = known.get(value.id, value) if isinstance(value, ast.Name) else value
            if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
                yield literal.value


def _find_name_values(node: ast.AST) -> Iterator[ast.expr]:
    """Find expressions that name a check: arguments, and the "name" of a shared dictionary."""
    if isinstance(node, ast.Dict):
        yield from (
            value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == "name"
        )
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return
    if node.func.id == "Check":
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "name")
    at = NAMED_AT.get(node.func.id)
    if at is not None and len(node.args) > at:
        yield node.args[at]


def _list_caption_rules() -> set[str]:
    tree = ast.parse(Path(caption_lint.__file__).read_text())
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Yield)]
    return {
        str(value.elts[0].value)
        for value in values
        if isinstance(value, ast.Tuple) and isinstance(value.elts[0], ast.Constant)
    }
