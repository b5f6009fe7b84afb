# SPDX-License-Identifier: Apache-2.0
"""Each signal that stops a command has one line and its exit code; a deaf command ends too."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAIT = """
import signal, sys, time
from flows import stop_signals
stop_signals.GRACE_SECONDS = 0.2
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore them
signal.signal(signal.SIGINT, signal.default_int_handler)
{before}
stop_signals.stop_on_signals()
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as a library does
stop_signals.keep_stopping_on_signals()
try:
    print("ready", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    {stopped}
    print(*stop_signals.describe_stop())
    sys.exit(stop_signals.describe_stop()[1])
"""
IN_ORDER = "pass"
DEAF = "time.sleep(30)"


def stop(number: int, *, stopped: str = IN_ORDER, before: str = "") -> tuple[int, str, str]:
    """Send a signal to a command that waits; return its exit code and what it wrote."""
    with subprocess.Popen(
        [sys.executable, "-c", WAIT.format(before=before, stopped=stopped)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        if before:  # nothing happens: another signal has to end it
            process.send_signal(signal.SIGTERM)
        wrote, complained = process.communicate(timeout=60)
        return process.returncode, wrote, complained


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, 130, "Ctrl-C"),
        (signal.SIGTERM, 143, "SIGTERM"),
        (signal.SIGHUP, 129, "the terminal was closed (SIGHUP)"),
    ],
)
def test_a_command_ends_in_order_and_says_why(number: int, code: int, reason: str) -> None:
    assert stop(number) == (code, f"{reason} {code}\n", "")


def test_a_command_that_does_not_end_in_order_ends_at_once() -> None:
    assert stop(signal.SIGTERM, stopped=DEAF) == (143, "", "Stopped: SIGTERM.\n")


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    nohup = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    assert stop(signal.SIGHUP, before=nohup)[:2] == (143, "SIGTERM 143\n")


def test_another_thread_asks_for_the_end_with_a_reason_for_people() -> None:
    asks = "import threading as t; t.Timer(0.5, stop_signals.request_stop, ['cancelled']).start()"
    with subprocess.Popen(
        [sys.executable, "-c", WAIT.format(before=asks, stopped=IN_ORDER)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.communicate(timeout=60)[0] == "ready\ncancelled 143\n"
        assert process.returncode == 143
