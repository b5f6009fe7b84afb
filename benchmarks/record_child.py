# SPDX-License-Identifier: Apache-2.0
"""What `benchmarks.record plan` measures in a process of its own: `heard`, `plan` or `inputs` of a
production.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from pathlib import Path


def main() -> None:
    """Do one of the three and print seconds, CPU seconds and memory."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    wall = time.perf_counter()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        if what == "heard":
            from benchmarks.record import mark_as_heard

            mark_as_heard(folder)
        else:
            from flows.view import plan as plan_view

            plan_view.show_plan(folder, out=None, only_inputs=what == "inputs", as_json=False)
    # getrusage would count the parent's memory before exec
    status = Path("/proc/self/status").read_text()
    memory = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    last = (said.getvalue().strip().splitlines() or [""])[-1]
    print(
        f"{time.perf_counter() - wall:.2f} s, CPU {time.process_time():.2f} s, {memory:.0f} MB: {last}"
    )


if __name__ == "__main__":
    main()
