# SPDX-License-Identifier: Apache-2.0
"""Measure the record and the plan at size and age: `python -m benchmarks.record VERB ...`.

`plan N`: a production of N shots, made by script, listened to, planned in processes of their own.
`nights`: a record of 25,000 shots a night for 400 nights. `run N`: one run that commits N times, as
a farm does every second. `writers`: three writers, a compactor and a reader at once. CPU seconds of
the process are printed beside wall seconds, since machines are shared.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

ROOT = Path(__file__).parents[1]
T = TypeVar("T")
LINE_SECONDS, GAP_SECONDS = 2.0, 0.5
RECORDING_SECONDS = 3600
EXAMPLE = ROOT / "pipeline" / "script" / "starter"


def main() -> None:
    """Run one benchmark and print its measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    planned = verbs.add_parser("plan")
    planned.add_argument("shots", type=int)
    planned.add_argument("--keep", type=Path, help="a folder to keep the production in")
    aged = verbs.add_parser("nights")
    aged.add_argument("--nights", type=int, default=400)
    aged.add_argument("--shots", type=int, default=25_000)
    aged.add_argument("--keep", type=Path, help="a folder to keep the record in")
    long = verbs.add_parser("run")
    long.add_argument("commits", type=int, nargs="?", default=2000)
    written = verbs.add_parser("writers")
    written.add_argument("commits", type=int, nargs="?", default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(getattr(arguments, "keep", None) or scratch)
        if arguments.verb == "plan":
            measure_plan(place / "production", arguments.shots)
        elif arguments.verb == "nights":
            from benchmarks.record_nights import measure_nights

            measure_nights(place, nights=arguments.nights, shots=arguments.shots)
        elif arguments.verb == "run":
            measure_run(place, commits=arguments.commits)
        else:
            found = measure_writers(place, commits=arguments.commits)
            print(json.dumps(found))
            if found["lost"] or found["twice"] or found["torn"]:
                sys.exit(1)


def measure(name: str, work: Callable[[], T]) -> T:
    """Do some work and print wall and CPU seconds and the largest memory so far."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {time.perf_counter() - wall:.2f} s, CPU {time.process_time() - cpu:.2f} s, at "
        f"most {memory:.0f} MB so far",
        flush=True,
    )
    return result


def measure_plan(folder: Path, shots: int) -> None:
    """Plan a big production: first with no digests of its spans, then with all, then its inputs."""
    if not (folder / "production.toml").is_file():
        measure(f"making {shots} lines", lambda: make_production(folder, shots))
        _run_child("listen to it (once, marked as heard)", folder, "heard")
    _run_child("plan, first time", folder, "plan")
    _run_child("plan, all kept", folder, "plan")
    _run_child("plan --inputs", folder, "inputs")


def make_production(folder: Path, shots: int) -> None:
    """Make a production of two people in turn, one line a shot, at times given in the sheet.

    Its recordings are an hour each of quiet noise.
    """
    import soundfile

    shutil.copytree(
        EXAMPLE, folder, ignore=shutil.ignore_patterns("recordings", "script.fountain", "build")
    )
    (folder / "recordings").mkdir()
    per_recording = int(RECORDING_SECONDS / (LINE_SECONDS + GAP_SECONDS))
    names = [f"recordings/part{number:02}.flac" for number in range(-(-shots // per_recording))]
    noise = np.random.default_rng(1).normal(0, 20, 16_000 * RECORDING_SECONDS).astype(np.int16)
    soundfile.write(folder / names[0], noise, 16_000, subtype="PCM_16")
    for name in names[1:]:  # the same sound again: what is measured does not depend on it
        os.link(folder / names[0], folder / name)
    with (folder / "script.csv").open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(
            ["line_id", "scene", "character", "text", "emotion", "audio_file", "start", "end"]
        )
        for index in range(shots):
            part, at = divmod(index, per_recording)
            start = at * (LINE_SECONDS + GAP_SECONDS) + 0.25
            mood = ("happy 0.6", "angry 0.8", "sad 0.5", "neutral")[index % 4]
            row = [
                f"l{index:06}",
                index // 40 + 1,
                ("ALEX", "ROBIN")[index % 2],
                f"This is line {index} of many.",
                mood,
            ]
            sheet.writerow([*row, names[part], f"{start:.3f}", f"{start + LINE_SECONDS:.3f}"])
    text = (folder / "production.toml").read_text()
    kept = [
        line for line in text.splitlines() if not line.startswith(("script", "recordings", "size"))
    ]
    listed = ", ".join(f'"{name}"' for name in names)
    head = f'size = "320x180"\nscript = "script.csv"\nrecordings = [{listed}]\n'
    (folder / "production.toml").write_text(head + "\n".join(kept) + "\n\n[generate]\nsize = 256\n")


def mark_as_heard(folder: Path) -> None:
    """Ingest the recordings and record that nothing was heard in them.

    Every line has its time in the sheet.
    """
    from flows import listening
    from flows.inputs import read_inputs
    from flows.project import open_project
    from manifests.rows import Recording
    from manifests.run_rows import new_event
    from pipeline.speech import diarize, ingest, transcribe

    film = open_project(folder)
    inputs = read_inputs(film)
    first = film.production.recordings[0]
    known = ingest.ingest(
        film.production.resolve_path(first),
        order=0,
        offset_samples=0,
        root=film.root,
        folder=film.folder,
    )
    film.store.replace(Recording, [known])
    recordings = listening.ingest_recordings(film, inputs)
    keys = {
        "diarized": diarize.key(recordings, listening.resolve_speaker_settings(film, inputs)),
        "transcribed": transcribe.key(recordings, listening.resolve_word_settings(film)),
    }
    film.store.append(
        [new_event(name, key, actor="benchmark", detail="0 rows") for name, key in keys.items()]
    )


def _run_child(name: str, folder: Path, what: str) -> None:
    """Run a step in a process of its own, as a person would, and print its whole cost."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.record_child", what, str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(result.stderr[-3000:])
    print(
        f"{name}: {time.perf_counter() - began:.2f} s with the start of Python; "
        f"{result.stdout.strip()}",
        flush=True,
    )


def measure_run(root: Path, *, commits: int) -> None:
    """Commit three events at a time, joining small files as often as a run does.

    Prints the cost of the first and the last hundred commits.
    """
    from manifests.events import JOIN_COMMITS
    from manifests.run_rows import Event, new_event
    from manifests.store import Store
    from manifests.upkeep import maintain_tables

    store, seconds = Store(root), list[float]()
    for number in range(1, commits + 1):
        began = time.process_time()
        store.append(
            [
                new_event(name, str(number), actor="farm", run_id="r")
                for name in ("queued", "running", "done")
            ]
        )
        if number % JOIN_COMMITS == 0:
            maintain_tables(store, kinds=[Event])
        seconds.append(time.process_time() - began)
        if number % 500 == 0:
            print(f"{number} commits", flush=True)
    for name, part in (("first", seconds[:JOIN_COMMITS]), ("last", seconds[-JOIN_COMMITS:])):
        print(
            f"the {name} {JOIN_COMMITS} commits: CPU {1000 * sum(part) / len(part):.1f} ms each, "
            "joining included"
        )


def measure_writers(root: Path, *, commits: int, hands: int = 3) -> dict[str, float | int]:
    """Run three writers, one compactor and one reader, all at once.

    The compactor also vacuums what is an hour old: nothing here. Returns the numbers of rows lost
    and written twice, of torn reads (which saw only a part of a commit), and the rate.
    """
    from manifests.run_rows import Event
    from manifests.store import Store

    context = multiprocessing.get_context("spawn")
    each = commits // hands
    began = time.perf_counter()
    working = [
        context.Process(target=_write, args=(str(root), hand, each)) for hand in range(hands)
    ]
    stop = context.Event()
    torn = context.Value("i", 0)
    reads = context.Value("i", 0)
    helping = [
        context.Process(target=_compact, args=(str(root), stop)),
        context.Process(target=_read, args=(str(root), stop, torn, reads)),
    ]
    for process in [*working, *helping]:
        process.start()
    for process in working:
        process.join()
    seconds = time.perf_counter() - began
    stop.set()
    for process in helping:
        process.join()
    if any(process.exitcode for process in [*working, *helping]):
        sys.exit("a process failed")
    subjects = [row.subject for row in Store(root).read(Event)]
    wanted = {
        f"{hand}/{number}/{part}"
        for hand in range(hands)
        for number in range(each)
        for part in range(PARTS)
    }
    return {
        "commits": each * hands,
        "rows": len(subjects),
        "lost": len(wanted - set(subjects)),
        "twice": len(subjects) - len(set(subjects)),
        "torn": torn.value,
        "reads": reads.value,
        "files": len(Store(root).list_files(Event)),
        "commits_per_second": round(each * hands / seconds, 1),
    }


PARTS = 5  # rows of a commit, of which a reader must see all or none


def _write(root: str, hand: int, commits: int) -> None:
    from manifests.run_rows import new_event
    from manifests.store import Store

    store = Store(root)
    for number in range(commits):
        names = ("queued", "running", "done", "approved", "failed")
        store.append(
            [
                new_event(names[part], f"{hand}/{number}/{part}", actor=f"writer {hand}")
                for part in range(PARTS)
            ]
        )


def _compact(root: str, stop: multiprocessing.synchronize.Event) -> None:
    from manifests.run_rows import Event
    from manifests.store import Store
    from manifests.upkeep import maintain_tables

    store = Store(root)
    while not stop.is_set():
        if store.list_files(Event):
            maintain_tables(store, kinds=[Event], many=2, keep_hours=1)
        time.sleep(0.2)


def _read(
    root: str,
    stop: multiprocessing.synchronize.Event,
    torn: multiprocessing.sharedctypes.Synchronized[int],
    reads: multiprocessing.sharedctypes.Synchronized[int],
) -> None:
    from collections import Counter

    from manifests.run_rows import Event
    from manifests.store import Store

    store = Store(root)
    last = 0
    while not stop.is_set():
        seen = Counter(row.subject.rpartition("/")[0] for row in store.read(Event))
        torn.value += sum(count != PARTS for count in seen.values()) + (len(seen) < last)
        last = len(seen)
        reads.value += 1
        time.sleep(0.1)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
