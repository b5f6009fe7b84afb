# SPDX-License-Identifier: Apache-2.0
"""The review server: who is let in, what is sent, and that nothing of a URL ever becomes a path."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flows.project import open_project
from flows.review.serve import ReviewServer
from manifests.rows import Shot, Take
from pipeline import media
from tests.conftest import Rendered
from tests.flows.review.served_review import base_of, serving, window


@pytest.fixture(scope="module")
def scene(film: Rendered, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the film that is looked at and not decided about."""
    return film.copy(tmp_path_factory.mktemp("review") / "scene")


@pytest.fixture(scope="module")
def reviewing(scene: Path) -> Iterator[ReviewServer]:
    """A server for all tests of this module."""
    with serving(scene) as running:
        yield running


@pytest.fixture
def client(reviewing: ReviewServer) -> Iterator[httpx.Client]:
    """Somebody who opened the link."""
    with window(reviewing) as opened:
        yield opened


def test_a_link_is_good_once_and_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(
    reviewing: ReviewServer, caplog: pytest.LogCaptureFixture
) -> None:
    link = reviewing.gate.make_link()
    opened = httpx.get(link)
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert link.partition("token=")[2].lower() not in cookie
    assert httpx.get(link).status_code == 403
    assert httpx.get(f"{base_of(reviewing)}/?token=guess").status_code == 403
    assert not [
        record
        for record in caplog.records
        if record.name.startswith("uvicorn") and "token" in record.getMessage()
    ]


def test_nothing_is_said_to_those_without_a_session(reviewing: ReviewServer) -> None:
    base = base_of(reviewing)
    for path in ("/", "/main.js", "/api/production", "/api/changes", "/media/sound.flac"):
        assert httpx.get(base + path).status_code == 403, path
    name = reviewing.gate.cookie
    assert (
        httpx.get(f"{base}/api/production", headers={"Cookie": f"{name}=guess"}).status_code == 403
    )
    assert httpx.get(f"{base}/api/production", headers={"Cookie": f'{name}="\\'}).status_code == 403
    assert httpx.post(f"{base}/api/decisions", json={}, headers={"Origin": base}).status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "localhost:1",
        "127.0.0.1.evil.example:{port}",
        "[::1]:{port}",
        "",
    ],
)
def test_another_host_name_is_refused(
    client: httpx.Client, reviewing: ReviewServer, host: str
) -> None:
    named = host.format(port=base_of(reviewing).rpartition(":")[2])
    assert client.get("/api/production", headers={"Host": named}).status_code in (400, 403)


def test_requests_that_another_page_makes_are_refused(
    client: httpx.Client, reviewing: ReviewServer
) -> None:
    own = base_of(reviewing)
    note = {"name": "note", "shots": ["sc01_sh010"], "words": {"text": "from elsewhere"}}
    for origin in (
        "http://evil.example",
        "http://127.0.0.1:1",
        "null",
        own.replace("http", "https"),
    ):
        assert (
            client.post("/api/decisions", json=note, headers={"Origin": origin}).status_code == 403
        ), origin
        assert client.get("/api/changes?since=x", headers={"Origin": origin}).status_code == 403, (
            origin
        )
    for site in ("cross-site", "same-site"):  # another port of this machine is the same site
        assert client.get("/api/production", headers={"Sec-Fetch-Site": site}).status_code == 403
    del client.headers["Origin"]
    assert client.post("/api/decisions", json=note).status_code == 403
    assert client.get("/api/production").json()["decisions"] == []


def test_every_answer_forbids_what_the_page_does_not_need(
    client: httpx.Client, reviewing: ReviewServer
) -> None:
    answers = [client.get(path) for path in ("/", "/api/production", "/nowhere", "/main.js")]
    answers.append(httpx.get(base_of(reviewing)))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../production.toml",
        "/media/take/../../production.toml",
        "/media/take/..%2f..%2f..%2fcast.csv.mp4",
        "/media/thumb/%2e%2e.jpg",
        "/media/take/x.mp4",
        "/media/version/v999/web.mp4",
        "/media/version/..%2fv001/web.mp4",
        "/media/version/v001/master.mov",
        "//etc/passwd",
        "/vendor/../main.py",
        "/__init__.py",
        "/page/main.js",
        "/api/log/..%2f..",
        "/%00",
        "/media/take/%00.mp4",
    ],
)
def test_no_path_of_a_url_reaches_the_file_system(
    reviewing: ReviewServer, client: httpx.Client, path: str
) -> None:
    raw = http.client.HTTPConnection(reviewing.gate.hosts[0], timeout=20)
    try:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        raw.request("GET", path, headers={"Cookie": cookie})
        answer = raw.getresponse()
        assert answer.status in (400, 404), answer.read()[:200]
        assert len(answer.read()) < 100
    finally:
        raw.close()


def test_the_document_says_what_the_record_says(scene: Path, client: httpx.Client) -> None:
    told = client.get("/api/production").json()
    shots = open_project(scene).store.read_current(Shot)
    assert [shot["shot_id"] for shot in told["shots"]] == [shot.shot_id for shot in shots]
    assert [(shot["first_frame"], shot["frames"]) for shot in told["shots"]] == [
        (s.start_frame, s.end_frame - s.start_frame) for s in shots
    ]
    assert {shot["state"] for shot in told["shots"]} == {"done"}
    assert (told["version"], told["label"], told["rate"], told["size"]) == (
        "v001",
        "previs",
        [25, 1],
        [320, 180],
    )
    assert told["frames"] == shots[-1].end_frame
    assert [shot["video_frame"] for shot in told["shots"]] == [shot.start_frame for shot in shots]
    assert told["shots"][1]["emotion"] == "happy 0.8"
    assert told["shots"][1]["curve"] == [[0, {"happy": 0.8}]]
    assert [cue["needs_ear"] for cue in told["cues"]] == [False] * 4
    assert told["captions_text"].startswith("WEBVTT")
    assert all(check["ok"] for check in told["checks"])
    assert {check["state"] for check in told["checks"]} == {"ok", "warn"}
    log = client.get(f"/api/log/{shots[0].shot_id}").json()["log"]
    assert [word in log for word in ("queued", "running", "done", "take: ")] == [True] * 4
    assert client.get("/api/log/nothing").status_code == 404


