# SPDX-License-Identifier: Apache-2.0
"""Start the engines and have each do a small piece of work; this takes about a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from flows.doctor.finding import SETUP, Finding, report_failure, report_ok


def start_engines() -> Iterator[Finding]:
    """Load torch and pyannote; start Ray and Prefect and run a small job on each."""
    yield _try_engine(
        "torch loads",
        _load_torch,
        advice=f"{SETUP}; it also fixes torchaudio for a CPU build of torch",
    )
    yield _try_engine(
        "ray starts",
        _work_on_ray,
        advice="free memory; allow connections on loopback; `ray start --head` shows the error",
    )
    yield _try_engine(
        "prefect starts",
        _run_a_flow,
        advice=f"{SETUP}, which pins FastAPI; with PREFECT_API_URL, look whether that server runs",
    )


def _try_engine(name: str, work: Callable[[], str], *, advice: str) -> Finding:
    began = time.monotonic()
    try:
        done = work()
    except Exception as error:  # noqa: BLE001 - any error of an engine is the finding
        return report_failure(
            name, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}", advice
        )
    return report_ok(name, f"{done}, {time.monotonic() - began:.1f} s")


def _load_torch() -> str:
    import torch
    import torchaudio  # noqa: F401 - whether it loads is the question

    kind = "CUDA" if torch.cuda.is_available() else "CPU"
    return f"torch {torch.__version__} on {kind}"


def _work_on_ray() -> str:
    from flows.farm.cluster import connect_ray

    def add(left: int, right: int) -> int:
        return left + right

    with connect_ray("", cpus=1) as ray:
        answer = ray.get(ray.remote(add).remote(1, 2), timeout=60)
        return f"Ray {ray.__version__} added two numbers: {answer}"


def _run_a_flow() -> str:
    from flows.prefect_server import run_prefect_server
    from flows.run_folder import open_run_folder

    with run_prefect_server(open_run_folder()):
        import prefect

        @prefect.flow(name="doctor", persist_result=False)
        def doctor() -> int:
            return 3

        return f"Prefect {prefect.__version__} ran a flow: {doctor()}"
