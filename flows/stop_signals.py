# SPDX-License-Identifier: Apache-2.0
"""Stop a command when it is asked to: Ctrl-C, SIGTERM of a service manager, a closed terminal.

The first signal raises `KeyboardInterrupt` in the main thread, so that the command ends in order:
files that are not finished are removed, the lease is released, a night writes its summary. A
command that does not manage this within seconds ends at once. Its children end with it
(`flows.run_folder`). A signal that is ignored when the command starts, as under `nohup`, stays
ignored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import NoReturn

GRACE_SECONDS = 4.0
REASONS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "the terminal was closed (SIGHUP)",
}
_ours = set[int]()
_received = list[int]()
_requests = list[tuple[str, int]]()


def stop_on_signals() -> None:
    """Let the signals stop this command. Does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in REASONS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
            _ours.add(number)


def keep_stopping_on_signals() -> None:
    """Take the signals back from a library that took them; only if this command had them."""
    if _ours:
        stop_on_signals()


def request_stop(reason: str, *, code: int = 128 + signal.SIGTERM) -> None:
    """Stop this command from another thread, as SIGTERM does, with a reason for people.

    `code`: the exit code.
    """
    _requests.append((reason, code))
    _limit_the_rest()
    os.kill(os.getpid(), signal.SIGTERM)


def was_stopped() -> bool:
    """Tell whether this command was asked to stop."""
    return bool(_received)


def describe_stop() -> tuple[str, int]:
    """Return why this command stopped, and its exit code: 128 and the number of the signal."""
    if _requests:
        return _requests[-1]
    number = _received[-1] if _received else signal.SIGINT
    return REASONS[signal.Signals(number)], 128 + number


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    _received.append(number)
    _limit_the_rest()
    raise KeyboardInterrupt


def _limit_the_rest() -> None:
    timer = threading.Timer(GRACE_SECONDS, _end_at_once)
    timer.daemon = True
    timer.start()


def _end_at_once() -> NoReturn:
    reason, code = describe_stop()
    with contextlib.suppress(OSError):
        os.write(2, f"Stopped: {reason}.\n".encode())
    os._exit(code)
