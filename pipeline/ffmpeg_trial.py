# SPDX-License-Identifier: Apache-2.0
"""Try an ffmpeg: run every graph and encoder of the product once, on a tenth of a second.

A program may have every filter by name and still refuse an option, so nothing is looked up in
lists. The trial makes a film of two shots with the functions that make real ones: takes with
mattes, a dissolve under a colour match, marks, captions, a watermark, and a file of each profile.
The result is kept under the digest of the program.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.errors import ToolError
from manifests.identity import digest, digest_file
from manifests.rows import Cut
from model.weights import cache_folder
from pipeline import media
from pipeline.assemble.assemble import Picture
from pipeline.assemble.loudness import measure_loudness
from pipeline.checks.media_report import measure_file
from pipeline.colour import colour
from pipeline.deliver import burn_in, deliver, hls, watermark
from pipeline.deliver.captions import Caption
from pipeline.deliver.delivery_job import DeliveryJob
from pipeline.deliver.profiles import HLS, PROFILES, Profile, build_ladder
from pipeline.ffmpeg_binary import ffmpeg_path
from pipeline.frame_writer import FrameWriter

VERSION = "2"
BASICS = "takes, sound and checks"
SIZE, RATE, FRAMES = (128, 96), Fraction(25), 3
Problems = dict[str, str]


def try_ffmpeg() -> Problems:
    """Try the ffmpeg that runs; return what fails: a profile's name, or `BASICS`, and why.

    The first trial of a program takes a few seconds; later ones read its result.
    """
    key = digest([VERSION, digest_file(Path(ffmpeg_path()))])
    kept = cache_folder() / "ffmpeg" / f"{key}.json"
    try:
        problems: Problems = json.loads(kept.read_text())
    except (OSError, ValueError):
        problems = _run_trial()
        with contextlib.suppress(OSError), atomic_write(kept) as partial:  # it may be read-only
            partial.write_text(json.dumps(problems))
    return problems


def _run_trial() -> Problems:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if problem := _describe_failure(lambda: _make_basics(root)):
            return {BASICS: problem}
        tried = {
            profile.name: _describe_failure(lambda p=profile: _deliver(p, root))  # type: ignore[misc]
            for profile in PROFILES.values()
        }
        tried[HLS] = _describe_failure(lambda: _deliver_hls(root))
        if problem := _describe_failure(lambda: _measure(root / layout.WEB)):
            return {BASICS: problem}
        return {name: problem for name, problem in tried.items() if problem}


def _describe_failure(work: Callable[[], None]) -> str:
    """Do a part of the trial; return the words of ffmpeg that name the option, or ""."""
    try:
        work()
    except ToolError as error:
        words = [line for line in str(error).splitlines() if "Error" in line or "Unknown" in line]
        return (words or str(error).splitlines())[0].strip()
    except OSError as error:
        return f"{ffmpeg_path()} cannot be run: {error.strerror}"
    return ""


def _make_basics(root: Path) -> None:
    """Write two takes with mattes, a colour match, and sound; read them back."""
    picture = np.full((SIZE[1], SIZE[0], 3), (200, 120, 60), np.uint8)
    for name in ("a", "b", "c"):
        _write_frames(root / f"{name}.mkv", [picture] * FRAMES)
        _write_frames(root / f"{name}.matte.mkv", [picture[..., 0]] * FRAMES)
        list(media.read_frames(root / f"{name}.mkv", width=64, height=48, filters="fps=25"))
    colour.write_cube(root / "a.cube", colour.sample_cube(lambda rgb: rgb), title="trial")
    seconds = str(float(2 * FRAMES / RATE))
    tone = f"sine=frequency=440:sample_rate=48000:duration={seconds}"
    media.run(["-f", "lavfi", "-i", tone, "-ac", "2", "-c:a", "flac", str(root / "sound.flac")])
    list(media.read_audio(root / "sound.flac", hz=16000, channels=1))
    measure_loudness(root / "sound.flac", gain_db=1.0)


def _write_frames(path: Path, frames: Sequence[np.ndarray]) -> None:
    pixels = "gray" if frames[0].ndim == 2 else "rgb24"
    with FrameWriter(path, size=SIZE, rate=RATE, pixels=pixels) as writer:  # type: ignore[arg-type]
        for frame in frames:
            writer.write(frame)


def _deliver(profile: Profile, root: Path) -> None:
    """Write one kind of file with everything that may lie in its picture."""
    job = DeliveryJob(
        picture=Picture(width=SIZE[0], height=SIZE[1], rate=RATE),
        sound_id="trial",
        sound_path=root / "sound.flac",
        root=root,
        profiles=(profile,),
        label=True,
        title="trial",
    )
    if not profile.transparent:
        job = replace(job, code=watermark.compute_code("trial", "v001"))
        job = burn_in.burn_captions([Caption(start=0, end=2, spoken_end=2, lines=("trial",))], job)
    deliver.render_profiles(_build_cuts(), job, folder=root)


def _deliver_hls(root: Path) -> None:
    """Write a rendition of two segments, and follow its playlists."""
    rung = build_ladder(SIZE, RATE)[0]
    short = {**rung.picture, "g": FRAMES, "keyint_min": FRAMES}
    rung = replace(rung, name=HLS, picture=short)
    _deliver(rung, root)
    rendition = hls.open_rendition(root / rung.file)
    problems = hls.inspect_playlists(hls.write_playlists(root / layout.HLS, [rendition])).problems
    if problems:
        raise ToolError(f"Error: {problems[0]}")


def _build_cuts() -> list[Cut]:
    """Build an edit list of a dissolve, with a small picture over it."""
    box = f"0,0,{SIZE[0]},{SIZE[1]}"
    first = Cut(
        version="",
        order=0,
        shot_id="a",
        grade_id="",
        start_frame=0,
        end_frame=FRAMES,
        take_path="a.mkv",
        cube_path="a.cube",
        number="sc01_sh010",
        label="previs",
        take_frames=FRAMES,
        crop=box,
    )
    second = replace(
        first,
        order=1,
        shot_id="b",
        take_path="b.mkv",
        start_frame=FRAMES,
        end_frame=2 * FRAMES,
        dissolve_frames=2,
    )
    return [
        first,
        second,
        replace(first, order=2, shot_id="c", take_path="c.mkv", layer=1, place="32,24,64,48"),
    ]


def _measure(path: Path) -> None:
    measure_file(path)
