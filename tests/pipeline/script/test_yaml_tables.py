# SPDX-License-Identifier: Apache-2.0
"""Sheets in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import InputError
from tests.pipeline.script.test_tables import texts

COLUMNS = ("one", "two", "three")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- one: &a x\n  two: *a\n", "line 1: YAML anchors and aliases are not accepted"),
        ("- *nobody\n", "line 1: YAML anchors and aliases are not accepted"),
        ("- {one: 1, one: 2, two: 3, three: 4}\n", "line 1, column one: this column appears twice"),
        (
            "- one: {deep: 1}\n  two: 2\n  three: 3\n",
            "line 1, column one: this value is neither text nor a list of texts",
        ),
        ("- x\n", "line 1: this item is not a row"),
        ("[" * 100_000, "line 1: nested too deep"),
        ("one: [\n", "line 2: not valid YAML"),
        ("a: 1\nb: 2\n", "no rows"),
        ("---\n- {one: 1}\n---\n- {one: 2}\n", "not valid YAML"),
        ("- one: \x07\n", "not valid YAML"),
        ("", "no rows"),
    ],
)
def test_a_broken_yaml_is_refused_with_its_place(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "sheet.yaml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        texts(path)
    assert says in str(caught.value)
