# SPDX-License-Identifier: Apache-2.0
"""Measure what DICE-Talk costs: `python -m benchmarks.dice`. It needs no weights and no GPU.

1. Counted work of the released-size UNet (torch's FLOP counter on tensors without memory) and
  frame-evaluations per output second, for our schedule against the reference's: 25 steps, three
  branches, 512 x 512. The reference's attention gives every pixel its own keys and values in
  temporal blocks; that is counted from its shapes, not run.
2. CPU time of `production` against `parity` at tiny size, same shot, same steps. It says nothing of
  real seconds.
"""

from __future__ import annotations

import time
from collections import Counter
from fractions import Fraction
from functools import cache

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from model.dice.adapters import (
    AdapterProcessor,
    BatchConditioning,
    FaceGate,
    Tokens,
    TokenTable,
    WindowConditioning,
)
from model.dice.config import UNET
from model.dice.schedule import plan_circular_windows, plan_open_windows
from model.dice.stream import count_generated_frames
from model.dice.talker import load
from model.dice.unet import DiceUNet
from model.emotion import Performance, parse_curve
from model.talker import Portrait, Speech

SECONDS = (1, 2, 3, 5, 10, 60)
LIMITS = {1: 0.50, 2: 0.50, 3: 0.50, 5: 0.60, 10: 0.78, 60: 0.90}
STEPS, BRANCHES, WINDOW, SHIFT, TOKENS, DIM, SIDE = 25, 3, 25, 7, 32, 1024, 64
RATE = Fraction(25)


@cache
def released_unet() -> DiceUNet:
    """Build the released graph without memory."""
    with torch.device("meta"):
        unet = DiceUNet.build(UNET)
    unet.to("meta")  # mix_factor is made by a legacy constructor, on the CPU
    return unet


@cache
def window_flops(frames: int) -> int:
    """Count the work of one UNet run over a window of `frames` with three branches.

    Kept projections are not included.
    """
    unet = released_unet()
    counted = FlopCounterMode(display=False)
    part = WindowConditioning(
        _tokens(frames, 1),
        (_tokens(frames, TOKENS), _tokens(frames, TOKENS)),
        FaceGate(_meta(1, 1, 512, 512)),
    )
    with torch.no_grad(), counted:
        unet(
            _meta(BRANCHES, frames, 8, SIDE, SIDE),
            _meta(),
            BatchConditioning([part], (1.0, 1.0)),
            _meta(BRANCHES, 3),
            _meta(1, 1, 320, SIDE, SIDE),
        )
    return counted.get_total_flops()


@cache
def repeated_flops() -> int:
    """Count what the reference adds to a run.

    It projects temporal keys and values for every pixel instead of once a window.
    """
    total = 0
    for name, module in released_unet().named_modules():
        if isinstance(module, AdapterProcessor) and ".temporal_" in name:
            pixels = _pixels(name)
            tokens = 2 * TOKENS + 1
            total += 2 * 2 * BRANCHES * (pixels - 1) * tokens * DIM * module.width
    return total


def once_flops(frames: int) -> int:
    """Count the projections that are made once a clip and kept.

    Audio tokens of every frame and of silence, and two emotions.
    """
    widths = sum(
        module.width
        for name, module in released_unet().named_modules()
        if isinstance(module, AdapterProcessor) and ".temporal_" not in name
    )
    return 2 * 2 * TOKENS * DIM * widths * (frames + 1 + 2)


def reference_windows(frames: int, step: int) -> list[int]:
    """Return the lengths of a step's windows in the reference.

    A neutral window is added, and the last window wraps.
    """
    return [
        len(w)
        for w in plan_circular_windows(frames + WINDOW, window=WINDOW, shift=SHIFT * step % WINDOW)
    ]


def our_windows(frames: int, step: int) -> list[int]:
    """Return the lengths of our windows of a step."""
    return [len(w) for w in plan_open_windows(frames, window=WINDOW, shift=SHIFT * step % WINDOW)]


