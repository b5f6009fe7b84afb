# SPDX-License-Identifier: Apache-2.0
"""The farm on a real Ray: a worker that dies costs no shot, a bad portrait fails only its own shots."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil

from conftest import Engines, Rendered
from flows.farm.pool import FarmSettings, Hooks, make_takes
from flows.farm.worker import Failure, Job
from flows.film import open_film
from manifests.rows import Recording, Shot, Take


def job_of(film: Rendered, root: Path) -> tuple[list[Shot], Job]:
    """The shots of the small film, to be made anew under `root`."""
    made = open_film(film.folder)
    shots = made.store.current_rows(Shot)
    root.mkdir()
    (root / "media").mkdir()
    (root / "media" / "recordings").symlink_to(made.root / "media" / "recordings")
    recordings = tuple(made.store.current_rows(Recording))
    job = Job(
        folder=film.folder,
        root=root,
        recordings=recordings,
        talker="previs",
        settings=made.talker_settings,
        run_id="r1",
    )
    return shots, job


def test_a_worker_that_dies_costs_no_shot(film: Rendered, tmp_path: Path) -> None:
    shots, job = job_of(film, tmp_path / "build")
    results: list[Take | Failure] = []
    killer = threading.Thread(target=_kill_a_busy_worker, args=(job.root,))
    killer.start()
    make_takes(shots, job=job, settings=FarmSettings(workers=1), hooks=Hooks(result=results.append))
    killer.join()
    assert {result.shot_id for result in results if isinstance(result, Take)} == {shot.shot_id for shot in shots}
    assert len({result.worker for result in results if isinstance(result, Take)}) == 2


def _kill_a_busy_worker(root: Path) -> None:
    """Kill the worker as soon as it has finished its first take and works on the next."""
    while not list(root.glob("media/takes/[!.]*.mkv")):
        time.sleep(0.01)
    for process in psutil.process_iter(["cmdline"]):
        if "ray::Worker" in " ".join(process.info["cmdline"] or []):
            os.kill(process.pid, signal.SIGKILL)


def test_a_portrait_without_a_face_fails_its_own_shots_only(film: Rendered, tmp_path: Path) -> None:
    from PIL import Image

    shots, job = job_of(film, tmp_path / "build")
    blank = tmp_path / "blank.png"
    Image.new("RGB", (512, 512), (90, 120, 90)).save(blank)
    bad = replace(shots[0], shot_id="f" * 32, portrait=os.path.relpath(blank, job.folder), portrait_digest="blank")
    results: list[Take | Failure] = []
    make_takes([bad, shots[1]], job=job, settings=FarmSettings(workers=1), hooks=Hooks(result=results.append))
    failed = [result for result in results if isinstance(result, Failure)]
    assert [(failure.shot_id, failure.kind) for failure in failed] == [("f" * 32, "input")]
    assert "no face" in failed[0].reason
    assert [result.shot_id for result in results if isinstance(result, Take)] == [shots[1].shot_id]


def test_the_same_shot_made_on_another_worker_is_the_same_take(film: Rendered, tmp_path: Path) -> None:
    shots, job = job_of(film, tmp_path / "build")
    results: list[Take | Failure] = []
    make_takes(shots[:1], job=job, settings=FarmSettings(workers=1), hooks=Hooks(result=results.append))
    (take,) = results
    assert isinstance(take, Take)
    first = open_film(film.folder).store.rows(Take, shot_id=take.shot_id)[0]
    assert take.media_digest == first.media_digest


def test_no_shots_need_no_ray(engines: Engines, tmp_path: Path) -> None:
    job = Job(folder=tmp_path, root=tmp_path, recordings=(), talker="previs", settings={}, run_id="r")
    make_takes([], job=job, settings=FarmSettings(address="nowhere:1"), hooks=Hooks(result=lambda _: None))
