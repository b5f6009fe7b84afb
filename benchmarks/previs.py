# SPDX-License-Identifier: Apache-2.0
"""Measure the speed of the previs talker on one core against the simplest comparable method.

    python -m benchmarks.previs PORTRAIT.png [PLATE.png]

The reference is the method that the talker began with: displacement basis on a 128x128 grid over
the whole picture, two inversion steps for either lip, the source copied and shaded, one remap of
the whole RGBA picture, the mouth's inside painted over its whole box, a float composite over the
plate; no lids, no gaze. CPU time of the process, best of several runs, so that other work on the
machine counts little.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from model.emotion import Performance, parse_curve
from model.previs import cache, mouth, portrait, score
from model.previs.talker import PrevisTalker, load
from model.previs.warp import Pose, Puppet, Renderer
from model.talker import Portrait, Speech
from pipeline.render import portraits

TEXT = (
    "the lamp must turn before the boats come home and nobody but you knows how the old wheel "
    "sticks when the wind is high"
)
GOALS = {"512": 150, "1024": 45, "plate": 60}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("portrait", type=Path)
    parser.add_argument("plate", type=Path, nargs="?")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    actor = portraits.read(asked.portrait, face="largest")
    cases: list[tuple[str, Portrait, int | None]] = [("512", actor, 512), ("1024", actor, 1024)]
    if asked.plate:
        cases.append(("plate", portraits.read(asked.plate, face="largest"), None))
    print(
        "size    goal fps  fps talking  fps happy  reference fps  ratio  setup cold ms  cached ms"
    )
    for name, actor, size in cases:
        print(_row(name, actor, size), flush=True)
    print(_first_frame(actor))


def _row(name: str, actor: Portrait, size: int | None) -> str:
    with tempfile.TemporaryDirectory() as folder:
        talker = load(settings={"size": size} if size else {})
        assert isinstance(talker, PrevisTalker)
        os.environ["CALLSHEET_CACHE"] = folder
        cold = _seconds(lambda: talker.find_puppet(actor), times=1)
        puppet = talker.find_puppet(actor)
        key = next(cache.puppet_folder().glob("*.npz")).name.rsplit("-", 2)[0]
        cached = _seconds(lambda: cache.load_puppet(key))
        del os.environ["CALLSHEET_CACHE"]
    talking, happy = (_rate(puppet, emotion) for emotion in ("neutral", "happy 1"))
    reference = 1 / _seconds(_reference(puppet, actor, size), times=12)
    ratio = happy / reference
    rates = f"{GOALS[name]:8d}  {talking:11.0f}  {happy:9.0f}  {reference:13.0f}  {ratio:5.2f}"
    return f"{name:7s} {rates}  {1e3 * cold:13.0f}  {1e3 * cached:9.1f}"


def _rate(puppet: Puppet, emotion: str) -> float:
    """Measure frames per CPU second over one second of acting."""
    poses = _poses(emotion)
    renderer = Renderer(puppet)
    best = min(
        _seconds(lambda: [renderer.render_frame(pose) for pose in poses], times=1) for _ in range(4)
    )
    return len(poses) / best


def _poses(emotion: str) -> list[Pose]:
    times = np.arange(16_000) / 16_000
    buzz = (
        sum(np.sin(2 * np.pi * 130 * k * times) / k for k in range(1, 15))
        * np.sin(2 * np.pi * 2 * times) ** 2
    )
    speech = Speech(samples=(0.1 * buzz).astype(np.float32), lead=0, frames=25, rate=Fraction(25))
    performance = Performance.from_curve(parse_curve(emotion), start=0, end=25)
    return list(score.make_poses(speech, performance, 1, phones=None))


def _reference(puppet: Puppet, actor: Portrait, size: int | None) -> Callable[[], object]:
    """Return the whole-picture method as a call that makes one frame."""
    picture, _ = portrait.scale_portrait(actor, size)
    height, width = picture.shape[:2]
    rgba = np.ascontiguousarray(
        np.dstack([picture[..., :3], np.full((height, width), 255, np.uint8)])
    )
    basis = np.random.default_rng(0).normal(0, 0.3, (14, 2, 128 * 128 * 2)).astype(np.float32)
    pixels = np.dstack(
        np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    )
    cells = np.dstack(
        np.meshgrid(np.arange(128, dtype=np.float32), np.arange(128, dtype=np.float32))
    )
    weights = np.full(14, 0.2, np.float32)
    lips = puppet.mouth
    grid = puppet.rig.mouth
    corner = np.array([grid.left, grid.top], np.float32)
    down = 0.2 * lips.unit * lips.down
    opening = mouth.MouthOpening(
        upper=lips.upper - corner,
        lower=lips.lower - corner + down,
        mask=np.zeros((grid.bottom - grid.top, grid.right - grid.left), np.uint8),
    )
    face = (
        slice(height // 4, height // 4 + round(2.4 * lips.unit)),
        slice(width // 4, width // 4 + round(2.4 * lips.unit)),
    )

    def make_frame() -> object:
        fields = (weights @ basis.reshape(14, -1)).reshape(2, 128, 128, 2)
        maps = []
        for field in fields:
            offset = -field
            for _ in range(2):
                offset = -cv2.remap(
                    field,
                    cells + offset * 0.1,
                    None,
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                )
            maps.append(offset)
        sampling = cv2.resize((maps[0] + maps[1]) / 2, (width, height)) + pixels
        shaded = rgba.copy()
        part = rgba[face]
        shaded[face] = cv2.multiply(part, np.full(part.shape, 0.97, np.float32), dtype=cv2.CV_8U)
        person = cv2.remap(shaded, sampling, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        box = person[grid.top : grid.bottom, grid.left : grid.right, :3]
        mouth.paint_mouth(lips, box, opening, lips.upper[20] - corner)
        cover = person[..., 3].astype(np.float32) / 255
        return cv2.blendLinear(
            np.ascontiguousarray(person[..., :3]), puppet.plate, cover, 1 - cover
        )

    return make_frame


def _first_frame(actor: Portrait) -> str:
    talker = load(settings={"size": 512})
    assert isinstance(talker, PrevisTalker)
    seconds = 8
    noise = np.random.default_rng(0).normal(0, 0.05, 16_000 * seconds).astype(np.float32)
    performance = Performance.from_curve(parse_curve("happy 1"), start=0, end=25 * seconds)
    times = []
    for name, text in (("unknown", None), ("known", TEXT)):
        speech = Speech(samples=noise, lead=0, frames=25 * seconds, rate=Fraction(25), text=text)
        next(iter(talker.talk(actor, speech, performance, 0)))

        def first(speech: Speech = speech) -> object:
            return next(iter(talker.talk(actor, speech, performance, 1)))

        times.append(f"{name} words {1e3 * _seconds(first, times=3):.0f} ms")
    return f"first frame of a warm talker, {seconds} s of sound: {', '.join(times)}"


def _seconds(work: Callable[[], object], times: int = 5) -> float:
    """Measure CPU seconds of one call: the best of several."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


if __name__ == "__main__":
    main()
