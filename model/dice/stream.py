# SPDX-License-Identifier: Apache-2.0
"""Turn latents into frames as a stream: decode in chunks, interpolate to the asked rate.

One pass, constant memory. Generated frames come at 12.5 a second. Frame j at the delivery rate lies
at place `12.5 j / rate` between them, exactly; places between frames are interpolated.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from model.dice.interpolate import Interpolator, interpolate_frame
from model.dice.vision import Image, Latent, decode

GENERATED_RATE = Fraction(25, 2)
SHARED = 6
"""Frames that neighbouring chunks have in common: decoded twice, cross-faded."""

CPU_IS_FULL = ("can't allocate memory", "could not create a primitive", "bad allocation")
"""How torch's allocator and oneDNN say so."""

Note = Callable[[str], None]


def place_frames(frames: int, rate: Fraction) -> list[Fraction]:
    """Return the place of each delivered frame, in generated frames.

    >>> place_frames(4, Fraction(25))
    [Fraction(0, 1), Fraction(1, 2), Fraction(1, 1), Fraction(3, 2)]
    """
    return [j * GENERATED_RATE / rate for j in range(frames)]


def count_generated_frames(frames: int, rate: Fraction) -> int:
    """Count the generated frames that span all delivered frames.

    >>> count_generated_frames(25, Fraction(25)), count_generated_frames(26, Fraction(25))
    (13, 14)
    >>> count_generated_frames(1, Fraction(25))
    1
    """
    last = (frames - 1) * GENERATED_RATE / rate
    return -(-last.numerator // last.denominator) + 1


def decode_overlapped(
    vae: Any, latents: Iterable[Latent], *, chunk: int, note: Note
) -> Iterator[Image]:
    """Decode `chunk` new frames at a time with the last `SHARED` ones, and cross-fade the overlap.

    The temporal convolutions of a chunk start from nothing at its ends; there the other chunk
    weighs more. If memory runs out, the chunk is halved once and `note` gets a message.
    """
    stream, size = iter(latents), chunk
    held: list[Tensor] = []
    tail: Tensor | None = None
    while new := list(itertools.islice(stream, size)):
        piece = [*held, *new]
        try:
            frames = decode(vae, torch.stack(piece))
        except RuntimeError as error:
            if not is_out_of_memory(error) or size < chunk or size == 1:
                raise
            size = max(1, size // 2)
            note(
                f"out of memory while decoding {len(piece)} frames at once: "
                f"decoding {size + SHARED} at once instead"
            )
            stream = itertools.chain(new, stream)
            continue
        if tail is not None:
            frames[: len(tail)] = torch.lerp(tail, frames[: len(tail)], _ramp(len(tail), frames))
        held = piece[-SHARED:]
        tail = frames[-len(held) :]
        yield from frames[: -len(held)]
    if tail is not None:
        yield from tail


def interpolate_frames(
    network: Interpolator, images: Iterable[Image], wanted: Iterable[Fraction]
) -> Iterator[Image]:
    """Yield the image at each place, places rising; past the last image that image is held."""
    stream = enumerate(images)
    number, first = next(stream)
    pair: deque[Tensor] = deque([first], maxlen=2)
    for place in wanted:
        while number < place and (following := next(stream, None)) is not None:
            number = following[0]
            pair.append(following[1])
        share = place - (number - 1)
        yield _interpolate(network, pair, share) if share < 1 and len(pair) == 2 else pair[-1]


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch could not allocate, on a GPU or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error) for words in CPU_IS_FULL
    )


@torch.no_grad()
def _interpolate(network: Interpolator, pair: deque[Tensor], share: Fraction) -> Image:
    first, second = pair
    return interpolate_frame(network, first[None], second[None], share)[0]


def _ramp(count: int, like: Tensor) -> Tensor:
    weights = (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count
    return weights[:, None, None, None]
