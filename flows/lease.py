# SPDX-License-Identifier: Apache-2.0
"""One run at a time on one production: a lease in its build folder, with a heartbeat, taken over
when its holder is gone.

The lease is a row of numbered files in `BUILD/lease`; whoever creates the next number holds it, and
creating a file that must not exist is the one atomic step that shared file systems promise. Nothing
is ever renamed away under a holder. A holder on this machine is gone when its process is; one on
another machine is gone when its heartbeat did not change for as long as we watched it, measured
with our own clock: clocks of two machines are never compared.

It keeps runs from doing the same work twice. It does not guard the record, which several writers
may append to at any time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flows.leftovers import sweep
from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.errors import ToolError

log = logging.getLogger(__name__)

KEPT = 8  # earlier numbers that stay, for those who still look at an old listing of the folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`beat_seconds`: how often a holder says that it lives. `patience_seconds`: how long it may be
    silent.
    """

    beat_seconds: float = 2.0
    patience_seconds: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a lease file says. `machine` and `born` tell a process from another that was given its
    number later; `since` is for people.
    """

    run_id: str = ""
    purpose: str = ""
    host: str = ""
    machine: str = ""
    pid: int = 0
    born: str = ""
    since: str = ""
    beat: int = 0
    released: bool = False

    def __str__(self) -> str:
        """For people: who holds it, where and since when."""
        return f"{self.purpose or 'a run'} on {self.host or 'an unknown host'} (process {self.pid}, since {self.since})"


def _say_nothing(_holder: Note) -> None:
    """For those who wait in silence."""


class BusyError(ToolError):
    """Somebody else works on this production, or took it over from us."""


class Lease:
    """A lease that is held. A thread of its own keeps the heartbeat until `release`. `waited`:
    somebody else held it when we came.
    """

    def __init__(self, folder: Path, number: int, note: Note, *, pace: Pace) -> None:
        """`acquire` makes these."""
        self.number = number
        self.note = note
        self.taken_over: Note | None = None
        self.waited = False
        self._path = _path(folder, number)
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._beat, args=(pace.beat_seconds,), name="lease", daemon=True
        )
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether another run took over, because this one was silent for too long (a machine that
        slept, storage that hung).
        """
        return self.taken_over is not None

    def release(self) -> None:
        """Let the next one in. Does nothing to a lease that was taken over."""
        self._over.set()
        self._thread.join()
        if not self.lost and _newest(self._folder)[0] == self.number:
            _write(self._path, replace(self.note, released=True))

    def _beat(self, seconds: float) -> None:
        while not self._over.wait(seconds):
            try:
                number, newest = _newest(self._folder)
                if number > self.number:
                    self.taken_over = newest or Note()
                    log.warning(
                        "the lease on %s was taken over by %s", self._folder.parent, self.taken_over
                    )
                    return
                self.note = replace(self.note, beat=self.note.beat + 1)
                _write(self._path, self.note)
            # storage that is away for a moment; the next beat may reach it
            except OSError as error:
                log.warning("the lease on %s could not be renewed: %s", self._folder.parent, error)


@contextmanager
def held(
    root: Path,
    *,
    purpose: str,
    wait_seconds: float = 0.0,
    pace: Pace = Pace(),
    on_wait: Callable[[Note], None] = _say_nothing,
) -> Iterator[Lease]:
    """Hold the lease on a build folder while the block runs.

    What runs before this one left half is removed. Waits up to `wait_seconds` for a living holder,
    calling `on_wait(holder)` once. Raises BusyError when it is still there then, and at the end of
    the block when the lease was lost meanwhile: what was made is kept, but another run works on it
    too.
    """
    lease = acquire(root, purpose=purpose, wait_seconds=wait_seconds, pace=pace, on_wait=on_wait)
    try:
        sweep(root)
        yield lease
    finally:
        lease.release()
    if lease.lost:
        raise BusyError(
            f"this run was silent for too long and was taken over by {lease.taken_over}; what it made is kept"
        )


