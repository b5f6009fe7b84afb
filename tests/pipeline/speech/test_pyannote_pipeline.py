# SPDX-License-Identifier: Apache-2.0
"""Bounded clustering groups as pyannote's own does, and across rooms."""

from __future__ import annotations

import numpy as np

from pipeline.speech import pyannote_pipeline


def test_clustering_a_sample_of_many_voices_groups_them_as_clustering_all_does() -> None:
    generator = np.random.default_rng(0)
    true = generator.integers(0, 4, 900)
    voices = np.eye(4, 32)[true] + generator.normal(0, 0.08, (900, 32))
    groups = []
    for most in (900, 120):
        clustering = pyannote_pipeline.build_clustering(most=most)
        clustering.instantiate({"method": "average", "threshold": 0.5, "min_cluster_size": 12})
        groups.append(
            clustering.cluster(voices.copy(), min_clusters=4, max_clusters=4, num_clusters=4)
        )
    for found in groups:
        assert len({(a, b) for a, b in zip(found.tolist(), true.tolist(), strict=True)}) == 4


def test_windows_of_one_voice_in_two_rooms_are_one_voice() -> None:
    from pyannote.core import SlidingWindow, SlidingWindowFeature

    generator = np.random.default_rng(0)
    true, loud = generator.integers(0, 3, 1200), np.arange(1200) >= 600
    voices = (
        np.eye(3, 32)[true]
        + generator.normal(0, 0.01, (1200, 32))
        + 1.5 * np.outer(loud, np.eye(8, 32)[7])
    )
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    spoken = SlidingWindowFeature(np.ones((1200, 100, 1)), SlidingWindow(duration=5.0, step=0.5))
    clustering = pyannote_pipeline.build_clustering(most=1000)
    clustering.instantiate({"method": "average", "threshold": 0.6, "min_cluster_size": 12})

    def pairs(file: dict[str, np.ndarray]) -> int:
        labels, _, _ = clustering(
            voices[:, None].copy(), segmentations=spoken, num_clusters=3, file=file
        )
        return len({(labels[i, 0], true[i]) for i in range(1200) if abs(i - 600) > 10})

    assert pairs({}) > 3
    assert pairs({"backgrounds": np.where(np.arange(605) < 302, -70.0, -45.0)}) == 3
