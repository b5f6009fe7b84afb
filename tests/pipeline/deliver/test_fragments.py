# SPDX-License-Identifier: Apache-2.0
"""Test that the fragments of an MP4 are found, with their pictures, times and codec names."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from manifests.errors import InputError
from pipeline import media
from pipeline.deliver import fragments, profiles
from pipeline.deliver.profiles import HLS
from pipeline.ffmpeg_binary import is_named
from pipeline.ffmpeg_trial import try_ffmpeg

pytestmark = pytest.mark.skipif(
    is_named() and HLS in try_ffmpeg(),
    reason="the ffmpeg that CALLSHEET_FFMPEG names writes no usable fragments",
)


def make_rendition(path: Path, rate: Fraction, *, codec: str = "libx264") -> Path:
    """Write two seconds of bars and a tone, one fragment a second."""
    group = round(rate)
    shown = f"testsrc2=size=64x36:rate={rate}"
    (rung, *_) = profiles.build_ladder((64, 36), rate)
    arguments = ["-f", "lavfi", "-i", shown, "-f", "lavfi", "-i", "sine=duration=2"]
    arguments += [
        "-frames:v",
        str(2 * group),
        "-c:v",
        codec,
        "-g",
        str(group),
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
    ]
    media.run([*arguments, "-movflags", str(rung.container["movflags"]), str(path)])
    return path


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(25, 2), Fraction(24000, 1001)])
def test_fragments_cover_the_file_and_hold_their_pictures(rate: Fraction, tmp_path: Path) -> None:
    path = make_rendition(tmp_path / "a.mp4", rate)
    content = fragments.read_fragments(path)
    group = round(rate)
    assert [part.frames for part in content.fragments] == [group, group]
    assert [part.time for part in content.fragments] == [0, group / rate]
    assert all(part.key for part in content.fragments)
    assert content.codecs == "avc1.64000A,mp4a.40.2"
    data, place = path.read_bytes(), content.header
    for part in content.fragments:
        assert part.start == place
        assert data[place + 4 : place + 8] == b"moof"
        place += part.size
    assert place == len(data)


def test_other_codecs_are_refused(tmp_path: Path) -> None:
    path = make_rendition(tmp_path / "a.mp4", Fraction(25), codec="mpeg4")
    with pytest.raises(InputError, match=r"mpeg4 is neither H\.264 nor AAC"):
        fragments.read_fragments(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#EXTM3U",
        b"\0\0\0\x08moof",
        b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\x08moov\0\0\0\x08moof\0\0\0\x08mdat",
        b"\0" * 64,
    ],
)
def test_what_is_no_fragmented_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable fragmented MP4"):
        fragments.read_fragments(path)
