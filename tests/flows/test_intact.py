# SPDX-License-Identifier: Apache-2.0
"""Damaged files are found before they enter a delivery, said, and made again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import cli, intact
from flows.episode import episode
from flows.project import open_project
from manifests.delivery_rows import Deliverable
from manifests.identity import digest_file
from manifests.rows import Grade, Take
from manifests.store import Store
from pipeline import media
from tests.conftest import Rendered


def flip_byte(path: Path) -> None:
    """Change one byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def flip_byte_unseen(path: Path) -> None:
    """Change one byte and keep the time of change, as a failing disk does."""
    facts = path.stat()
    flip_byte(path)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def ask_for_another_version(folder: Path) -> None:
    """Change a setting that no take depends on."""
    path = folder / "production.toml"
    before, after = "[delivery]\n", "[delivery]\nend_card_seconds = 0.2\n"
    path.write_text(path.read_text().replace(before, after))


def decode_first_frames(path: Path, count: int) -> list[bytes]:
    frames = media.read_frames(path, width=160, height=90)
    return [frame.tobytes() for frame, _ in zip(frames, range(count), strict=False)]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[tuple[Store, Path]]:
    (tmp_path / "media").mkdir()
    (tmp_path / "media/a.mkv").write_bytes(bytes(range(200)))
    store = Store(tmp_path / "manifests")
    intact.seal_files(store, tmp_path, ["media/a.mkv", "media/missing.mkv"])
    yield store, tmp_path


def test_an_untouched_file_is_whole(build: tuple[Store, Path]) -> None:
    store, root = build
    assert intact.find_damaged(store, root, ["media/a.mkv"], thorough=True) == []


def test_a_file_that_was_only_copied_is_whole(build: tuple[Store, Path]) -> None:
    store, root = build
    os.utime(root / "media/a.mkv", (1, 1))
    assert intact.find_damaged(store, root, ["media/a.mkv"]) == []


@pytest.mark.parametrize("cut", [0, 1, 100, 199])
def test_a_shortened_file_is_damaged(build: tuple[Store, Path], cut: int) -> None:
    store, root = build
    (root / "media/a.mkv").write_bytes(bytes(range(200))[:cut])
    assert intact.find_damaged(store, root, ["media/a.mkv"]) == ["media/a.mkv"]


def test_damage_behind_an_old_time_is_found_by_reading(build: tuple[Store, Path]) -> None:
    store, root = build
    flip_byte_unseen(root / "media/a.mkv")
    assert intact.find_damaged(store, root, ["media/a.mkv"]) == []
    assert intact.discard_damaged(store, root, ["media/a.mkv"]) == ["media/a.mkv"]
    assert not (root / "media/a.mkv").exists()
    assert intact.list_discarded(store, since="2000-01-01T00:00:00") == ["media/a.mkv"]


def test_a_file_that_was_made_again_is_sealed_again(build: tuple[Store, Path]) -> None:
    store, root = build
    (root / "media/a.mkv").write_bytes(b"another take")
    intact.seal_folders(store, root, ["media"])
    assert intact.find_damaged(store, root, ["media/a.mkv"], thorough=True) == []


def test_a_file_without_a_seal_is_compared_with_the_digest_of_its_row(tmp_path: Path) -> None:
    store = Store(tmp_path / "manifests")
    (tmp_path / "b.mkv").write_bytes(b"b")
    right, wrong = {"b.mkv": digest_file(tmp_path / "b.mkv")}, {"b.mkv": "0" * 32}
    assert intact.find_damaged(store, tmp_path, ["b.mkv"], digests=right, thorough=True) == []
    found = intact.find_damaged(store, tmp_path, ["b.mkv"], digests=wrong, thorough=True)
    assert found == ["b.mkv"]


def test_everything_damaged_is_made_again_before_it_is_delivered(
    film: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = film.copy(tmp_path / "scene")
    project = open_project(folder)
    take, grade = project.store.read(Take)[0], project.store.read(Grade)[1]
    master = next((project.root / "media/masters").glob("*.flac"))
    copy = next((project.root / "media/recordings").glob("*.48k.flac"))
    damaged = [project.root / take.path, project.root / grade.cube_path, master, copy]
    digests = [digest_file(path) for path in damaged]
    for path in damaged:
        flip_byte_unseen(path)
    ask_for_another_version(folder)
    outcome = episode(str(folder))
    assert outcome.version is not None
    assert (outcome.made, outcome.rejects) == (1, [])
    names = {path.relative_to(project.root).as_posix() for path in damaged}
    assert names <= set(outcome.damaged)
    assert [digest_file(path) for path in damaged][1:] == digests[1:]
    before = decode_first_frames(project.root / "deliverables/v001/web.mp4", 40)
    assert decode_first_frames(outcome.version.folder / "web.mp4", 40) == before


def test_a_damaged_take_is_named_by_plan_and_status(
    film: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = film.copy(tmp_path / "scene")
    project = open_project(folder)
    path = project.root / project.store.read(Take)[0].path
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(SystemExit):
        cli.main(["plan", str(folder), "--json"])
    states = [(shot["state"], shot["why"]) for shot in json.loads(capsys.readouterr().out)["shots"]]
    assert states.count(("changed", ["damaged: made again"])) == 1
    assert states.count(("cached", [])) == 3
    with pytest.raises(SystemExit):
        cli.main(["status", str(folder)])
    assert "damaged: made again: sc0" in capsys.readouterr().out


def test_a_damaged_deliverable_is_replaced_by_the_next_version(
    film: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = film.copy(tmp_path / "scene")
    project = open_project(folder)
    row = project.store.read(Deliverable)[0]
    flip_byte(project.root / "deliverables" / row.path)
    with pytest.raises(SystemExit):
        cli.main(["plan", str(folder)])
    assert f"damaged: deliverables/{row.path}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as leave:
        cli.main(["render", str(folder)])
    assert leave.value.code == 0
    printed = capsys.readouterr()
    assert f"damaged: deliverables/{row.path}" in printed.err
    assert "deliverables/v002/web.mp4" in printed.out
