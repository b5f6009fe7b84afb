# SPDX-License-Identifier: Apache-2.0
"""A failed check stops publishing until somebody waives it by name and reason, for that version
only; files are verified by measure."""

from __future__ import annotations

import getpass
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import main
from flows.project import Project, open_project
from flows.trust import consents, verifying, waivers
from manifests.delivery_rows import Check, Deliverable
from manifests.errors import InputError
from manifests.identity import digest_file
from pipeline import media
from pipeline.checks import qc

FAILED = Check(
    version="v001", profile="web", name="loudness", value="-9 LUFS", limit="-16", verdict="fail"
)


@pytest.fixture
def scene(film, tmp_path: Path) -> Project:
    """A copy of the rendered film in which one check failed, so that `latest` never moved."""
    opened = open_project(film.copy(tmp_path / "scene"))
    opened.store.append([FAILED])
    place = opened.root / "deliverables"
    qc.write_checks(opened.store.read(Check, version="v001"), place / "v001")
    (place / "latest").unlink()
    return opened


def latest(film: Project) -> str:
    pointer = film.root / "deliverables" / "latest"
    return pointer.readlink().name if pointer.is_symlink() else ""


def test_a_waiver_publishes_the_version_and_says_who_why_and_when(scene: Project) -> None:
    outcome = waivers.waive_check(
        scene, "v001", "loudness", reason="the client wants it loud", by="Anna"
    )
    assert (latest(scene), outcome.published, outcome.left) == ("v001", True, ())
    told = json.loads((scene.root / "deliverables" / "v001" / "checks.json").read_text())
    (row,) = [one for one in told["checks"] if one["verdict"] == "fail"]
    assert row["waived"]["by"] == "Anna"
    assert row["waived"]["reason"] == "the client wants it loud"
    assert row["waived"]["at"]
    assert told["summary"]["waived"] == 1


def test_a_version_is_published_only_when_all_failures_are_waived(scene: Project) -> None:
    scene.store.append(
        [
            Check(
                version="v001",
                profile="master",
                name="black",
                value="9 s",
                limit="none",
                verdict="fail",
            )
        ]
    )
    assert [
        one.name
        for one in waivers.waive_check(
            scene, "v001", "web: loudness", reason="loud", by="Anna"
        ).left
    ] == ["black"]
    assert latest(scene) == ""
    assert waivers.waive_check(scene, "v001", "black", reason="a fade", by="Anna").published
    assert latest(scene) == "v001"


def test_a_waiver_of_another_version_does_not_count_and_latest_never_goes_back(
    scene: Project,
) -> None:
    place = scene.root / "deliverables"
    (place / "v002").mkdir()
    later = Check(
        version="v002", profile="web", name="loudness", value="-9", limit="-16", verdict="fail"
    )
    scene.store.append([later])
    qc.write_checks([later], place / "v002")
    waivers.waive_check(scene, "v002", "loudness", reason="loud", by="Anna")
    assert latest(scene) == "v002"
    assert waivers.read_waivers(scene.store, "v001") == {}
    assert not waivers.waive_check(scene, "v001", "loudness", reason="loud", by="Anna").published
    assert latest(scene) == "v002"


def test_what_cannot_be_waived_is_refused_with_the_nearest(scene: Project) -> None:
    for version, check, reason, says in (
        ("v003", "loudness", "x", "did you mean 'v001'"),
        ("v001", "loudnes", "x", "'loudness'"),
        ("v001", "loudness", " ", "give a reason"),
        ("v001", "black", "x", "no failed check"),
    ):
        with pytest.raises(InputError, match=says):
            waivers.waive_check(scene, version, check, reason=reason, by="Anna")
    assert latest(scene) == ""


def test_no_waiver_lets_a_person_through_who_took_consent_back(scene: Project) -> None:
    consents.revoke_consent(scene, "Alex Example", by="Anna")
    with pytest.raises(InputError, match="Alex Example"):
        waivers.waive_check(scene, "v001", "loudness", reason="loud", by="Anna")
    assert latest(scene) == ""


def test_a_delivered_file_is_verified_against_its_row(scene: Project) -> None:
    found = verifying.verify_file(scene.root / "deliverables" / "v001" / "web.mp4")
    assert (found.state, found.delivered, found.problems) == ("valid", "same", [])
    assert found.measured["size"] == "320x180"
    assert {"lip-sync", "identity", "sound offset", "frame count"} <= {
        check.name for check in found.checks
    }
    assert found.measured["colour"] == "tv, bt709"


