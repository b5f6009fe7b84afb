# SPDX-License-Identifier: Apache-2.0
"""Lease on a build folder: one run at a time on one production.

The lease is filelock's `SoftFileLease`: the file `BUILD/lease/held.lock` with a heartbeat. A holder
on this machine is gone when its process is. Any holder is gone when its heartbeat did not change
for as long as we watched it, measured with our own clock: clocks of two machines are never
compared. What people want to know of a holder stands beside it, in `holder.json`.

The lease keeps runs from doing the same work twice. It does not guard the record, to which several
writers may append at any time.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.leftovers import remove_leftovers
from manifests import layout
from manifests.errors import ToolError

if TYPE_CHECKING:
    from filelock import LeaseCompromise, SoftFileLease

log = logging.getLogger(__name__)

MARKER, NOTE = "held.lock", "holder.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePace:
    """Timing of a lease, the same for all who ask for it.

    `beat_seconds`: interval of the heartbeat. `patience_seconds`: how long a holder may be silent.
    """

    beat_seconds: float = 2.0
    patience_seconds: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseNote:
    """Who holds a lease, or held it last.

    `token` names the claim. `machine` and `born` (seconds since the machine booted) tell a process
    from a later one with the same number; `since` is for people.
    """

    token: str = ""
    purpose: str = ""
    host: str = ""
    machine: str = ""
    pid: int = 0
    born: float | None = None
    since: str = ""

    def __str__(self) -> str:
        """Describe the holder for people: who holds the lease, where and since when."""
        place = f"{self.purpose or 'a run'} on {self.host or 'an unknown host'}"
        return f"{place} (process {self.pid}, since {self.since})"


class BusyError(ToolError):
    """Another run works on this production, or took it over from this one."""


class Lease:
    """A lease that is held; filelock keeps its heartbeat.

    `waited`: another run held the lease when this one asked for it.
    """

    def __init__(self, lock: SoftFileLease, note: LeaseNote, *, waited: bool) -> None:
        """Describe what `hold_lease` acquired."""
        self.waited = waited
        self._token = note.token
        self._lock = lock

    @property
    def taken_over(self) -> LeaseNote | None:
        """Who took over because this run was silent for too long; None while nobody did.

        A machine may have slept, or its storage may have hung.
        """
        holder = _read_holder(self._lock)
        return holder if holder.token not in ("", self._token) else None


@contextmanager
def hold_lease(
    root: Path,
    *,
    purpose: str,
    wait_seconds: float = 0.0,
    pace: LeasePace = LeasePace(),
    on_wait: Callable[[LeaseNote], None] = lambda _holder: None,
) -> Iterator[Lease]:
    """Hold the lease on a build folder while the block runs.

    Half-written files of earlier runs are removed first. Waits up to `wait_seconds` for a living
    holder, and calls `on_wait(holder)` once.

    Raises:
        BusyError: The holder is still there after the wait; or, at the end of the block, the lease
            was lost meanwhile. Results are then kept, but another run works on them too.
    """
    lock = _open_lock(root / layout.LEASE, pace)
    watch = _Watch(lock, wait_seconds, on_wait)
    _acquire(lock, watch)
    try:
        lease = Lease(lock, _write_note(lock, purpose), waited=watch.waited)
        remove_leftovers(root)
        yield lease
        if lease.taken_over is not None:
            raise BusyError(
                f"this run was silent for too long and was taken over by {lease.taken_over}; "
                "what it made is kept"
            )
    finally:
        lock.release()


def _acquire(lock: SoftFileLease, watch: _Watch) -> None:
    from filelock import LeaseSettingsMismatch, Timeout

    patience = lock.lease_duration
    try:
        lock.acquire(
            timeout=watch.wait_seconds + 2 * patience,
            poll_interval=patience / 80,
            cancel_check=watch.is_over,
        )
    except (Timeout, LeaseSettingsMismatch) as error:
        holder = _read_holder(lock)
        message = f"held by {holder}; wait for it with --wait, or stop it first"
        raise BusyError(message) from error


def is_abandoned(root: Path, *, since: str) -> bool:
    """Tell whether a run that began at `since` (UTC, ISO 8601) is known to be gone.

    It is gone when its lease was released, went to another run, or was held by a process of this
    machine that has ended.
    """
    folder = root / layout.LEASE
    note = _read_note(folder)
    if note is None:
        return False
    is_released = not (folder / MARKER).exists()
    is_later = datetime.fromisoformat(note.since) > datetime.fromisoformat(since)
    return is_released or is_later or (_is_of_this_machine(note) and not _is_running(note))


class _Watch:
    """Watches who holds a lease while we wait for it, and says when waiting is over."""

    def __init__(
        self, lock: SoftFileLease, wait_seconds: float, on_wait: Callable[[LeaseNote], None]
    ) -> None:
        self.wait_seconds = wait_seconds
        self.waited = False
        self._lock = lock
        self._began = time.monotonic()
        self._on_wait = on_wait
        self._seen: tuple[int, int] | None = None
        self._beats = False

    def is_over(self) -> bool:
        """Tell whether the holder lives and our time is up; calls `on_wait` when we go on."""
        holder = _read_holder(self._lock)
        self._look_for_beat()
        lives = self._beats or (_is_of_this_machine(holder) and _is_running(holder))
        if lives and time.monotonic() - self._began >= self.wait_seconds:
            return True
        if not self.waited:
            self._on_wait(holder)
        self.waited = True
        return False

    def _look_for_beat(self) -> None:
        """Note whether the same file has a new time: its holder's heartbeat sets it."""
        with contextlib.suppress(OSError):
            marker = Path(self._lock.lock_file).stat()
            now, before = (marker.st_ino, marker.st_mtime_ns), self._seen
            self._beats = (
                before is not None and before[0] == now[0] and (self._beats or before != now)
            )
            self._seen = now


