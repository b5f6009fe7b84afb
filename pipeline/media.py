# SPDX-License-Identifier: Apache-2.0
"""The one door to ffmpeg: finding it, running it, probing files, and streaming samples and frames
in and out.

Other modules build argument lists; this one runs them, never through a shell. Files that come from
people are opened with an allow-list of demuxers and the `file` protocol only, so a playlist named
`.wav` cannot make ffmpeg open something else. Probing uses PyAV (the same libav libraries), because
the packaged ffmpeg has no ffprobe.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import numpy as np
from jaxtyping import Float32, UInt8

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem, ToolError

DEMUXERS = (
    "wav",
    "w64",
    "flac",
    "mp3",
    "mov",
    "mp4",
    "m4a",
    "ogg",
    "matroska",
    "webm",
    "aiff",
    "aac",
    "flv",
)
NEEDED_FILTERS = (
    "alphamerge",
    "ass",
    "astats",
    "blackdetect",
    "blend",
    "ebur128",
    "extractplanes",
    "freezedetect",
    "loudnorm",
    "lut3d",
    "lutrgb",
    "mergeplanes",
    "overlay",
    "setparams",
    "silencedetect",
    "tpad",
    "zscale",
)
NEEDED_ENCODERS = (
    "aac",
    "ffv1",
    "flac",
    "libopus",
    "libsvtav1",
    "libvpx-vp9",
    "libx264",
    "libx264rgb",
    "libx265",
    "pcm_s24le",
    "prores_aw",
    "prores_ks",
)
LONGEST_SECONDS = 12 * 3600  # a longer "recording" is a mistake or a decompression bomb

ZERO = Fraction(0)
PIPE_BYTES = 1 << 20
_PROGRESS_KEY = re.compile(r"[a-z0-9_]+")

SAFE_INPUT = ("-protocol_whitelist", "file,pipe", "-format_whitelist", ",".join(DEMUXERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """First audio stream: sampling rate in Hz, channels, codec, and where on the file's clock it
    begins (seconds).
    """

    hz: int
    channels: int
    codec: str
    start: Fraction = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """First video stream. `frames` is 0 when the container does not say. Colour tags are the names
    ffmpeg prints, "" when unset.
    """

    width: int
    height: int
    rate: Fraction
    frames: int
    codec: str
    pixel_format: str
    start: Fraction = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What a media file says of itself. `seconds` is 0 when it does not say."""

    path: Path
    container: str
    seconds: Fraction
    audio: AudioInfo | None
    video: VideoInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSource:
    """An ffmpeg argument list that writes exactly `frames` raw frames to `pipe:1`. `name` is what
    errors call it.
    """

    name: str
    arguments: tuple[str, ...]
    frames: int


@functools.cache
def ffmpeg_path() -> str:
    """Name the ffmpeg that runs; see `choose_ffmpeg`. Raises InputError when there is none."""
    return choose_ffmpeg(
        named=os.environ.get("CALLSHEET_FFMPEG", ""),
        packaged=_packaged_ffmpeg(),
        system=shutil.which("ffmpeg"),
    )


def choose_ffmpeg(*, named: str, packaged: Path | None, system: str | None) -> str:
    """Choose `named` ($CALLSHEET_FFMPEG), else the packaged program.

    The tests ran with the packaged program; another version may have every filter and still
    behave differently. A system ffmpeg serves only on platforms without a packaged one, and only
    if it has all that Callsheet needs. Raises InputError when no program is left.
    """
    if named:
        return named
    if packaged is not None:
        return str(packaged)
    missing = missing_features(system) if system else []
    if system and not missing:
        return system
    got = f"{system}, which lacks {', '.join(missing)}" if system else "none in PATH"
    message = "imageio-ffmpeg brings no ffmpeg for this platform"
    expected = "an ffmpeg with all filters and encoders, named by CALLSHEET_FFMPEG"
    raise InputError(Problem(file="ffmpeg", message=message, expected=expected, got=got))


def missing_features(executable: str) -> list[str]:
    """Filters and encoders that we use and this ffmpeg lacks."""
    filters = _list_features(executable, "-filters")
    encoders = _list_features(executable, "-encoders")
    return [name for name in NEEDED_FILTERS if name not in filters] + [
        name for name in NEEDED_ENCODERS if name not in encoders
    ]


