# SPDX-License-Identifier: Apache-2.0
"""A local Ray is started and ended whole."""

from __future__ import annotations

import signal
import subprocess

from flows.farm.cluster import kill_processes, list_children


def test_what_a_ray_that_does_not_come_up_left_running_is_ended() -> None:
    before = list_children()
    with subprocess.Popen(["sleep", "60"]) as left:
        assert left.pid in list_children() - before
        kill_processes([left.pid])
        assert left.wait(timeout=10) == -signal.SIGKILL
