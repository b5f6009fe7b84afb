# SPDX-License-Identifier: Apache-2.0
"""The farm on a real Ray: a worker that dies costs no shot, a bad portrait fails only its own
shots."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.farm.farm_settings import FarmCallbacks, FarmSettings
from flows.farm.pool import _count_gpus_per_worker, make_takes
from flows.farm.ray_actor import FarmJob, ShotFailure
from flows.farm.steering import Steering
from flows.project import open_project
from manifests.rows import Recording, Shot, Take
from tests.conftest import Engines, Rendered
from tests.flows.farm import farm_talkers


def job_of(film: Rendered, root: Path) -> tuple[list[Shot], FarmJob]:
    """The shots of the small film, to be made anew under `root`."""
    made = open_project(film.folder)
    shots = made.store.read_current(Shot)
    root.mkdir()
    (root / "media").mkdir()
    (root / "media" / "recordings").symlink_to(made.root / "media" / "recordings")
    recordings = tuple(made.store.read_current(Recording))
    job = FarmJob(
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
    results: list[Take | ShotFailure] = []
    killer = threading.Thread(target=_kill_a_busy_worker, args=(job.root,))
    killer.start()
    make_takes(
        shots, job=job, settings=FarmSettings(workers=1), hooks=FarmCallbacks(result=results.append)
    )
    killer.join()
    assert {result.shot_id for result in results if isinstance(result, Take)} == {
        shot.shot_id for shot in shots
    }
    assert len({result.worker for result in results if isinstance(result, Take)}) == 2


def _kill_a_busy_worker(root: Path) -> None:
    """Kill the worker as soon as it has finished its first take and works on the next."""
    while not list(root.glob("media/takes/[!.]*.mkv")):
        time.sleep(0.01)
    for process in psutil.process_iter(["cmdline"]):
        if "ray::Worker" in " ".join(process.info["cmdline"] or []):
            os.kill(process.pid, signal.SIGKILL)


@pytest.mark.proof
def test_a_portrait_without_a_face_fails_its_own_shots_only(film: Rendered, tmp_path: Path) -> None:
    from PIL import Image

    shots, job = job_of(film, tmp_path / "build")
    blank = tmp_path / "blank.png"
    Image.new("RGB", (512, 512), (90, 120, 90)).save(blank)
    bad = replace(
        shots[0],
        shot_id="f" * 32,
        portrait=os.path.relpath(blank, job.folder),
        portrait_digest="blank",
    )
    results: list[Take | ShotFailure] = []
    make_takes(
        [bad, shots[1]],
        job=job,
        settings=FarmSettings(workers=1),
        hooks=FarmCallbacks(result=results.append),
    )
    failed = [result for result in results if isinstance(result, ShotFailure)]
    assert [(failure.shot_id, failure.kind) for failure in failed] == [("f" * 32, "input")]
    assert "no face" in failed[0].reason
    assert [result.shot_id for result in results if isinstance(result, Take)] == [shots[1].shot_id]


@pytest.mark.proof
def test_the_same_shot_made_on_another_worker_is_the_same_take(
    film: Rendered, tmp_path: Path
) -> None:
    shots, job = job_of(film, tmp_path / "build")
    results: list[Take | ShotFailure] = []
    make_takes(
        shots[:1],
        job=job,
        settings=FarmSettings(workers=1),
        hooks=FarmCallbacks(result=results.append),
    )
    (take,) = results
    assert isinstance(take, Take)
    first = open_project(film.folder).store.read(Take, shot_id=take.shot_id)[0]
    assert take.media_digest == first.media_digest


def test_no_shots_need_no_ray(engines: Engines, tmp_path: Path) -> None:
    job = FarmJob(
        folder=tmp_path, root=tmp_path, recordings=(), talker="previs", settings={}, run_id="r"
    )
    make_takes(
        [],
        job=job,
        settings=FarmSettings(address="nowhere:1"),
        hooks=FarmCallbacks(result=lambda _: None),
    )


def test_a_held_shot_is_stopped_where_it_is_and_the_rest_go_on(
    film: Rendered, tmp_path: Path
) -> None:
    shots, job = job_of(film, tmp_path / "build")
    running = threading.Event()
    held = Steering(held=frozenset({shots[0].shot_id}))
    results: list[Take | ShotFailure] = []
    said: list[tuple[str, str]] = []

    def hear(name: str, shot: Shot, _detail: str) -> None:
        said.append((name, shot.shot_id))
        running.set()

    hooks = FarmCallbacks(
        result=results.append, event=hear, steer=lambda: held if running.is_set() else Steering()
    )
    # 100 s at its pace
    first = replace(shots[0], end_frame=shots[0].start_frame + 2000, voiced="[]")
    began = time.monotonic()
    ended = make_takes(
        [first, shots[1]],
        job=replace(job, load=farm_talkers.slow),
        settings=FarmSettings(workers=1),
        hooks=hooks,
    )
    assert time.monotonic() - began < 60
    assert [shot.shot_id for shot in ended.left] == [shots[0].shot_id]
    assert [result.shot_id for result in results] == [shots[1].shot_id]
    assert ("stopped", shots[0].shot_id) in said
    assert {path.stem for path in (job.root / "media/takes").iterdir()} == {shots[1].shot_id}


@pytest.mark.proof
def test_a_worker_that_hangs_is_replaced(film: Rendered, tmp_path: Path) -> None:
    shots, job = job_of(film, tmp_path / "build")
    results: list[Take | ShotFailure] = []
    stopped: list[int] = []

    def stop_the_worker(result: Take | ShotFailure) -> None:
        results.append(result)
        if isinstance(result, Take) and len(results) == 2:  # by then the pace is known
            stopped.append(int(result.worker.rpartition("/")[2]))
            os.kill(stopped[0], signal.SIGSTOP)

    quick = replace(job, load=farm_talkers.quick)
    settings = FarmSettings(workers=1, silence_seconds=4)
    make_takes(shots[:3], job=quick, settings=settings, hooks=FarmCallbacks(result=stop_the_worker))
    assert {result.shot_id for result in results if isinstance(result, Take)} == {
        s.shot_id for s in shots[:3]
    }
    assert len({result.worker for result in results if isinstance(result, Take)}) == 2
    assert (
        not psutil.pid_exists(stopped[0])
        or psutil.Process(stopped[0]).status() == psutil.STATUS_ZOMBIE
    )


@pytest.mark.proof
def test_a_shot_that_ran_out_of_memory_is_made_with_less_at_once_and_says_so(
    film: Rendered, tmp_path: Path
) -> None:
    shots, job = job_of(film, tmp_path / "build")
    results: list[Take | ShotFailure] = []
    thirsty = replace(
        job, talker="dice", settings={"build": "tiny", "device": "cpu"}, load=farm_talkers.thirsty
    )
    make_takes(
        shots[:1],
        job=thirsty,
        settings=FarmSettings(workers=2),
        hooks=FarmCallbacks(result=results.append),
    )
    (take,) = results
    assert isinstance(take, Take)
    assert json.loads(take.measures)["memory_retries"] == 1


@pytest.mark.proof
def test_no_two_talkers_share_a_gpu_and_each_keeps_to_its_cpus(
    film: Rendered, tmp_path: Path
) -> None:
    shots, job = job_of(film, tmp_path / "build")
    results: list[Take | ShotFailure] = []
    many = [
        replace(shot, shot_id=f"{number}{shot.shot_id[1:]}")
        for number in range(4)
        for shot in shots
    ]
    alone = replace(
        job,
        talker="dice",
        settings={"build": "tiny", "device": "auto"},
        load=farm_talkers.alone_on_its_gpu,
    )
    ended = make_takes(
        many,
        job=alone,
        settings=FarmSettings(workers=4),
        hooks=FarmCallbacks(result=results.append),
    )
    takes = [result for result in results if isinstance(result, Take)]
    assert (len(takes), ended.left) == (len(many), ())
    assert len({take.worker for take in takes}) == 2, "the cluster has two GPUs"
    threads = {
        name: n
        for take in takes
        for name, n in json.loads(take.measures).items()
        if name.startswith("threads")
    }
    assert len(threads) >= 3
    assert set(threads.values()) == {float(job.threads)}


@pytest.mark.proof
def test_a_worker_without_a_gpu_does_not_see_that_of_another(
    film: Rendered, tmp_path: Path
) -> None:
    shots, job = job_of(film, tmp_path / "build")
    results: list[Take | ShotFailure] = []
    blind = replace(job, load=farm_talkers.without_a_gpu)
    make_takes(
        shots[:1],
        job=blind,
        settings=FarmSettings(workers=1),
        hooks=FarmCallbacks(result=results.append),
    )
    assert [type(result) for result in results] == [Take]


ALL_THERE_IS, EIGHT = (
    FarmSettings(address="head:6379"),
    FarmSettings(address="head:6379", workers=8),
)


@pytest.mark.parametrize(
    ("device", "settings", "there", "each"),
    [
        ("auto", FarmSettings(), 1.0, 1),
        ("cuda", EIGHT, 0.0, 1),  # machines come when workers ask for them
        ("cuda", ALL_THERE_IS, 0.0, 0),
        ("auto", EIGHT, 0.0, 0),
        ("cpu", EIGHT, 1.0, 0),
    ],
)
def test_a_talker_that_wants_a_gpu_gets_one_that_is_there_or_to_come(
    device: str, settings: FarmSettings, there: float, each: int
) -> None:
    wanted = {"build": "tiny", "device": device}
    job = FarmJob(
        folder=Path(), root=Path(), recordings=(), talker="dice", settings=wanted, run_id="r"
    )
    assert _count_gpus_per_worker({"GPU": there}, job=job, settings=settings) == each
    assert (
        _count_gpus_per_worker(
            {"GPU": there}, job=replace(job, talker="previs", settings={}), settings=settings
        )
        == 0
    )


def test_a_deadline_that_is_past_leaves_everything(film: Rendered, tmp_path: Path) -> None:
    shots, job = job_of(film, tmp_path / "build")
    settings = FarmSettings(workers=1, deadline=time.time() - 1)
    ended = make_takes(
        shots, job=job, settings=settings, hooks=FarmCallbacks(result=lambda _: None)
    )
    assert (ended.stopped, len(ended.left)) == ("deadline", len(shots))


def listening(process: psutil.Process) -> list[Any]:
    """The sockets on which a process listens; none when it has ended since it was listed."""
    try:
        return [one for one in process.net_connections(kind="inet") if one.status == "LISTEN"]
    except psutil.NoSuchProcess:
        return []


def test_ray_listens_on_loopback_only_and_holds_no_frames(film: Rendered, tmp_path: Path) -> None:
    import ray
    from ray._private.internal_api import node_stats

    shots, job = job_of(film, tmp_path / "build")
    stores: list[float] = []

    def look(_result: Take | ShotFailure) -> None:
        (node,) = ray.nodes()
        stats = node_stats(node["NodeManagerAddress"], node["NodeManagerPort"])
        stores.append(stats.store_stats.object_store_bytes_used)

    make_takes(
        shots[:2],
        job=replace(job, load=farm_talkers.quick),
        settings=FarmSettings(),
        hooks=FarmCallbacks(result=look),
    )
    me = psutil.Process()
    sockets = [c for p in (me, *me.children(recursive=True)) for c in listening(p)]
    assert sockets
    assert {c.laddr.ip.removeprefix("::ffff:") for c in sockets} == {"127.0.0.1"}
    assert max(stores) == 0
