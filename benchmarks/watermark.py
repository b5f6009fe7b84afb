# SPDX-License-Identifier: Apache-2.0
"""Measure what a watermark survives, what it costs, and how visible it is.

`python -m benchmarks.finishing watermark [--film FILE]`. Twelve seconds of 1280x720, from the film
that is named or made of the example's portraits with moving faces and grain, are delivered with and
without a mark. Copies of the marked file are changed as copies are, encoded again, and searched by
`pipeline.deliver.watermark`.
"""

from __future__ import annotations

import dataclasses
import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import media
from pipeline.assemble import assemble, master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.deliver import deliver, profiles, watermark
from pipeline.deliver.delivery_job import DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, tone

PORTRAITS = Path(__file__).parent.parent / "examples" / "lighthouse" / "portraits"
SIZE, SHOTS, SHOT_FRAMES = (1280, 720), 6, 50
CODE = watermark.compute_code("Studio Nord", "v001")
X264 = ("-c:v", "libx264", "-preset", "veryfast")
LOSSLESS = dataclasses.replace(
    profiles.WEB,
    name="lossless",
    file="lossless.mkv",
    picture={"c:v": "libx264", "qp": 0, "preset": "ultrafast"},
    container={},
)
COPIES = {
    "the file itself": (),
    "H.264 again, CRF 23": (*X264, "-crf", "23"),
    "H.264 again, CRF 28": (*X264, "-crf", "28"),
    "H.264 again, CRF 33": (*X264, "-crf", "33"),
    "H.264 again, CRF 38": (*X264, "-crf", "38"),
    "H.264 again, CRF 43": (*X264, "-crf", "43"),
    "HEVC, CRF 32": (
        "-c:v",
        "libx265",
        "-preset",
        "veryfast",
        "-crf",
        "32",
        "-x265-params",
        "log-level=error",
    ),
    "AV1, CRF 45": ("-c:v", "libsvtav1", "-preset", "10", "-crf", "45"),
    "half the size": ("-vf", "scale=iw/2:-2", *X264, "-crf", "26"),
    "a quarter of the size": ("-vf", "scale=iw/4:-2", *X264, "-crf", "26"),
    "an eighth of the size": ("-vf", "scale=iw/8:-2", *X264, "-crf", "26"),
    "one and a half times the size": ("-vf", "scale=iw*1.5:-2", *X264, "-crf", "26"),
    "cropped to 90 %": ("-vf", "crop=iw*0.9:ih*0.9", *X264, "-crf", "26"),
    "cropped to 75 %": ("-vf", "crop=iw*0.75:ih*0.75:40:30", *X264, "-crf", "26"),
    "cropped to 60 %": ("-vf", "crop=iw*0.6:ih*0.6", *X264, "-crf", "26"),
    "cropped upright, 9:16": ("-vf", "crop=ih*9/16:ih", *X264, "-crf", "26"),
    "letterboxed": ("-vf", "pad=iw:ih*1.2:0:(oh-ih)/2", *X264, "-crf", "26"),
    "squeezed to 4:3": ("-vf", "scale=960:720", *X264, "-crf", "26"),
    "gamma 1.3, contrast 0.85": ("-vf", "eq=gamma=1.3:contrast=0.85", *X264, "-crf", "26"),
    "as a screen is captured": (
        "-vf",
        "scale=1100:-2,crop=1060:600:17:11,eq=gamma=1.2:contrast=0.9,noise=alls=4:allf=t",
        "-r",
        "30",
        *X264,
        "-crf",
        "30",
    ),
    "denoised and blurred": ("-vf", "hqdn3d=4,gblur=sigma=2", *X264, "-crf", "26"),
    "grain of 8 levels": ("-vf", "noise=alls=14:allf=t", *X264, "-crf", "26"),
    "30 pictures a second": ("-r", "30", *X264, "-crf", "26"),
    "the last 8.3 s": ("-ss", "3.7", *X264, "-crf", "26"),
    "the first 6 s": ("-t", "6", *X264, "-crf", "26"),
    "the first 3 s": ("-t", "3", *X264, "-crf", "26"),
    "4 % faster": ("-vf", "setpts=PTS/1.04", *X264, "-crf", "26"),
    "turned by 1 degree": ("-vf", "rotate=PI/180", *X264, "-crf", "26"),
    "turned by 3 degrees": ("-vf", "rotate=3*PI/180", *X264, "-crf", "26"),
    "mirrored": ("-vf", "hflip", *X264, "-crf", "26"),
}


