# SPDX-License-Identifier: Apache-2.0
"""Prosody is measured as it is: pitch, pauses, loudness and syllables of sounds that are made to
have them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.affect import prosody
from model.affect.prepared_corpus import HZ, PROSODY, SAMPLES_PER_FRAME

NAMES = {name: place for place, name in enumerate(prosody.SUMMARY)}


def buzz(hz: float, seconds: float = 1.0, *, level: float = 0.3) -> np.ndarray:
    """A voice-like tone: harmonics that fall off."""
    times = np.arange(round(seconds * HZ)) / HZ
    tone = sum(np.sin(2 * np.pi * hz * k * times) / k for k in range(1, 12) if hz * k < HZ / 2)
    return level * np.asarray(tone)


@settings(max_examples=25, deadline=None)
@given(st.floats(75, 380))
def test_the_pitch_of_a_tone_is_found(hz: float) -> None:
    found = prosody.measure_track(buzz(hz)).f0[10:-10]
    assert np.abs(12 * np.log2(found / hz)).max() < 0.3


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, HZ)
    assert np.mean(prosody.measure_track(noise).f0 > 0) < 0.05
    assert not prosody.measure_track(np.zeros(HZ)).f0.any()


def test_every_frame_of_40_ms_has_one_row() -> None:
    rows = prosody.measure_frames(buzz(150, 1.03))
    assert rows.shape == (round(1.03 * HZ) // SAMPLES_PER_FRAME, len(PROSODY))
    assert np.exp(rows[5, 0]) == np.clip(np.exp(rows[5, 0]), 147, 153)
    assert rows[5, 1] == 1


def test_twice_as_loud_is_six_decibels_more() -> None:
    quiet, loud = (
        prosody.summarize_utterance(buzz(150, level=level))[NAMES["energy"]] for level in (0.1, 0.2)
    )
    assert abs(loud - quiet - 6.02) < 0.05


def test_a_pause_is_counted_and_syllables_are() -> None:
    syllable = buzz(140, 0.16) * np.hanning(round(0.16 * HZ))
    gap = np.zeros(round(0.06 * HZ))
    spoken = np.concatenate([part for _ in range(5) for part in (syllable, gap)])
    broken = np.concatenate([spoken, np.zeros(HZ // 2), spoken])
    whole, parted = prosody.summarize_utterance(spoken), prosody.summarize_utterance(broken)
    assert parted[NAMES["pauses"]] > whole[NAMES["pauses"]] + 0.1
    assert prosody.measure_track(spoken).peaks.sum() == 5
