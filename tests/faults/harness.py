# SPDX-License-Identifier: Apache-2.0
"""Renders a production in a process of its own and kills parts of it at random moments, until it is
done.

Six kinds of kill: a `worker` at any moment, an `actor` in the middle of a shot, the Ray `head` (its
control service or its node service), the `driver`, the `prefect` server, and a `writer`: the driver
when a take stands whose row is not committed. Each is logged with its moment; the seed decides
kinds and delays, the machine decides what it meets.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil

from flows.ledger.decisions import new_decision
from flows.ledger.shot_matching import identify_places
from flows.project import Project, open_project
from manifests.identity import digest_file
from manifests.rows import Shot, Take
from manifests.run_rows import Event
from pipeline import media

KINDS = ("worker", "actor", "head", "driver", "prefect", "writer")
RENDER = [sys.executable, "-m", "flows", "render"]
PARTIAL = re.compile(
    r"\.+(?P<shot>[0-9a-f]{32})\.(?P<pid>\d+)\..*mkv"
)  # as `pipeline.render.render` names what is being written
LONGEST_SECONDS = 600  # of one render


@dataclass(slots=True)
class Tally:
    """What was killed when, and what people decided meanwhile. One line a kill is written to `file`
    as it happens."""

    chance: random.Random
    file: Path
    killed: Counter[str] = field(default_factory=Counter)
    decisions: list[str] = field(default_factory=list)
    runs: int = 0

    def note(self, kind: str, detail: str) -> None:
        self.killed[kind] += 1
        self.say(f"kill {sum(self.killed.values())}: {kind}: {detail}")

    def say(self, line: str) -> None:
        with self.file.open("a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")


class Served(Protocol):
    """A Prefect server that runs."""

    url: str

    def wait(self) -> None:
        """Until it answers."""


class PrefectServer:
    """A Prefect server on loopback that can be killed and comes back at its place."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/api"
        self._environment = {
            **os.environ,
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        self._environment["PREFECT_SERVER_LOGGING_LEVEL"] = "CRITICAL"
        self.start()

    def start(self) -> None:
        """Start it; what asks before it answers has to wait."""
        factory = "prefect.server.api.server:create_app"
        command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--host", "127.0.0.1"]
        command += ["--port", str(self._port), "--log-level", "critical"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env=self._environment, **quiet)  # type: ignore[call-overload]

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(3000):
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self._port), timeout=1),
            ):
                return
            time.sleep(0.1)
        raise TimeoutError("the Prefect server does not answer")

    def kill(self) -> int:
        """Kill it where it is; returns its process id."""
        self.process.kill()
        self.process.wait()
        return self.process.pid


@contextmanager
def prefect_server(home: Path) -> Iterator[PrefectServer]:
    """A server for the length of the block."""
    server = PrefectServer(home)
    try:
        server.wait()
        yield server
    finally:
        server.kill()


class Render:
    """One `callsheet render` in a process group of its own, and the processes below it."""

    def __init__(self, folder: Path, server: Served, *, ray: str = "") -> None:
        self.folder = folder
        self._known: dict[int, psutil.Process] = {}
        environment = {
            **os.environ,
            "PREFECT_API_URL": server.url,
            "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
        }
        self._said = (folder / "render.log").open("ab")
        command = [*RENDER, str(folder), "--workers", "2", "--json"]
        command += ["--ray", ray] if ray else []
        self.process = subprocess.Popen(
            command, env=environment, stdout=self._said, stderr=self._said, start_new_session=True
        )

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll()

    def below(self, name: str) -> list[psutil.Process]:
        """Processes below it whose command line begins with or contains a name."""
        found = []
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                self._known[process.pid] = process
                with contextlib.suppress(psutil.Error):
                    if name in " ".join(process.cmdline()):
                        found.append(process)
        return found

    def end(self) -> None:
        """Take away what it left running: Ray's processes are in sessions of their own."""
        self.below("")
        if self.code is None:
            self.process.kill()
        self.process.wait()
        for process in self._known.values():
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(list(self._known.values()), timeout=10)
        self._said.close()


def strike(kind: str, render: Render, server: Served, tally: Tally) -> bool:
    """Kill once, if there is something of that kind to kill now."""
    takes = render.folder / "build" / "media" / "takes"
    if kind == "prefect" and isinstance(server, PrefectServer):
        tally.note(kind, f"process {server.kill()}")
        server.start()
        return True
    if kind == "driver":
        return _kill(kind, render.process.pid, "render", tally)
    if kind == "writer":
        return _kill_writer(render, takes, tally)
    if kind == "head":
        heads = render.below("gcs/gcs_server") + render.below("raylet/raylet ")
        head = tally.chance.choice(heads) if heads else None
        return bool(head) and _kill(kind, head.pid, head.name(), tally)
    if kind == "actor":
        busy = _writing(takes)
        pid = tally.chance.choice(sorted(busy)) if busy else 0
        return bool(pid) and _kill(kind, pid, f"a worker making {busy[pid]}", tally)
    workers = [process.pid for process in render.below("ray::Worker")]
    return bool(workers) and _kill(kind, tally.chance.choice(workers), "a worker", tally)


def _writing(takes: Path) -> dict[int, str]:
    """The workers that write a take now, and which."""
    names = [PARTIAL.fullmatch(path.name) for path in takes.iterdir()] if takes.is_dir() else []
    return {
        int(found["pid"]): found["shot"]
        for found in names
        if found and psutil.pid_exists(int(found["pid"]))
    }


