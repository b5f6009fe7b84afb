# SPDX-License-Identifier: Apache-2.0
"""Test copies for the review page: frame n of a copy is frame n of the take.

Every frame can be reached directly, and old copies make room for new ones.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.rows import Cut, Take
from pipeline import media
from pipeline.deliver import dailies
from pipeline.deliver.dailies import TakeFraming, TakeSound, VideoStill
from pipeline.frame_writer import FrameWriter

FRAMES, RATE = 40, Fraction(25)


def grey(frame: int) -> int:
    """Choose the level that encodes a frame number."""
    return 12 + 6 * frame


def read_frame_number(picture: np.ndarray) -> int:
    """Read the frame number in a picture; decoders may be a level or two off."""
    return round((float(picture.mean()) - 11) / 6)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a build folder with one take, whose grey counts its frames, and two seconds of sound.

    The sound is silence, then a tone.
    """
    import soundfile

    folder = tmp_path_factory.mktemp("build")
    with FrameWriter(folder / "take.mkv", size=(96, 64), rate=RATE) as writer:
        for frame in range(FRAMES):
            writer.write(np.full((64, 96, 3), grey(frame), dtype=np.uint8))
    tone = 0.5 * np.sin(np.arange(48_000) * 0.1)
    soundfile.write(folder / "sound.flac", np.concatenate([np.zeros(48_000), tone]), 48_000)
    return folder


def take() -> Take:
    return Take(
        shot_id="a",
        path="take.mkv",
        media_digest="b",
        frames=FRAMES,
        rate_num=25,
        rate_den=1,
        width=96,
        height=64,
        talker="previs",
        talker_version="1",
        label="previs",
        licences="",
        seed=1,
        face_left=0,
        face_top=0,
        face_right=1,
        face_bottom=1,
        wall_seconds=1,
        worker="",
        run_id="",
    )


SEEN = TakeFraming(crop="0,0,96,54", size=(128, 72))


def test_frame_n_of_the_copy_is_frame_n_of_the_take_wherever_one_begins_to_read(root: Path) -> None:
    sound = TakeSound(sound_id="s", path=root / "sound.flac", first_frame=10)
    path = dailies.make_copy(take(), SEEN, sound, root=root)
    info = media.probe(path)
    assert info.video is not None and info.audio is not None
    assert (info.video.width, info.video.height, info.video.frames, info.video.rate) == (
        128,
        72,
        FRAMES,
        RATE,
    )
    assert [
        read_frame_number(frame) for frame in media.read_frames(path, width=16, height=8)
    ] == list(range(FRAMES))
    for number in (1, 17, 39):
        start = (number - Fraction(1, 4)) / RATE
        assert (
            read_frame_number(next(media.read_frames(path, width=16, height=8, start=start)))
            == number
        )


def test_a_copy_is_heard_as_its_span_of_the_timeline(root: Path) -> None:
    path = dailies.make_copy(
        take(), SEEN, TakeSound(sound_id="s", path=root / "sound.flac", first_frame=10), root=root
    )
    sound = np.concatenate(list(media.read_audio(path, hz=48_000, channels=1)))[:, 0]
    loud = np.abs(sound) > 0.1
    assert abs(int(loud.argmax()) - 15 * 1920) < 1000  # the tone begins at frame 25 of the timeline
    assert abs(len(sound) - FRAMES * 1920) < 1920


def test_what_was_made_is_not_made_again_and_follows_its_content(root: Path) -> None:
    first = dailies.make_copy(take(), SEEN, None, root=root)
    stamp = first.stat().st_mtime_ns
    assert dailies.make_copy(take(), SEEN, None, root=root).stat().st_mtime_ns == stamp
    other = TakeFraming(crop="0,5,96,54", size=(128, 72))
    assert dailies.locate_copy(take(), other, None, root=root) != first


def test_the_copies_that_were_not_used_for_longest_make_room(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "kept", "old", "older")):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(b"x" * 1000)
        os.utime(path, (1_000_000 - age, 1_000_000))
    gone = dailies.prune_copies(tmp_path, keep=tmp_path / "older.mp4", most_bytes=2500)
    assert {path.stem for path in gone} == {"old", "kept"}
    assert {path.stem for path in tmp_path.glob("*.mp4")} == {"new", "older"}


def test_a_thumbnail_is_the_frame_that_was_asked_for(root: Path) -> None:
    from PIL import Image

    still = VideoStill(video=root / "take.mkv", key="b", frame=30, rate=RATE, crop="0,0,96,54")
    path = dailies.make_thumbnail(still, root=root)
    with Image.open(path) as picture:
        assert picture.size == dailies.THUMBNAIL
        assert read_frame_number(np.asarray(picture)) == 30
    assert dailies.make_thumbnail(still, root=root) == path


def test_the_waveform_has_a_pair_for_every_frame_also_past_the_sounds_end(root: Path) -> None:
    pairs = dailies.read_peaks(root / "sound.flac", sound_id="s", frames=60, rate=RATE, root=root)
    assert len(pairs) == 60
    assert pairs[3] == (0.0, 0.0) == pairs[55]
    assert pairs[30] == (pytest.approx(-0.5, abs=0.02), pytest.approx(0.5, abs=0.02))
    assert (
        dailies.read_peaks(root / "sound.flac", sound_id="s", frames=60, rate=RATE, root=root)
        == pairs
    )


@given(
    st.lists(st.tuples(st.floats(-1, 0), st.floats(0, 1)), min_size=1, max_size=50),
    st.integers(1, 80),
)
def test_fewer_pairs_keep_the_extremes(pairs: list[tuple[float, float]], width: int) -> None:
    few = dailies.thin_peaks(pairs, width)
    assert len(few) == min(width, len(pairs))
    assert min(low for low, _ in few) == min(low for low, _ in pairs)
    assert max(high for _, high in few) == max(high for _, high in pairs)


@given(st.integers(2, 4000), st.integers(2, 4000))
def test_a_copy_is_never_larger_than_a_screen_and_always_even(wide: int, high: int) -> None:
    cut = Cut(
        version="",
        order=0,
        shot_id="",
        grade_id="",
        start_frame=0,
        end_frame=1,
        take_path="",
        cube_path="",
        crop="0,0,2,2",
    )
    seen = dailies.frame_copy(cut, size=(wide, high))
    assert seen.size[0] <= dailies.LARGEST[0] and seen.size[1] <= dailies.LARGEST[1]
    assert min(seen.size) >= 2
    assert not seen.size[0] % 2 and not seen.size[1] % 2
