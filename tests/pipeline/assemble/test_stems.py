# SPDX-License-Identifier: Apache-2.0
"""Test that stems add up to the master and hold their own character only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.assemble import stems
from tests.pipeline.deliver.test_captions import cue


@pytest.fixture
def master(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).normal(0, 0.1, (12 * 48000, 2))
    soundfile.write(tmp_path / "master.flac", noise, 48000, subtype="PCM_24")
    return tmp_path / "master.flac"


CUES = [
    cue("One.", 1, 2, character="MARA"),
    cue("Two.", 4, 6, character="KOFI"),
    cue("Both.", 5, 7, character="MARA"),
    cue("Late.", 9.9, 10.1, character="../x"),
    cue("Me too.", 11, 11.2, character="Room"),
]


def level(path: Path, start: float, end: float) -> float:
    pcm, _ = soundfile.read(path)
    return float(np.sqrt((pcm[round(start * 48000) : round(end * 48000)] ** 2).mean()))


def test_stems_add_up_to_the_master_bit_for_bit(master: Path, tmp_path: Path) -> None:
    written = stems.write_stems(master, CUES, tmp_path)
    assert set(written) == {"MARA", "KOFI", "../x", "Room", "room"}
    assert all(path.parent == tmp_path for path in written.values())
    assert len(set(written.values())) == 5
    total = sum(
        soundfile.read(path, dtype="int32")[0].astype(np.int64) for path in written.values()
    )
    assert np.array_equal(total, soundfile.read(master, dtype="int32")[0])


def test_each_stem_is_silent_while_others_speak(master: Path, tmp_path: Path) -> None:
    written = stems.write_stems(master, CUES, tmp_path)
    assert level(written["MARA"], 1, 2) == pytest.approx(level(master, 1, 2), rel=1e-3)
    assert level(written["MARA"], 4, 4.8) == 0
    assert level(written["KOFI"], 5.2, 5.8) == pytest.approx(level(master, 5.2, 5.8) / 2, rel=1e-3)
    assert level(written["room"], 1, 2) == 0
    assert level(written["room"], 8, 9) == pytest.approx(level(master, 8, 9), rel=1e-3)


def test_dialogue_is_measured_without_the_pauses(tmp_path: Path) -> None:
    at = np.arange(20 * 48000) / 48000
    sound = np.where((at > 2) & (at < 4), 0.1, 0.001) * np.sin(2 * np.pi * 1000 * at)
    soundfile.write(tmp_path / "m.flac", np.stack([sound, sound], axis=1), 48000, subtype="PCM_24")
    spoken = stems.measure_dialogue_loudness(tmp_path / "m.flac", [cue("Word.", 2, 4)], tmp_path)
    assert spoken.lufs == pytest.approx(-20, abs=0.5)
    assert not stems.measure_dialogue_loudness(tmp_path / "m.flac", [], tmp_path).measurable
    assert [path.name for path in tmp_path.iterdir()] == ["m.flac"]
