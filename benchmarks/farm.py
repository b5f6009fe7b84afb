# SPDX-License-Identifier: Apache-2.0
"""Measure the farm against bare Ray actors, and the gain of a second worker.

    python -m benchmarks.farm [--shots 1000] [--repeats 5] [--burn 0.1]

Every shot burns the same CPU seconds in a talker that only this benchmark loads. `bare`: the calls
of `Worker` by Ray actors alone, two in flight, nothing recorded. `flow`: the whole generate step
inside a Prefect flow: queue, events, rows, retries, steering. Both make the same takes with the
same encoder in one run; the fixed start (actors, first imports) is measured with four shots and
subtracted.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flows.engines import configure_engines
from flows.farm.cluster import connect_ray
from flows.farm.farm_settings import FarmSettings
from flows.farm.ray_actor import FarmJob, Worker
from flows.farm.shot_tasks import ShotTask
from flows.generate import Farm, generate
from flows.ledger.live_decisions import watch_decisions
from flows.project import Project, open_project
from flows.starter import write_starter
from manifests.rows import Shot
from model.emotion import Performance, hold_emotion
from model.talker import Frame, Portrait, Speech, TakeMeasures, Talker, TalkerSettings

FRAMES = 8
SIDE = 64
START = 4  # shots whose time counts as the fixed start
BURN = "CALLSHEET_BENCHMARK_BURN"  # seconds of CPU a shot; the environment reaches the workers


@dataclass
class BurningClip:
    """Some grey frames, and as much work as was asked for."""

    frames: int
    seconds: float
    width: int = SIDE
    height: int = SIDE

    def __iter__(self) -> Iterator[Frame]:
        until = time.process_time() + self.seconds
        while time.process_time() < until:
            sum(range(1000))
        for _ in range(self.frames):
            yield np.full((self.height, self.width, 3), 128, dtype=np.uint8)

    def measures(self) -> TakeMeasures:
        return TakeMeasures(face_box=(0.25, 0.25, 0.75, 0.75))


@dataclass
class BurningTalker:
    """A talker that fills the contract with CPU work."""

    name: str = "burning"
    version: str = "1"
    weights_digest: str = ""
    context_seconds: float = 0.0
    licences: tuple[str, ...] = ()

    def talk(
        self, _portrait: Portrait, speech: Speech, _performance: Performance, _seed: int
    ) -> BurningClip:
        return BurningClip(frames=speech.frames, seconds=float(os.environ[BURN]))


def load_burning_talker(_name: str, _settings: TalkerSettings) -> Talker:
    """Load the talker of this benchmark."""
    return BurningTalker()


def make_shots(count: int) -> list[Shot]:
    """Make shots of two people in turn, without sound."""
    mood = json.dumps(
        Performance.from_curve(hold_emotion("neutral"), start=0, end=FRAMES).to_plain()
    )
    return [
        Shot(
            shot_id=f"{i:032x}",
            number=f"sh{i:05}",
            order=i,
            scene="1",
            character="A",
            actor="A",
            role="speaking",
            line_ids="",
            text="",
            lang="en",
            performance=mood,
            start_frame=i * FRAMES,
            end_frame=(i + 1) * FRAMES,
            rate_num=25,
            rate_den=1,
            portrait=("portraits/alex.jpg", "portraits/robin.jpg")[i % 2],
            portrait_digest=str(i % 2),
            face="only",
            audio_digest="",
            seed=0,
            width=SIDE,
            height=SIDE,
            talker="previs",
            talker_version="",
            weights_digest="",
            talker_settings="{}",
        )
        for i in range(count)
    ]


def run_through_flow(film: Project, wanted: Sequence[Shot], workers: int) -> None:
    """Make the shots by the generate step as a task of a flow."""
    from prefect import flow, task

    steer = watch_decisions(film, wanted, began=datetime.datetime.now(datetime.UTC).isoformat())
    farm = Farm(settings=FarmSettings(workers=workers), steer=steer, load=load_burning_talker)

    @task(name="Takes")
    def takes() -> int:
        return generate(film, wanted, (), run_id="benchmark", farm=farm).made

    @flow(name="benchmark", validate_parameters=False)
    def run() -> int:
        return takes()

    count = run()
    if count != len(wanted):
        raise RuntimeError(f"made {count} of {len(wanted)} shots")


def run_bare_actors(film: Project, wanted: Sequence[Shot], workers: int) -> None:
    """Make the shots by the same calls on bare actors.

    Two shots are in flight at each actor; the next starts when one returns.
    """
    with connect_ray("", cpus=0) as ray:
        job = FarmJob(
            folder=film.folder,
            root=film.root,
            recordings=(),
            talker="previs",
            settings=film.talker_settings,
            run_id="benchmark",
            load=load_burning_talker,
        )
        actors = [ray.remote(num_cpus=1)(Worker).remote(job) for _ in range(workers)]
        ray.get([actor.load.remote() for actor in actors])
        waiting = iter(wanted)
        flying = {
            actor.make_take.remote(ShotTask(shot=shot)): actor
            for actor in actors * 2
            for shot in [next(waiting)]
        }
        while flying:
            (done,), _ = ray.wait(list(flying))
            actor = flying.pop(done)
            ray.get(done)
            following = next(waiting, None)
            if following is not None:
                flying[actor.make_take.remote(ShotTask(shot=following))] = actor
        for actor in actors:
            ray.kill(actor)


@dataclass(frozen=True)
class Cost:
    """Wall seconds, and CPU seconds of the driver itself."""

    wall: float
    driver: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.driver - other.driver)


def measure_cost(
    way: Callable[[Project, Sequence[Shot], int], None], count: int, workers: int
) -> Cost:
    """Measure the making of `count` shots into a fresh build folder, without the fixed start.

    The fixed start is the cost of four shots.
    """
    return _measure_total(way, count + START, workers) - _measure_total(way, START, workers)


def _measure_total(
    way: Callable[[Project, Sequence[Shot], int], None], count: int, workers: int
) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "scene"
        write_starter(place)
        film = open_project(place)
        wall, driver = time.perf_counter(), time.process_time()
        way(film, make_shots(count), workers)
        return Cost(time.perf_counter() - wall, time.process_time() - driver)


def measure_overhead(count: int) -> dict[str, float]:
    """Compare the flow with bare actors, with two workers."""
    bare, flow = measure_cost(run_bare_actors, count, 2), measure_cost(run_through_flow, count, 2)
    return {
        "bare seconds": round(bare.wall, 2),
        "flow seconds": round(flow.wall, 2),
        "flow over bare": round(flow.wall / bare.wall, 3),
        "own milliseconds a shot": round(1000 * (flow.wall - bare.wall) / count, 2),
        "driver milliseconds of CPU a shot, flow": round(1000 * flow.driver / count, 2),
        "driver milliseconds of CPU a shot, bare": round(1000 * bare.driver / count, 2),
    }


def measure_scaling(count: int, repeats: int) -> dict[str, float]:
    """Measure the gain of a second worker, interleaved."""
    gains = [
        measure_cost(run_through_flow, count, 1).wall
        / measure_cost(run_through_flow, count, 2).wall
        for _ in range(repeats)
    ]
    return {"one worker to two, median": round(statistics.median(gains), 3), "repeats": repeats}


def main() -> None:
    """Measure and print, with the load of the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--burn", type=float, default=0.1, help="seconds of CPU a shot")
    options = parser.parse_args()
    os.environ[BURN] = str(options.burn)
    configure_engines()
    load = os.getloadavg()[0]
    with connect_ray("", cpus=2):
        _measure_total(run_through_flow, START, 2)  # Prefect starts its server for the first flow
        found = measure_overhead(options.shots) | measure_scaling(
            max(options.shots // 5, 20), options.repeats
        )
    print(
        json.dumps(
            {"shots": options.shots, "burn": options.burn, "load before": round(load, 1), **found},
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
