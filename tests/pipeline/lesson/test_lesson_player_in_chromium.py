# SPDX-License-Identifier: Apache-2.0
"""The packaged player in a real Chromium: resumes through a learning system and without one, keys, captions, chapters, completion."""

from __future__ import annotations

import functools
import http.server
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pipeline import media
from pipeline.lesson import scorm
from pipeline.lesson.transcript import Entry

SECONDS = 6
# A learning system as SCORM 1.2 describes one: an object named API in a page around the lesson. It keeps what it is told in the tab.
SYSTEM = """<!doctype html><title>Learning system</title><script>
const told = JSON.parse(sessionStorage.told || '{"cmi.core.lesson_status": "not attempted"}');
window.calls = [];
window.API = {
  LMSInitialize: () => { calls.push("Initialize"); return "true"; },
  LMSGetValue: (name) => told[name] || "",
  LMSSetValue: (name, value) => { told[name] = value; sessionStorage.told = JSON.stringify(told); return "true"; },
  LMSCommit: () => "true",
  LMSFinish: () => { calls.push("Finish"); sessionStorage.finished = "yes"; return "true"; },
  LMSGetLastError: () => "0",
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
    with zipfile.ZipFile(small_package(tmp_path_factory.mktemp("package"))) as archive:
        archive.extractall(folder)
    (folder / "system.html").write_text(SYSTEM)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def small_package(folder: Path) -> Path:
    video = folder / "video.mp4"
    media.run(
        ["-f", "lavfi", "-i", f"testsrc=size=160x90:rate=25:duration={SECONDS}", "-f", "lavfi", "-i", f"sine=duration={SECONDS}",
         "-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac", "-shortest", "-movflags", "+faststart", str(video)]
    )  # fmt: skip
    media.run(["-i", str(video), "-frames:v", "1", "-update", "1", str(folder / "poster.jpg")])
    (folder / "captions.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:05.000\nHello.\n")
    (folder / "chapters.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:03.000\nOne\n\n00:03.000 --> 00:06.000\nTwo\n")
    told = [Entry(title="One", frame=0, said=(("A", "Hello."),)), Entry(title="Two", frame=75, said=(("A", "Bye."),))]
    package = scorm.Package(
        title="A lesson", identifier="a-lesson", language="en", rate=Fraction(25), transcript=told, video=video,
        captions=folder / "captions.vtt", chapters=folder / "chapters.vtt", poster=folder / "poster.jpg",
    )  # fmt: skip
    return scorm.write(package, folder / "lesson.zip")


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page of a browser of its own, in which nothing may complain."""
    context = chromium.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert not [line for line in said if "favicon" not in line and "404" not in line], said


def until(frame: Any, condition: str) -> None:
    """Wait for a condition in a page. The driver's own waiting would need eval in the page, which the player's policy forbids."""
    deadline = time.monotonic() + 20
    while not frame.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def ready(frame: Any) -> Any:
    until(frame, "document.querySelector('video').readyState >= 1")
    return frame


def lesson_in(page: Any, site: str) -> Any:
    page.goto(f"{site}/system.html")
    return ready(page.wait_for_selector("#lesson").content_frame())


def second(frame: Any) -> float:
    return float(frame.evaluate("document.querySelector('video').currentTime"))


def test_the_player_resumes_where_the_learning_system_says_the_learner_stopped(page: Any, site: str) -> None:
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


def test_without_a_learning_system_the_browser_remembers(page: Any, site: str) -> None:
    page.goto(f"{site}/index.html")
    ready(page).locator("#chapters button").nth(1).click()
    until(page, "document.querySelector('video').currentTime >= 3")
    page.reload()
    until(page, "document.querySelector('#status').textContent.startsWith('Resumed at 0:03')")


def test_a_lesson_counts_as_completed_when_it_was_watched_and_not_when_it_was_skipped(page: Any, site: str) -> None:
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
                "(document.activeElement.ariaLabel || document.activeElement.textContent).trim().slice(0, 24)"
            )
        )
    for control in ("Skip to the transcript", "Play", "Back 5 s", "Captions", "Keys", "0:00 One", "0:03 Two"):
        assert control in named, named
    assert page.locator("h1").count() == 1 and page.locator("[lang]").count() == 1
