# SPDX-License-Identifier: Apache-2.0
"""Nights over real productions with real engines: each production for itself, the rest next time,
and a summary that says it all."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows import cli
from flows.lease import hold_lease
from flows.night.nightly import (
    DONE,
    SOME_LEFT,
    TOOL_FAILED,
    Candidate,
    NightOptions,
    choose_exit_code,
    run_night,
    sort_candidates,
)
from flows.night.summary import NightSummary, ProductionReport, State
from flows.project import open_project
from manifests import layout
from manifests.errors import InputError
from manifests.run_rows import Run
from tests.conftest import Rendered


@dataclass(frozen=True)
class Slate:
    """A folder of productions, and the night that was done over it."""

    root: Path
    summary: NightSummary

    def report(self, name: str) -> ProductionReport:
        return next(report for report in self.summary.reports if report.name == name)


def change(folder: Path, before: str, after: str) -> None:
    script = folder / "script.fountain"
    script.write_text(script.read_text().replace(before, after))


def urgent(folder: Path, priority: int) -> None:
    settings = folder / "production.toml"
    settings.write_text(f"priority = {priority}\n" + settings.read_text())


@pytest.fixture(scope="module")
def slate(film: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Slate:
    """A night over one production that stands, one that changed, one with bad inputs, and one that
    somebody works on."""
    root = tmp_path_factory.mktemp("show")
    stands = film.copy(root / "season 1" / "stands")
    changed = film.copy(root / "season 1" / "changed")
    change(changed, "happy 0.8", "angry 0.8")
    bad = film.copy(root / "bad")
    (bad / "cast.csv").unlink()
    busy = film.copy(root / "busy")
    change(busy, "happy 0.8", "sad 0.8")
    urgent(busy, 5)
    assert stands.is_dir()
    with hold_lease(open_project(busy).root, purpose="somebody's render"):
        summary = run_night(root, NightOptions(price="1.50 EUR"))
    return Slate(root, summary)


@pytest.mark.proof
def test_each_production_meets_its_own_fate(slate: Slate) -> None:
    states = {report.name: report.state for report in slate.summary.reports}
    assert states == {
        "bad": "refused",
        "busy": "busy",
        "season 1/changed": "done",
        "season 1/stands": "standing",
    }
    assert slate.summary.exit_code == SOME_LEFT


@pytest.mark.proof
def test_what_changed_is_rendered_and_delivered(slate: Slate) -> None:
    report = slate.report("season 1/changed")
    assert (report.version, report.made, report.left) == ("v002", 1, 0)
    assert report.seconds > 0
    assert all((slate.root / report.name / path).is_file() for path in report.look)
    assert [run.version for run in open_project(slate.root / report.name).store.read(Run)] == [
        "v001",
        "v002",
    ]


@pytest.mark.proof
def test_bad_input_is_told_with_what_to_mend(slate: Slate) -> None:
    report = slate.report("bad")
    assert report.reason == "1 problem in its inputs"
    assert "cast.csv" in report.advice[0]


@pytest.mark.proof
def test_a_production_that_somebody_works_on_is_left_alone(slate: Slate) -> None:
    report = slate.report("busy")
    assert "somebody's render" in report.reason
    assert report.waiting_since == slate.summary.night
    assert not (slate.root / "busy/build/deliverables/v002").exists()


@pytest.mark.proof
def test_the_summary_stands_as_a_page_and_as_json(slate: Slate) -> None:
    place = slate.root / layout.NIGHTS / slate.summary.night
    told = json.loads((place / "summary.json").read_text())
    assert told["outcome"] == "some left"
    assert told["counts"] == {
        "done": 1,
        "standing": 1,
        "left": 0,
        "busy": 1,
        "failed": 0,
        "refused": 1,
    }
    assert told["cost"].endswith(" EUR")
    page = (place / "summary.html").read_text()
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(https?:|/)", page)
    for link in re.findall(r'href="([^#"][^"]*)"', page):
        assert (place / link.replace("%20", " ")).is_file(), link


@pytest.mark.proof
def test_a_second_night_remembers_since_when_work_waits(slate: Slate) -> None:
    again = run_night(slate.root, NightOptions(hours=1e-9))
    assert again.night == f"{slate.summary.night}.02"
    states = {report.name: (report.state, report.waiting_since) for report in again.reports}
    assert states["busy"] == ("left", slate.summary.night)
    assert states["season 1/changed"] == ("standing", "")
    assert (
        next(report for report in again.reports if report.name == "busy").reason
        == "the deadline came first"
    )


@pytest.mark.proof
def test_the_verb_says_it_all_with_its_exit_code(
    slate: Slate, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leave:
        cli.main(["nightly", str(slate.root / "bad"), "--json"])
    assert leave.value.code == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], [report["state"] for report in told["productions"]]) == (
        "refused",
        ["refused"],
    )


def test_bad_limits_and_an_empty_root_are_bad_input_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="--deadline"):
        run_night(tmp_path, NightOptions(deadline="soon", webhook="http://example.com"))
    with pytest.raises(InputError, match="no production within 4 levels of folders"):
        run_night(tmp_path, NightOptions())
    with pytest.raises(InputError, match="no such folder"):
        run_night(tmp_path / "nowhere", NightOptions())
    assert list(tmp_path.iterdir()) == []


def test_a_production_file_that_is_a_link_out_of_root_is_refused(
    film: Rendered, tmp_path: Path
) -> None:
    (tmp_path / "root" / "sly").mkdir(parents=True)
    (tmp_path / "root" / "sly" / "production.toml").symlink_to(film.folder / "production.toml")
    (report,) = run_night(tmp_path / "root", NightOptions()).reports
    assert report.state == "refused"
    assert "leads outside" in report.advice[0]


def candidate(name: str, *, priority: int = 0, since: str = "2026-11-22") -> Candidate:
    report = ProductionReport(name=name, state="left", priority=priority, waiting_since=since)
    return Candidate(folder=Path(name), report=report)


def test_urgent_comes_first_then_what_waits_longest() -> None:
    given = [
        candidate("b"),
        candidate("a"),
        candidate("old", since="2026-11-20"),
        candidate("urgent", priority=1),
    ]
    assert [one.report.name for one in sort_candidates(given)] == ["urgent", "old", "a", "b"]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["done", "standing"], DONE),
        (["done", "left"], SOME_LEFT),
        (["standing", "refused"], SOME_LEFT),
        (["refused", "refused"], 2),
        (["failed", "standing"], TOOL_FAILED),
        (["failed", "done"], SOME_LEFT),
        (["busy"], SOME_LEFT),
    ],
)
def test_the_exit_code_of_a_night(states: list[State], code: int) -> None:
    assert (
        choose_exit_code(
            [ProductionReport(name=state, state=state, tool=state == "failed") for state in states]
        )
        == code
    )
