# SPDX-License-Identifier: Apache-2.0
"""Renders are stopped by every signal in every stage, and what works for them is killed or frozen.

After each stop: one line and the documented exit code; within seconds no process, port, temporary
folder or hidden file is left. At the end of each chain of stops the film is finished, and is the
same as an undisturbed one.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.faults.harness import Tally, fresh_copy, prepare, result_of
from tests.faults.short_shots import write_production

pytestmark = [pytest.mark.faults, pytest.mark.timeout(2700)]
SEED = int(os.environ.get("CALLSHEET_FAULTS_SEED", "20261201"))
LOG = Path(os.environ["CALLSHEET_FAULTS_LOG"]) if "CALLSHEET_FAULTS_LOG" in os.environ else None
CALLSHEET = [sys.executable, "-m", "flows"]
HEEDFUL = ["env", "--default-signal=HUP,INT"]  # whoever runs the tests may ignore them
STAGES = (
    "Starting the orchestrator",
    "Script, cast and consents",
    "The cut",
    "Takes",
    "Colour",
    "Assembly and delivery",
    "Captions, timeline",
)
DRIVER = "driver"
HELPERS = {  # what works for a run, and how its command line is known
    "worker": "ray::",
    "raylet": "raylet/raylet ",
    "gcs": "gcs/gcs_server",
    "prefect": "uvicorn",
    "ffmpeg": "ffmpeg",
}
ENDING = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGKILL: -9}
OUTCOMES = (0, 1, 3)  # of a run one of whose helpers was hurt
CHAINS, STOPS_IN_A_CHAIN = 9, 6
LONGEST_SECONDS = 300.0
CLEAN_SECONDS = 10.0  # five on a machine that does nothing else
FROZEN_SECONDS = 2.0
MARK = "CALLSHEET_FAULTS_CASE"


@dataclass(frozen=True, slots=True)
class Stop:
    """What is done to which process of a command, and when."""

    target: str
    number: int
    stage: str
    delay: float

    def __str__(self) -> str:
        """Say it in a log line."""
        name = signal.Signals(self.number).name
        return f"{name} to the {self.target}, {self.delay:.2f} s into {self.stage!r}"


def list_shared() -> set[Path]:
    """List the folders of runs in shared memory, where Ray's may be."""
    return set(Path("/dev/shm").glob("callsheet-*"))


