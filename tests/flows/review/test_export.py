# SPDX-License-Identifier: Apache-2.0
"""The page without a server: a folder that opens from disk, the report in every version, and notes
that come back."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import cli
from flows.project import Project, open_project
from flows.review import export, notes
from flows.review.snapshot import read_snapshot
from flows.trust import verifying
from manifests.errors import InputError
from manifests.run_rows import Event
from tests.conftest import Rendered

FIRST, SECOND = "sc01_sh010", "sc01_sh020"
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028&amp;"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    return int(left.value.code or 0)


def data_of(folder: Path) -> dict[str, Any]:
    """What `data.js` sets."""
    text = (folder / "data.js").read_text(encoding="utf-8")
    found = re.fullmatch(r"window\.CALLSHEET = (.*);\n", text, re.DOTALL)
    assert found is not None
    told = json.loads(found[1])
    assert isinstance(told, dict)
    return told


def named(value: object) -> Iterator[str]:
    """Every relative address in a document."""
    keys = ("thumb", "before", "url", "video", "sound", "captions")
    if isinstance(value, dict):
        yield from (text for key in keys if isinstance(text := value.get(key), str) and text)
        for inner in value.values():
            yield from named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner)


def linked(page: Path) -> list[str]:
    """What a page loads."""
    return re.findall(r'(?:src|href)="([^"]+)"', page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def exported(film: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the film."""
    folder = tmp_path_factory.mktemp("export") / "page"
    assert run("review", str(film.folder), "--export", str(folder), "--as", "Anna") == 0
    return folder


@pytest.fixture
def scene(film: Rendered, tmp_path: Path) -> Project:
    """A copy of the film that takes notes in."""
    return open_project(film.copy(tmp_path / "scene"))


def test_an_export_holds_all_that_it_names_and_asks_nobody(exported: Path) -> None:
    told = data_of(exported)
    assert (told["exported"], told["reviewer"], len(told["shots"])) == (True, "Anna", 4)
    addresses = list(named(told))
    assert len(addresses) == 1 + 4 * 3
    loaded = [one for one in linked(exported / "index.html") if not one.startswith("data:")]
    assert {"data.js", "page.js", "page.css"} <= set(loaded)
    for one in (*addresses, *loaded):
        assert not one.startswith(("/", "http")), one
        assert (exported / one).is_file(), one
    assert len(told["peaks"]) == told["frames"]
    assert all("done" in shot["log"] for shot in told["shots"])
    assert "module" not in (exported / "index.html").read_text(encoding="utf-8")


def test_every_version_has_a_report_that_plays_its_own_files(film: Rendered) -> None:
    version = film.folder / "build" / "deliverables" / "v001"
    told = data_of(version / "report")
    assert (told["version"], told["video"], told["exported"]) == ("v001", "web.mp4", True)
    assert len(told["checks"]) == len(json.loads((version / "checks.json").read_text())["checks"])
    loaded = [one for one in linked(version / "report.html") if not one.startswith("data:")]
    assert {"report/data.js", "report/page.js", "report/page.css"} <= set(loaded)
    addresses = list(named(told))
    assert len(addresses) == 1 + 4
    for one in (*addresses, *loaded):
        assert (version / one).is_file(), one
    assert verifying.verify_file(version / "web.mp4").delivered == "same"


def test_text_with_markup_in_it_stays_text(exported: Path) -> None:
    written = export.encode_data_js(
        {"title": HOSTILE, "shots": [{"text": "<!--<script>"}]}
    ).decode()
    assert not set("<>&\u2028\u2029") & set(written)
    assert (
        json.loads(written.removeprefix("window.CALLSHEET = ").removesuffix(";\n"))["title"]
        == HOSTILE
    )
    assert b"<" not in (exported / "data.js").read_bytes()


def test_what_was_purged_is_missing_from_the_page_and_the_rest_is_there(
    scene: Project, tmp_path: Path
) -> None:
    takes = sorted((scene.root / "media" / "takes").rglob("*.mkv"))
    assert len(takes) == 4
    takes[0].unlink()
    shutil.rmtree(scene.root / "media" / "recordings")
    shutil.rmtree(scene.root / "media" / "masters")
    shutil.rmtree(scene.root / "deliverables")
    shutil.rmtree(scene.root / "media" / "dailies", ignore_errors=True)
    page = export.export_page(
        read_snapshot(open_project(scene.folder)), tmp_path / "page", reviewer="Anna"
    )
    told = data_of(page.parent)
    assert (told["sound"], told["peaks"], told["video"]) == (None, None, None)
    assert sorted(bool(shot["before"]) for shot in told["shots"]) == [False, True, True, True]
    for shot in told["shots"]:
        assert (
            bool(shot["thumb"])
            == bool(shot["before"])
            == any(take["url"] for take in shot["takes"])
        )
    assert all((page.parent / one).is_file() for one in named(told))


