# SPDX-License-Identifier: Apache-2.0
"""Lease on a build folder: one run at a time on one production.

The lease has a heartbeat and can be taken over when its holder is gone. It is a sequence of
numbered files in `BUILD/lease`; whoever creates the next number holds it. Creating a file that must
not exist is the one atomic step that shared file systems promise, so nothing is ever renamed away
under a holder. A holder on this machine is gone when its process is. A holder on another machine is
gone when its heartbeat did not change for as long as we watched it, measured with our own clock:
clocks of two machines are never compared.

The lease keeps runs from doing the same work twice. It does not guard the record, to which several
writers may append at any time.
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

from flows.leftovers import remove_leftovers
from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.errors import ToolError

log = logging.getLogger(__name__)

KEPT = 8  # earlier numbers that stay, for those who still look at an old listing of the folder


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePace:
    """Timing of a lease.

    `beat_seconds`: interval of the heartbeat. `patience_seconds`: how long a holder may be silent.
    """

    beat_seconds: float = 2.0
    patience_seconds: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseNote:
    """Content of a lease file.

    `machine` and `born` tell a process from a later one with the same number; `since` is for
    people.
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
        """Describe the holder for people: who holds the lease, where and since when."""
        place = f"{self.purpose or 'a run'} on {self.host or 'an unknown host'}"
        return f"{place} (process {self.pid}, since {self.since})"


def _ignore_holder(_holder: LeaseNote) -> None:
    """Do nothing with the holder (wait silently)."""


class BusyError(ToolError):
    """Another run works on this production, or took it over from this one."""


class Lease:
    """A lease that is held; a thread keeps its heartbeat until `release`.

    `waited`: another run held the lease when this one asked for it.
    """

    def __init__(self, folder: Path, number: int, note: LeaseNote, *, pace: LeasePace) -> None:
        """Start the heartbeat; `acquire_lease` creates leases."""
        self.number = number
        self.note = note
        self.taken_over: LeaseNote | None = None
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
        """Whether another run took over, because this one was silent for too long.

        A machine may have slept, or its storage may have hung.
        """
        return self.taken_over is not None

    def release(self) -> None:
        """Let the next run in; does nothing to a lease that was taken over."""
        self._over.set()
        self._thread.join()
        if not self.lost and _read_newest(self._folder)[0] == self.number:
            _write(self._path, replace(self.note, released=True))

    def _beat(self, seconds: float) -> None:
        while not self._over.wait(seconds):
            try:
                number, newest = _read_newest(self._folder)
                if number > self.number:
                    self.taken_over = newest or LeaseNote()
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
def hold_lease(
    root: Path,
    *,
    purpose: str,
    wait_seconds: float = 0.0,
    pace: LeasePace = LeasePace(),
    on_wait: Callable[[LeaseNote], None] = _ignore_holder,
) -> Iterator[Lease]:
    """Hold the lease on a build folder while the block runs.

    Half-written files of earlier runs are removed first. Waits up to `wait_seconds` for a living
    holder, and calls `on_wait(holder)` once.

    Raises:
        BusyError: The holder is still there after the wait; or, at the end of the block, the lease
            was lost meanwhile. Results are then kept, but another run works on them too.
    """
    lease = acquire_lease(
        root, purpose=purpose, wait_seconds=wait_seconds, pace=pace, on_wait=on_wait
    )
    try:
        remove_leftovers(root)
        yield lease
    finally:
        lease.release()
    if lease.lost:
        raise BusyError(
            f"this run was silent for too long and was taken over by {lease.taken_over}; "
            "what it made is kept"
        )


def acquire_lease(
    root: Path,
    *,
    purpose: str,
    wait_seconds: float = 0.0,
    pace: LeasePace = LeasePace(),
    on_wait: Callable[[LeaseNote], None] = _ignore_holder,
) -> Lease:
    """Acquire the lease as `hold_lease` does; the caller releases it.

    Raises:
        BusyError: The holder is still there after `wait_seconds`.
    """
    folder = root / layout.LEASE
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    watch = _Watch(pace.patience_seconds)
    waited = False
    while True:
        number, holder = _read_newest(folder)
        if number == 0 or watch.is_gone(number, holder):
            lease = _create_lease(folder, number + 1, purpose=purpose, pace=pace)
            if lease is not None:
                lease.waited = waited
                return lease
            continue
        if watch.lives and time.monotonic() - began >= wait_seconds:
            raise BusyError(f"held by {holder}; wait for it with --wait, or stop it first")
        if not waited:
            on_wait(holder or LeaseNote())
            waited = True
        time.sleep(min(pace.beat_seconds, 1.0) / 4)


