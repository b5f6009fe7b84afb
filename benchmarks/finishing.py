# SPDX-License-Identifier: Apache-2.0
"""Measure finishing: `python benchmarks/finishing.py speed|drift|colour|loudness|watermark`.

Prints tables; docs/how-it-works/measurements/delivery.md quotes them. CPU seconds count all child
processes, so they are valid on a busy machine; wall seconds are not.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.finishing_colour import measure_colour_matching
from manifests.rows import Cut
from pipeline import media
from pipeline.assemble import assemble, edit_list, master_mix
from pipeline.assemble.loudness import LoudnessSettings, measure_loudness
from pipeline.colour import colour
from pipeline.deliver import deliver, profiles
from pipeline.deliver.delivery_job import DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, clicks, tone

PORTRAITS = Path(__file__).parent.parent / "examples" / "lighthouse" / "portraits"


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["speed", "drift", "colour", "loudness", "watermark"])
    parser.add_argument("--minutes", type=float, default=24.0, help="length of the drift programme")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--film", type=Path, help="a film to mark, at least 12 s long; else one is made"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if arguments.what == "speed":
            measure_speed(root, arguments.rounds)
        elif arguments.what == "drift":
            measure_drift(root, arguments.minutes)
        elif arguments.what == "colour":
            measure_colour_matching(root)
        elif arguments.what == "watermark":
            from benchmarks.watermark import measure_survival

            measure_survival(root, arguments.film)
        else:
            measure_masters(root)


def measure_speed(root: Path, rounds: int) -> None:
    """Compare assembly, grade and encode of 1080p25 with bare ffmpeg.

    One ffmpeg has the same cube, scaling and encoder; another is a plain transcode.
    """
    film = _make_plates(root)
    cube = root / "media" / "grades" / "a.cube"
    colour.write_cube(cube, colour.sample_cube(lambda rgb: rgb * [1, 0.97, 0.95]), title="a")
    job = _make_job(film, (1920, 1080), tone(film.samples))
    cuts = [
        dataclasses.replace(cut, cube_path=cube.relative_to(root).as_posix())
        for cut in assemble.build_cuts(film.shots, film.takes, [], version="v", size=(1920, 1080))
    ]
    runs = {
        "ours": lambda: deliver.render_profiles(cuts, job, folder=root / "o"),
        "bare ffmpeg": lambda: media.run(_build_bare_ffmpeg(cuts, job, cube, root)),
        "plain transcode": lambda: media.run(_build_bare_ffmpeg(cuts, job, None, root)),
    }
    for number in range(rounds):
        spent = {name: _measure_cpu(run) for name, run in runs.items()}
        for name, seconds in spent.items():
            print(
                f"round {number}  {name:<16} {seconds:6.2f} s CPU  "
                f"{seconds / spent['bare ffmpeg']:.2f} of bare"
            )


def measure_drift(root: Path, minutes: float) -> None:
    """Measure drift and memory over three hundred shots that begin with a flash and a click."""
    count = 300
    frames = round(minutes * 60 * 25 / count)
    starts = np.arange(count) * frames * 1920
    film, cuts = make_flashing_film(root, count, frames)
    sound = clicks(count * frames * 1920, starts.tolist())
    job = _make_job(film, (640, 360), sound, samples=count * frames * 1920)
    with _MemoryWatch() as memory:
        seconds = _measure_cpu(lambda: deliver.render_profiles(cuts, job, folder=root / "o"))
    seen, flashes = find_flashes(root / "o" / "web.mp4")
    samples, onsets = find_onsets(root / "o" / "web.mp4", starts)
    print(
        f"{minutes:g} minutes, {count} shots: {seen} frames of "
        f"{edit_list.count_frames(cuts)}, {len(flashes)} flashes"
    )
    print(f"picture off by {np.abs(flashes - np.arange(count) * frames).max()} frames at most")
    print(
        f"sound off by {np.abs(onsets - starts).max() / 48:.2f} ms at most; last "
        f"{(onsets[-1] - starts[-1]) / 48:.2f} ms"
    )
    print(f"sound is {samples} samples for {count * frames * 1920} of picture; {seconds:.0f} s CPU")
    print(
        f"memory of all processes: {memory.early:.0f} MB in the first tenth, {memory.late:.0f} "
        "MB in the last"
    )


def make_flashing_film(root: Path, count: int, frames: int) -> tuple[TinyFilm, list[Cut]]:
    """Make a film whose one take begins with two white frames, and an edit of `count` times it."""
    film = TinyFilm(root, rate=Fraction(25))
    random = np.random.default_rng(0)
    dark = random.integers(20, 60, (360, 640, 3)).astype(np.uint8)
    film.add(
        [np.full((360, 640, 3), 230, np.uint8)] * 2
        + [np.roll(dark, i, axis=1) for i in range(frames - 2)],
        label="DICE-Talk",
    )
    (cut,) = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(640, 360))
    return film, [
        dataclasses.replace(
            cut, order=n, number=f"sh{n:03}", start_frame=n * frames, end_frame=(n + 1) * frames
        )
        for n in range(count)
    ]


def find_flashes(path: Path) -> tuple[int, Any]:
    """Count the frames of a film, and find those that are the first of a flash."""
    seen = np.array([frame.mean() for frame in media.read_frames(path, width=32, height=18)])
    return len(seen), np.flatnonzero(np.diff((seen > 150).astype(int), prepend=0) == 1)


def find_onsets(path: Path, starts: Any) -> tuple[int, Any]:
    """Count the samples of a film, and find where the click near each start begins."""
    blocks = media.read_audio(path, hz=48000, channels=1)
    sound = np.concatenate([np.abs(block[:, 0]) for block in blocks])
    early = np.maximum(starts - 960, 0)
    near = [int(np.argmax(sound[a : b + 960] > 0.2)) for a, b in zip(early, starts, strict=True)]
    return len(sound), early + np.array(near)


def measure_masters(root: Path) -> None:
    """Measure loudness of masters and of their AAC with a second implementation (pyloudnorm)."""
    import pyloudnorm
    import soundfile

    from tests.pipeline.assemble.test_master_mix import programme

    film = TinyFilm(root)
    film.add([np.zeros((36, 64, 3), np.uint8)] * 300)
    print(
        f"{'programme':<10} {'target':>6} {'missed':>6} {'master':>7} {'peak':>6} {'aac':>7} "
        f"{'peak':>6}"
    )
    for kind in ("music", "speech", "whisper", "one word"):
        for target in (-23.0, -16.0, -14.0):
            settings = LoudnessSettings(target_lufs=target, peak_dbtp=-1.0)
            mastered = master_mix.render_master(
                [film.record(programme(kind))], samples=film.samples, settings=settings, root=root
            )
            job = dataclasses.replace(
                _make_job(film, (64, 36), tone(10)), sound_path=root / mastered.path
            )
            cuts = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(64, 36))
            web = deliver.render_profiles(cuts, job, folder=root / "o")["web"]
            pcm = np.concatenate(list(media.read_audio(web, hz=48000, channels=2)))
            meter = pyloudnorm.Meter(48000)
            master = meter.integrated_loudness(soundfile.read(root / mastered.path)[0])
            aac = measure_loudness(web)
            print(
                f"{kind:<10} {target:6.1f} {mastered.missed_lu:6.1f} {master:7.2f} "
                f"{mastered.after.peak_dbtp:6.1f} "
                f"{meter.integrated_loudness(pcm):7.2f} {aac.peak_dbtp:6.1f}"
            )


def _make_plates(root: Path) -> TinyFilm:
    """Make six shots of two seconds of a 1920x1080 plate in which a part moves."""
    film = TinyFilm(root)
    with Image.open(PORTRAITS / "nadia_plate.png") as image:
        plate = np.asarray(image.convert("RGB"))
    moving = plate[200:900, 900:1700]
    for number in range(6):
        pictures = []
        for frame in range(50):
            picture = plate.copy()
            picture[200:900, 900:1700] = np.roll(
                moving, int(6 * np.sin(frame / 5 + number)), axis=0
            )
            pictures.append(picture)
        film.add(pictures, label="DICE-Talk")
    return film


def _make_job(
    film: TinyFilm, size: tuple[int, int], sound: np.ndarray, *, samples: int = 0
) -> DeliveryJob:
    settings = LoudnessSettings(target_lufs=None)
    master = master_mix.render_master(
        [film.record(sound)], samples=samples or film.samples, settings=settings, root=film.root
    )
    picture = assemble.Picture(width=size[0], height=size[1], rate=film.rate)
    return DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=film.root / master.path,
        root=film.root,
        profiles=(profiles.WEB,),
    )


def _build_bare_ffmpeg(
    cuts: list[Cut], job: DeliveryJob, cube: Path | None, root: Path
) -> list[str]:
    """Build the arguments of one ffmpeg that does the same; without a cube, a plain transcode."""
    listing = root / "list.txt"
    listing.write_text("".join(f"file '{root / cut.take_path}'\n" for cut in cuts))
    to_bt709 = ":".join(f"{key}={value}" for key, value in assemble.TO_BT709.items())
    graded = f"lut3d=file={cube}:interp=tetrahedral,zscale=1920:1080:filter=spline36:{to_bt709}"
    options = {
        **profiles.WEB.picture,
        **profiles.BT709,
        **profiles.WEB.sound,
        **profiles.WEB.container,
    }
    arguments = ["-f", "concat", "-safe", "0", "-i", str(listing), "-i", str(job.sound_path)]
    arguments += [
        "-vf",
        (graded if cube else "null") + ",format=yuv420p",
        "-map",
        "0:v",
        "-map",
        "1:a",
    ]
    for key, value in options.items():
        arguments += [f"-{key}", str(value)]
    return [*arguments, str(root / "bare.mp4")]


def _measure_cpu(run: Callable[[], object]) -> float:
    def spent() -> float:
        usages = [
            resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
        ]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    before = spent()
    run()
    return spent() - before


class _MemoryWatch:
    """Resident memory of this process and its children, sampled each second (Linux)."""

    def __enter__(self) -> _MemoryWatch:
        self._samples: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        tenth = max(1, len(self._samples) // 10)
        self.early, self.late = max(self._samples[: 2 * tenth]), max(self._samples[-tenth:])

    def _watch(self) -> None:
        import os

        while True:
            self._samples.append(sum(map(_read_resident_megabytes, _list_processes(os.getpid()))))
            if self._stop.wait(1.0):
                return


def _list_processes(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    found = [pid]
    for task in tasks:
        try:
            found += [
                member
                for child in task.read_text().split()
                for member in _list_processes(int(child))
            ]
        except OSError:
            continue
    return found


def _read_resident_megabytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"({time.monotonic() - started:.0f} s)")
