# SPDX-License-Identifier: Apache-2.0
"""The lease between real processes: one holder at a time, a killed one is taken over, a living one
is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from flows.lease import BusyError, LeaseNote, LeasePace, acquire_lease, hold_lease
from flows.project import Project
from flows.view.production_status import read_status
from manifests import layout
from manifests.run_rows import new_event
from manifests.store import Store
from pipeline.script.production import Production

QUICK = LeasePace(beat_seconds=0.05, patience_seconds=0.5)

HOLD = """
import sys, time
from pathlib import Path
from flows.lease import LeasePace, hold_lease
pace = LeasePace(beat_seconds=0.05, patience_seconds=0.5)
with hold_lease(Path(sys.argv[1]), purpose="a test", pace=pace):
    print("held", flush=True)
    time.sleep(60)
"""
COUNT = """
import sys
from pathlib import Path
from flows.lease import LeasePace, hold_lease
root = Path(sys.argv[1])
for _ in range(10):
    pace = LeasePace(beat_seconds=0.02, patience_seconds=5)
    with hold_lease(root, purpose="counting", wait_seconds=60, pace=pace):
        counter = root / "counter"
        value = int(counter.read_text())
        (root / "inside").open("x").close()
        counter.write_text(str(value + 1))
        (root / "inside").unlink()
"""


@contextmanager
def holding(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lease."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def elsewhere(root: Path) -> Path:
    """Make the newest lease look as if a process of another machine had written it; its heartbeat
    stands still."""
    newest = max((root / layout.LEASE).glob("*.json"))
    note = LeaseNote(**json.loads(newest.read_text()))
    newest.write_text(
        json.dumps(
            asdict(replace(note, machine="another machine", host="elsewhere", released=False))
        )
    )
    return newest


def test_a_second_run_is_told_who_holds_the_production(tmp_path: Path) -> None:
    with (
        holding(tmp_path) as process,
        pytest.raises(BusyError, match=rf"a test on .* \(process {process.pid}, since 20"),
    ):
        acquire_lease(tmp_path, purpose="another", pace=QUICK)


def test_what_killed_runs_left_half_is_removed_by_the_next_and_what_others_write_is_not(
    tmp_path: Path,
) -> None:
    takes, versions = tmp_path / layout.TAKES, tmp_path / layout.DELIVERABLES
    media = takes.parent
    staged, film = versions / ".v001.99.partial", takes / ".a.1.2.mkv"
    old, fresh = media / "masters" / ".old.1.2.flac", media / "masters" / ".fresh.1.2.flac"
    stay = [fresh, takes / "a.mkv", media / "masters" / "b.flac", versions / "v000" / "web.mp4"]
    for file in (staged / "web.mp4", film, old, *stay):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (versions / ".latest.99").symlink_to("v001")
    os.utime(old, (0, 0))
    with hold_lease(tmp_path, purpose="the next", pace=QUICK):
        assert sorted(
            path
            for path in tmp_path.rglob("*")
            if path.is_file() and path.parent.name != layout.LEASE
        ) == sorted(stay)
        assert [path.name for path in versions.iterdir()] == ["v000"]


def test_status_tells_a_run_that_goes_on_from_one_that_was_killed(tmp_path: Path) -> None:
    film = Project(
        production=Production(title="t", recordings=["none.wav"], folder=tmp_path),
        root=tmp_path,
        store=Store(tmp_path),
    )
    with holding(tmp_path) as process:
        film.store.append([new_event("run", "r1", actor="callsheet")])
        assert (read_status(film).run, read_status(film).is_over) == ("running", False)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        assert (read_status(film).run, read_status(film).is_over) == ("interrupted", True)
        elsewhere(tmp_path)
        assert read_status(film).run == "running"  # nobody here can know


def test_a_killed_holder_is_taken_over_at_once(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)  # a signal takes a moment to end a process on a busy machine
        began = time.monotonic()
        with hold_lease(tmp_path, purpose="the next", pace=LeasePace(patience_seconds=60)) as lease:
            # of the sixty that a holder on another machine is given
            assert time.monotonic() - began < 30
            assert lease.number == 2


def test_two_productions_may_be_held_at_once(tmp_path: Path) -> None:
    with (
        holding(tmp_path / "one"),
        hold_lease(tmp_path / "two", purpose="another", pace=QUICK) as lease,
    ):
        assert not lease.lost


def test_a_released_lease_goes_to_the_next(tmp_path: Path) -> None:
    for number in range(1, 21):
        with hold_lease(tmp_path, purpose="a test", pace=QUICK) as lease:
            assert lease.number == number
    assert len(list((tmp_path / layout.LEASE).iterdir())) <= 9


def test_who_waits_gets_it_when_the_holder_ends(tmp_path: Path) -> None:
    waited_for: list[LeaseNote] = []
    with holding(tmp_path) as process:
        threading.Timer(0.3, process.kill).start()
        with hold_lease(
            tmp_path, purpose="patient", wait_seconds=30, pace=QUICK, on_wait=waited_for.append
        ):
            assert process.poll() is not None or process.wait(5)
    assert [note.pid for note in waited_for] == [process.pid]


def test_a_holder_on_another_machine_whose_heartbeat_stands_still_is_taken_over(
    tmp_path: Path,
) -> None:
    with hold_lease(tmp_path, purpose="gone", pace=QUICK):
        pass
    elsewhere(tmp_path)
    began = time.monotonic()
    with hold_lease(tmp_path, purpose="the next", pace=QUICK):
        assert time.monotonic() - began >= QUICK.patience_seconds


def test_a_holder_on_another_machine_whose_heart_beats_is_left_alone(tmp_path: Path) -> None:
    with hold_lease(tmp_path, purpose="gone", pace=QUICK):
        pass
    file = elsewhere(tmp_path)
    note = LeaseNote(**json.loads(file.read_text()))
    over = threading.Event()

    def beat() -> None:
        number = 0
        while not over.wait(0.05):
            number += 1
            partial = file.with_suffix(".partial")
            partial.write_text(
                json.dumps(asdict(replace(note, beat=number, since="2001-01-01T00:00:00+00:00")))
            )
            partial.replace(file)

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(BusyError, match="on elsewhere"):
            acquire_lease(tmp_path, purpose="the next", wait_seconds=1.5, pace=QUICK)
    finally:
        over.set()
        beating.join()


def test_a_holder_that_slept_learns_that_it_was_taken_over(tmp_path: Path) -> None:
    with (
        pytest.raises(BusyError, match="taken over by"),
        hold_lease(tmp_path, purpose="sleeper", pace=QUICK) as lease,
    ):
        (tmp_path / layout.LEASE / "00000002.json").write_text(
            (tmp_path / layout.LEASE / "00000001.json").read_text()
        )
        deadline = time.monotonic() + 5
        while not lease.lost and time.monotonic() < deadline:
            time.sleep(0.02)


def test_a_torn_lease_file_is_waited_for_and_then_taken(tmp_path: Path) -> None:
    (tmp_path / layout.LEASE).mkdir()
    (tmp_path / layout.LEASE / "00000001.json").write_text('{"run_id": "hal')
    with hold_lease(tmp_path, purpose="the next", pace=QUICK) as lease:
        assert lease.number == 2


def test_three_processes_are_never_inside_at_once(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "30"