def acquire(
    root: Path,
    *,
    purpose: str,
    wait_seconds: float = 0.0,
    pace: Pace = Pace(),
    on_wait: Callable[[Note], None] = _say_nothing,
) -> Lease:
    """As `held`, for those who release it themselves."""
    folder = root / layout.LEASE
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    watch = _Watch(pace.patience_seconds)
    told = False
    while True:
        number, holder = _newest(folder)
        if number == 0 or watch.is_gone(number, holder):
            lease = _take(folder, number + 1, purpose=purpose, pace=pace)
            if lease is not None:
                lease.waited = told
                return lease
            continue
        if watch.lives and time.monotonic() - began >= wait_seconds:
            raise BusyError(f"held by {holder}; wait for it with --wait, or stop it first")
        if not told:
            on_wait(holder or Note())
            told = True
        time.sleep(min(pace.beat_seconds, 1.0) / 4)


def is_abandoned(root: Path, *, since: str) -> bool:
    """Whether a run that began at `since` (UTC, ISO 8601) and was not heard of again is known to be
    gone: its lease was let go, went to another, or was held by a process of this machine that is no
    more.
    """
    number, holder = _newest(root / layout.LEASE)
    if number == 0 or holder is None:
        return False
    gone = holder.released or datetime.fromisoformat(holder.since) > datetime.fromisoformat(since)
    return gone or (holder.machine == _machine() and _born(holder.pid) != holder.born)


class _Watch:
    """Watches one holder after another: does it live, or is it gone?"""

    def __init__(self, patience_seconds: float) -> None:
        self.lives = False
        self._patience = patience_seconds
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    def is_gone(self, number: int, holder: Note | None) -> bool:
        """Whether the lease may be taken. Sets `lives` when the holder has shown that it works."""
        if holder is not None and holder.released:
            return True
        if holder is not None and holder.machine == _machine():
            self.lives = _born(holder.pid) == holder.born
            return not self.lives
        beat = -1 if holder is None else holder.beat
        if self._seen is None or self._seen != (number, beat):
            self.lives = self._seen is not None and self._seen[0] == number
            self._seen, self._since = (number, beat), time.monotonic()
        return time.monotonic() - self._since >= self._patience


def _take(folder: Path, number: int, *, purpose: str, pace: Pace) -> Lease | None:
    """Create the next number, None when another was quicker."""
    note = Note(
        run_id=uuid.uuid4().hex,
        purpose=purpose,
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        born=_born(os.getpid()),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    try:
        with _path(folder, number).open("x") as file:
            json.dump(asdict(note), file)
    except FileExistsError:
        return None
    # we looked at an old listing: the number had been used and tidied away
    if _newest(folder)[0] > number:
        _path(folder, number).unlink(missing_ok=True)
        return None
    for old in _numbers(folder):
        if old <= number - KEPT:
            _path(folder, old).unlink(missing_ok=True)
    for half in folder.glob(".*"):  # of heartbeats that were cut short
        if int(half.name[1:9]) < number:
            half.unlink(missing_ok=True)
    return Lease(folder, number, note, pace=pace)


def _newest(folder: Path) -> tuple[int, Note | None]:
    """The highest number and what stands there: 0 when there is none, None when it is not (yet)
    readable.
    """
    number = max(_numbers(folder), default=0)
    if number == 0:
        return 0, None
    try:
        return number, Note(**json.loads(_path(folder, number).read_text()))
    except (OSError, ValueError, TypeError):
        return number, None


def _numbers(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit()]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.json"


def _write(path: Path, note: Note) -> None:
    if not path.parent.is_dir():  # deleted, or on storage that is away: not ours to make anew
        raise FileNotFoundError(path.parent)
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(asdict(note)))


def _machine() -> str:
    """What tells the processes that we can see from those that we cannot: this boot and this
    container.
    """
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return " ".join(parts)


def _born(pid: int) -> str:
    """When a process of this machine began, as the kernel counts; "" when there is none (or only
    its remains).
    """
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").is_file():  # not Linux: a living process of that number must do
        try:
            os.kill(pid, 0)
        except OSError:
            return ""
        return str(pid)
    try:
        state, *rest = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else rest[18]
