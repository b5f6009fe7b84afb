# SPDX-License-Identifier: Apache-2.0
"""Test the HLS ladder: its playlists match its files, and each segment decodes alone.

Segments of all renditions begin together, with key frames.
"""

from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path

import m3u8
import numpy as np
import pytest

from pipeline import media
from pipeline.assemble import assemble, master_mix
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.checks import qc
from pipeline.deliver import c2pa_signing, deliver, hls, profiles, signing_key
from pipeline.deliver.c2pa_signing import Claim
from pipeline.deliver.delivery_job import DeliveryJob
from pipeline.deliver.profiles import HLS
from pipeline.ffmpeg_binary import is_named
from pipeline.ffmpeg_trial import try_ffmpeg
from tests.pipeline.tiny_film import BARS, TinyFilm, bars, eight_bit, portrait, tone

pytestmark = pytest.mark.skipif(
    is_named() and HLS in try_ffmpeg(),
    reason="the ffmpeg that CALLSHEET_FFMPEG names writes no usable fragments",
)

SIZE, RATE, FRAMES = (640, 360), Fraction(30000, 1001), 150
QUIET = LoudnessSettings(target_lufs=None)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a signed ladder of two renditions with captions.

    It shows half a second of bars, then a portrait that moves.
    """
    folder = tmp_path_factory.mktemp("ladder")
    film = TinyFilm(folder / "media", rate=RATE)
    film.add([bars(320, 180)] * 15, label="DICE-Talk")
    still = eight_bit(portrait("mara"))
    film.add([np.roll(still, frame % 9, axis=1) for frame in range(FRAMES - 15)], label="DICE-Talk")
    master = master_mix.render_master(
        [film.record(tone(film.samples))], samples=film.samples, settings=QUIET, root=film.root
    )
    picture = assemble.Picture(width=SIZE[0], height=SIZE[1], rate=RATE)
    job = DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=film.root / master.path,
        root=film.root,
        profiles=profiles.build_ladder(SIZE, RATE),
    )
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v001", size=SIZE)
    files = deliver.render_profiles(cuts, job, folder=folder)
    keys = signing_key.ensure_signing_key(folder / "keys")
    for path in files.values():
        c2pa_signing.sign_file(path, Claim(title="The Lamp", version="1"), keys=keys)
    captions = folder / "captions.vtt"
    captions.write_text("WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\nLight it.\n")
    return hls.write_playlists(
        folder / "hls",
        [hls.open_rendition(path) for path in files.values()],
        captions=captions,
        language="en-GB",
    )


def test_playlists_tell_what_the_files_hold_and_a_player_gets_every_frame(master: Path) -> None:
    found = hls.inspect_playlists(master)
    assert found.problems == []
    assert [(rendition.path.name, rendition.size) for rendition in found.renditions] == [
        ("360p.mp4", (640, 360)),
        ("234p.mp4", (416, 234)),
    ]
    assert [hls.play_rendition(master, number) for number in range(2)] == [FRAMES, FRAMES]
    text = master.read_text()
    assert text.startswith("#EXTM3U\n#EXT-X-VERSION:6\n")
    assert 'LANGUAGE="en-GB"' in text
    for rendition in found.renditions:
        bits = 8 * rendition.path.stat().st_size / (FRAMES / RATE)
        assert 0.9 * bits < rendition.average <= rendition.bandwidth < 3 * bits
        assert rendition.content.codecs.startswith("avc1.64")
        assert rendition.content.codecs.endswith(",mp4a.40.2")
    captions = (master.parent / "captions.m3u8").read_text()
    assert re.search(r"#EXTINF:5.005000,\ncaptions.vtt\n#EXT-X-ENDLIST\n$", captions)
    assert (
        "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n1\n00:00:01.000"
        in (master.parent / "captions.vtt").read_text()
    )


def test_m3u8_loses_nothing_of_what_a_playlist_says(master: Path) -> None:
    for path in sorted(master.parent.glob("*.m3u8")):
        read = m3u8.loads(path.read_text())
        assert m3u8.loads(read.dumps()).data == read.data, path.name
    streams = [entry.stream_info for entry in m3u8.load(str(master)).playlists]
    assert [stream.resolution for stream in streams] == [SIZE, (416, 234)]
    assert [(stream.frame_rate, stream.subtitles) for stream in streams] == [
        (29.97, "captions"),
        (29.97, "captions"),
    ]


def test_ffmpegs_own_muxer_finds_the_same_segments_and_codecs(master: Path, tmp_path: Path) -> None:
    for rendition in hls.inspect_playlists(master).renditions:
        written = ["-i", str(rendition.path), "-c", "copy", "-f", "hls", "-hls_time", "4"]
        written += ["-hls_segment_type", "fmp4", "-hls_flags", "single_file"]
        written += ["-master_pl_name", "master.m3u8", "-hls_playlist_type", "vod"]
        media.run([*written, str(tmp_path / "other.m3u8")])
        other = m3u8.load(str(tmp_path / "other.m3u8"))
        assert [round(part.duration, 6) for part in other.segments] == [4.004, 1.001]
        (listed,) = m3u8.load(str(tmp_path / "master.m3u8")).playlists
        assert listed.stream_info.codecs.lower() == rendition.content.codecs.lower()


def test_segments_begin_together_with_key_frames_and_each_decodes_by_itself(
    master: Path, tmp_path: Path
) -> None:
    found = hls.inspect_playlists(master)
    for rendition in found.renditions:
        segments = rendition.content.fragments
        assert [segment.frames for segment in segments] == [120, 30], (
            "four seconds are 120 frames at 29.97"
        )
        assert [segment.time for segment in segments] == [0, 120 / RATE]
        assert all(segment.key for segment in segments)
        data = rendition.path.read_bytes()
        assert segments[0].start == rendition.content.header
        assert segments[-1].start + segments[-1].size == len(data)
        for segment in segments:
            alone = tmp_path / "alone.mp4"
            alone.write_bytes(
                data[: rendition.content.header]
                + data[segment.start : segment.start + segment.size]
            )
            seen = list(media.read_frames(alone, width=32, height=18))
            assert len(seen) == segment.frames
            assert min(float(frame.mean()) for frame in seen) > 50


def test_renditions_pass_every_check_and_their_colours_are_right(master: Path) -> None:
    for rendition in hls.inspect_playlists(master).renditions:
        width, height = rendition.size
        expected = qc.ExpectedMedia(
            frames=FRAMES, rate=RATE, width=width, height=height, loudness=QUIET, still=[(0, 0.6)]
        )
        checks = qc.check_file(rendition.path, expected, version="v001", profile="hls")
        assert {check.verdict for check in checks} == {"pass"}, [
            check for check in checks if check.verdict != "pass"
        ]
        assert c2pa_signing.verify_credentials(rendition.path).state == "valid"
        frame = list(media.read_frames(rendition.path, width=320, height=180))[4].astype(int)
        for number, colour in enumerate(BARS):
            row, column = divmod(number, 8)
            got = frame[row * 90 + 26 : row * 90 + 64, column * 40 + 14 : column * 40 + 26]
            assert np.abs(got - np.array(colour)).max() <= 2, (rendition.path.name, colour)


@pytest.mark.parametrize(
    ("file", "change", "problem"),
    [
        ("master.m3u8", (r"BANDWIDTH=\d+", "BANDWIDTH=1000"), "BANDWIDTH is 1000, measured"),
        ("master.m3u8", ("avc1", "hvc1"), "CODECS is"),
        ("master.m3u8", ("416x234", "416x236"), "RESOLUTION is 416x236, measured 416x234"),
        ("master.m3u8", ("234p.m3u8", "../234p.m3u8"), "is not a file in the same folder"),
        ("master.m3u8", ("234p.m3u8", "gone.m3u8"), "gone.m3u8: it cannot be read"),
        ("234p.m3u8", ("URI=.*,", 'URI="/etc/passwd",'), "its segments lie in several files"),
        ("234p.m3u8", (r"EXTINF:4.004", "EXTINF:5.004"), "segment 1 is"),
        ("234p.m3u8", (r"@0", "@8"), "the header is"),
        ("234p.m3u8", ("TARGETDURATION:4", "TARGETDURATION:3"), "longer than the target duration"),
        ("234p.m3u8", ("#EXT-X-ENDLIST", ""), "it does not end"),
        ("234p.m3u8", ("(?s)^.*$", ""), "not a playlist"),
        ("master.m3u8", ("(?s)^.*$", ""), "is not a playlist"),
        ("master.m3u8", ("640x360", "640"), "master.m3u8: it is not a readable playlist"),
        ("master.m3u8", (r"BANDWIDTH=\d+,", ""), "master.m3u8: it is not a readable playlist"),
        ("234p.m3u8", ('URI="234p.mp4",', ""), "234p.m3u8: it is not a readable playlist"),
        ("234p.m3u8", ("#EXT-X-VERSION:6", "#EXT-X-PART:DURATION"), "not a readable playlist"),
        ("234p.m3u8", (r"#EXTINF:1\.001000,\n", ""), "the playlist says 0.000000 s at bytes"),
        ("234p.m3u8", (r"(?s)(#EXT-X-MAP[^\n]*\n)(.*p\.mp4\n)", r"\2\1"), "and a header"),
        ("234p.m3u8", (r"#EXT-X-MAP:.*", "#EXT-X-MAP:"), "and a header"),
    ],
)
def test_whatever_a_playlist_gets_wrong_is_told(
    master: Path, tmp_path: Path, file: str, change: tuple[str, str], problem: str
) -> None:
    folder = shutil.copytree(master.parent, tmp_path / "hls", copy_function=shutil.copy)
    path = folder / file
    path.write_text(re.sub(*change, path.read_text(), count=1))
    assert problem in "\n".join(hls.inspect_playlists(folder / "master.m3u8").problems)


def test_a_rendition_that_was_made_anew_or_cut_short_is_told(master: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(master.parent, tmp_path / "hls")
    path = folder / "234p.mp4"
    path.write_bytes(path.read_bytes()[:-1000])
    assert any(
        "234p.m3u8" in problem for problem in hls.inspect_playlists(folder / "master.m3u8").problems
    )
    media.run(
        ["-i", str(master.parent / "234p.mp4"), "-c", "copy", "-movflags", "+faststart", str(path)]
    )
    assert any(
        "fragment" in problem for problem in hls.inspect_playlists(folder / "master.m3u8").problems
    )
