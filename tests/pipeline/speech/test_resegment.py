# SPDX-License-Identifier: Apache-2.0
"""Voices are told apart again, and changes of speaker move to where the voice changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.speech import resegment, speech_levels
from tests.pipeline.speech.noise_speech import SECOND, noise, speaker_span


def _voices(count: int, *, seed: int) -> np.ndarray:
    voices = np.random.default_rng(seed).normal(size=(count, 32))
    return np.asarray(voices / np.linalg.norm(voices, axis=1, keepdims=True))


@given(st.integers(2, 5), st.integers(0, 1000))
def test_regrouping_undoes_a_diarization_that_gave_turns_away(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    true = np.concatenate([np.arange(count), generator.integers(0, count, 30)])
    vectors = _voices(count, seed=seed)[true] + generator.normal(0, 0.05, (len(true), 32))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    confused = np.where(
        generator.random(len(true)) < 0.4, generator.integers(0, count, len(true)), true
    )
    found = resegment.regroup(vectors, generator.uniform(0.6, 5, len(true)), confused, count=count)
    assert len({(a, b) for a, b in zip(found.tolist(), true.tolist(), strict=True)}) == count


def test_following_the_voice_finds_a_change_of_speaker_inside_a_turn_at_the_pause() -> None:
    sound = noise(10, silent=[(4.95, 5.05)])
    spans = [speaker_span(0, 8, 0), speaker_span(8.5, 10, 1)]
    grid = resegment.split_into_cells(spans)
    centre = np.array([(cell.window_start + cell.window_end) / 2 / SECOND for cell in grid])
    vectors = _voices(2, seed=3)[(centre > 5).astype(int)]
    followed = resegment.follow_voices(spans, grid, vectors, speech_levels.measure_levels(sound))
    assert [(s.speaker, round(s.end / SECOND, 1)) for s in followed] == [
        (0, 5.0),
        (1, 8.0),
        (1, 10.0),
    ]


def test_the_walk_does_not_change_speaker_for_one_doubtful_moment() -> None:
    sound = noise(6, silent=[])
    spans = [speaker_span(0, 4, 0), speaker_span(4, 6, 1)]
    grid = resegment.split_into_cells(spans)
    vectors = _voices(2, seed=4)[[0 if cell.start < 4 * SECOND else 1 for cell in grid]]
    vectors[5] = 0.5 * vectors[0] + 0.55 * vectors[-1]
    followed = resegment.follow_voices(spans, grid, vectors, speech_levels.measure_levels(sound))
    assert [span.speaker for span in followed] == [0, 1]
