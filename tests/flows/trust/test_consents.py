# SPDX-License-Identifier: Apache-2.0
"""Taking a consent back stops plan and publish; a purge deletes all of one person, nothing of
others, and leaves what it did on record."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import main
from flows.farm.ray_actor import scratch_folder
from flows.farm.shared import fetch_recordings, send_inputs
from flows.finishing import episode
from flows.inputs import read_inputs
from flows.lease import BusyError, hold_lease
from flows.project import Project, open_project
from flows.trust import consents, purge, verifying
from flows.version import VersionInputs
from manifests.delivery_rows import Deliverable
from manifests.errors import InputError
from manifests.identity import digest_file
from manifests.rows import Actor, Cue, Recording, Shot, Take
from manifests.run_rows import Event
from pipeline.render import portraits
from pipeline.storage import Storage

ALEX, ROBIN = "Alex Example", "Robin Example"


@pytest.fixture
def scene(film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the rendered film, beside files that nobody may touch, with a cache of its own."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine.mkv").write_text("not yours")
    monkeypatch.setenv("CALLSHEET_CACHE", str(tmp_path / "cache"))
    opened = open_project(film.copy(tmp_path / "scene"))
    (tmp_path / "cache" / "previs").mkdir(parents=True)
    for actor in ("alex", "robin"):
        digest = portraits.read(opened.folder / "portraits" / f"{actor}.jpg").digest
        (tmp_path / "cache" / "previs" / f"{digest[:20]}-solved-1.npz").write_text(actor)
    return opened


def left(film: Project) -> set[str]:
    """Every file of the production, by name."""
    return {
        str(path.relative_to(film.folder))
        for path in film.folder.rglob("*")
        if path.is_file() and "manifests" not in path.parts
    }


def refusal(film: Project) -> str:
    with pytest.raises(InputError) as caught:
        read_inputs(film)
    return str(caught.value)


def add_consent(film: Project, row: str) -> None:
    with (film.folder / "consents.csv").open("a") as sheet:
        sheet.write(row + "\n")


def test_one_query_lists_every_delivered_file_that_a_person_is_in(scene: Project) -> None:
    found = consents.list_delivered_files(scene, ALEX)
    assert {(one.version, one.path, one.what, one.stands) for one in found} == {
        ("v001", "v001/web.mp4", "likeness and voice", True),
        ("v001", "v001/master.mov", "likeness and voice", True),
    }
    assert all(one.media_digest for one in found)
    assert consents.list_delivered_files(scene, "Nobody") == []
    assert consents.find_people(scene, "alex  example") == [ALEX]
    with pytest.raises(InputError, match="did you mean 'Alex Example'"):
        consents.find_people(scene, "Alex Exampel")


def test_a_revocation_outranks_the_sheet_until_a_new_consent_is_given(scene: Project) -> None:
    read_inputs(scene)
    consents.revoke_consent(scene, ALEX, by="Anna", reason="asked for it")
    said = refusal(scene)
    assert "Alex Example (character ALEX) has no valid consent for likeness" in said
    assert "revoked on" in said
    assert "Robin" not in said
    with pytest.raises(InputError, match="Alex Example"):
        consents.require_consents(scene)
    for number, kind in enumerate(("likeness", "voice"), start=90):
        add_consent(scene, f"c{number},Alex Example,{kind},any use,worldwide,,,,")
    sheet = scene.folder / "cast.csv"
    sheet.write_text(sheet.read_text().replace("c01|c02", "c90|c91"))
    assert read_inputs(scene).actors


def test_a_consent_that_does_not_cover_the_use_stops_the_plan(scene: Project) -> None:
    sheet = scene.folder / "consents.csv"
    sheet.write_text(
        sheet.read_text().replace("Alex Example,likeness,any use", "Alex Example,likeness,trailer")
    )
    assert "covers use 'trailer', not 'episode'" in refusal(open_project(scene.folder))
    toml = scene.folder / "production.toml"
    toml.write_text(toml.read_text().replace("[consent]", '[consent]\nuse = "trailer"'))
    assert read_inputs(open_project(scene.folder)).actors


def test_a_consent_revoked_while_a_version_is_made_stops_it_before_it_appears(
    scene: Project,
) -> None:
    store = scene.store
    shots, cues, recordings = (store.read_current(kind) for kind in (Shot, Cue, Recording))
    inputs = VersionInputs(shots=shots, takes=store.read(Take), cues=cues, recordings=recordings)
    cuts = episode.build_cuts(scene, inputs, episode.match_colours(scene, inputs))
    sheet = scene.folder / "consents.csv"
    sheet.write_text(
        sheet.read_text().replace(
            "c03,Robin Example,likeness,any use,worldwide,2026-01-01,2099-12-31",
            "c03,Robin Example,likeness,any use,worldwide,2026-01-01,2026-01-02",
        )
    )
    with pytest.raises(InputError, match="c03 ended on 2026-01-02"):
        episode.make_version(scene, inputs, cuts)
    assert sorted(path.name for path in (scene.root / "deliverables").iterdir()) == [
        "latest",
        "v001",
    ]
    assert {row.version for row in store.read(Deliverable)} == {"v001"}


def test_a_purge_is_listed_first_and_deletes_nothing_until_it_is_meant(scene: Project) -> None:
    before = left(scene)
    planned = purge.plan_purge(scene, ALEX)
    why = set(planned.files.values())
    assert {
        "take",
        "colour match",
        "portrait",
        "copy of a recording",
        "mixed sound",
        "version v001",
    } <= why
    assert planned.versions == ("v001",)
    assert planned.remains == (
        "recordings/dialogue.flac: ROBIN also speaks in it; cut the voice out of it, or delete it",
    )
    assert left(scene) == before


def test_a_purge_deletes_all_of_one_person_and_nothing_of_others(
    scene: Project, tmp_path: Path
) -> None:
    # of a run that was killed when it had just published
    unrecorded = scene.root / "deliverables" / "v002" / "web.mp4"
    unrecorded.parent.mkdir()
    unrecorded.write_bytes(b"a film")
    copy = scene.root / "media" / "dailies" / "take.mp4"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(b"what a review page played")
    before, rows = left(scene), len(scene.store.read(Take))
    takes = {shot.shot_id: shot.actor for shot in scene.store.read_current(Shot)}
    digests = {row.path: row.media_digest for row in scene.store.read(Deliverable)}
    purge.carry_out_purge(scene, purge.plan_purge(scene, ALEX), by="Anna", reason="asked for it")
    after = left(scene)
    media = {
        name
        for name in after
        if name.endswith((".mkv", ".flac", ".jpg", ".mp4", ".mov", ".png", ".cube"))
    }
    robins = {f"build/media/takes/{shot}.mkv" for shot, actor in takes.items() if actor == ROBIN}
    assert robins <= media
    assert not copy.exists()
    assert not unrecorded.exists()
    assert (unrecorded.parent / "purged.json").exists()
    assert {"portraits/robin.jpg", "recordings/dialogue.flac"} <= media
    assert not any(shot in name for name in after for shot, actor in takes.items() if actor == ALEX)
    assert not {"portraits/alex.jpg", "build/deliverables/v001/web.mp4"} & after
    assert "build/deliverables/v001/purged.json" in after
    assert not (scene.root / "deliverables" / "latest").exists()
    after = {name for name in after if not name.startswith("build/lease")}
    assert after < before | {f"build/deliverables/{name}/purged.json" for name in ("v001", "v002")}
    assert sorted(path.read_text() for path in (tmp_path / "cache" / "previs").iterdir()) == [
        "robin"
    ]
    assert (tmp_path / "outside" / "mine.mkv").read_text() == "not yours"

    assert len(scene.store.read(Take)) == rows
    (event,) = scene.store.read(Event, name=consents.PURGED)
    said = json.loads(event.detail)
    assert {one["path"]: one["digest"] for one in said["deliverables"]} == digests
    assert (event.subject, said["reason"]) == (ALEX, "asked for it")
    assert all(not one.stands for one in consents.list_delivered_files(scene, ALEX))
    assert "purged on" in refusal(scene)
    found = verifying.verify_file(scene.root / "deliverables" / "v001" / "web.mp4")
    assert found.state == "purged"
    assert found.problems


def test_a_purge_that_was_interrupted_is_finished_by_the_next(scene: Project) -> None:
    consents.begin_purge(scene, ALEX, by="Anna")
    for path in list(purge.plan_purge(scene, ALEX).files)[::2]:
        path.unlink()
    assert "purged on" in refusal(scene)
    purge.carry_out_purge(scene, purge.plan_purge(scene, ALEX), by="Anna")
    assert purge.plan_purge(scene, ALEX).files == {}
    assert len(scene.store.read(Event, name=consents.PURGING)) == 1


def test_a_purge_waits_for_the_run_that_works_but_stops_its_publishing(scene: Project) -> None:
    before = left(scene)
    with hold_lease(scene.root, purpose="render"), pytest.raises(BusyError, match="render"):
        purge.carry_out_purge(scene, purge.plan_purge(scene, ALEX), by="Anna")
    assert before <= left(scene)
    with pytest.raises(InputError, match="purged on"):
        consents.require_consents(scene)


def test_a_purge_follows_no_link_out_of_the_production(scene: Project, tmp_path: Path) -> None:
    for link, target in (
        (scene.root / "media" / "takes", "outside"),
        (scene.folder / "portraits", "elsewhere"),
    ):
        link.rename(tmp_path / f"moved_{link.name}")
        (tmp_path / target).mkdir(exist_ok=True)
        link.symlink_to(tmp_path / target)
    shot = scene.store.read(Shot, actor=ALEX)[0].shot_id
    (tmp_path / "outside" / f"{shot}.mkv").write_text("not yours")
    (tmp_path / "elsewhere" / "alex.jpg").write_text("not yours")
    purge.carry_out_purge(scene, purge.plan_purge(scene, ALEX), by="Anna")
    assert (tmp_path / "outside" / f"{shot}.mkv").exists()
    assert (tmp_path / "elsewhere" / "alex.jpg").exists()


def test_likeness_and_voice_are_purged_apart(scene: Project) -> None:
    voice = set(purge.plan_purge(scene, ALEX, covers=["voice"]).files.values())
    likeness = set(purge.plan_purge(scene, ALEX, covers=["likeness"]).files.values())
    assert "take" not in voice
    assert not {"mixed sound", "copy of a recording"} & likeness


def test_a_revocation_holds_wherever_the_results_go_and_a_purge_reaches_them(
    scene: Project, tmp_path: Path
) -> None:
    elsewhere = open_project(scene.folder, tmp_path / "results")
    shutil.copytree(scene.root, elsewhere.root, symlinks=True)
    consents.revoke_consent(open_project(scene.folder), ALEX, by="Anna")
    assert "revoked on" in refusal(elsewhere)
    with pytest.raises(InputError, match="Alex Example"):
        consents.require_consents(elsewhere)
    with pytest.raises(SystemExit) as code:  # 1, because a recording that both speak in stays
        main(
            [
                "consent",
                "purge",
                ALEX,
                str(scene.folder),
                "--out",
                str(elsewhere.root),
                "--yes",
                "--json",
            ]
        )
    assert code.value.code == 1
    assert purge.plan_purge(elsewhere, ALEX).files == {}
    assert not (elsewhere.root / "deliverables" / "v001" / "web.mp4").exists()
    assert (scene.root / "deliverables" / "v001" / "web.mp4").exists()
    assert "purged on" in refusal(open_project(scene.folder))


def test_a_purge_reaches_the_shared_storage_and_the_caches_of_this_machine(
    scene: Project, tmp_path: Path
) -> None:
    url = str(tmp_path / "shared")
    toml = scene.folder / "production.toml"
    toml.write_text(toml.read_text() + f'\n[storage]\nurl = "{url}"\n')
    film = open_project(scene.folder)
    shots, recordings = film.store.read_current(Shot), film.store.read(Recording)
    storage = Storage(url)
    send_inputs(storage, shots, recordings, folder=film.folder, root=film.root)
    for take in film.store.read(Take):
        storage.put(film.root / take.path, f"takes/{take.shot_id}.mkv")
        storage.put(film.root / take.path, f"takes/{take.shot_id}.json")
    fetch_recordings(storage, recordings, root=scratch_folder(url))
    shutil.copytree(f"{url}/inputs/portraits", scratch_folder(url) / "inputs" / "portraits")
    shutil.copytree(f"{url}/takes", scratch_folder(url) / "media" / "takes")
    purge.carry_out_purge(film, purge.plan_purge(film, ALEX), by="Anna")
    robins = {shot.shot_id for shot in shots if shot.actor == ROBIN}
    for place in (Path(url), scratch_folder(url)):
        assert {path.stem for path in place.rglob("takes/*")} == robins
        assert len(list(place.rglob("portraits/*"))) == 1
        assert not list(place.rglob("*.flac"))
    assert any("other machines" in one for one in purge.plan_purge(film, ALEX).remains)


def test_a_purge_takes_the_look_and_what_was_felt_of_a_sample_and_says_what_a_link_hides(
    scene: Project, tmp_path: Path
) -> None:
    shutil.copy(scene.folder / "portraits" / "alex.jpg", scene.folder / "feeling.jpg")
    shutil.copy(scene.folder / "portraits" / "alex.jpg", scene.folder / "graded.jpg")
    (row,) = [row for row in scene.store.read_current(Actor) if row.actor == ALEX]
    others = [row for row in scene.store.read_current(Actor) if row.actor != ALEX]
    scene.store.replace(
        Actor, [replace(row, emotion_sample="feeling.jpg", look="graded.jpg"), *others]
    )
    felt = tmp_path / "cache" / "emotions" / f"{digest_file(scene.folder / 'feeling.jpg')}-any.json"
    felt.parent.mkdir()
    felt.write_text("{}")
    takes = scene.root / "media" / "takes"
    takes.rename(tmp_path / "moved")
    takes.symlink_to(tmp_path / "moved")
    planned = purge.plan_purge(scene, ALEX)
    assert any(str(tmp_path / "moved") in one for one in planned.remains)
    purge.carry_out_purge(scene, planned, by="Anna")
    assert not felt.exists()
    assert not (scene.folder / "feeling.jpg").exists()
    assert not (scene.folder / "graded.jpg").exists()
    assert "feeling.jpg" not in {
        path.name for path in purge.plan_purge(scene, ALEX, covers=["voice"]).files
    }