def _open_lock(folder: Path, pace: LeasePace) -> SoftFileLease:
    from filelock import SoftFileLease

    def warn(loss: LeaseCompromise) -> None:
        log.warning("the lease on %s could not be renewed: %s", folder.parent, loss.reason)

    folder.mkdir(parents=True, exist_ok=True)
    return SoftFileLease(
        folder / MARKER,
        lease_duration=pace.patience_seconds,
        heartbeat_interval=pace.beat_seconds,
        on_compromise=warn,
        thread_local=False,
    )


def _write_note(lock: SoftFileLease, purpose: str) -> LeaseNote:
    """Write beside the lease who holds it."""
    note = LeaseNote(
        token=lock.token or "",
        purpose=purpose,
        host=socket.gethostname(),
        machine=_identify_machine(),
        pid=os.getpid(),
        born=_read_start_time(os.getpid()),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # whoever meets a note that is half written sees the process that the lease itself names
    Path(lock.lock_file).with_name(NOTE).write_text(json.dumps(asdict(note)))
    return note


def _read_note(folder: Path) -> LeaseNote | None:
    try:
        return LeaseNote(**json.loads((folder / NOTE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _read_holder(lock: SoftFileLease) -> LeaseNote:
    """Read who holds the lease, or held it last; of a holder without a note only the process."""
    note, owner = _read_note(Path(lock.lock_file).parent) or LeaseNote(), lock.owner
    if owner is None or owner.token == note.token:
        return note
    host = owner.hostname.partition("?")[0]
    return LeaseNote(token=owner.token or "", host=host, pid=owner.pid)


def _is_of_this_machine(note: LeaseNote) -> bool:
    return note.machine == _identify_machine()


def _is_running(note: LeaseNote) -> bool:
    started = _read_start_time(note.pid)
    return started is not None and started == note.born


def _identify_machine() -> str:
    """Identify this boot and this container, whose processes we can see."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return " ".join(parts)


def _read_start_time(pid: int) -> float | None:
    """Read when a process began, in seconds since this machine did; None when it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        has_ended = process.status() == psutil.STATUS_ZOMBIE
        return None if has_ended else round(process.create_time() - psutil.boot_time(), 2)
    except psutil.NoSuchProcess:
        return None