def schedule_table() -> list[str]:
    """Compare work and frame-evaluations per output second, one line per length.

    Columns: ours, the reference's, and the ratio.
    """
    lines = [
        f"{'seconds':>7} {'TFLOP/s ours':>13} {'reference':>10} {'ratio':>6} {'limit':>6}  "
        "evaluations/s ours, reference"
    ]
    for seconds in SECONDS:
        ours = count_generated_frames(int(seconds * RATE), RATE)
        theirs = -(-seconds * 25 // 2)
        mine = Counter(length for step in range(STEPS) for length in our_windows(ours, step))
        other = Counter(
            length for step in range(STEPS) for length in reference_windows(theirs, step)
        )
        work = sum(window_flops(n) * count for n, count in mine.items()) + once_flops(ours)
        base = sum((window_flops(n) + repeated_flops()) * count for n, count in other.items())
        evaluations = [
            BRANCHES * sum(n * count for n, count in c.items()) / seconds for c in (mine, other)
        ]
        lines.append(
            f"{seconds:7} {work / seconds / 1e12:13.1f} {base / seconds / 1e12:10.1f} "
            f"{work / base:6.3f} "
            f"{LIMITS[seconds]:6.2f}  {evaluations[0]:8.0f} {evaluations[1]:8.0f}"
        )
    return lines


def cpu_table(seconds: float = 3.0) -> list[str]:
    """Measure CPU seconds of both modes for one shot at tiny size.

    Each mode makes one warm-up shot first; both frame the full picture.
    """
    lines = [f"{'mode':>10} {'CPU s':>7}  (tiny random, {seconds:g} s shot, 10 steps)"]
    for mode in ("production", "parity"):
        settings = {
            "build": "tiny",
            "mode": mode,
            "steps": 10,
            "framing": "full",
            "face_box": [0.3, 0.2, 0.7, 0.8],
        }
        talker = load(settings=settings)
        for asked in (0.2, seconds):
            began = time.process_time()
            for _ in talker.talk(
                _portrait(),
                _speech(asked),
                Performance.from_curve(parse_curve("happy"), start=0, end=9),
                0,
            ):
                pass
            spent = time.process_time() - began
        lines.append(f"{mode:>10} {spent:7.2f}")
    return lines


def _tokens(frames: int, count: int) -> Tokens:
    table = TokenTable(_meta(frames + 1, count, DIM))
    rows = torch.arange(BRANCHES * frames).reshape(BRANCHES, frames) % (frames + 1)
    tokens = Tokens.of(table, rows)
    channels = {
        module: module.out_features
        for module in released_unet().modules()
        if isinstance(module, torch.nn.Linear)
    }
    table.kept |= {
        id(m): _meta(frames + 1, count, width)
        for m, width in channels.items()
        if m.in_features == DIM
    }
    return tokens


def _pixels(name: str) -> int:
    levels = {"down_blocks.0": 1, "down_blocks.1": 2, "down_blocks.2": 4, "mid_block": 8}
    levels |= {"up_blocks.1": 4, "up_blocks.2": 2, "up_blocks.3": 1}
    divisor = next(value for prefix, value in levels.items() if name.startswith(prefix))
    return (SIDE // divisor) ** 2


def _meta(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")


def _portrait() -> Portrait:
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    return Portrait(name="noise.png", pixels=pixels, digest="noise")


def _speech(seconds: float) -> Speech:
    samples = (
        np.random.default_rng(1).standard_normal(round(seconds * 16_000)).astype(np.float32) * 0.1
    )
    return Speech(samples=samples, lead=0, frames=round(seconds * RATE), rate=RATE)


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    print(
        f"one run of 25 frames: {window_flops(25) / 1e12:.2f} TFLOP, the reference's "
        f"{(window_flops(25) + repeated_flops()) / 1e12:.2f}"
    )
    print("\n".join(schedule_table()))
    print("\n".join(cpu_table()))


if __name__ == "__main__":
    main()