def is_abandoned(root: Path, *, since: str) -> bool:
    """Tell whether a run that began at `since` (UTC, ISO 8601) is known to be gone.

    It is gone when its lease was released, went to another run, or was held by a process of this
    machine that has ended.
    """
    number, holder = _read_newest(root / layout.LEASE)
    if number == 0 or holder is None:
        return False
    gone = holder.released or datetime.fromisoformat(holder.since) > datetime.fromisoformat(since)
    return gone or (
        holder.machine == _identify_machine() and _read_start_time(holder.pid) != holder.born
    )


class _Watch:
    """Watches holders, and tells the living from the dead."""

    def __init__(self, patience_seconds: float) -> None:
        self.lives = False
        self._patience = patience_seconds
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    def is_gone(self, number: int, holder: LeaseNote | None) -> bool:
        """Tell whether the lease may be taken; sets `lives` when the holder shows a heartbeat."""
        if holder is not None and holder.released:
            return True
        if holder is not None and holder.machine == _identify_machine():
            self.lives = _read_start_time(holder.pid) == holder.born
            return not self.lives
        beat = -1 if holder is None else holder.beat
        if self._seen is None or self._seen != (number, beat):
            self.lives = self._seen is not None and self._seen[0] == number
            self._seen, self._since = (number, beat), time.monotonic()
        return time.monotonic() - self._since >= self._patience


def _create_lease(folder: Path, number: int, *, purpose: str, pace: LeasePace) -> Lease | None:
    """Create the next number; returns None when another run was faster."""
    note = LeaseNote(
        run_id=uuid.uuid4().hex,
        purpose=purpose,
        host=socket.gethostname(),
        machine=_identify_machine(),
        pid=os.getpid(),
        born=_read_start_time(os.getpid()),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if not _write_first(_path(folder, number), note):
        return None
    # we looked at an old listing: the number had been used and tidied away
    if _read_newest(folder)[0] > number:
        _path(folder, number).unlink(missing_ok=True)
        return None
    _remove_old_files(folder, number)
    return Lease(folder, number, note, pace=pace)


def _write_first(path: Path, note: LeaseNote) -> bool:
    """Create the lease file; returns False when it exists already."""
    try:
        with path.open("x") as file:
            json.dump(asdict(note), file)
    except FileExistsError:
        return False
    return True


def _remove_old_files(folder: Path, number: int) -> None:
    """Remove lease files that nobody reads any more, and heartbeats that were cut short."""
    for old in _numbers(folder):
        if old <= number - KEPT:
            _path(folder, old).unlink(missing_ok=True)
    for half in folder.glob(".*"):
        if int(half.name[1:9]) < number:
            half.unlink(missing_ok=True)


def _read_newest(folder: Path) -> tuple[int, LeaseNote | None]:
    """Read the highest number and its note.

    The number is 0 when there is none; the note is None when it cannot be read (yet).
    """
    number = max(_numbers(folder), default=0)
    if number == 0:
        return 0, None
    try:
        return number, LeaseNote(**json.loads(_path(folder, number).read_text()))
    except (OSError, ValueError, TypeError):
        return number, None


def _numbers(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit()]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.json"


def _write(path: Path, note: LeaseNote) -> None:
    if not path.parent.is_dir():  # deleted, or on storage that is away: not ours to make anew
        raise FileNotFoundError(path.parent)
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(asdict(note)))


def _identify_machine() -> str:
    """Identify this boot and this container, whose processes we can see."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return " ".join(parts)


def _read_start_time(pid: int) -> str:
    """Read the start time of a process of this machine, in the kernel's clock ticks.

    Returns "" when there is no such process, or only a zombie. Without /proc, the process number of
    a living process stands in.
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
