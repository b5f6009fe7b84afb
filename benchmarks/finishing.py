# SPDX-License-Identifier: Apache-2.0
"""Measures finishing: `python benchmarks/finishing.py speed|drift|colour|loudness|watermark`.
Prints tables; docs/finishing.md quotes them.

CPU seconds count all child processes, so they hold on a busy machine; wall seconds do not.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from manifests.rows import Cut
from pipeline import media
from pipeline.assemble import assemble, edit_list, master_mix
from pipeline.assemble.loudness import LoudnessSettings, measure_loudness
from pipeline.colour import colour, colour_transfer
from pipeline.deliver import deliver, profiles
from pipeline.deliver.delivery_job import DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, clicks, eight_bit, tone

PORTRAITS = Path(__file__).parent.parent / "examples" / "lighthouse" / "portraits"
TRUTH = Path(__file__).parent.parent / "tests" / "data" / "lighthouse" / "casts.json"
FACES = {
    "henrik": (0.3, 0.2, 0.7, 0.65),
    "mara": (0.34, 0.2, 0.66, 0.68),
    "nadia_plate": (0.64, 0.12, 0.75, 0.42),
}
CASTS = {
    "warm": (1.2, 1.0, 0.75),
    "cool": (0.82, 1.0, 1.25),
    "green": (0.9, 1.1, 0.9),
    "magenta": (1.1, 0.88, 1.1),
    "dim": (0.65,) * 3,
}


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
            speed(root, arguments.rounds)
        elif arguments.what == "drift":
            drift(root, arguments.minutes)
        elif arguments.what == "colour":
            match_colours(root)
        elif arguments.what == "watermark":
            from benchmarks.watermark import survival

            survival(root, arguments.film)
        else:
            loudness(root)


def speed(root: Path, rounds: int) -> None:
    """Assembly, grade and encode of 1080p25 against one bare ffmpeg with the same cube, scaling and
    encoder, and a plain transcode.
    """
    film = _plates(root)
    cube = root / "media" / "grades" / "a.cube"
    colour.write_cube(cube, colour.sample_cube(lambda rgb: rgb * [1, 0.97, 0.95]), title="a")
    job = _job(film, (1920, 1080), tone(film.samples))
    cuts = [
        dataclasses.replace(cut, cube_path=cube.relative_to(root).as_posix())
        for cut in assemble.build_cuts(film.shots, film.takes, [], version="v", size=(1920, 1080))
    ]
    runs = {
        "ours": lambda: deliver.render_profiles(cuts, job, folder=root / "o"),
        "bare ffmpeg": lambda: media.run(_bare(cuts, job, cube, root)),
        "plain transcode": lambda: media.run(_bare(cuts, job, None, root)),
    }
    for number in range(rounds):
        spent = {name: _cpu(run) for name, run in runs.items()}
        for name, seconds in spent.items():
            print(
                f"round {number}  {name:<16} {seconds:6.2f} s CPU  {seconds / spent['bare ffmpeg']:.2f} of bare"
            )


def drift(root: Path, minutes: float) -> None:
    """Three hundred shots that begin with a flash and a click: how far apart are they at the end,
    and how much memory was used?
    """
    rate, count = Fraction(25), 300
    frames = round(minutes * 60 * 25 / count)
    film = TinyFilm(root, rate=rate)
    random = np.random.default_rng(0)
    dark = random.integers(20, 60, (360, 640, 3)).astype(np.uint8)
    film.add(
        [np.full((360, 640, 3), 230, np.uint8)] * 2
        + [np.roll(dark, i, axis=1) for i in range(frames - 2)],
        label="DICE-Talk",
    )
    (one,) = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(640, 360))
    cuts = [
        dataclasses.replace(
            one, order=n, number=f"sh{n:03}", start_frame=n * frames, end_frame=(n + 1) * frames
        )
        for n in range(count)
    ]
    starts = [n * frames * 1920 for n in range(count)]
    job = _job(
        film, (640, 360), clicks(count * frames * 1920, starts), samples=count * frames * 1920
    )
    with _Memory() as memory:
        seconds = _cpu(lambda: deliver.render_profiles(cuts, job, folder=root / "o"))
    path = root / "o" / "web.mp4"
    seen = np.array([frame.mean() for frame in media.read_frames(path, width=32, height=18)])
    heard = np.concatenate(
        [np.abs(block[:, 0]) for block in media.read_audio(path, hz=48000, channels=1)]
    )
    flashes = np.flatnonzero(np.diff((seen > 150).astype(int), prepend=0) == 1)
    onsets = [
        start - 960 * (start > 0) + int(np.argmax(heard[max(start - 960, 0) : start + 960] > 0.2))
        for start in starts
    ]
    print(
        f"{minutes:g} minutes, {count} shots: {len(seen)} frames of {edit_list.total_frames(cuts)}, {len(flashes)} flashes"
    )
    print(f"picture off by {np.abs(flashes - np.arange(count) * frames).max()} frames at most")
    print(
        f"sound off by {np.abs(np.array(onsets) - starts).max() / 48:.2f} ms at most; last {(onsets[-1] - starts[-1]) / 48:.2f} ms"
    )
    print(
        f"sound is {len(heard)} samples for {count * frames * 1920} of picture; {seconds:.0f} s CPU"
    )
    print(
        f"memory of all processes: {memory.early:.0f} MB in the first tenth, {memory.late:.0f} MB in the last"
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A portrait under a known cast: as it is seen, as it was before, and where its face is."""

    portrait: str
    cast: str
    seen: np.ndarray
    plain: np.ndarray
    face: colour_transfer.Box

    @property
    def start(self) -> float:
        return _difference(self.seen, self.plain)

    def left(self, graded: np.ndarray) -> tuple[float, float]:
        """What remains of the starting difference, and the hue error of skin in degrees."""
        skins = [
            colour_transfer.sample_pictures(eight_bit(picture)[None], self.face).skin_mean
            for picture in (graded, self.plain)
        ]
        hues = colour.hue_degrees(colour.rgb_to_lab(np.stack(skins)))
        return _difference(graded, self.plain) / self.start, abs(float(hues[0] - hues[1]))