@dataclass(slots=True)
class Case:
    """A command whose processes and temporary files can be found afterwards."""

    arguments: list[str]
    log: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    temporary: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="f", dir="/tmp")))

    others: set[Path] = field(default_factory=list_shared)

    def start(self) -> subprocess.Popen[bytes]:
        """Start it."""
        environment = {**os.environ, MARK: self.mark, "TMPDIR": str(self.temporary)}
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [*HEEDFUL, *CALLSHEET, *self.arguments],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def words(self) -> str:
        """Read what it said."""
        return self.log.read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Find its processes that live, wherever they are in the tree."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self.mark and process.status() != "zombie":
                    found.append(process)
        return found

    def leftovers(self) -> list[str]:
        """List what is left of it: processes and temporary files."""
        shared = list_shared() - self.others
        running = [" ".join(process.cmdline())[:120] for process in self.processes()]
        return [*running, *map(str, (*self.temporary.rglob("*"), *shared))]

    def wait_until_clean(self) -> None:
        """Wait until nothing is left. Raises AssertionError when something stays."""
        until = time.monotonic() + CLEAN_SECONDS
        while self.leftovers() and time.monotonic() < until:
            time.sleep(0.1)
        left = self.leftovers()
        assert left == [], left

    def clear(self) -> None:
        """End what is left, so that one case does not disturb the next."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        shutil.rmtree(self.temporary, ignore_errors=True)


def draw(chance: random.Random, number: int) -> Stop:
    """Draw a stop: every second one is for the driver, the others are for its helpers."""
    stage, delay = STAGES[number % len(STAGES)], chance.choice((0.0, chance.uniform(0.0, 1.5)))
    if number % 2:
        ways = (*ENDING, signal.SIGSTOP)
        return Stop(DRIVER, ways[number // 2 % len(ways)], stage, delay)
    ways = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
    return Stop(chance.choice(list(HELPERS)), chance.choice(ways), stage, delay)


def strike(stop: Stop, case: Case, process: subprocess.Popen[bytes]) -> bool:
    """Wait for the stage, then hurt the target; tell whether there was one."""
    until = time.monotonic() + LONGEST_SECONDS
    while stop.stage not in case.words() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(stop.delay)
    while process.poll() is None and time.monotonic() < until:
        pid = process.pid if stop.target == DRIVER else find_helper(stop.target, case)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, stop.number)
                if stop.number == signal.SIGSTOP:
                    time.sleep(FROZEN_SECONDS)
                    os.kill(pid, signal.SIGCONT)
                return True
        time.sleep(0.02)
    return False


def find_helper(target: str, case: Case) -> int:
    """Find a process of a kind; 0 where there is none now."""
    for process in case.processes():
        with contextlib.suppress(psutil.Error):
            if HELPERS[target] in " ".join(process.cmdline()):
                return int(process.pid)
    return 0


def check_end(stop: Stop, code: int, words: str) -> None:
    """Check the exit code and the last line of a command that was stopped."""
    assert "Traceback" not in words
    if stop.target != DRIVER or stop.number == signal.SIGSTOP:
        assert code in OUTCOMES, code
    elif code:  # otherwise it was about to end well
        assert code == ENDING[signal.Signals(stop.number)]
        if stop.number != signal.SIGKILL:
            assert words.strip().splitlines()[-1].startswith("Stopped: ")


def apply(stop: Stop, folder: Path, tally: Tally, *verb: str) -> None:
    """Start a command, stop it, and look for what is left."""
    case = Case([*(verb or ("render",)), str(folder)], folder.parent / "said.log")
    process = case.start()
    try:
        struck = strike(stop, case, process)
        code = process.wait(LONGEST_SECONDS)
        tally.note(stop.target, f"{stop}: code {code}") if struck else tally.say(f"missed: {stop}")
        check_end(stop, code, case.words())
        case.wait_until_clean()
    except BaseException as error:
        raise AssertionError(f"seed {SEED}: {stop}\n{case.words()[-4000:]}\n{error}") from error
    finally:
        case.clear()
        process.kill()
        process.wait()


def finish(folder: Path) -> None:
    """Render undisturbed, and check that nothing half made or hidden is left."""
    case = Case(["render", str(folder)], folder.parent / "said.log")
    process = case.start()
    try:
        assert process.wait(LONGEST_SECONDS) == 0, case.words()[-4000:]
        case.wait_until_clean()
    finally:
        case.clear()


def list_hidden(folder: Path) -> set[str]:
    """List hidden files and folders below a production."""
    return {
        str(path.relative_to(folder)) for path in folder.rglob(".*") if path.name != ".gitignore"
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of six very short shots that was listened to, with a colour match."""
    folder = write_production(tmp_path_factory.mktemp("stops") / "prepared", shots=6)
    settings = (folder / "production.toml").read_text().replace('[look]\nmethod = "none"\n', "")
    (folder / "production.toml").write_text(settings)
    return prepare(folder)


def test_whatever_is_stopped_whenever_nothing_is_left_and_the_film_is_the_same(
    prepared: Path, tmp_path: Path
) -> None:
    tally = Tally(random.Random(SEED), LOG or tmp_path / "stops.log")
    tally.say(f"seed {SEED}")
    undisturbed = fresh_copy(prepared, tmp_path / "undisturbed" / "film")
    finish(undisturbed)
    truth, hidden = result_of(undisturbed), list_hidden(undisturbed)
    stops = [draw(tally.chance, number) for number in range(CHAINS * STOPS_IN_A_CHAIN)]
    tally.chance.shuffle(stops)
    for chain in range(CHAINS):
        folder = fresh_copy(prepared, tmp_path / f"chain{chain}" / "film")
        for stop in stops[chain::CHAINS]:
            shutil.rmtree(folder / "build" / "deliverables", ignore_errors=True)
            apply(stop, folder, tally)
        finish(folder)
        assert result_of(folder) == truth
        assert list_hidden(folder) == hidden
    for verb in (["maintain"], ["repair", "--yes"]):
        for number in (*ENDING, signal.SIGSTOP):
            apply(Stop(DRIVER, number, "", tally.chance.uniform(0.1, 1.2)), folder, tally, *verb)
    finish(folder)
    assert result_of(folder) == truth
    assert sum(tally.killed.values()) >= 40, Counter(tally.killed)