def measure_survival(root: Path, film: Path | None) -> None:
    """Print the cost of a mark, its visibility, and the copies in which it is found."""
    cuts, job = _make_edit(root, film)
    marked = dataclasses.replace(job, watermark="Studio Nord", code=CODE)
    plain_cpu, plain = _time_delivery(
        lambda: deliver.render_profiles(cuts, job, folder=root / "plain")
    )
    marked_cpu, files = _time_delivery(
        lambda: deliver.render_profiles(cuts, marked, folder=root / "marked")
    )
    print(f"CPU of delivering: {plain_cpu:.1f} s without, {marked_cpu:.1f} s with the mark")
    sizes = [files_of["web"].stat().st_size / 1000 for files_of in (plain, files)]
    print(
        f"web.mp4: {sizes[0]:.0f} kB without, {sizes[1]:.0f} kB with the mark "
        f"({sizes[1] / sizes[0] - 1:+.0%})"
    )
    for name in ("lossless", "web"):
        print(f"{name}, with against without: {_measure_likeness(files[name], plain[name])}")
    false = watermark.find_watermark(plain["web"])
    print(f"without a mark: {'nothing found' if false is None else f'FOUND {false.code}'}")
    for name, options in COPIES.items():
        copy = root / "copy.mp4"
        media.run(
            ["-v", "error", "-i", str(files["web"]), "-an", *(options or ("-c", "copy")), str(copy)]
        )
        found = watermark.find_watermark(copy)
        result = (
            "lost"
            if found is None
            else f"found, {found.strength:.1f}"
            if found.code == CODE
            else f"WRONG {found.code}"
        )
        print(f"{name:<32} {result:<14} {copy.stat().st_size / 1000:6.0f} kB", flush=True)


def _make_edit(root: Path, film: Path | None) -> tuple[list, DeliveryJob]:
    film_of_shots = TinyFilm(root / "media")
    for pictures in _read_pictures(film):
        film_of_shots.add(pictures, label="DICE-Talk")
    settings = LoudnessSettings(target_lufs=None)
    master = master_mix.render_master(
        [film_of_shots.record(tone(film_of_shots.samples))],
        samples=film_of_shots.samples,
        settings=settings,
        root=film_of_shots.root,
    )
    picture = assemble.Picture(width=SIZE[0], height=SIZE[1], rate=film_of_shots.rate)
    job = DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=film_of_shots.root / master.path,
        root=film_of_shots.root,
        profiles=(profiles.WEB, LOSSLESS),
    )
    return assemble.build_cuts(
        film_of_shots.shots, film_of_shots.takes, [], version="v001", size=SIZE
    ), job


def _read_pictures(film: Path | None) -> Iterator[list[np.ndarray]]:
    """Yield the pictures of each shot."""
    if film is not None:
        frames = media.read_frames(film, width=SIZE[0], height=SIZE[1])
        for _ in range(SHOTS):
            yield [next(frames) for _ in range(SHOT_FRAMES)]
        return
    random = np.random.default_rng(3)
    names = sorted(path for path in PORTRAITS.glob("*.png") if "plate" not in path.name)
    for number in range(SHOTS):
        with Image.open(names[number % len(names)]) as image:
            wide = image.convert("RGB").resize((SIZE[0], SIZE[0] * image.height // image.width))
        still = np.asarray(wide)[: SIZE[1]].astype(np.int16)
        yield [_move_middle(still, frame, random) for frame in range(SHOT_FRAMES)]


def _move_middle(still: np.ndarray, frame: int, random: np.random.Generator) -> np.ndarray:
    """Move the middle of the picture, under grain of two levels."""
    picture = still.copy()
    middle = np.s_[60:660, 380:900]
    picture[middle] = np.roll(
        still, (round(6 * np.sin(frame / 5)), round(4 * np.sin(frame / 7))), axis=(0, 1)
    )[middle]
    return np.clip(picture + random.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)


def _measure_likeness(first: Path, second: Path) -> str:
    output = media.run(
        [
            "-i",
            str(first),
            "-i",
            str(second),
            "-lavfi",
            "[0:v][1:v]psnr;[0:v][1:v]ssim",
            "-f",
            "null",
            "-",
        ]
    )
    psnr, ssim = re.search(r"PSNR y:([\d.]+)", output), re.search(r"SSIM Y:([\d.]+)", output)
    return (
        f"PSNR {float(psnr[1]):.1f} dB, SSIM {float(ssim[1]):.4f} (luma)"
        if psnr and ssim
        else "not measured"
    )


def _time_delivery(work: Callable[[], dict[str, Path]]) -> tuple[float, dict[str, Path]]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    files = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, files