def _kill_writer(render: Render, takes: Path, tally: Tally) -> bool:
    """Kill the driver in the moment in which a take stands whose row the record does not hold."""
    film = open_project(render.folder)
    until = time.monotonic() + 5
    while time.monotonic() < until and render.code is None:
        standing = {path.stem for path in takes.glob("[!.]*.mkv")}
        fresh = standing - {take.shot_id for take in film.store.read(Take)}
        if fresh:
            os.kill(render.process.pid, signal.SIGSTOP)  # so that what we look at cannot change
            fresh = standing - {take.shot_id for take in film.store.read(Take)}
            if fresh:
                return _kill(
                    "writer", render.process.pid, f"render, {len(fresh)} takes without a row", tally
                )
            os.kill(render.process.pid, signal.SIGCONT)
        time.sleep(0.02)
    return False


def _kill(kind: str, pid: int, detail: str, tally: Tally) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        tally.note(kind, f"process {pid}, {detail}")
        return True
    return False


def render_under_fire(
    folder: Path, server: Served, tally: Tally, wanted: Counter[str], *, ray: str = ""
) -> None:
    """Render until it is done, killing what is still wanted; decisions are recorded all the while.
    Raises when it never ends."""
    for _ in range(60):
        tally.runs += 1
        tally.say(f"run {tally.runs} of {folder.name}")
        render = Render(folder, server, ray=ray)
        try:
            _fire(render, server, tally, wanted)
            if render.code == 0:
                return
        finally:
            render.end()
        server.wait()
    raise AssertionError(f"sixty runs did not finish {folder}; see its render.log")


def _fire(render: Render, server: Served, tally: Tally, wanted: Counter[str]) -> None:
    """Kill at random moments while it runs; after a blow that ends the whole run, wait for that."""
    began = time.monotonic()
    while render.code is None:
        if time.monotonic() - began > LONGEST_SECONDS:
            raise TimeoutError(f"a render of {render.folder} does not end")
        time.sleep(tally.chance.uniform(0.1, 1.2))
        _decide(render.folder, tally)
        left = [kind for kind in KINDS for _ in range(wanted[kind] - tally.killed[kind])]
        makes_takes = render.below("ray::") or _writing(render.folder / "build" / "media" / "takes")
        if not left or not (makes_takes or tally.chance.random() < 0.02):
            continue  # mostly while takes are made, now and then before or after that
        kind = tally.chance.choice(left)
        if strike(kind, render, server, tally) and kind in ("driver", "head", "writer"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                render.process.wait(timeout=60)


def _decide(folder: Path, tally: Tally) -> None:
    """Record a decision of a person, from another process than the run's."""
    film = open_project(folder)
    shots = film.store.read_current(Shot)
    if shots and tally.chance.random() < 0.2:
        index = tally.chance.randrange(len(shots))
        words: dict[str, object] = (
            {"text": "look again"} if tally.chance.random() < 0.5 else {"priority": index % 5}
        )
        said = new_decision(
            "note" if "text" in words else "priority",
            identify_places(shots)[index],
            shots[index],
            by="harness",
            **words,
        )
        film.store.append([said])
        tally.decisions.append(said.event_id)


@dataclass(frozen=True, slots=True)
class Result:
    """What a production came to: the hash of the decoded frames of every take and of the film, and
    of its sound."""

    takes: dict[str, str]
    picture: str
    sound: str


def result_of(folder: Path) -> Result:
    """Decode everything."""
    film = open_project(folder)
    takes = {
        take.shot_id: _frames(film.root / take.path, take.width, take.height)
        for take in film.store.read(Take)
    }
    web = film.root / "deliverables" / "latest" / "web.mp4"
    sound = hashlib.sha256()
    for block in media.read_audio(web, hz=48_000, channels=2):
        sound.update(np.ascontiguousarray(block).data)
    return Result(
        takes, _frames(web, film.production.width, film.production.height), sound.hexdigest()
    )


def _frames(path: Path, width: int, height: int) -> str:
    found = hashlib.sha256()
    for frame in media.read_frames(path, width=width, height=height):
        found.update(frame.data)
    return found.hexdigest()


def check_record(film: Project, decisions: Sequence[str]) -> None:
    """Exactly one committed take per identity, none of anything else, nothing half on disk, no
    decision lost."""
    shots = {shot.shot_id for shot in film.store.read_current(Shot)}
    takes = film.store.read(Take)
    assert Counter(take.shot_id for take in takes) == dict.fromkeys(shots, 1)
    for take in takes:
        assert digest_file(film.root / take.path) == take.media_digest
    names = (path.name for path in (film.root / "media" / "takes").iterdir())
    assert sorted(names) == sorted(f"{shot}.{kind}" for shot in shots for kind in ("mkv", "json"))
    said = Counter(
        row.event_id for row in film.store.read(Event) if row.name in ("note", "priority")
    )
    assert said == dict.fromkeys(decisions, 1)


def fresh_copy(prepared: Path, folder: Path) -> Path:
    """A production that was listened to and not yet rendered."""
    shutil.copytree(prepared, folder, symlinks=True)
    return folder


def prepare(folder: Path) -> Path:
    """Listen to it, so that no run has to."""
    subprocess.run(
        [sys.executable, "-m", "flows", "plan", str(folder), "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=600,
    )
    return folder