def test_media_is_sent_in_parts(client: httpx.Client, scene: Path) -> None:
    url = "/media/version/v001/web.mp4"
    whole = client.get(url)
    assert whole.content == (scene / "build" / "deliverables" / "v001" / "web.mp4").read_bytes()
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(url, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, whole.content[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(whole.content)}"
    again = client.get(url, headers={"Range": "bytes=-7", "If-Range": whole.headers["etag"]})
    assert (again.status_code, again.content) == (206, whole.content[-7:])
    assert client.get(url, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    assert client.head(url).headers["content-length"] == str(len(whole.content))


def test_a_take_is_sent_as_a_copy_that_browsers_play_with_all_its_frames_and_its_sound(
    client: httpx.Client, scene: Path, tmp_path: Path
) -> None:
    shot = client.get("/api/production").json()["shots"][1]
    url = shot["takes"][0]["url"]
    first, second = client.get(url), client.get(url)
    assert first.headers["etag"] == second.headers["etag"]
    copy = tmp_path / "take.mp4"
    copy.write_bytes(first.content)
    (take,) = open_project(scene).store.read(Take, shot_id=shot["shot_id"])
    told = media.probe(copy)
    assert told.video is not None and told.audio is not None
    assert (told.video.frames, told.video.rate, told.video.codec, told.video.pixel_format) == (
        take.frames,
        25,
        "h264",
        "yuv420p",
    )


def test_thumbnails_peaks_sound_and_captions_come_from_the_record(client: httpx.Client) -> None:
    told = client.get("/api/production").json()
    picture = client.get(told["shots"][0]["thumb"])
    assert (picture.headers["content-type"], picture.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    peaks = client.get(told["peaks"]).json()["peaks"]
    assert len(peaks) == told["frames"]
    assert max(high for _, high in peaks) > 0.1 > -0.1 > min(low for low, _ in peaks)
    few = client.get(f"{told['peaks']}?width=10").json()["peaks"]
    assert len(few) == 10
    assert max(high for _, high in few) == max(high for _, high in peaks)
    assert client.get(told["sound"]).content[:4] == b"fLaC"
    assert client.get(told["captions"]).text == told["captions_text"]


def test_two_windows_show_each_others_decisions_at_once(film: Rendered, tmp_path: Path) -> None:
    with (
        serving(film.copy(tmp_path / "scene")) as reviewing,
        window(reviewing) as mine,
        window(reviewing) as yours,
    ):
        since = mine.get("/api/production").json()["revision"]
        heard: list[dict[str, object]] = []
        waiting = threading.Thread(
            target=lambda: heard.append(mine.get("/api/changes", params={"since": since}).json())
        )
        waiting.start()
        time.sleep(0.3)
        assert heard == []
        decided = yours.post(
            "/api/decisions", json={"name": "hold", "shots": ["sc01_sh020"], "seen": since}
        )
        assert decided.status_code == 200
        waiting.join(timeout=20)
        (change,) = heard
        assert [(shot["number"], shot["state"]) for shot in change["shots"]] == [
            ("sc01_sh020", "held")
        ]
        assert [(one["name"], one["who"], one["shot"]) for one in change["decisions"]] == [
            ("held", "Anna", "sc01_sh020")
        ]
        assert (change["reload"], "checks" in change) == (False, False)
        both = mine.post(
            "/api/decisions", json={"name": "approve", "shots": ["sc01_sh020"], "seen": since}
        ).json()
        assert [one["name"] for one in both["follows"]] == ["held"]
        states = yours.get("/api/production").json()["shots"][1]
        assert (states["state"], states["states"]) == ("held", ["approved"])


def test_a_body_that_is_no_decision_is_refused_with_every_problem(client: httpx.Client) -> None:
    def problems(**request: object) -> list[dict[str, str]]:
        answer = client.post("/api/decisions", **request)
        assert answer.status_code == 422
        return answer.json()["problems"]

    asked = {
        "name": "retry",
        "shots": ["sc01_sh011"],
        "word": 1,
        "words": {"emotions": "angry", "intensity": -1, "seed": 1.5},
    }
    found = {one["field"]: one for one in problems(json=asked)}
    assert set(found) == {"shots", "word", "emotions", "intensity", "seed"}
    assert "'sc01_sh010'" in found["shots"]["nearest"]
    assert found["emotions"]["nearest"] == "'emotion'"
    assert problems(json={"name": "aprove"})[0]["nearest"] == "'approve' or 'waive'"
    assert problems(content=b"{}", headers={"Content-Type": "text/plain"})
    assert problems(content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert (
        problems(content=b"x" * 300_000, headers={"Content-Type": "application/json"})[0]["message"]
        == "the decision is too long"
    )
    assert (
        problems(json=["approve"])
        and problems(json={"name": {}})
        and problems(json={"name": "approve", "shots": [[]]})
    )
    assert json.loads(client.get("/api/production").text)["decisions"] == []
