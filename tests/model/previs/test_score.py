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

from model.emotion import LABELS, Performance, parse_curve
from model.previs import expression, gesture, score, visemes
from model.previs.phones import Phone, PhoneDecoder
from model.previs.warp import Pose
from model.talker import Speech

HZ = 16_000


def hiss(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * HZ)).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(0, 20 * HZ))
def test_channels_have_one_row_for_each_whole_ten_milliseconds(samples: int) -> None:
    rows = [np.zeros((0, 5)), *visemes.stream_channels(hiss(samples / HZ), None)]
    made = np.concatenate(rows)
    assert len(made) == samples // 160
    assert np.isfinite(made).all()
    assert made.min(initial=0) >= 0


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


def test_the_first_words_of_a_long_line_do_not_wait_for_its_alignment() -> None:
    sound, phones = hiss(12.0), PhoneDecoder()
    text = "the lamp must turn before the boats come home"
    known, heard = (next(visemes.stream_channels(sound, phones, words)) for words in (text, None))
    assert np.array_equal(known, heard)
    assert len(np.concatenate(list(visemes.stream_channels(sound, phones, text)))) == 1200


def test_silence_keeps_the_lips_closed() -> None:
    made = np.concatenate(list(visemes.stream_channels(np.zeros(HZ, np.float32), PhoneDecoder())))
    assert made.max() == 0


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


def test_known_text_is_aligned_in_order_and_unknown_words_do_not_break_it() -> None:
    phones = PhoneDecoder()
    assert phones.align(hiss(0.3), "") is None
    spoken = phones.align(hiss(2.0), "please callsheet xyzzy")
    assert spoken is None or all(a.end <= b.start + 1 for a, b in itertools.pairwise(spoken))


def test_a_decoder_does_not_remember_what_it_heard_before() -> None:
    buzz = np.sin(2 * np.pi * 150 * np.arange(HZ) / HZ) * np.sin(2 * np.pi * 3 * np.arange(HZ) / HZ)
    sound = (0.2 * buzz).astype(np.float32)
    phones = PhoneDecoder()
    first = phones.decode(sound)
    phones.decode(hiss(1.0) * 3)
    assert phones.decode(sound) == first


@settings(max_examples=30, deadline=None)
@given(start=st.floats(0, 1000), seed=st.integers(0, 2**32), channel=st.integers(0, 50))
def test_drift_is_bounded_and_the_same_at_any_moment_however_it_is_asked(
    start: float, seed: int, channel: int
) -> None:
    times = start + np.arange(50) / 25
    whole = gesture.make_drift(times, seed, channel, 0.8)
    assert np.abs(whole).max() <= 2
    assert np.abs(whole[20:25] - gesture.make_drift(times[20:25], seed, channel, 0.8)).max() < 1e-5


def test_drift_has_unit_spread_over_a_long_time() -> None:
    assert 0.7 < gesture.make_drift(np.arange(0, 600, 0.2), 3, 1, 0.8).std() < 1.1


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_people_blink_ten_to_twenty_five_times_a_minute(seed: int) -> None:
    shut = gesture.Blinks(seed).measure_closure(np.arange(0, 180, 0.01)) > 0.5
    blinks = int((np.diff(shut.astype(int)) == 1).sum())
    assert 30 <= blinks <= 75


def test_every_emotion_moves_something_and_neutral_nothing() -> None:
    moved = np.abs(expression.build_emotion_matrix()).sum(axis=1)
    assert all(
        (value > 0) == (label != "neutral") for label, value in zip(LABELS, moved, strict=True)
    )


def test_contempt_moves_one_corner_only() -> None:
    moved = {corner: np.zeros(2) for corner in (61, 291)}
    for unit, weight in expression.EMOTIONS["contempt"].items():
        made = expression.build_controls(unit).upper
        for corner in moved:
            moved[corner] += weight * np.array(made.get(corner, (0.0, 0.0)))
    assert np.hypot(*moved[61]) < 0.02
    assert moved[291][0] > 0.05
    assert moved[291][1] < -0.05


def test_both_sides_of_the_mouth_line_agree_at_the_corners() -> None:
    for unit in expression.MOUTH:
        made = expression.build_controls(unit)
        assert all(made.upper[corner] == made.lower[corner] for corner in (61, 291, 78, 308))


def test_a_listener_nods_in_the_pauses_of_the_other_and_not_in_silence() -> None:
    phrases = np.tile(np.r_[np.ones(120), np.zeros(80)], 12)
    track = gesture.place_nods(phrases, 1)
    assert 2 <= (np.diff((track > 0.5).astype(int)) == 1).sum() <= 10
    assert track[phrases > 0].mean() < track[phrases == 0].mean()
    assert gesture.place_nods(np.zeros(500), 1).max() == 0


def test_a_face_is_busy_through_the_short_pauses_of_a_phrase_and_free_after_it() -> None:
    speaking = np.zeros(500)
    speaking[100:150] = speaking[180:250] = 1.0
    busy = gesture.find_phrases(speaking)
    assert busy[100:250].min() > 0.99
    assert busy[:50].max() == busy[310:].max() == 0.0
    assert gesture.find_phrases(np.zeros(0)).shape == (0,)


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