def missing_encoders(wanted: Sequence[str]) -> list[str]:
    """Those of the wanted encoders that the ffmpeg that will run lacks; it is not asked when none
    are wanted.
    """
    known = _list_features(ffmpeg_path(), "-encoders") if wanted else set()
    return [name for name in wanted if name not in known]


def probe(path: Path) -> MediaInfo:
    """Open a file with the allow-listed demuxers and read its header. Raises InputError when it is
    no such media.
    """
    import av
    from av.error import FFmpegError

    if not path.is_file():
        raise InputError(Problem(file=str(path), message="no such file"))
    if path.stat().st_size == 0:
        raise InputError(
            Problem(file=str(path), message="the file is empty", expected="audio or video")
        )
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)}
    try:
        with av.open(str(path.resolve()), options=options) as container:
            return _media_info(path, container)
    except (FFmpegError, ValueError, OSError) as error:
        known = "WAV, FLAC, MP3, M4A, OGG, MP4, MOV, MKV or AIFF"
        raise InputError(
            Problem(
                file=str(path),
                message="not a media file that can be read",
                expected=known,
                got=str(error),
            )
        ) from error


def read_audio(
    path: Path, *, hz: int, channels: int, block_seconds: float = 10.0, start: Fraction = ZERO
) -> Iterator[Float32[np.ndarray, "samples channels"]]:
    """Stream a file's first audio stream as float32 in [-1, 1], resampled and mixed to `channels`,
    from `start` seconds on.

    Raises ToolError when decoding fails.
    """
    arguments = [
        "-v",
        "error",
        "-nostdin",
        *SAFE_INPUT,
        "-t",
        str(LONGEST_SECONDS),
        *_seek_arguments(start),
        "-i",
        str(path.resolve()),
    ]
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
    # mixing down averages and never clips
    mix = f"aresample={hz}:out_chlayout={layout}:rematrix_maxval=1"
    arguments += ["-map", "0:a:0", "-vn", "-af", mix, "-f", "f32le", "pipe:1"]
    size = max(1, round(block_seconds * hz)) * channels * 4
    for block in _read_blocks(arguments, size, partial=True):
        yield np.frombuffer(block, dtype=np.float32).reshape(-1, channels)


