# SPDX-License-Identifier: Apache-2.0
"""Many spans digested in one pass are what each is by itself, and are not decoded again."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests import layout
from manifests.identity import DIGITS
from manifests.rows import Recording
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from pipeline.speech import audio_digests, ingest

SECONDS = 62  # more than a block


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Recording], Path]:
    """Two short recordings of noise that lie over each other, the second one late."""
    folder = tmp_path_factory.mktemp("spans")
    noise = np.random.default_rng(7)
    recordings = []
    for number, seconds in enumerate((SECONDS, 20)):
        path = folder / f"{number}.wav"
        soundfile.write(path, noise.uniform(-0.8, 0.8, seconds * 8000), 8000)
        recordings.append(
            ingest.ingest(
                path,
                order=number,
                offset_samples=number * 50 * MASTER_HZ,
                root=folder / "build",
                folder=folder,
            )
        )
    return recordings, folder / "build"


edges = st.integers(-2 * MASTER_HZ, (SECONDS + 2) * MASTER_HZ)


def _digest_alone(recordings: list[Recording], start: int, end: int, root: Path) -> str:
    sound = ingest.read_span(recordings, start, end, hz=ANALYSIS_HZ, root=root)
    return hashlib.sha256(ingest.to_int16(sound).tobytes()).hexdigest()[:DIGITS]


@settings(max_examples=30)
@given(
    wanted=st.lists(
        st.tuples(edges, edges).map(lambda span: (min(span), max(span))), min_size=1, max_size=6
    )
)
def test_spans_of_one_pass_are_what_each_is_by_itself(
    recorded: tuple[list[Recording], Path], wanted: list[tuple[int, int]]
) -> None:
    recordings, root = recorded
    for path in (root / layout.AUDIO_DIGESTS).glob("*.json"):
        path.unlink()
    alone = [_digest_alone(recordings, start, end, root) for start, end in wanted]
    assert audio_digests.digest_spans(recordings, wanted, root=root) == alone


@settings(max_examples=30)
@given(start=edges, seconds=st.fractions(0, 12))
def test_stored_whole_numbers_are_what_the_samples_round_to(
    recorded: tuple[list[Recording], Path], start: int, seconds: Fraction
) -> None:
    recordings, root = recorded
    end = start + int(seconds * MASTER_HZ)
    samples = ingest.read_span(recordings, start, end, hz=ANALYSIS_HZ, root=root)
    assert np.array_equal(
        ingest.read_pcm(recordings, start, end, root=root), ingest.to_int16(samples)
    )


def test_known_spans_are_not_decoded_again(
    recorded: tuple[list[Recording], Path], tmp_path: Path
) -> None:
    recordings, root = recorded
    wanted = [(0, MASTER_HZ), (MASTER_HZ, 5 * MASTER_HZ)]
    first = audio_digests.digest_spans(recordings, wanted, root=root)
    (tmp_path / "media").mkdir()
    # what is kept, without any recording
    (root / layout.AUDIO_DIGESTS).rename(tmp_path / layout.AUDIO_DIGESTS)
    assert audio_digests.digest_spans(recordings, wanted, root=tmp_path) == first


def test_what_is_kept_may_be_damaged(recorded: tuple[list[Recording], Path]) -> None:
    recordings, root = recorded
    first = audio_digests.digest_spans(recordings, [(0, 3000)], root=root)
    for path in (root / layout.AUDIO_DIGESTS).glob("*.json"):
        path.write_text('[["half')
    assert audio_digests.digest_spans(recordings, [(0, 3000)], root=root) == first


def test_a_production_that_may_only_be_read_is_planned_all_the_same(
    recorded: tuple[list[Recording], Path], tmp_path: Path
) -> None:
    recordings, root = recorded
    (tmp_path / "media").mkdir()
    for path in (root / "media").iterdir():
        (tmp_path / "media" / path.name).symlink_to(path)
    place = tmp_path / layout.AUDIO_DIGESTS
    place.unlink(missing_ok=True)
    place.touch()  # a file, in which nothing can be kept whoever one is
    wanted = [(0, MASTER_HZ)]
    assert audio_digests.digest_spans(
        recordings, wanted, root=tmp_path
    ) == audio_digests.digest_spans(recordings, wanted, root=root)
