# SPDX-License-Identifier: Apache-2.0
"""Talkers that put strain on the farm: slow ones, ones that need memory, ones that want a GPU for
themselves. Their frames are grey."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from manifests.rows import Shot
from model.emotion import Performance, hold_emotion
from model.talker import Frame, Portrait, Speech, TakeMeasures, Talker, TalkerSettings


@dataclass
class GreyClip:
    """Grey frames, one every `pause` seconds."""

    frames: int
    pause: float
    numbers: dict[str, float] = field(default_factory=dict)
    width: int = 64
    height: int = 64

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self.frames):
            time.sleep(self.pause)
            yield np.full((64, 64, 3), number % 256, dtype=np.uint8)

    def measures(self) -> TakeMeasures:
        return TakeMeasures(face_box=(0.25, 0.25, 0.75, 0.75), numbers=self.numbers)


@dataclass
class GreyTalker:
    """Fills the contract with grey frames."""

    pause: float = 0.0
    name: str = "grey"
    version: str = "1"
    weights_digest: str = ""
    context_seconds: float = 0.0
    licences: tuple[str, ...] = ()

    def talk(
        self, _portrait: Portrait, speech: Speech, _performance: Performance, _seed: int
    ) -> GreyClip:
        return GreyClip(frames=speech.frames, pause=self.pause, numbers=threads())


class ThirstyTalker(GreyTalker):
    """Has memory only for what holds little at once."""

    def talk(
        self, _portrait: Portrait, _speech: Speech, _performance: Performance, _seed: int
    ) -> GreyClip:
        raise MemoryError("DefaultCPUAllocator: can't allocate memory")


def silent_shots(count: int, *, portrait: str, frames: int = 10) -> list[Shot]:
    """Shots without sound, for talkers that do not look at their portrait."""
    mood = json.dumps(
        Performance.from_curve(hold_emotion("neutral"), start=0, end=frames).to_plain()
    )
    return [
        Shot(
            shot_id=f"{i:032x}",
            number=f"sh{i:04}",
            order=i,
            scene="1",
            character="A",
            actor="A",
            role="speaking",
            line_ids="",
            text="",
            lang="en",
            performance=mood,
            start_frame=i * frames,
            end_frame=(i + 1) * frames,
            rate_num=25,
            rate_den=1,
            portrait=portrait,
            portrait_digest="p",
            face="only",
            audio_digest="",
            seed=0,
            width=64,
            height=64,
            talker="previs",
            talker_version="",
            weights_digest="",
            talker_settings="{}",
        )
        for i in range(count)
    ]


def quick(_name: str, _settings: TalkerSettings) -> Talker:
    """A talker as fast as the encoder."""
    return GreyTalker()


def slow(_name: str, _settings: TalkerSettings) -> Talker:
    """A talker of some 20 frames a second."""
    return GreyTalker(pause=0.05)


def thirsty(_name: str, settings: TalkerSettings) -> Talker:
    """A talker that needs the frugal settings of DICE-Talk to get by."""
    return GreyTalker() if settings.get("kept_megabytes") == 0.0 else ThirstyTalker()


def alone_on_its_gpu(_name: str, _settings: TalkerSettings) -> Talker:
    """A talker that fails to load when another process has its GPU."""
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    assert gpu.isdigit(), f"one GPU was promised, not {gpu!r}"
    lock = os.open(
        Path(tempfile.gettempdir()) / f"callsheet-test-gpu-{os.getppid()}-{gpu}",
        os.O_CREAT | os.O_RDWR,
    )
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held as long as the process lives
    return GreyTalker(pause=0.005)


def without_a_gpu(_name: str, _settings: TalkerSettings) -> Talker:
    """A talker that fails to load when it could see a GPU that is another worker's."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    assert seen == "", f"no GPU was given to this worker, yet it sees {seen!r}"
    return GreyTalker()


def threads() -> dict[str, float]:
    """The threads that engines of this process may use at once."""
    import cv2
    import torch
    from threadpoolctl import threadpool_info

    pools = {
        f"threads {pool['internal_api']}": float(pool["num_threads"]) for pool in threadpool_info()
    }
    return {
        **pools,
        "threads cv2": float(cv2.getNumThreads()),
        "threads torch": float(torch.get_num_threads()),
    }
