# SPDX-License-Identifier: Apache-2.0
"""Hostile files: media, pictures, cubes and timelines that lie, bomb or lead elsewhere end in one
error, quickly, in little memory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import struct
import time
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows import corrections
from manifests import layout
from manifests.errors import InputError, ToolError
from manifests.rows import Actor
from manifests.run_rows import Event
from manifests.store import Store
from pipeline import media
from pipeline.assemble import conform
from pipeline.colour import colour
from pipeline.deliver import c2pa_signing
from pipeline.render import portraits
from pipeline.speech import ingest

STARTER = Path(__file__).parents[2] / "pipeline" / "script" / "starter"
# a file that is a bomb takes minutes or for ever; a busy machine does not
SECONDS, MEBIBYTES = 30.0, 700
Make = Callable[[Path], object]


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, data: bytes = b"", extra: bytes = b"") -> bytes:
    """A PNG that says it is this large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def jpeg() -> bytes:
    """A good picture."""
    out = io.BytesIO()
    Image.effect_noise((300, 300), 40).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def wav(seconds: float = 0.5, *, riff: int | None = None, data: int | None = None) -> bytes:
    """A WAV whose sizes may lie."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(b"\1\2" * int(16000 * seconds))
    made = bytearray(out.getvalue())
    if riff is not None:
        made[4:8] = struct.pack("<I", riff)
    if data is not None:
        made[40:44] = struct.pack("<I", data)
    return bytes(made)


def video(path: Path, *arguments: str) -> None:
    """A video by ffmpeg."""
    media.run(["-f", "lavfi", "-i", "testsrc2=s=320x320:r=25:d=1", *arguments, str(path)])


def no_frames(path: Path) -> None:
    video(path, "-frames:v", "0")


def cut_short(path: Path) -> None:
    video(path, "-c:v", "mpeg4")
    os.truncate(path, path.stat().st_size // 3)


def without_picture(path: Path) -> None:
    media.run(["-f", "lavfi", "-i", "sine=d=1", str(path)])


def apng_of_many_frames(path: Path) -> None:
    path.write_bytes(
        png(
            300,
            300,
            extra=chunk(b"acTL", struct.pack(">II", 1 << 30, 0)),
            data=zlib.compress(b"\0" * 900),
        )
    )


def with_profile_bomb(path: Path) -> None:
    bomb = b"x\0\0" + zlib.compress(b"\0" * (90 << 20), 9)
    path.write_bytes(
        png(300, 300, extra=chunk(b"iCCP", bomb), data=zlib.compress(b"\0" * (300 * 901)))
    )


def with_text_bomb(path: Path) -> None:
    bombs = b"".join(
        chunk(b"zTXt", b"k\0\0" + zlib.compress(b"A" * (20 << 20), 9)) for _ in range(4)
    )
    path.write_bytes(png(300, 300, extra=bombs, data=zlib.compress(b"\0" * (300 * 901))))


def put(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"><image href="file:///etc/passwd"/></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 300\n(%pipe%id) (r) file\n"
PICTURES: dict[str, tuple[str, Make]] = {
    "nothing": ("a.png", put(b"")),
    "a text": ("a.png", put(b"hello")),
    "an SVG called PNG": ("a.png", put(SVG)),
    "PostScript called JPEG": ("a.jpg", put(EPS)),
    "a bomb of 50,000 x 50,000": ("a.png", put(png(50_000, 50_000))),
    "a bomb of 12,000 x 12,000": ("a.png", put(png(12_000, 12_000))),
    "a bomb of 2 thousand million": ("a.png", put(png(2**31 - 1, 2**31 - 1))),
    "no width": ("a.png", put(png(0, 300))),
    "pixels that are missing": ("a.png", put(png(300, 300, data=zlib.compress(b"\0" * 100)))),
    "pixels that never end": (
        "a.png",
        put(png(300, 300, data=zlib.compress(b"\0" * (100 << 20), 9)[:-200])),
    ),
    "a colour profile that bombs": ("a.png", with_profile_bomb),
    "texts that bomb": ("a.png", with_text_bomb),
    "a PNG cut short": ("a.png", put(png(300, 300, data=zlib.compress(b"\0" * (300 * 901)))[:60])),
    "a JPEG cut short": ("a.jpg", put(jpeg()[:2000])),
    "a GIF called PNG": ("a.png", put(b"GIF89a" + struct.pack("<HH", 60000, 60000) + b"\0" * 40)),
    "a TIFF that points at itself": (
        "a.jpg",
        put(b"II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\xff\xff\0\0\x08\0\0\0"),
    ),
    "a WebP that lies": (
        "a.webp",
        put(b"RIFF\xff\xff\xff\x7fWEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + b"\xff" * 6),
    ),
    "a film without frames": ("a.mp4", no_frames),
    "a film cut short": ("a.mp4", cut_short),
    "a film without picture": ("a.mp4", without_picture),
    "a playlist called film": ("a.mp4", put(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")),
    "a folder": ("a.png", Path.mkdir),
    "a pipe": ("a.png", os.mkfifo),
}

SOUND_PIXELS = ("a colour profile that bombs", "texts that bomb", "pixels that never end")
"""Pictures that may be taken: their pixels are sound, and what lies beside them is not unfolded."""

SOUNDS: dict[str, tuple[str, Make]] = {
    "nothing": ("a.wav", put(b"")),
    "a text": ("a.wav", put(b"hello")),
    "a playlist": (
        "a.wav",
        put(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n"),
    ),
    "a playlist by name": ("a.m3u8", put(b"#EXTM3U\n#EXTINF:1,\nhttp://localhost:1/x.ts\n")),
    "a list of ffmpeg": ("a.wav", put(b"ffconcat version 1.0\nfile /etc/passwd\n")),
    "a list of ffmpeg by name": ("a.ffconcat", put(b"ffconcat version 1.0\nfile /etc/passwd\n")),
    "an SDP that opens ports": (
        "a.wav",
        put(b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"),
    ),
    "an MPEG-DASH list": (
        "a.mp4",
        put(b'<?xml version="1.0"?><MPD><BaseURL>file:///etc/</BaseURL></MPD>'),
    ),
    "a QuickTime reference": (
        "a.mov",
        put(
            struct.pack(">I4sI4sI4sI4s", 200, b"moov", 192, b"rmra", 184, b"rmda", 176, b"rdrf")
            + b"\0\0\0\0url "
            + struct.pack(">I", 20)
            + b"file:///etc/passwd\0\0"
            + b"\0" * 120
        ),
    ),
    "a WAV that promises more": ("a.wav", put(wav(data=48_000_000, riff=48_000_036))),
    "a WAV of no samples": ("a.wav", put(wav(0.0))),
    "a WAV of no channels": ("a.wav", put(wav()[:22] + b"\0\0" + wav()[24:])),
    "a WAV of many channels": ("a.wav", put(wav()[:22] + b"\xff\xff" + wav()[24:])),
    "a WAV of no rate": ("a.wav", put(wav()[:24] + b"\0\0\0\0" + wav()[28:])),
    "a WAV of a huge rate": ("a.wav", put(wav()[:24] + b"\xff\xff\xff\x7f" + wav()[28:])),
    "a WAV cut in its header": ("a.wav", put(wav()[:30])),
    "a FLAC cut in its header": (
        "a.flac",
        lambda p: p.write_bytes((STARTER / "recordings" / "dialogue.flac").read_bytes()[:100]),
    ),
    "a FLAC cut short": (
        "a.flac",
        lambda p: p.write_bytes((STARTER / "recordings" / "dialogue.flac").read_bytes()[:200_000]),
    ),
    "a film without sound": ("a.mp4", lambda p: video(p, "-frames:v", "3")),
    "a picture": ("a.wav", put(png(300, 300))),
    "a zip": ("a.wav", put(b"PK\x03\x04" + b"\0" * 100)),
    "a device": ("a.wav", lambda p: p.symlink_to("/dev/zero")),
    "a pipe": ("a.wav", os.mkfifo),
    "a folder": ("a.wav", Path.mkdir),
}

IDENTITY = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
CUBES = {
    "nothing": "",
    "no size": IDENTITY,
    "a huge size": f"LUT_3D_SIZE 100000\n{IDENTITY}",
    "a negative size": f"LUT_3D_SIZE -2\n{IDENTITY}",
    "two sizes": f"LUT_3D_SIZE 2\nLUT_3D_SIZE 3\n{IDENTITY}",
    "a size of other digits": f"LUT_3D_SIZE \u0662\n{IDENTITY}",
    "a size that is a word": f"LUT_3D_SIZE two\n{IDENTITY}",
    "no size's number": f"LUT_3D_SIZE \n{IDENTITY}",
    "not a number": f"LUT_3D_SIZE 2\n{IDENTITY}".replace("1 0 0", "1 nan 0"),
    "infinity": f"LUT_3D_SIZE 2\n{IDENTITY}".replace("1 0 0", "1e999 0 0"),
    "words": f"LUT_3D_SIZE 2\n{IDENTITY}".replace("1 0 0", "1 x 0"),
    "too few rows": f"LUT_3D_SIZE 3\n{IDENTITY}",
    "rows of four": f"LUT_3D_SIZE 2\n{IDENTITY}".replace("1 0 0", "1 0 0 0"),
    "a short table of one dimension": "LUT_1D_SIZE 3\n0 0 0\n1 1 1\n",
    "an endless row": "LUT_3D_SIZE 2\n" + "1 " * 2_000_000,
    "a hundred megabytes": None,
}

CLIP = {
    "OTIO_SCHEMA": "Clip.2",
    "name": "x",
    "metadata": {},
    "source_range": None,
    "media_references": {},
    "active_media_reference_key": "DEFAULT_MEDIA",
    "markers": [],
    "effects": [],
    "enabled": True,
}


def otio(children: object, **extra: object) -> str:
    """A timeline with one picture track that holds `children`."""
    track = {
        "OTIO_SCHEMA": "Track.1",
        "kind": "Video",
        "name": "v",
        "metadata": {},
        "children": children,
    }
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "s", "metadata": {}, "children": [track]}
    return json.dumps(
        {"OTIO_SCHEMA": "Timeline.1", "name": "t", "metadata": {}, "tracks": stack, **extra}
    )


def _time(value: object, rate: object = 25) -> dict[str, object]:
    return {"OTIO_SCHEMA": "RationalTime.1", "value": value, "rate": rate}


def _span(start: object, duration: object, rate: object = 25) -> dict[str, object]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": _time(start, rate),
        "duration": _time(duration, rate),
    }


TIMELINES = {
    "nothing": "",
    "a text": "hello",
    "NUL bytes": "\0" * 100,
    "an empty object": "{}",
    "a list": "[]",
    "nesting": "[" * 100_000,
    "an unknown schema": '{"OTIO_SCHEMA": "Bomb.9"}',
    "a later schema": '{"OTIO_SCHEMA": "Timeline.99"}',
    "a clip instead": json.dumps(CLIP),
    "no tracks": otio([]).replace("Video", "Audio"),
    "clips without length": otio([CLIP]),
    "a clip of another's": otio([{**CLIP, "source_range": _span(0, 10)}]),
    "a length that is not a number": otio([{**CLIP, "source_range": _span(0, "x")}]),
    "an infinite length": otio([{**CLIP, "source_range": _span(0, 1e300)}]),
    "NaN": otio([{**CLIP, "source_range": _span(0, float("nan"))}]),
    "a negative length": otio([{**CLIP, "source_range": _span(0, -5)}]),
    "no rate": otio([{**CLIP, "source_range": _span(0, 5, 0)}]),
    "metadata of another kind": otio(
        [{**CLIP, "metadata": {"callsheet": "x"}, "source_range": _span(0, 5)}]
    ),
    "a transition alone": otio(
        [
            {
                "OTIO_SCHEMA": "Transition.1",
                "name": "",
                "metadata": {},
                "transition_type": "SMPTE_Dissolve",
                "in_offset": _time(5),
                "out_offset": _time(5),
            }
        ]
    ),
}


class Watch:
    """Holds a case to its time and memory."""

    def __enter__(self) -> None:
        self.began, self.memory = (
            time.monotonic(),
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        )

    def __exit__(self, *_: object) -> None:
        assert time.monotonic() - self.began < SECONDS
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.memory) >> 10 < MEBIBYTES


def refused(act: Callable[[], object], *kinds: type[Exception]) -> None:
    """The act must fail with one of our errors, told in one plain line."""
    with Watch(), pytest.raises(kinds or InputError) as caught:
        act()
    said = str(caught.value)
    if isinstance(caught.value, InputError):
        assert all(line.isprintable() and len(line) < 2000 for line in said.splitlines())


@pytest.mark.parametrize("name", PICTURES)
def test_a_hostile_portrait_is_refused(name: str, tmp_path: Path) -> None:
    file, make = PICTURES[name]
    make(tmp_path / file)
    if name in SOUND_PIXELS:
        with Watch(), contextlib.suppress(InputError):
            assert portraits.read(tmp_path / file).pixels.shape == (300, 300, 3)
        return
    refused(lambda: portraits.read(tmp_path / file), InputError, ToolError)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_hostile_recording_is_refused_and_nothing_else_is_opened(
    name: str, tmp_path: Path
) -> None:
    file, make = SOUNDS[name]
    make(tmp_path / file)
    refused(
        lambda: ingest.ingest(
            tmp_path / file, order=0, offset_samples=0, root=tmp_path, folder=tmp_path
        ),
        InputError,
        ToolError,
    )
    assert not list((tmp_path / "media").rglob("*.flac"))


@pytest.mark.parametrize("name", CUBES)
def test_a_hostile_cube_is_refused(name: str, tmp_path: Path) -> None:
    path, text = tmp_path / "look.cube", CUBES[name]
    path.write_text(text or "", encoding="utf-8")
    if text is None:
        os.truncate(path, 100 << 20)
    refused(lambda: colour.read_cube(path), ValueError)


@pytest.mark.parametrize("name", TIMELINES)
def test_a_hostile_timeline_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "timeline.otio"
    path.write_text(TIMELINES[name])
    refused(lambda: conform.conform_cuts([], path))


COLUMNS = "line_id,character,text,start,end,take,takes,ignore,status,confidence,reasons,exported\n"
EXPORTED = '"[""1.0"",""2.0"",""ALEX"","""","""",""2026-01-01T00:00:00+00:00""]"'
CORRECTIONS = {
    "nothing": "",
    "a text": "hello",
    "NUL bytes": "\0\0",
    "other columns": "a,b\n1,2\n",
    "an export that is no JSON": COLUMNS + "l1,ALEX,x,1,2,,1,,matched,1,,hello\n",
    "an export of another kind": COLUMNS + 'l1,ALEX,x,1,2,,1,,matched,1,,"{""a"": 1}"\n',
    "an export that is a number": COLUMNS + "l1,ALEX,x,1,2,,1,,matched,1,,5\n",
    "an export that is too short": COLUMNS + 'l1,ALEX,x,1,2,,1,,matched,1,,"[1]"\n',
    "an export of numbers": COLUMNS + 'l1,ALEX,x,1,2,,1,,matched,1,,"[1,2,3,4,5,6]"\n',
    "an export that nests": COLUMNS + "l1,ALEX,x,1,2,,1,,matched,1,," + "[" * 5000 + "\n",
    "a time that is not one": COLUMNS + f"l1,ALEX,x,nan,2,,1,,matched,1,,{EXPORTED}\n",
    "an infinite time": COLUMNS + f"l1,ALEX,x,1e999,2,,1,,matched,1,,{EXPORTED}\n",
    "a formula for a time": COLUMNS + f"l1,ALEX,x,=1+1,2,,1,,matched,1,,{EXPORTED}\n",
    "a take beyond counting": COLUMNS + f"l1,ALEX,x,1,2,{'9' * 5000},1,,matched,1,,{EXPORTED}\n",
    "another's character": COLUMNS + f"l1,../../x,x,1,2,,1,,matched,1,,{EXPORTED}\n",
    "an answer that is none": COLUMNS + f"l1,ALEX,x,1,2,,1,$(id),matched,1,,{EXPORTED}\n",
}


@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_hostile_sheet_of_corrections_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "listening").mkdir()
    (tmp_path / layout.CUE_SHEET).write_text(CORRECTIONS[name])
    store = Store(tmp_path / "manifests")
    alex = Actor(character="ALEX", actor="Alex", portrait="a.jpg")
    refused(lambda: corrections.import_sheet(store, tmp_path, [alex]))
    assert store.read(Event) == []


def test_files_that_hold_no_readable_credentials_are_told_apart_without_a_crash(
    tmp_path: Path,
) -> None:
    for number, data in enumerate((b"", b"\0" * 999, wav(), png(300, 300), jpeg(), b"ftyp" * 99)):
        for suffix in (".mp4", ".mov", ".png", ".txt"):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(data)
            assert c2pa_signing.verify_credentials(path).state == "missing"


def test_a_good_picture_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    assert portraits.read(tmp_path / "a.jpg").pixels.dtype == np.uint8