def test_an_export_goes_nowhere_where_something_is(
    film: Rendered, production: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert run("review", str(film.folder), "--export", str(tmp_path / "mine")) == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    with pytest.raises(InputError, match="nothing has been rendered"):
        export.export_page(
            read_snapshot(open_project(production)), tmp_path / "page", reviewer="Anna"
        )
    assert not (tmp_path / "page").exists()


def written(path: Path, told: dict[str, Any], decisions: object, **other: object) -> Path:
    """A file as an exported page saves it."""
    path.write_text(
        json.dumps(
            {
                "format": 1,
                "digest": told["digest"],
                "reviewer": "Ben",
                "decisions": decisions,
                **other,
            }
        )
    )
    return path


def test_notes_come_back_as_events_of_who_made_them(
    exported: Path, scene: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = data_of(exported)
    ids = [shot["shot_id"] for shot in told["shots"]]
    at = "2026-11-22T12:00:00.000Z"
    file = written(
        tmp_path / "notes.json",
        told,
        [
            {"name": "approve", "shots": ids[:1], "words": {}, "at": at},
            {
                "name": "retry",
                "shots": ids[1:2],
                "words": {"emotion": "angry", "intensity": 0.7, "seed": "same", "note": ""},
                "at": at,
            },
            {
                "name": "cue",
                "line_id": told["cues"][2]["line_id"],
                "words": {"end": told["cues"][2]["end"] - 0.1},
                "at": at,
            },
        ],
    )
    assert run("shot", "hold", str(scene.folder), SECOND) == 0
    assert run("review", str(scene.folder), "--import", str(file)) == 0
    said = capsys.readouterr().out
    assert "sc01_sh020: the notes override a newer decision of" in said
    rows = sorted(scene.store.read(Event, since="2020-01-01"), key=lambda row: row.happened_at)
    assert [(row.name, row.actor) for row in rows if row.actor == "Ben"] == [
        ("approved", "Ben"),
        ("retry", "Ben"),
        ("directed", "Ben"),
        ("cue", "Ben"),
    ]
    assert run("review", str(scene.folder), "--import", str(file)) == 2
    assert "imported already" in capsys.readouterr().err


def test_every_wrong_row_of_notes_is_named_and_nothing_is_written(
    exported: Path, scene: Project, tmp_path: Path
) -> None:
    told = data_of(exported)
    good = {"name": "hold", "shots": [told["shots"][0]["shot_id"]], "words": {}}
    rows = [
        good,
        {"name": "aprove", "shots": [FIRST]},
        {"name": "hold", "shots": ["sc01_sh011"]},
        {"name": "retry", "shots": [SECOND], "words": {"emotion": "angri"}},
        good,
        {
            "name": "cue",
            "line_id": told["cues"][0]["line_id"],
            "words": {"start": "soon", "charcter": "ALEX"},
        },
        "hold",
    ]
    before = len(scene.store.read(Event))
    with pytest.raises(InputError) as refused:
        notes.import_notes(
            scene, written(tmp_path / "notes.json", told, rows, digest="other"), by="Anna"
        )
    found = {(problem.row, problem.column) for problem in refused.value.problems}
    assert found == {
        (None, "digest"),
        (2, "name"),
        (3, "shots"),
        (4, "emotion"),
        (6, "start"),
        (6, "charcter"),
        (7, None),
    }
    text = str(refused.value)
    for nearest in ("'approve'", "'sc01_sh010'", "'angry'", "'character'"):
        assert nearest in text
    assert len(scene.store.read(Event)) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 5000,
        '{"decisions": {}}',
        '{"decisions": []}',
        '{"format": 1, "decisions": [1], "reviewer": []}',
        "\xff",
    ],
)
def test_a_file_that_is_no_notes_is_refused(film: Rendered, tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError):
        notes.import_notes(open_project(film.folder), path, by="Anna")
