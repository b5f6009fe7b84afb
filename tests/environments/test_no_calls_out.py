# SPDX-License-Identifier: Apache-2.0
"""Nothing asks anybody outside this machine: no look-up, no connection, not even an attempt.

Commands run in a network namespace whose only interface is loopback, under a tracer that notes
every address that one of their processes names to the kernel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.faults.short_shots import write_production
from tests.flows.finishing.test_lesson import small_lesson

pytestmark = [pytest.mark.environments, pytest.mark.timeout(900)]
CALLSHEET = f"{sys.executable} -m flows"
NAMED = re.compile(r'inet_(?:addr|pton)\((?:AF_INET6?, )?"([^"]+)"')
LOOPBACK = re.compile(r"127\.|::1$|::ffff:127\.")
REVIEW = f"""
{CALLSHEET} review film --no-browser > link 2>&1 & review=$!
trap 'kill $review' EXIT
for second in $(seq 60); do grep -q http link && break; sleep 1; done
{sys.executable} -c "import httpx; link = open('link').read().split()[0]; \
    client = httpx.Client(follow_redirects=True); assert client.get(link).status_code == 200"
"""


def trace(script: str, folder: Path) -> list[str]:
    """Run a script without a network; return the addresses that its processes named."""
    for program in ("strace", "unshare", "ip"):
        if not shutil.which(program):
            absent(program)
    log = folder / "trace"
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    traced = ["strace", "-f", "--seccomp-bpf", "-e", calls, "-o", str(log), "bash", "-ec", script]
    alone = ["unshare", "--net", "bash", "-c", 'ip link set lo up && exec "$@"', "bash"]
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    python = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[2])]
    ran = subprocess.run(
        [*alone, *traced],
        cwd=folder,
        env={**environment, "PYTHONPATH": ":".join(filter(None, python))},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    if "ptrace" in ran.stderr or "unshare failed" in ran.stderr:
        pytest.skip("this user may not trace in a network namespace")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return NAMED.findall(log.read_text(errors="replace"))


def check(named: list[str]) -> None:
    """Check that the tracer saw loopback, and nothing else."""
    assert "127.0.0.1" in named
    assert sorted({address for address in named if not LOOPBACK.match(address)}) == []


def test_the_tracer_sees_look_ups_and_connections(tmp_path: Path) -> None:
    script = """
import socket
for address in (("192.0.2.1", 9), ("2001:db8::1", 9)):
    kind = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(kind, socket.SOCK_DGRAM) as out:
        try:
            out.connect(address)
        except OSError:
            pass
"""
    (tmp_path / "script.py").write_text(script)
    assert set(trace(f"{sys.executable} script.py", tmp_path)) == {"192.0.2.1", "2001:db8::1"}


def test_a_render_a_night_and_a_review_call_nobody(tmp_path: Path) -> None:
    write_production(tmp_path / "film", shots=2)
    write_production(tmp_path / "night" / "other", shots=2)
    check(trace(f"{CALLSHEET} render film; {CALLSHEET} nightly night; {REVIEW}", tmp_path))


def test_a_lesson_calls_nobody(tmp_path: Path) -> None:
    small_lesson(tmp_path / "lesson")
    check(trace(f"{CALLSHEET} render lesson", tmp_path))
