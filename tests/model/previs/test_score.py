# SPDX-License-Identifier: Apache-2.0
"""Visemes, gestures and poses: counts, closures, rates, and what gives way to what."""

from __future__ import annotations

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.emotion import Performance, parse_curve
from model.previs import expression, score, visemes
from model.previs.phones import Phone
from model.previs.warp import Pose
from model.talker import Speech

HZ = 16_000


def hiss(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * HZ)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(1, 90),
    rate=st.sampled_from(
        [Fraction(25), Fraction(24000, 1001), Fraction(30), Fraction(25, 2), Fraction(50)]
    ),
    samples=st.integers(0, 4 * HZ),
    lead=st.integers(0, HZ),
    seed=st.integers(0, 2**63),
)
def test_there_is_a_finite_pose_for_each_frame_whatever_the_sound(
    frames: int, rate: Fraction, samples: int, lead: int, seed: int
) -> None:
    speech = Speech(samples=hiss(samples / HZ), lead=min(lead, samples), frames=frames, rate=rate)
    performance = Performance.from_curve(parse_curve("happy 1.5 -> sad 1.5"), start=0, end=frames)
    poses = list(score.make_poses(speech, performance, seed, phones=None))
    assert len(poses) == frames
    assert all(np.isfinite(pose.units).all() and np.isfinite(pose.head).all() for pose in poses)
    assert all(0 <= lid <= 1 for pose in poses for lid in pose.lids)


@pytest.mark.proof
def test_half_an_hour_gives_every_pose_and_holds_only_a_block_of_them() -> None:
    frames = 1_800  # at a coarse rate: the sound is as long, the poses are fewer
    speech = Speech(samples=hiss(1800), lead=0, frames=frames, rate=Fraction(1))
    made = score.make_poses(
        speech, Performance.from_curve(parse_curve("neutral"), start=0, end=frames), 0, phones=None
    )
    next(made)
    tracemalloc.start()
    counted = 1 + sum(1 for _ in itertools.islice(made, 600))
    early = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    counted += sum(1 for _ in made)
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counted == frames
    assert late < 1.2 * early + 2_000_000


@pytest.mark.parametrize("feeling", ["neutral", "happy 1", "surprised 1", "fear 1", "angry 1"])
def test_lips_close_on_a_bilabial_whatever_is_felt(feeling: str) -> None:
    phones = [Phone("AA", 0, 20), Phone("M", 20, 30), Phone("AA", 30, 50)]
    rows = visemes.from_phones(phones, 50)
    times = np.arange(50) / 100 + 2
    block = score.SpeechBlock(
        times=times, lived=times, speech=rows, beat=np.zeros(50), speaking=np.ones(50)
    )
    silent = Speech(samples=np.zeros(0, np.float32), lead=0, frames=1, rate=Fraction(25))
    actor = score.PortraitActor(
        silent, Performance.from_curve(parse_curve(feeling), start=0, end=1000), 0
    )
    units = np.stack([pose.units for pose in actor.act(block)])
    opening = units @ expression.make_vector({"AU26": 0.3, "AU25": 0.075, "AU16": 0.07})
    assert opening[16:30].min() < 0.01
    assert opening[:12].max() > 0.12


def test_speech_is_as_much_the_lower_lip_as_the_jaw() -> None:
    unit = {name: expression.build_controls(name).lower for name in ("AU16", "AU26")}
    lip, chin = (score.LIP_FOR_JAW * unit["AU16"].get(point, (0.0, 0.0))[1] for point in (17, 152))
    assert lip == pytest.approx(unit["AU26"][17][1])
    assert chin < 0.1 * unit["AU26"][152][1]


def test_the_liveliest_frames_are_those_that_speak() -> None:
    jaws = [0.0] * 20 + [0.0, 0.6, 0.1, 0.7, 0.0] + [0.0] * 20
    made = [Pose(units=np.zeros(1), head=np.zeros(6), speech=(jaw, 0, 0, 0, 0)) for jaw in jaws]
    first, chosen = score.find_liveliest(made, 5)
    assert (
        [pose.speech[0] for pose in chosen] == jaws[first : first + 5] == [0.0, 0.6, 0.1, 0.7, 0.0]
    )
    assert score.find_liveliest(made[:3], 5)[0] == 0
    assert len(score.find_liveliest(made[:3], 5)[1]) == 3