def test_tampered_stripped_and_shortened_files_are_told_apart(
    scene: Project, tmp_path: Path
) -> None:
    web = scene.root / "deliverables" / "v001" / "web.mp4"
    data = bytearray(web.read_bytes())
    data[data.rindex(b"mdat") + 4000] ^= 1
    web.write_bytes(data)
    found = verifying.verify_file(web)
    assert (found.state, found.delivered) == ("tampered", "changed")
    master = scene.root / "deliverables" / "v001" / "master.mov"
    media.run(
        [
            "-i",
            str(master),
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-c",
            "copy",
            "-frames:v",
            "50",
            str(tmp_path / "short.mov"),
        ]
    )
    (tmp_path / "short.mov").replace(master)
    found = verifying.verify_file(master)
    assert (found.state, found.delivered) == ("stripped", "changed")
    assert any(problem.startswith("frame count: 50, expected") for problem in found.problems)
    elsewhere = master.rename(tmp_path / "copy.mov")
    assert verifying.verify_file(elsewhere).state == "missing"


def test_a_byte_that_no_signature_covers_is_told_by_the_digest(scene: Project) -> None:
    web = scene.root / "deliverables" / "v001" / "web.mp4"
    data = bytearray(web.read_bytes())
    data[data.index(b"ftyp") + 8] ^= 1  # C2PA leaves the file type box out of its hash
    web.write_bytes(data)
    found = verifying.verify_file(web)
    assert (found.state, found.delivered) == ("tampered", "changed")
    assert found.problems


@pytest.mark.proof
def test_what_was_delivered_without_credentials_is_well_as_long_as_it_is_the_same(
    scene: Project, tmp_path: Path
) -> None:
    (row,) = scene.store.read(Deliverable, path="v001/web.mp4")
    film = scene.root / "deliverables" / "v001" / "alpha.mkv"
    media.run(
        [
            "-i",
            str(film.with_name("web.mp4")),
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-c",
            "copy",
            str(film),
        ]
    )
    scene.store.append(
        [replace(row, profile="alpha-web", path="v001/alpha.mkv", media_digest=digest_file(film))]
    )
    checks = film.parent / "checks.json"
    said = json.loads(checks.read_text())
    said["checks"].append(
        {"profile": "alpha-web", "name": "content credentials", "value": "none: no such container"}
    )
    checks.write_text(json.dumps(said))
    found = verifying.verify_file(film)
    assert (found.state, found.delivered, found.problems) == ("missing", "same", [])
    assert ".mkv files cannot hold credentials" in found.credentials.detail
    assert verifying.verify_file(Path(shutil.copy(film, tmp_path))).problems
    film.write_bytes(film.read_bytes() + b"x")
    assert verifying.verify_file(film).problems


@pytest.mark.proof
def test_the_verbs_end_with_their_codes(scene: Project, capsys: pytest.CaptureFixture[str]) -> None:
    folder, web = str(scene.folder), str(scene.root / "deliverables" / "v001" / "web.mp4")

    def code(*arguments: str) -> int:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        return int(left.value.code)

    assert code("verify", web) == 0
    assert "this is the file that was delivered" in capsys.readouterr().out
    assert code("verify", "nowhere.mp4") == 2
    assert code("waive", folder, "v001", "loudnes", "--reason", "x") == 2
    assert code("waive", folder, "v001", "loudness", "--reason", "x") == 0
    assert "latest is now v001" in capsys.readouterr().out
    code("status", folder)
    assert f"waived loudness by {getpass.getuser()}: x" in capsys.readouterr().out
    assert code("consent", "list", "robin example", folder) == 0
    assert "v001/web.mp4" in capsys.readouterr().out
    assert code("consent", "revoke", "Robin Example", folder, "--yes") == 0
    assert code("plan", folder, "--inputs") == 2
    assert code("consent", "purge", "Robin Example", folder) == 0
    assert "Nothing was deleted" in capsys.readouterr().out
    # a recording that two speak in stays
    assert code("consent", "purge", "Robin Example", folder, "--yes") == 1
    code("status", folder)
    assert "purged for Robin Example" in capsys.readouterr().out
    assert code("verify", web) == 1
    assert "purged" in capsys.readouterr().out
    assert code("consent", "purge", "Robin Example", folder, "--covers", "soul") == 2
