# SPDX-License-Identifier: Apache-2.0
"""The packaged player in a real Chromium: resumes through learning systems of three kinds and
without one, keys, captions, completion."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import re
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest

from pipeline import media
from pipeline.lesson import packages, tincan
from pipeline.lesson.transcript import TranscriptEntry
from pipeline.script.settings import PackageName

SECONDS = 6
# A learning system as SCORM 1.2 describes one: an object named API in a page around the lesson. It
# keeps what it is told in the tab.
SYSTEM = """<!doctype html><title>Learning system</title><script>
const told = JSON.parse(sessionStorage.told || '{"cmi.core.lesson_status": "not attempted"}');
window.calls = [];
window.API = {
  LMSInitialize: () => { calls.push("Initialize"); return "true"; },
  LMSGetValue: (name) => told[name] || "",
  LMSSetValue: (name, value) => {
    told[name] = value; sessionStorage.told = JSON.stringify(told); return "true";
  },
  LMSCommit: () => "true",
  LMSFinish: () => { calls.push("Finish"); sessionStorage.finished = "yes"; return "true"; },
  LMSGetLastError: () => "0",
};
window.told = told;
</script><iframe id="lesson" src="index.html" width="900" height="900"></iframe>"""
# The same for SCORM 2004. It refuses what a learning system refuses: calls before the beginning or
# after the end.
SYSTEM_2004 = """<!doctype html><title>Learning system</title><script>
const told = JSON.parse(sessionStorage.told2004 || '{"cmi.completion_status": "unknown"}');
let running = false;
window.API_1484_11 = {
  Initialize: () => { running = true; return "true"; },
  GetValue: (name) => running ? told[name] || "" : "",
  SetValue: (name, value) => {
    if (!running || typeof value !== "string") return "false";
    told[name] = value;
    sessionStorage.told2004 = JSON.stringify(told);
    return "true";
  },
  Commit: () => String(running),
  Terminate: () => { running = false; sessionStorage.terminated = "yes"; return "true"; },
  GetLastError: () => "0",
};
window.told = told;
</script><iframe id="lesson" src="index.html" width="900" height="900"></iframe>"""


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves files as learning systems do: with byte ranges, which seeking in a video needs."""

    def send_head(self) -> Any:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        self.send_response(206)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(path.read_bytes()[first : last + 1])
        return None

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The unpacked package and a learning system on loopback."""
    folder = tmp_path_factory.mktemp("site")
    package = small_package(tmp_path_factory.mktemp("package"))
    places: dict[PackageName, Path] = {
        "scorm12": folder,
        "scorm2004": folder / "scorm2004",
        "xapi": folder / "xapi",
    }
    for kind, place in places.items():
        with zipfile.ZipFile(packages.write(package, folder / f"{kind}.zip", kind=kind)) as archive:
            archive.extractall(place)
    (folder / "system.html").write_text(SYSTEM)
    (folder / "scorm2004" / "system.html").write_text(SYSTEM_2004)
    with serving(functools.partial(Ranges, directory=str(folder))) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"


@contextlib.contextmanager
def serving(handler: Any) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class RecordStore(http.server.BaseHTTPRequestHandler):
    """As much of a learning record store as the player needs: statements, and a state kept under
    its whole address."""

    statements: ClassVar[list[dict[str, Any]]] = []
    states: ClassVar[dict[str, bytes]] = {}
    protocol_version = "HTTP/1.1"

    def do_OPTIONS(self) -> None:
        self._answer(204)

    def do_GET(self) -> None:
        found = self.states.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    def do_PUT(self) -> None:
        body = self._body()
        if self._is_let_in():
            self.states[self.path] = body

    def do_POST(self) -> None:
        body = self._body()
        if self._is_let_in():
            self.statements.extend(json.loads(body))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _is_let_in(self) -> bool:
        version, secret = self.headers["X-Experience-API-Version"], self.headers["Authorization"]
        self._answer(204 if (version, secret) == ("1.0.3", "Basic c2VjcmV0") else 401)
        return secret == "Basic c2VjcmV0"

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Methods", "GET, PUT, POST")
        self.send_header(
            "Access-Control-Allow-Headers", "authorization, content-type, x-experience-api-version"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def record_store() -> Iterator[str]:
    """The address of an empty record store, on another origin than the lesson."""
    RecordStore.statements.clear()
    RecordStore.states.clear()
    with serving(RecordStore) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}/xapi"


def small_package(folder: Path) -> packages.Package:
    video = folder / "video.mp4"
    media.run(
        [
            "-f",
            "lavfi",
            "-i",
            f"testsrc=size=160x90:rate=25:duration={SECONDS}",
            "-f",
            "lavfi",
            "-i",
            f"sine=duration={SECONDS}",
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-g",
            "25",
            "-c:a",
            "aac",
            "-shortest",
            "-movflags",
            "+faststart",
            str(video),
        ]
    )
    media.run(["-i", str(video), "-frames:v", "1", "-update", "1", str(folder / "poster.jpg")])
    (folder / "captions.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:05.000\nHello.\n")
    (folder / "chapters.vtt").write_text(
        "WEBVTT\n\n00:00.000 --> 00:03.000\nOne\n\n00:03.000 --> 00:06.000\nTwo\n"
    )
    told = [
        TranscriptEntry(title="One", frame=0, spoken=(("A", "Hello."),)),
        TranscriptEntry(title="Two", frame=75, spoken=(("A", "Bye."),)),
    ]
    return packages.Package(
        title="A lesson",
        identifier="a-lesson",
        language="en",
        rate=Fraction(25),
        transcript=told,
        video=video,
        captions=folder / "captions.vtt",
        chapters=folder / "chapters.vtt",
        poster=folder / "poster.jpg",
    )


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page of a browser of its own, in which nothing may complain."""
    context = chromium.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on(
        "console",
        lambda message: said.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert not [
        line for line in said if "favicon" not in line and "404" not in line and "503" not in line
    ], said


def until(frame: Any, condition: str) -> None:
    """Wait for a condition in a page. The driver's own waiting would need eval in the page, which
    the player's policy forbids."""
    deadline = time.monotonic() + 20
    while not frame.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def ready(frame: Any) -> Any:
    until(frame, "document.querySelector('video').readyState >= 1")
    return frame


def lesson_in(page: Any, site: str, system: str = "system.html") -> Any:
    page.goto(f"{site}/{system}")
    return ready(page.wait_for_selector("#lesson").content_frame())


def second(frame: Any) -> float:
    return float(frame.evaluate("document.querySelector('video').currentTime"))


def test_the_player_resumes_where_the_learning_system_says_the_learner_stopped(
    page: Any, site: str
) -> None:
    frame = lesson_in(page, site)
    assert page.evaluate("told['cmi.core.lesson_status']") == "incomplete"
    frame.locator("#chapters button").nth(1).click()
    until(frame, "document.querySelector('video').currentTime >= 3")
    page.goto("about:blank")
    frame = lesson_in(page, site)
    until(frame, "document.querySelector('video').currentTime > 2.5")
    assert abs(second(frame) - 3.0) < 0.2
    assert frame.locator("#status").inner_text() == "Resumed at 0:03"
    assert page.evaluate("sessionStorage.finished") == "yes"
    assert page.evaluate("told['cmi.core.exit']") == "suspend"
    assert re.fullmatch(r"\d{4}:\d\d:\d\d\.\d\d", page.evaluate("told['cmi.core.session_time']"))


@pytest.mark.proof
def test_the_player_resumes_and_completes_in_a_scorm_2004_system(page: Any, site: str) -> None:
    frame = lesson_in(page, site, "scorm2004/system.html")
    assert page.evaluate("told['cmi.completion_status']") == "incomplete"
    frame.locator("#chapters button").nth(1).click()
    until(frame, "document.querySelector('video').currentTime >= 3")
    page.goto("about:blank")
    frame = lesson_in(page, site, "scorm2004/system.html")
    until(frame, "document.querySelector('#status').textContent === 'Resumed at 0:03'")
    assert page.evaluate("sessionStorage.terminated") == "yes"
    assert page.evaluate("told['cmi.exit']") == "suspend"
    assert re.fullmatch(r"PT\d+S", page.evaluate("told['cmi.session_time']"))
    frame.evaluate("document.querySelector('video').playbackRate = 4")
    frame.evaluate("document.querySelector('video').currentTime = 0")
    frame.evaluate("document.querySelector('video').play()")
    until(page, "told['cmi.completion_status'] === 'completed'")
    assert float(page.evaluate("told['cmi.progress_measure']")) >= 0.9


@pytest.mark.proof
def test_the_place_is_kept_when_the_lesson_is_left_before_its_video_is_there(
    page: Any, site: str
) -> None:
    page.route("**/lesson.mp4", lambda _: None)  # a video that never comes
    page.add_init_script("""sessionStorage.told = '{"cmi.core.lesson_location": "3.0"}'""")
    page.goto(f"{site}/system.html")
    until(page, "calls.includes('Initialize')")
    page.evaluate("document.querySelector('#lesson').remove()")
    until(page, "calls.includes('Finish')")
    assert page.evaluate("told['cmi.core.lesson_location']") == "3.0"


# as systems of the first years send it
LEARNER = {"name": ["Ada"], "mbox": ["mailto:ada@example.org"]}


def started(site: str, record_store: str) -> str:
    """The lesson's address as a learning system begins it."""
    given = {
        "endpoint": record_store,
        "auth": "Basic c2VjcmV0",
        "actor": json.dumps(LEARNER),
        "registration": "r-1",
        "activity_id": "https://example.org/lesson",
    }
    return f"{site}/xapi/index.html?{urlencode(given)}"


def told_to(count: int) -> list[dict[str, Any]]:
    """The statements in the order in which they happened, once there are so many."""
    deadline = time.monotonic() + 20
    while len(RecordStore.statements) < count:
        assert time.monotonic() < deadline, [one["verb"]["id"] for one in RecordStore.statements]
        time.sleep(0.02)
    return sorted(RecordStore.statements, key=lambda one: one["timestamp"])


def test_an_xapi_system_is_told_what_was_watched_and_brings_the_learner_back(
    page: Any, site: str, record_store: str
) -> None:
    ready(page.goto(started(site, record_store)) and page)
    page.evaluate("document.querySelector('video').play()")
    told_to(2)
    until(page, "document.querySelector('video').currentTime > 0.5")
    page.keyboard.press("k")
    until(page, "document.querySelector('video').paused")
    page.locator("#chapters button").nth(1).click()
    told_to(4)
    page.goto("about:blank")
    told = told_to(5)
    assert [one["verb"]["display"]["en"] for one in told] == [
        "initialized",
        "played",
        "paused",
        "seeked",
        "terminated",
    ]
    for one in told:
        assert one["actor"] == {
            "name": "Ada",
            "mbox": "mailto:ada@example.org",
            "objectType": "Agent",
        }
        assert (
            one["object"]["id"] == "https://example.org/lesson"
            and one["context"]["registration"] == "r-1"
        )
        assert one["object"]["definition"]["type"] == tincan.VIDEO
        assert one["context"]["contextActivities"]["category"] == [
            {"objectType": "Activity", "id": "https://w3id.org/xapi/video"}
        ]
        extensions = one["context"]["extensions"]
        assert extensions["https://w3id.org/xapi/video/extensions/session-id"] == told[0]["id"]
        assert str(uuid.UUID(one["id"])) == one["id"] and "completion" not in one.get("result", {})
    assert len({one["id"] for one in told}) == 5
    paused = told[2]["result"]["extensions"]
    begun, ended = paused["https://w3id.org/xapi/video/extensions/played-segments"].split("[.]")
    assert float(begun) == 0 and float(ended) == pytest.approx(
        paused["https://w3id.org/xapi/video/extensions/time"], abs=1e-3
    )
    assert told[3]["result"]["extensions"]["https://w3id.org/xapi/video/extensions/time-to"] == 3
    ready(page.goto(started(site, record_store)) and page)
    until(page, "document.querySelector('#status').textContent === 'Resumed at 0:03'")


@pytest.mark.proof
def test_an_xapi_system_hears_once_that_the_lesson_was_completed(
    page: Any, site: str, record_store: str
) -> None:
    ready(page.goto(started(site, record_store)) and page)
    page.evaluate("document.querySelector('video').playbackRate = 4")
    page.evaluate("document.querySelector('video').play()")
    until(page, "document.querySelector('video').ended")
    page.goto("about:blank")
    told_to(5)
    page.goto(started(site, record_store))
    told_to(6)
    page.goto("about:blank")
    completed = [one for one in told_to(7) if one["verb"]["display"]["en"] == "completed"]
    assert len(completed) == 1 and completed[0]["result"]["completion"] is True
    assert 5 < float(completed[0]["result"]["duration"][2:-1]) < 7


def test_without_a_record_store_the_browser_keeps_the_place_and_says_so(
    page: Any, site: str
) -> None:
    page.route("**/xapi/activities/**", lambda route: route.fulfill(status=503))
    ready(page.goto(started(site, f"{site}/xapi")) and page)
    until(page, "document.querySelector('#status').textContent.includes('kept in this browser')")


def test_without_a_learning_system_the_browser_remembers(page: Any, site: str) -> None:
    page.goto(f"{site}/index.html")
    ready(page).locator("#chapters button").nth(1).click()
    until(page, "document.querySelector('video').currentTime >= 3")
    page.reload()
    until(page, "document.querySelector('#status').textContent.startsWith('Resumed at 0:03')")


def test_a_lesson_counts_as_completed_when_it_was_watched_and_not_when_it_was_skipped(
    page: Any, site: str
) -> None:
    frame = lesson_in(page, site)
    frame.evaluate("document.querySelector('video').currentTime = 5.5")
    frame.evaluate("document.querySelector('video').play()")
    until(frame, "document.querySelector('video').ended")
    assert page.evaluate("told['cmi.core.lesson_status']") == "incomplete"
    frame.select_option("#speed", "2")
    frame.evaluate("document.querySelector('video').currentTime = 0")
    frame.evaluate("document.querySelector('video').play()")
    until(page, "told['cmi.core.lesson_status'] === 'completed'")


def test_keys_play_seek_turn_chapters_and_switch_captions(page: Any, site: str) -> None:
    page.goto(f"{site}/index.html")
    ready(page)
    assert page.evaluate("document.querySelector('video').textTracks[0].mode") == "showing"
    until(page, "document.querySelector('video').textTracks[0].cues?.length === 1")
    page.keyboard.press("c")
    assert page.evaluate("document.querySelector('video').textTracks[0].mode") == "hidden"
    assert page.locator("#captions").get_attribute("aria-pressed") == "false"
    page.keyboard.press("n")
    until(page, "document.querySelector('video').currentTime === 3")
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('video').currentTime === 0")
    page.keyboard.press(" ")
    until(page, "!document.querySelector('video').paused")
    page.keyboard.press("k")
    until(page, "document.querySelector('video').paused")


def test_every_control_can_be_reached_with_the_tab_key_and_has_a_name(page: Any, site: str) -> None:
    page.goto(f"{site}/index.html")
    ready(page)
    named = []
    for _ in range(30):
        page.keyboard.press("Tab")
        named.append(
            page.evaluate(
                "(document.activeElement.ariaLabel || document.activeElement.textContent)"
                ".trim().slice(0, 24)"
            )
        )
    for control in (
        "Skip to the transcript",
        "Play",
        "Back 5 s",
        "Captions",
        "Keys",
        "0:00 One",
        "0:03 Two",
    ):
        assert control in named, named
    assert page.locator("h1").count() == 1 and page.locator("[lang]").count() == 1
