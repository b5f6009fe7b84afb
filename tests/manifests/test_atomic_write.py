# SPDX-License-Identifier: Apache-2.0
"""A file or folder is there whole, or it is as it was."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from manifests.atomic_write import atomic_folder, atomic_write, hidden_file, hidden_folder


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


def test_a_folder_replaces_the_former_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    for number in range(2):
        with atomic_folder(path) as partial:
            (partial / f"{number}.json").write_text("{}")
            assert partial.name[0] == "."
            assert path.exists() == bool(number)
    with pytest.raises(ValueError, match="halfway"), atomic_folder(path) as partial:
        (partial / "2.json").write_text("half")
        raise ValueError("halfway")
    assert sorted(tmp_path.rglob("*")) == [path, path / "1.json"]


def test_hidden_files_and_folders_are_gone_at_the_end_unless_they_were_renamed(
    tmp_path: Path,
) -> None:
    with hidden_file(tmp_path / "mix.wav") as working, hidden_folder(tmp_path / "v001") as staged:
        working.touch()
        (staged / "web.mp4").touch()
    assert list(tmp_path.iterdir()) == []
    with hidden_file(tmp_path / "mix.wav") as working, hidden_folder(tmp_path / "v001") as staged:
        working.touch()
        working.rename(tmp_path / "b.wav")
        staged.rename(tmp_path / "v001")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.wav", "v001"]


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