def read_frames(
    path: Path, *, width: int, height: int, filters: str = "", start: Fraction = ZERO
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Stream a video's frames as RGB of `width` x `height` (scaled when they differ). `filters`: an
    ffmpeg filter chain to apply first.

    `start`: frames shown before that many seconds are left out, without decoding what lies before
    the nearest key frame.
    """
    chain = ",".join(
        part
        for part in (filters, f"scale={width}:{height}:flags=accurate_rnd+full_chroma_int")
        if part
    )
    arguments = [
        "-v",
        "error",
        "-nostdin",
        "-threads",
        "1",
        *SAFE_INPUT,
        *_seek_arguments(start),
        "-i",
        str(path.resolve()),
    ]
    arguments += ["-map", "0:v:0", "-an", "-fps_mode", "passthrough", "-vf", chain]
    arguments += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    for block in _read_blocks(arguments, width * height * 3, partial=False):
        yield np.frombuffer(block, dtype=np.uint8).reshape(height, width, 3)


def _seek_arguments(start: Fraction) -> list[str]:
    return ["-ss", f"{float(start):.6f}"] if start else []


def run(arguments: Sequence[str], *, progress: Callable[[int], None] | None = None) -> str:
    """Run ffmpeg with `arguments` (`-hide_banner -nostdin -nostats -y` come first) and return all
    of its stderr.

    `progress(frames_done)` is called as it goes. Raises ToolError.
    """
    command = [
        ffmpeg_path(),
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-y",
        "-progress",
        "pipe:1",
        *arguments,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        drain = _PipeReader(process.stderr)
        try:
            for line in process.stdout or ():
                key, _, value = line.decode().strip().partition("=")
                if key == "frame" and progress is not None:
                    progress(int(value))
        except BaseException:
            process.kill()
            raise
        code = process.wait()
    stderr = drain.text()
    if code:
        raise ToolError("ffmpeg failed", command=command, code=code, stderr=stderr)
    return stderr


def run_piped(
    sources: Sequence[FrameSource],
    sink: Sequence[str],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Run the sources one after another into one sink that reads `pipe:0`; return the sink's
    stderr.

    Any number of clips reaches one encoder this way at constant memory: as inputs of one filter
    graph each would hold a decoder and its queues open from the first frame to the last. Frames go
    from process to process without passing through this one. `progress(frames done, frames in
    all)`. Raises ToolError for the process that failed, also when a source gives other than its
    promised frames.
    """
    command = [ffmpeg_path(), "-hide_banner", "-nostats", "-y", *sink]
    total, done = sum(source.frames for source in sources), 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        _widen_pipe(process.stdin)
        drain = _PipeReader(process.stderr)
        try:
            for source in sources:
                for frames in _pour_frames(source, process.stdin):
                    if progress is not None:
                        progress(done + frames, total)
                done += source.frames
        except ToolError:
            # the sink died first, and the source of that: its own words tell why
            if _has_failed(process):
                raise ToolError(
                    "ffmpeg failed", command=command, code=process.returncode, stderr=drain.text()
                ) from None
            process.kill()
            raise
        except BaseException:
            process.kill()
            raise
        process.stdin.close()
        code = process.wait()
    if code:
        raise ToolError("ffmpeg failed", command=command, code=code, stderr=drain.text())
    return drain.text()


class FrameWriter:
    """Write RGB frames to a file as they come; the file appears under its name only when all went
    well.

    Without alpha the encoder is lossless RGB H.264 in Matroska, the mezzanine of takes: static
    backgrounds cost next to nothing, and there is one hand-over without loss between a talker and
    the finishing. Mattes (`gray`) are FFV1. Use as a context manager; `write` takes (height, width,
    channels), of mattes (height, width).
    """

    MEZZANINE = ("-c:v", "libx264rgb", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "rgb24")
    WITH_ALPHA = ("-c:v", "ffv1", "-level", "3", "-pix_fmt", "gbrap")
    MATTE = ("-c:v", "ffv1", "-level", "3", "-pix_fmt", "gray")

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int],
        rate: Fraction,
        pixels: Literal["rgb24", "rgba", "gray"] = "rgb24",
        threads: int = 1,
    ) -> None:
        """`size`: (width, height) in pixels. `pixels`: `rgba` is straight alpha, `gray` a matte.
        `threads`: for the encoder.
        """
        self.path = path
        self.frames = 0
        channels: dict[str, tuple[int, ...]] = {"rgb24": (3,), "rgba": (4,), "gray": ()}
        self._shape = (size[1], size[0], *channels[pixels])
        encoder = {"rgb24": self.MEZZANINE, "rgba": self.WITH_ALPHA, "gray": self.MATTE}[pixels]
        self._command = [
            ffmpeg_path(),
            "-hide_banner",
            "-v",
            "error",
            "-y",
            "-f",
            "rawvideo",
            "-pix_fmt",
            pixels,
        ]
        self._command += [
            "-s",
            f"{size[0]}x{size[1]}",
            "-r",
            f"{rate.numerator}/{rate.denominator}",
            "-i",
            "pipe:0",
        ]
        self._command += [
            "-threads",
            str(threads),
            *encoder,
            "-fflags",
            "+bitexact",
        ]  # no random ids

    def __enter__(self) -> Self:
        """Start the encoder."""
        self._files = contextlib.ExitStack()
        self._command += [str(self._files.enter_context(atomic_write(self.path)))]
        self._files.push(self._end)
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._drain = _PipeReader(self._process.stderr)
        return self

    def write(self, frame: UInt8[np.ndarray, "height width *channels"]) -> None:
        """Append one frame. Raises ToolError when the encoder died, ValueError when the frame has
        another size.
        """
        if frame.shape != self._shape:
            raise ValueError(f"frame of shape {frame.shape}, the file takes {self._shape}")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except BrokenPipeError:
            self._finish()
        self.frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file and give it its name, or leave nothing behind when an error passes
        through.
        """
        self._files.__exit__(kind, error, trace)

    def _end(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the encoder before the file gets its name."""
        if kind is None:
            self._finish()
        else:
            self._process.kill()
            self._close()

    def _finish(self) -> None:
        stderr = self._close()
        if self._process.returncode:
            raise ToolError(
                "ffmpeg failed", command=self._command, code=self._process.returncode, stderr=stderr
            )

    def _close(self) -> str:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the exit code tells
            self._process.stdin.close()
        self._process.wait()
        return self._drain.text()


