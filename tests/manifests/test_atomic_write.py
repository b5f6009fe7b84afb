# SPDX-License-Identifier: Apache-2.0
"""A file is there whole, or it is as it was."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from manifests.atomic_write import atomic_write


def test_what_is_written_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "row.json"
    with atomic_write(path) as partial:
        partial.write_text("{}")
        assert not path.exists()
        assert (partial.parent, partial.suffix, partial.name[0]) == (path.parent, ".json", ".")
    assert path.read_text() == "{}"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "row.json"
    path.write_text("before")
    with pytest.raises(ValueError, match="halfway"), atomic_write(path) as partial:
        partial.write_text("half")
        raise ValueError("halfway")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_the_same_file_do_not_mix(tmp_path: Path) -> None:
    path, both = tmp_path / "row.txt", threading.Barrier(2)

    def write(letter: str) -> None:
        with atomic_write(path) as partial, partial.open("w") as file:
            for _ in range(3):
                both.wait()
                file.write(letter * 1000)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in ("a" * 3000, "b" * 3000)
    assert list(tmp_path.iterdir()) == [path]