def match_colours(root: Path) -> None:
    """What remains of known casts, as a share of the start (mean CIEDE2000) and as hue error of
    skin in degrees; ours beside others.
    """
    scenes = list(_scenes())
    public = _public_reinhard(scenes, root)
    heads = ("M-K", "Reinhard", "package", "no look")
    print(
        f"{'portrait':<12} {'cast':<8} {'start':>5}"
        + "".join(f"  {head:>8} {'hue':>5}" for head in heads)
    )
    worst: dict[str, list[tuple[float, float]]] = {head: [] for head in heads}
    for scene, package in zip(scenes, public, strict=True):
        sample, truth = (
            colour_transfer.sample_pictures(eight_bit(p)[None], scene.face)
            for p in (scene.seen, scene.plain)
        )
        looks = [
            ("monge-kantorovich", colour_transfer.build_look(truth)),
            ("reinhard", colour_transfer.build_look(truth)),
            ("monge-kantorovich", colour_transfer.build_character_looks(["x"], [sample], {})["x"]),
        ]
        still, plain, neutral = (
            np.clip(
                colour_transfer.estimate_transfer(sample, look, method=method)(scene.seen), 0, 1
            )
            for method, look in looks
        )
        row = dict(zip(heads, map(scene.left, (still, plain, package, neutral)), strict=True))
        print(
            f"{scene.portrait:<12} {scene.cast:<8} {scene.start:5.1f}"
            + "".join(f"  {s:8.2f} {h:5.2f}" for s, h in row.values())
        )
        for head, found in row.items():
            worst[head].append(found)
    for head, found in worst.items():
        shares, hues = np.array(found).T
        print(
            f"{head:<9} left: mean {shares.mean():.3f}, worst {shares.max():.3f}; skin hue: worst {hues.max():.2f} deg"
        )


def _scenes() -> Iterator[Scene]:
    for name, face in FACES.items():
        with Image.open(PORTRAITS / f"{name}.png") as image:
            image.thumbnail((160, 160), Image.Resampling.BOX)
            own = np.asarray(image.convert("RGB")) / 255
        plain = _light(own, np.linalg.inv(_own_cast(f"{name}.png")))
        for kind, gains in {"its own": None, **CASTS}.items():
            seen = own if gains is None else _light(plain, np.diag(gains))
            yield Scene(name, kind, seen, plain, face)