def _pour_frames(source: FrameSource, sink: IO[bytes]) -> Iterator[int]:
    """Run a source with the sink's input as its output, yielding how many frames it has written so
    far.
    """
    command = [
        ffmpeg_path(),
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-v",
        "error",
        "-progress",
        "pipe:2",
        *source.arguments,
    ]
    written, said = 0, []
    with subprocess.Popen(command, stdout=sink, stderr=subprocess.PIPE) as process:
        try:
            for line in process.stderr or ():
                text = line.decode(errors="replace").rstrip()
                key, equals, value = text.partition("=")
                if key == "frame":
                    written = int(value)
                    yield written
                elif not (equals and _PROGRESS_KEY.fullmatch(key)):
                    said.append(text)
        except BaseException:
            process.kill()
            raise
        code = process.wait()
    if code or written != source.frames:
        message = f"{source.name} gave {written} frames, {source.frames} were promised"
        raise ToolError(message, command=command, code=code, stderr="\n".join(said))


def _widen_pipe(pipe: IO[bytes]) -> None:
    """Give a pipe a megabyte where the system allows it: frames are large, and every refill wakes
    two processes.
    """
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _has_failed(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has failed, given a moment to do so."""
    try:
        return process.wait(timeout=2) != 0
    except subprocess.TimeoutExpired:
        return False


class _PipeReader:
    """Reads a pipe to its end in a thread, so that the process never blocks on it."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        self._pipe = pipe
        self._data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._pipe:
            self._data = self._pipe.read()

    def text(self) -> str:
        self._thread.join()
        return self._data.decode(errors="replace")


def _read_blocks(arguments: Sequence[str], size: int, *, partial: bool) -> Iterator[bytes]:
    command = [ffmpeg_path(), "-hide_banner", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        drain = _PipeReader(process.stderr)
        try:
            while block := process.stdout.read(size):
                if len(block) == size or partial:
                    yield block
        except BaseException:  # also a consumer that stops early: the decoder must not outlive it
            process.kill()
            raise
        code = process.wait()
    if code:
        raise ToolError(
            "ffmpeg could not decode the file", command=command, code=code, stderr=drain.text()
        )


def _media_info(path: Path, container: object) -> MediaInfo:
    streams = container.streams  # type: ignore[attr-defined]
    duration = container.duration  # type: ignore[attr-defined]
    audio = next(iter(streams.audio), None)
    video = next((s for s in streams.video if not s.disposition & s.disposition.attached_pic), None)
    return MediaInfo(
        path=path,
        container=container.format.name,  # type: ignore[attr-defined]
        seconds=Fraction(duration or 0, 1_000_000),
        audio=audio and _audio_info(audio),
        video=video and _video_info(video),
    )


def _audio_info(stream: object) -> AudioInfo:
    return AudioInfo(
        hz=stream.rate,  # type: ignore[attr-defined]
        channels=stream.channels,  # type: ignore[attr-defined]
        codec=stream.codec_context.name,  # type: ignore[attr-defined]
        start=_start_seconds(stream),
    )


def _start_seconds(stream: object) -> Fraction:
    return (stream.start_time or 0) * (stream.time_base or ZERO)  # type: ignore[attr-defined,no-any-return]


def _video_info(stream: object) -> VideoInfo:
    codec = stream.codec_context  # type: ignore[attr-defined]
    return VideoInfo(
        width=codec.width,
        height=codec.height,
        rate=Fraction(stream.average_rate or 0),  # type: ignore[attr-defined]
        frames=stream.frames,  # type: ignore[attr-defined]
        codec=codec.name,
        pixel_format=codec.pix_fmt or "",
        start=_start_seconds(stream),
    )


def _packaged_ffmpeg() -> Path | None:
    """Find the program inside imageio-ffmpeg.

    Its own `get_ffmpeg_exe` is not asked: it would fall back to whatever PATH has.
    """
    import imageio_ffmpeg

    found = sorted((Path(imageio_ffmpeg.__file__).parent / "binaries").glob("ffmpeg-*"))
    return next((program for program in found if os.access(program, os.X_OK)), None)


def _list_features(executable: str, listing: str) -> set[str]:
    result = subprocess.run(
        [executable, "-hide_banner", listing], capture_output=True, text=True, check=False
    )
    return {parts[1] for line in result.stdout.splitlines() if len(parts := line.split()) > 1}
