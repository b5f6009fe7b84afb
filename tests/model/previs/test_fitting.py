# SPDX-License-Identifier: Apache-2.0
"""Known words in sound that holds only some of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly

from model.previs import fitting, visemes
from model.previs.phones import PhoneDecoder

RECORDING = Path(__file__).parents[3] / "examples" / "lighthouse" / "recordings" / "dialogue.flac"
HZ = 16_000
PRESS = visemes.CHANNELS.index("press")
LINE = "Half my life I have kept this light. Now they send a woman with a letter."
WORDS = [
    ("HH", "AE", "F"),
    ("M", "AY"),
    ("L", "AY", "F"),
    ("K", "EH", "P", "T"),
    ("DH", "IH", "S"),
    ("L", "AY", "T"),
]


@pytest.fixture(scope="module")
def line() -> np.ndarray:
    """The recording of LINE, 16 kHz."""
    rate = soundfile.info(RECORDING).samplerate
    sound, _ = soundfile.read(
        RECORDING, start=int(4.6 * rate), frames=int(5.15 * rate), always_2d=True
    )
    common = int(np.gcd(rate, HZ))
    return np.asarray(
        resample_poly(sound.mean(axis=1), HZ // common, rate // common), dtype=np.float32
    )


@given(
    first=st.integers(0, 2),
    last=st.integers(4, 6),
    extra=st.lists(st.sampled_from(["ZH", "OY", "NG"]), max_size=5),
)
def test_words_that_are_heard_are_found_among_others(
    first: int, last: int, extra: list[str]
) -> None:
    heard = [*extra, *(phone for word in WORDS[first:last] for phone in word), *extra]
    found = fitting.find_runs(WORDS, heard)
    covered = [number for run in found for number in range(run.first, run.last)]
    assert covered == sorted(covered)
    if sum(len(word) for word in WORDS[first:last]) >= 6:
        assert covered == list(range(first, last))
        assert found[0].start == len(extra)


def test_nothing_is_found_in_other_words() -> None:
    assert fitting.find_runs(WORDS, ["ZH", "OY", "NG", "ZH", "OY"]) == []
    assert fitting.find_runs(WORDS, []) == []
    assert fitting.find_runs([], ["M"]) == []


@pytest.mark.parametrize("case", ["words cut away", "words not said", "words not written"])
def test_what_fits_of_a_line_is_aligned_where_words_and_sound_differ(
    line: np.ndarray, case: str
) -> None:
    phones = PhoneDecoder()
    whole = phones.align(line, LINE)
    assert whole is not None
    cut = 75 if case == "words cut away" else 0
    text = {
        "words not said": "It is midnight. Please. " + LINE,
        "words not written": LINE.removeprefix("Half my life "),
    }
    sound = line[cut * 160 :]
    part = phones.align(sound, text.get(case, LINE))
    assert part is not None
    assert all(one.end <= other.start for one, other in itertools.pairwise(part))
    shut = visemes.from_phones(whole, len(line) // 160)[cut:, PRESS]
    aligned, decoded = (
        visemes.from_phones(said, len(shut))[:, PRESS] for said in (part, phones.decode(sound))
    )
    assert np.corrcoef(shut, aligned)[0, 1] > np.corrcoef(shut, decoded)[0, 1] + 0.1
