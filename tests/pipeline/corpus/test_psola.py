# SPDX-License-Identifier: Apache-2.0
"""A line said in another manner measures as it was asked to, and emotions overlap without being the
same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.affect import prosody
from model.affect.prepared_corpus import HZ
from pipeline.corpus import psola
from pipeline.corpus.psola import Manner, modify_speech

NAMES = {name: place for place, name in enumerate(prosody.SUMMARY)}


@pytest.fixture(scope="module")
def line() -> np.ndarray:
    """1.6 s of something like speech: syllables whose pitch rises and falls, over a little
    breath."""
    times = np.arange(round(1.6 * HZ)) / HZ
    phase = 2 * np.pi * np.cumsum(140 * 2 ** (0.15 * np.sin(2 * np.pi * 1.3 * times))) / HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * times), 0, None) ** 0.5
    breath = np.random.default_rng(0).normal(0, 0.002, len(times))
    return 0.2 * np.asarray(voice) * syllables + breath


def measured(sound: np.ndarray, name: str) -> float:
    return float(prosody.summarize_utterance(sound)[NAMES[name]])


def test_unchanged_is_nearly_the_same(line: np.ndarray) -> None:
    again = modify_speech(line, Manner()).sound
    assert len(again) == len(line)
    for name in ("pitch", "energy", "pitch_range"):
        assert measured(again, name) == pytest.approx(measured(line, name), abs=0.8)


@pytest.mark.parametrize("semitones", [-3.0, 4.0])
def test_the_pitch_moves_by_what_was_asked(line: np.ndarray, semitones: float) -> None:
    moved = measured(modify_speech(line, Manner(pitch_semitones=semitones)).sound, "pitch")
    assert moved - measured(line, "pitch") == pytest.approx(semitones, abs=0.5)


def test_a_wider_range_is_wider(line: np.ndarray) -> None:
    narrow, wide = (
        measured(modify_speech(line, Manner(pitch_range=factor)).sound, "pitch_range")
        for factor in (0.5, 1.8)
    )
    assert wide > 2 * narrow


def test_faster_is_shorter_and_keeps_its_pitch(line: np.ndarray) -> None:
    fast = modify_speech(line, Manner(rate=1.25)).sound
    assert len(fast) == round(len(line) / 1.25)
    assert measured(fast, "pitch") == pytest.approx(measured(line, "pitch"), abs=0.5)


def test_loudness_and_tilt_follow(line: np.ndarray) -> None:
    assert (
        measured(modify_speech(line, Manner(energy_db=-6)).sound, "energy")
        < measured(line, "energy") - 4
    )
    assert (
        measured(modify_speech(line, Manner(tilt_db=6)).sound, "tilt") > measured(line, "tilt") + 3
    )


@given(
    st.floats(0.6, 1.6),
    st.integers(0, 40_000),
    st.integers(0, 8_000),
    st.lists(st.floats(0, 50_000), min_size=2),
)
def test_what_came_later_is_heard_later(
    rate: float, pause_at: int, pause: int, places: list[float]
) -> None:
    moved = psola.ModifiedSpeech(sound=np.zeros(0), rate=rate, pause_at=pause_at, pause=pause)
    heard = [moved.map_sample(place) for place in sorted(places)]
    assert heard == sorted(heard)


def test_a_pause_is_silence_where_the_voice_is_quietest(line: np.ndarray) -> None:
    paused = modify_speech(line, Manner(pause_seconds=0.2))
    assert len(paused.sound) == len(line) + HZ // 5
    assert not paused.sound[paused.pause_at : paused.pause_at + paused.pause].any()
