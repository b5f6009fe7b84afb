# SPDX-License-Identifier: Apache-2.0
"""Do one step of `benchmarks.record plan` in its own process: `heard`, `plan` or `inputs`."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from pathlib import Path


def main() -> None:
    """Do the step and print seconds, CPU seconds and memory."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    wall = time.perf_counter()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        if what == "heard":
            from benchmarks.record import mark_as_heard

            mark_as_heard(folder)
        else:
            from flows.view import plan as plan_view

            plan_view.show_plan(folder, out=None, only_inputs=what == "inputs", as_json=False)
    # getrusage would count the parent's memory before exec
    status = Path("/proc/self/status").read_text()
    memory = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    last = (output.getvalue().strip().splitlines() or [""])[-1]
    print(
        f"{time.perf_counter() - wall:.2f} s, CPU {time.process_time():.2f} s, {memory:.0f} MB: "
        f"{last}"
    )


if __name__ == "__main__":
    main()
