# SPDX-License-Identifier: Apache-2.0
"""A purge forgets no file: walks the disk before and after it, and asks every file whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.project import Project, open_project
from flows.review import media
from flows.review.snapshot import read_snapshot
from flows.trust import purge
from manifests import layout
from manifests.rows import Grade, Shot, Take

ALEX, ROBIN = "Alex Example", "Robin Example"


@pytest.fixture
def scene(film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the rendered film whose takes somebody has looked at in a browser."""
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path / "cache"))
    project = open_project(film.copy(tmp_path / "scene"))
    snapshot = read_snapshot(project)
    for shot in project.store.read_current(Shot):
        media.make_take_copy(snapshot, shot.shot_id)
        media.make_thumbnail(snapshot, shot.shot_id)
    return project


def list_files(project: Project) -> dict[str, bytes]:
    """Read every file of the build but the record, by its path below the build."""
    return {
        path.relative_to(project.root).as_posix(): path.read_bytes()
        for path in sorted(project.root.rglob("*"))
        if path.is_file() and not path.is_relative_to(project.root / layout.RECORD)
    }


def test_the_layout_names_every_file_of_a_build(scene: Project) -> None:
    files = list_files(scene)
    assert [name for name in files if not layout.is_known(name)] == []
    used = {name.rpartition("/")[0] for name in files}
    assert {layout.TAKES, layout.GRADES, layout.MASTERS, layout.DAILIES, layout.RECORDINGS} <= used


def test_a_file_that_the_layout_does_not_name_is_found(scene: Project) -> None:
    for name in (
        f"{layout.MEDIA}/faces/alex.png",
        f"{layout.TAKES}/alex.txt",
        "deliverables/v001/alex.txt",
        "deliverables/v001/hls/deep/alex.mp4",
        "alex.mkv",
    ):
        assert not layout.is_known(name)
        path = scene.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert sum(not layout.is_known(name) for name in list_files(scene)) == 5


def test_no_file_of_a_person_is_on_the_disk_after_a_purge(scene: Project) -> None:
    before = list_files(scene)
    shots = {shot.shot_id: shot.actor for shot in scene.store.read_current(Shot)}
    grades = {grade.grade_id: shots[grade.shot_id] for grade in scene.store.read(Grade)}
    owners = {**shots, **grades}
    purge.carry_out_purge(scene, purge.plan_purge(scene, ALEX), by="tester")
    after = list_files(scene)

    alone = {folder.path for folder in layout.MEDIA_FOLDERS if folder.likeness == "person"}
    mixed = {
        folder.path
        for folder in layout.MEDIA_FOLDERS
        if "everybody" in (folder.likeness, folder.voice)
    }
    for name in after:
        folder = name.rpartition("/")[0]
        if folder in alone:
            assert owners[layout.identity_of(name)] == ROBIN
        assert folder not in mixed
        assert not name.startswith(layout.DELIVERABLES) or name.endswith(layout.TOMBSTONE)
        assert folder != layout.RECORDINGS  # both speak in the only one

    doomed = {
        content
        for name, content in before.items()
        if name.startswith(layout.DELIVERABLES)
        or name.rpartition("/")[0] in mixed
        or owners.get(layout.identity_of(name)) == ALEX
    }
    assert len(doomed) > 10
    assert not doomed & set(after.values()), "the same content lies under another name"
    kept = {take.path for take in scene.store.read(Take) if owners[take.shot_id] == ROBIN}
    assert kept
    assert kept <= set(after)
    assert [name for name in after if not layout.is_known(name)] == []
    assert purge.plan_purge(scene, ALEX).files == {}
