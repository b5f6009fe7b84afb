# SPDX-License-Identifier: Apache-2.0
"""The page, its server and a rendered film: decisions by keyboard are events that the next plan
acts on; two people; export and import."""

from __future__ import annotations

import http.client
import json
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from flows import cli
from flows.project import open_project
from flows.review.serve import ReviewServer, hand_out_links, prepare_server
from flows.selection import select_shots
from manifests.run_rows import Event
from manifests.store import Store
from tests.browser.conftest import until
from tests.conftest import Rendered

Opened = Callable[..., Any]
Serve = Callable[[str], ReviewServer]
FIRST, SECOND, THIRD = "sc01_sh010", "sc01_sh020", "sc01_sh030"


@pytest.fixture
def folder(film: Rendered, tmp_path: Path) -> Path:
    """A copy of the film to decide about."""
    return film.copy(tmp_path / "scene")


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Starts review servers, one a person. Named before `opened` by a test, so that its pages are
    closed first."""
    running: list[tuple[ReviewServer, threading.Thread]] = []

    def start(reviewer: str) -> ReviewServer:
        reviewing = prepare_server(open_project(folder), reviewer=reviewer)
        running.append((reviewing, threading.Thread(target=reviewing.run)))
        running[-1][1].start()
        while not reviewing.server.started:
            time.sleep(0.01)
        return reviewing

    yield start
    for reviewing, thread in running:
        reviewing.server.should_exit = True
        thread.join()


def run(*arguments: str) -> int:
    """The command in this process; its exit code."""
    with pytest.raises(SystemExit) as leave:
        cli.main(list(arguments))
    return int(leave.value.code or 0)


def planned(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """The shots of the next plan, by number."""
    capsys.readouterr()
    assert run("plan", str(folder), "--json") == 0
    return {shot["number"]: shot for shot in json.loads(capsys.readouterr().out)["shots"]}


def events(folder: Path, name: str) -> list[Event]:
    return Store(folder / "build" / "manifests").read(Event, name=name)


def told(page: Any, words: str) -> None:
    until(
        page, f"document.querySelector('[role=status]').textContent.includes({json.dumps(words)})"
    )


def no_dialog(page: Any) -> None:
    until(page, "!document.querySelector('dialog')")


def row(page: Any, number: str) -> str:
    """How the list shows a shot: the classes of its row."""
    return str(page.locator(f"#shots-{number}").get_attribute("class"))


@pytest.mark.proof
def test_what_is_decided_by_keyboard_is_an_event_and_the_next_plan_acts_on_it(
    serve: Serve, opened: Opened, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviewing = serve("Kim")
    page = opened(reviewing.gate.make_link())
    page.keyboard.press("t")
    told(page, "circled")
    page.keyboard.press("a")
    told(page, "approved")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    page.keyboard.type("smaller, please")
    page.locator("dialog [name=emotion]").fill("angry 0.6")
    page.keyboard.press("Enter")
    no_dialog(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("h")
    until(page, f"document.querySelector('#shots-{THIRD}').classList.contains('held')")
    page.keyboard.press("2")
    page.locator("#cues").focus()
    page.keyboard.press("End")
    page.keyboard.press("f")
    page.get_by_role("button", name="Out a frame earlier").click()
    page.get_by_role("button", name="Set", exact=True).click()
    no_dialog(page)
    assert page.locator(".progress").inner_text().startswith("1 of 4 approved")
    assert [
        event.actor
        for name in ("circled", "approved", "held", "note", "cue")
        for event in events(folder, name)
    ] == ["Kim"] * 5
    assert json.loads(events(folder, "note")[0].detail)["text"] == "smaller, please"
    shots = planned(folder, capsys)
    assert select_shots(folder, [FIRST], out=None).shots[0].marks == ("approved", "circled")
    assert shots[SECOND]["state"] == "changed"
    assert shots[THIRD]["state"] == "held"
    assert json.loads(events(folder, "cue")[0].detail)["field"] == "end"


def test_two_people_see_each_others_decisions_at_once_and_lose_none(
    serve: Serve, opened: Opened, folder: Path
) -> None:
    one, other = serve("Kim"), serve("Ada")
    kim, ada = opened(one.gate.make_link()), opened(other.gate.make_link())
    ada.keyboard.press("h")
    told(kim, f"Ada held {FIRST}")
    until(kim, f"document.querySelector('#shots-{FIRST}').classList.contains('held')")
    assert "fresh" in row(kim, FIRST)
    kim.keyboard.press("h")
    told(ada, f"Kim released {FIRST}")
    for page in (kim, ada):  # both look at the same shot and decide before they hear of each other
        page.evaluate("document.querySelector('#shots').focus()")
    kim.keyboard.press("a")
    ada.keyboard.press("x")
    until(kim, f"document.querySelector('#shots-{FIRST}').classList.contains('skipped')")
    kim.keyboard.press("4")
    until(kim, "document.querySelectorAll('#decisions [role=option]').length === 4")
    assert [len(events(folder, name)) for name in ("held", "released", "approved", "skipped")] == [
        1,
        1,
        1,
        1,
    ]


def test_what_the_server_refuses_is_told_beside_the_field(
    serve: Serve, opened: Opened, folder: Path
) -> None:
    reviewing = serve("Kim")
    page = opened(reviewing.gate.make_link())
    page.keyboard.press("r")
    page.locator("dialog [name=emotion]").fill("hapy 0.8")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('dialog .problems').textContent.includes('hapy')")
    assert "happy" in page.locator("dialog .problems").inner_text()
    assert page.evaluate("document.activeElement.name") == "emotion"
    assert events(folder, "retry") == []


def test_notes_made_in_an_export_come_back_as_events(
    opened: Opened, folder: Path, tmp_path: Path
) -> None:
    assert run("review", str(folder), "--export", str(tmp_path / "handed")) == 0
    page = opened((tmp_path / "handed" / "index.html").as_uri())
    page.keyboard.press("a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("n")
    page.keyboard.type("lovely <b>pause</b>")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    no_dialog(page)
    page.get_by_role("button", name="Notes (2)").click()
    page.get_by_label("Your name").fill("Ada")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save notes.json").click()
    notes = tmp_path / "notes.json"
    download.value.save_as(notes)
    assert run("review", str(folder), "--import", str(notes)) == 0
    assert [event.actor for event in events(folder, "approved")] == ["Ada"]
    assert json.loads(events(folder, "note")[0].detail)["text"] == "lovely <b>pause</b>"
    broken = json.loads(notes.read_text()) | {"digest": "another"}
    notes.write_text(json.dumps(broken))
    assert run("review", str(folder), "--import", str(notes)) != 0
    assert len(events(folder, "approved")) == 1


def test_the_report_of_a_version_is_the_page(opened: Opened, folder: Path) -> None:
    version = folder / "build" / "deliverables" / "v001"
    page = opened((version / "report.html").as_uri())
    until(page, "document.querySelector('video').readyState >= 2")
    assert page.locator("#shots [role=option]").count() == 4
    page.keyboard.press("b")
    told(page, "has no takes")


@pytest.mark.proof
def test_the_film_steps_by_exact_frames_from_the_server(
    serve: Serve, opened: Opened, folder: Path
) -> None:
    reviewing = serve("Kim")
    page = opened(reviewing.gate.make_link())
    for frame in (17, 100, 101, 298):
        page.fill("#frame", str(frame))
        page.keyboard.press("Enter")
        until(page, f"document.getElementById('frame').dataset.frame === '{frame}'")
    page.keyboard.press("b")
    until(page, "document.querySelector('.decoded')?.textContent === '298'")


def test_the_browser_finds_the_link_in_a_private_file_not_in_its_command_line(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewing = serve("Kim")
    asked, shown = list[str](), list[str]()
    monkeypatch.setattr("webbrowser.open", asked.append)
    hand_out_links(reviewing, show=shown.append, browser=True)
    token = shown[0].partition("token=")[2]
    assert token
    assert token not in asked[0]
    file = Path(unquote(urlsplit(asked[0]).path))
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    page = opened(asked[0], wait=False)
    page.wait_for_url(f"http://{reviewing.gate.hosts[0]}/")  # without the token
    until(page, f"document.querySelector('#shots-{FIRST}')")


def test_another_token_host_or_origin_is_refused(serve: Serve, folder: Path) -> None:
    reviewing = serve("Kim")
    link = urlsplit(reviewing.gate.make_link())
    body = json.dumps({"name": "hold", "shots": [FIRST], "words": {}})

    def asked(method: str, path: str, **headers: str) -> http.client.HTTPResponse:
        with closing(http.client.HTTPConnection("127.0.0.1", link.port or 0)) as talk:
            talk.request(method, path, body=body if method == "POST" else None, headers=headers)
            answer = talk.getresponse()
            answer.read()
            return answer

    assert asked("GET", "/?token=guessed").status == 403
    assert asked("GET", "/api/production").status == 403
    let_in = asked("GET", f"/?{link.query}")
    cookie = (let_in.getheader("Set-Cookie") or "").partition(";")[0]
    assert (let_in.status, let_in.getheader("Location")) == (303, "/")
    assert asked("GET", f"/?{link.query}").status == 403  # a link is good once
    assert asked("GET", "/api/production", Cookie=cookie).status == 200
    assert asked("GET", "/api/production", Cookie=cookie, Host="evil.example").status == 403
    for origin in ("http://evil.example", f"http://127.0.0.1:{(link.port or 0) + 1}", "null"):
        assert asked("POST", "/api/decisions", Cookie=cookie, Origin=origin).status == 403
    assert events(folder, "held") == []
