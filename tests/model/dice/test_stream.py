# SPDX-License-Identifier: Apache-2.0
"""Decoding as a stream: no seams, no frame lost, little memory, and a second try when memory runs
out."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from model.dice import stream, vision
from model.dice.config import tiny_sizes


@pytest.fixture(scope="module")
def vae() -> nn.Module:
    torch.manual_seed(3)
    return vision.build_autoencoder(tiny_sizes().vae)


def latents(frames: int) -> Tensor:
    """A slow drift, as neighbouring frames of a face are."""
    generator = torch.Generator().manual_seed(1)
    ends = torch.randn(2, 4, 8, 8, generator=generator) * 0.18
    return torch.stack([torch.lerp(ends[0], ends[1], number / 40) for number in range(frames)])


def overlapped(vae: nn.Module, given: Tensor, chunk: int) -> Tensor:
    return torch.stack(list(stream.decode_overlapped(vae, given, chunk=chunk, note=pytest.fail)))


def test_overlapped_chunks_have_no_seams_where_the_references_have_them(vae: nn.Module) -> None:
    given, inner = latents(40), slice(5, 34)
    whole = vision.decode(vae, given)
    seamed = torch.stack(list(vision.decode_seamed(vae, given, chunk=10)))
    mended = overlapped(vae, given, 10)
    jumps = [(frames[1:] - frames[:-1]).abs().mean((1, 2, 3)) for frames in (seamed, mended)]
    assert jumps[1][inner].max() < 0.5 * jumps[0][[9, 19, 29]].min()
    errors = [(frames - whole).abs().mean((1, 2, 3))[inner].max() for frames in (seamed, mended)]
    assert errors[1] < 0.5 * errors[0]


@given(frames=st.integers(1, 25), chunk=st.integers(1, 12))
@settings(max_examples=4, deadline=None)
def test_every_latent_becomes_one_image_in_order(vae: nn.Module, frames: int, chunk: int) -> None:
    images = overlapped(vae, latents(frames), chunk)
    alone = vision.decode(vae, latents(frames))
    assert images.shape == alone.shape
    if frames <= chunk:
        assert torch.equal(images, alone)


def test_a_stream_is_decoded_without_being_read_far_ahead(vae: nn.Module) -> None:
    read = 0

    def endless() -> Iterator[Tensor]:
        nonlocal read
        for latent in latents(40).repeat(100, 1, 1, 1):
            read += 1
            yield latent

    images = stream.decode_overlapped(vae, endless(), chunk=6, note=pytest.fail)
    for _ in range(20):
        next(images)
    assert read <= 20 + stream.SHARED + 6


LITTLE_MEMORY = """
import resource, torch
from model.dice import stream, vision
from model.dice.config import tiny_sizes
torch.set_num_threads(1)
vae, told = vision.build_autoencoder(tiny_sizes().vae), []
for frames in (16, 14):  # what oneDNN compiles for these shapes must not need memory later
    vision.decode(vae, torch.zeros(frames, 4, 24, 24))

def allow(megabytes=None):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    limit = resource.RLIM_INFINITY if megabytes is None else used + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

def images(note):
    allow(30)
    latents = torch.zeros(20, 4, 24, 24)
    return sum(1 for _ in stream.decode_overlapped(vae, latents, chunk=16, note=note))

print(images(lambda message: (told.append(message), allow())), told)
try:
    images(told.append)
except RuntimeError as error:
    print("gave up", stream.is_out_of_memory(error), len(told))
"""


@pytest.mark.proof
def test_running_out_of_memory_halves_the_chunk_once_and_says_so() -> None:
    command = [sys.executable, "-c", LITTLE_MEMORY]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=200
    ).stdout.splitlines()
    assert told == [
        "20 ['out of memory while decoding 16 frames at once: decoding 14 at once instead']",
        "gave up True 2",
    ]