def _public_reinhard(scenes: list[Scene], root: Path) -> list[np.ndarray]:
    """The same by a package that others made, in its own environment. It takes logarithms, so no
    value may be zero.
    """
    pairs = {f"source_{n}": np.maximum(eight_bit(scene.seen), 1) for n, scene in enumerate(scenes)}
    pairs |= {
        f"reference_{n}": np.maximum(eight_bit(scene.plain), 1) for n, scene in enumerate(scenes)
    }
    np.savez(root / "pairs.npz", **pairs)
    script = Path(__file__).with_name("color_matcher.sh")
    subprocess.run([script, root / "pairs.npz", root / "out.npz"], check=True)
    with np.load(root / "out.npz") as moved:
        return [moved[str(n)] / 255 for n in range(len(scenes))]


def _light(rgb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A picture under another light: a matrix on linear light."""
    return np.clip(
        colour.linear_to_srgb(np.clip(colour.srgb_to_linear(rgb) @ matrix.T, 0, 1)), 0, 1
    )


def _own_cast(name: str) -> np.ndarray:
    """The cast that the example's portrait was given."""
    return np.array(json.loads(TRUTH.read_text())["casts"][name])


def loudness(root: Path) -> None:
    """Loudness of masters and of the AAC made from them, by a second implementation
    (pyloudnorm).
    """
    import pyloudnorm
    import soundfile

    from tests.pipeline.assemble.test_master_mix import programme

    film = TinyFilm(root)
    film.add([np.zeros((36, 64, 3), np.uint8)] * 300)
    print(
        f"{'programme':<10} {'target':>6} {'missed':>6} {'master':>7} {'peak':>6} {'aac':>7} {'peak':>6}"
    )
    for kind in ("music", "speech", "whisper", "one word"):
        for target in (-23.0, -16.0, -14.0):
            settings = LoudnessSettings(target_lufs=target, peak_dbtp=-1.0)
            made = master_mix.render_master(
                [film.record(programme(kind))], samples=film.samples, settings=settings, root=root
            )
            job = dataclasses.replace(_job(film, (64, 36), tone(10)), sound_path=root / made.path)
            cuts = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(64, 36))
            web = deliver.render_profiles(cuts, job, folder=root / "o")["web"]
            pcm = np.concatenate(list(media.read_audio(web, hz=48000, channels=2)))
            meter = pyloudnorm.Meter(48000)
            master = meter.integrated_loudness(soundfile.read(root / made.path)[0])
            aac = measure_loudness(web)
            print(
                f"{kind:<10} {target:6.1f} {made.missed_lu:6.1f} {master:7.2f} {made.after.peak_dbtp:6.1f} "
                f"{meter.integrated_loudness(pcm):7.2f} {aac.peak_dbtp:6.1f}"
            )


def _plates(root: Path) -> TinyFilm:
    """Six shots of two seconds of a 1920x1080 plate in which a part moves."""
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


def _job(
    film: TinyFilm, size: tuple[int, int], heard: np.ndarray, *, samples: int = 0
) -> DeliveryJob:
    settings = LoudnessSettings(target_lufs=None)
    master = master_mix.render_master(
        [film.record(heard)], samples=samples or film.samples, settings=settings, root=film.root
    )
    picture = assemble.Picture(width=size[0], height=size[1], rate=film.rate)
    return DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=film.root / master.path,
        root=film.root,
        profiles=(profiles.WEB,),
    )


def _bare(cuts: list[Cut], job: DeliveryJob, cube: Path | None, root: Path) -> list[str]:
    """One ffmpeg that does the same without us; without a cube, a plain transcode."""
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


def _cpu(run: Callable[[], object]) -> float:
    def spent() -> float:
        usages = [
            resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
        ]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    before = spent()
    run()
    return spent() - before


def _difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(colour.delta_e(colour.rgb_to_lab(first), colour.rgb_to_lab(second)).mean())


class _Memory:
    """Resident memory of this process and its children, sampled each second (Linux)."""

    def __enter__(self) -> _Memory:
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
            self._samples.append(sum(map(_resident, _family(os.getpid()))))
            if self._stop.wait(1.0):
                return


def _family(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    found = [pid]
    for task in tasks:
        try:
            found += [
                member for child in task.read_text().split() for member in _family(int(child))
            ]
        except OSError:
            continue
    return found


def _resident(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"({time.monotonic() - started:.0f} s)")
