# SPDX-License-Identifier: Apache-2.0
"""Compare our edit decision lists and HLS playlists with what libraries write, and time readers.

`python -m benchmarks.libraries_delivery`. It makes a rendition of a minute, signs it as Callsheet
does, and lets ffmpeg's own muxer write a playlist of it.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import m3u8
import opentimelineio as otio

from manifests.rows import Cut
from pipeline import media
from pipeline.assemble import edl
from pipeline.assemble.timeline import Programme
from pipeline.deliver import c2pa_signing, fragments, hls, profiles, signing_key, ttml
from pipeline.deliver.captions import Caption

RATES = (
    *(Fraction(rate, 1001) for rate in (24000, 30000, 60000)),
    *map(Fraction, (24, 25, 30, 50, 60, 15)),
    Fraction(25, 2),
)


def main() -> None:
    """Print the comparisons."""
    for rate in RATES:
        for first in (1, 0):
            print(f"EDL at {rate}, takes used from frame {first} on: {compare_edl(rate, first)}")
    print(f"EDL of two picture tracks: {compare_edl(Fraction(25), 1, layers=2)}")
    with tempfile.TemporaryDirectory() as folder:
        compare_playlists(Path(folder))
    time_ttml(2000)


def compare_edl(rate: Fraction, first: int, *, layers: int = 1) -> str:
    """Write a cut of three shots with a dissolve on both sides; tell where they differ."""
    cuts = [
        build_cut(0, (0, 2000), layer=0, first=first),
        build_cut(1, (2000, 2100), layer=0, first=first, dissolve=2),
        build_cut(2, (2100, 2150), layer=0, first=first),
        *(build_cut(3, (2000, 2100), layer=layer, first=first) for layer in range(1, layers)),
    ]
    programme = Programme(
        title="a", rate=rate, cuts=cuts, shots={}, recordings=[], root=Path(), take_frames={}
    )
    ours = edl.build_edl_lines(programme)
    try:
        theirs = otio.adapters.write_to_string(
            build_timeline(cuts, float(rate)), "cmx_3600", rate=float(rate), style="avid"
        ).splitlines()
    except (ValueError, otio.exceptions.OTIOError) as error:
        return f"the adapter raises {type(error).__name__}: {error}"
    pairs = itertools.zip_longest(list_events(ours), list_events(theirs))
    apart = [pair for pair in pairs if pair[0] != pair[1]]
    fcm = any(line.startswith("FCM") for line in theirs)
    return f"{len(apart)} events differ {apart[:1]}; the adapter writes FCM: {fcm}"


def build_cut(
    number: int, span: tuple[int, int], *, layer: int, first: int, dissolve: int = 0
) -> Cut:
    """Build an event of an edit list."""
    return Cut(
        version="v001",
        order=number,
        shot_id=str(number),
        grade_id="",
        start_frame=span[0],
        end_frame=span[1],
        take_path=f"{number}.mkv",
        cube_path="",
        number=f"sc01_sh{number}",
        take_frame=first,
        dissolve_frames=dissolve,
        layer=layer,
    )


def build_timeline(cuts: list[Cut], rate: float) -> Any:
    """Build the timeline that the adapter writes, its reels named as ours."""
    timeline = otio.schema.Timeline("a")
    for _, layer in itertools.groupby(cuts, key=lambda cut: cut.layer):
        track = otio.schema.Track(kind=otio.schema.TrackKind.Video)
        timeline.tracks.append(track)
        for cut in layer:
            half = otio.opentime.RationalTime(cut.dissolve_frames // 2, rate)
            if cut.dissolve_frames:
                kind = otio.schema.TransitionTypes.SMPTE_Dissolve
                track.append(otio.schema.Transition("", kind, half, half))
            span = (otio.opentime.RationalTime(n, rate) for n in (cut.take_frame, cut.frames))
            clip = otio.schema.Clip(cut.number, source_range=otio.opentime.TimeRange(*span))
            clip.metadata["cmx_3600"] = {"reel": cut.number.replace("_", "").upper()}
            track.append(clip)
    return timeline


def list_events(lines: list[str]) -> list[list[str]]:
    """List the words of the lines that are events."""
    return [line.split() for line in lines if line[:3].isdigit()]


def compare_playlists(folder: Path) -> None:
    """Make a rendition, sign it, and compare our playlists of it with those of ffmpeg's muxer."""
    path = make_rendition(folder / "a.mp4", Fraction(25))
    unsigned = fragments.read_fragments(path).header
    keys = signing_key.ensure_signing_key(folder / "keys")
    c2pa_signing.sign_file(path, c2pa_signing.Claim(title="a", version="1"), keys=keys)
    content, seconds = time_best(lambda: fragments.read_fragments(path))
    print(f"{len(content.fragments)} fragments of {path.stat().st_size} bytes in {seconds:.3f} s")
    print(f"signing moves the first fragment by {content.header - unsigned} bytes")
    rendition = hls.open_rendition(path)
    other = ["-i", str(path), "-c", "copy", "-f", "hls", "-hls_time", "4"]
    other += ["-hls_segment_type", "fmp4", "-hls_flags", "single_file"]
    other += ["-master_pl_name", "master.m3u8", "-hls_playlist_type", "vod"]
    media.run([*other, str(folder / "other.m3u8")])
    state = c2pa_signing.verify_credentials(
        (folder / "other.m4s").rename(folder / "other.mp4")
    ).state
    print(f"credentials of the file that ffmpeg's muxer writes: {state}")
    for name, text in (
        ("ours", "\n".join(hls.build_master_playlist([rendition]))),
        ("ffmpeg", (folder / "master.m3u8").read_text()),
    ):
        (entry,) = m3u8.loads(text).playlists
        print(f"  {name}: {entry.stream_info}")
    text = "\n".join(hls.build_media_playlist(rendition))
    same = m3u8.loads(m3u8.loads(text).dumps()).data == m3u8.loads(text).data
    print(f"m3u8 writes our playlist with the same parsed content: {same}")


def make_rendition(path: Path, rate: Fraction) -> Path:
    """Write a minute of a test picture and a tone as a rendition of a ladder."""
    (rung, *_) = profiles.build_ladder((640, 360), rate)
    shown = f"testsrc2=size=640x360:rate={rate}:duration=61"
    arguments = ["-f", "lavfi", "-i", shown, "-f", "lavfi", "-i", "sine=duration=61"]
    for name, value in {**rung.picture, **rung.sound, **rung.container}.items():
        arguments += [f"-{name}", str(value)]
    media.run([*arguments, "-pix_fmt", rung.pixel_format, str(path)])
    return path


def time_ttml(count: int) -> None:
    """Time the writing of captions as TTML."""
    captions = [
        Caption(start=50 * n, end=50 * n + 40, spoken_end=50 * n + 40, lines=("one line", "two"))
        for n in range(count)
    ]
    with tempfile.TemporaryDirectory() as folder:
        rate = Fraction(25)
        _, seconds = time_best(
            lambda: ttml.write_ttml(captions, Path(folder), rate=rate, language="en")
        )
    print(f"{count} captions as TTML in {seconds:.2f} s")


def time_best(work: Callable[[], Any]) -> tuple[Any, float]:
    """Run a function three times; return its result and its best time in seconds."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    return result, best


if __name__ == "__main__":
    main()
