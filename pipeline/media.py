# SPDX-License-Identifier: Apache-2.0
"""Run ffmpeg, probe files, and stream samples and frames: the one door to ffmpeg.

Other modules build argument lists; this one runs them, never through a shell (`frame_writer` writes
frames, `ffmpeg_binary` finds the program). Files that come from people are opened with an
allow-list of demuxers and the `file` protocol only, so a playlist named `.wav` cannot make ffmpeg
open something else. Probing uses PyAV (the same libav libraries), because the packaged ffmpeg has
no ffprobe.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float32, UInt8

from manifests.errors import InputError, Problem, ToolError
from pipeline.ffmpeg_binary import ffmpeg_path

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
LONGEST_SECONDS = 12 * 3600  # a longer "recording" is a mistake or a decompression bomb

ZERO = Fraction(0)
PIPE_BYTES = 1 << 20
_PROGRESS_KEY = re.compile(r"[a-z0-9_]+")

SAFE_INPUT = ("-protocol_whitelist", "file,pipe", "-format_whitelist", ",".join(DEMUXERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """First audio stream of a file.

    Sampling rate in Hz, channels, codec, and where on the file's clock it begins (seconds).
    """

    hz: int
    channels: int
    codec: str
    start: Fraction = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """First video stream of a file.

    `frames` is 0 when the container does not say. Colour tags are the names ffmpeg prints, "" when
    unset.
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
    """An ffmpeg argument list that writes exactly `frames` raw frames to `pipe:1`.

    `name` is what errors call it.
    """

    name: str
    arguments: tuple[str, ...]
    frames: int


def probe(path: Path) -> MediaInfo:
    """Read a file's header with the allow-listed demuxers.

    Raises InputError when the file is no such media.
    """
    import av
    from av.error import FFmpegError

    _check_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)}
    try:
        with av.open(str(path.resolve()), options=options) as container:
            return _media_info(path, container)
    except (FFmpegError, ValueError, OSError) as error:
        known = "WAV, FLAC, MP3, M4A, OGG, MP4, MOV, MKV or AIFF"
        raise InputError(
            Problem(
                file=str(path), message="not a readable media file", expected=known, got=str(error)
            )
        ) from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(Problem(file=str(path), message="no such file"))
    if path.stat().st_size == 0:
        problem = Problem(file=str(path), message="the file is empty", expected="audio or video")
        raise InputError(problem)


def read_audio(  # noqa: PLR0913 - each is one property of the stream that is read
    path: Path,
    *,
    hz: int,
    channels: int,
    block_seconds: float = 10.0,
    start: Fraction = ZERO,
    tolerant: bool = False,
) -> Iterator[Float32[np.ndarray, "samples channels"]]:
    """Stream a file's first audio stream as float32 in [-1, 1], from `start` seconds on.

    It is resampled and mixed to `channels`. `tolerant`: read over what the decoder complains of, as
    players do; for files that people bring. Raises ToolError when decoding fails.
    """
    arguments = ["-v", "error", "-nostdin", *SAFE_INPUT, "-t", str(LONGEST_SECONDS)]
    arguments += [*_seek_arguments(start), "-i", str(path.resolve())]
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
    # mixing down averages and never clips
    mix = f"aresample={hz}:out_chlayout={layout}:rematrix_maxval=1"
    arguments += ["-map", "0:a:0", "-vn", "-af", mix, "-f", "f32le", "pipe:1"]
    size = max(1, round(block_seconds * hz)) * channels * 4
    for block in _read_blocks(arguments, size, partial=True, tolerant=tolerant):
        yield np.frombuffer(block, dtype=np.float32).reshape(-1, channels)


def read_frames(  # noqa: PLR0913 - each is one property of the stream that is read
    path: Path,
    *,
    width: int,
    height: int,
    filters: str = "",
    start: Fraction = ZERO,
    tolerant: bool = False,
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Stream a video's frames as RGB of `width` x `height` (scaled when they differ).

    `filters`: an ffmpeg filter chain to apply first. `start`: frames shown before that many seconds
    are left out, without decoding what lies before the nearest key frame. `tolerant`: as for
    `read_audio`. Raises ToolError when decoding fails.
    """
    scale = f"scale={width}:{height}:flags=accurate_rnd+full_chroma_int"
    chain = f"{filters},{scale}" if filters else scale
    arguments = ["-v", "error", "-nostdin", "-threads", "1", *SAFE_INPUT]
    arguments += [*_seek_arguments(start), "-i", str(path.resolve())]
    arguments += ["-map", "0:v:0", "-an", "-fps_mode", "passthrough", "-vf", chain]
    arguments += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    for block in _read_blocks(arguments, width * height * 3, partial=False, tolerant=tolerant):
        yield np.frombuffer(block, dtype=np.uint8).reshape(height, width, 3)


def _seek_arguments(start: Fraction) -> list[str]:
    return ["-ss", f"{float(start):.6f}"] if start else []


def run(arguments: Sequence[str], *, progress: Callable[[int], None] | None = None) -> str:
    """Run ffmpeg with `arguments` and return all of its stderr.

    `-hide_banner -nostdin -nostats -y` come first. `progress(frames_done)` is called as it goes.
    Raises ToolError.
    """
    options = ["-hide_banner", "-nostdin", "-nostats", "-y", "-progress", "pipe:1"]
    command = [ffmpeg_path(), *options, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        drain = PipeReader(process.stderr)
        with _kill_on_error(process):
            for line in process.stdout or ():
                key, _, value = line.decode().strip().partition("=")
                if key == "frame" and progress is not None:
                    progress(int(value))
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
    """Run the sources one after another into one sink that reads `pipe:0`; return its stderr.

    Any number of clips reaches one encoder this way at constant memory: as inputs of one filter
    graph each would hold a decoder and its queues open from the first frame to the last. Frames go
    from process to process without passing through this one. `progress(frames done, frames in
    all)`. Raises ToolError for the process that failed, also when a source gives other than its
    promised frames, or its decoder complains.
    """
    command = [ffmpeg_path(), "-hide_banner", "-nostats", "-y", *sink]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        drain = PipeReader(process.stderr)
        with _kill_on_error(process):
            try:
                _pour_all(sources, process, progress)
            except ToolError:
                # the sink died first, and the source of that: its own words tell why
                if not _has_failed(process):
                    raise
        code = process.wait()
    if code:
        raise ToolError("ffmpeg failed", command=command, code=code, stderr=drain.text())
    return drain.text()


def _pour_all(
    sources: Sequence[FrameSource],
    sink: subprocess.Popen[bytes],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Run the sources one after another into a process, and close its input."""
    assert sink.stdin is not None
    _widen_pipe(sink.stdin)
    total, done = sum(source.frames for source in sources), 0
    for source in sources:
        for frames in _pour_frames(source, sink.stdin):
            if progress is not None:
                progress(done + frames, total)
        done += source.frames
    sink.stdin.close()


@contextlib.contextmanager
def _kill_on_error(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a process when anything goes wrong, also when a consumer stops early."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


def _pour_frames(source: FrameSource, sink: IO[bytes]) -> Iterator[int]:
    """Run a source into the sink's input, yielding how many frames it has written so far."""
    options = ["-hide_banner", "-nostdin", "-nostats", "-v", "error", "-progress", "pipe:2"]
    command = [ffmpeg_path(), *options, *source.arguments]
    written, complaints = 0, []
    with subprocess.Popen(command, stdout=sink, stderr=subprocess.PIPE) as process:
        with _kill_on_error(process):
            for line in process.stderr or ():
                text = line.decode(errors="replace").rstrip()
                key, equals, value = text.partition("=")
                if key == "frame":
                    written = int(value)
                    yield written
                elif not (equals and _PROGRESS_KEY.fullmatch(key)):
                    complaints.append(text)
        code = process.wait()
    if code or complaints or written != source.frames:
        message = f"{source.name} gave {written} frames, {source.frames} were promised"
        if written == source.frames:
            message = f"{source.name} is damaged"
        raise ToolError(message, command=command, code=code, stderr="\n".join(complaints))


def _widen_pipe(pipe: IO[bytes]) -> None:
    """Give a pipe a megabyte where the system allows it.

    Frames are large, and every refill wakes two processes.
    """
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _has_failed(process: subprocess.Popen[bytes]) -> bool:
    """Check whether a process has failed, given a moment to do so."""
    try:
        return process.wait(timeout=2) != 0
    except subprocess.TimeoutExpired:
        return False


class PipeReader:
    """Reads a pipe to its end in a thread, so that the process never blocks on it."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        """Start reading."""
        assert pipe is not None
        self._pipe = pipe
        self._data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._pipe:
            self._data = self._pipe.read()

    def text(self) -> str:
        """Wait for the end of the pipe; return all of it."""
        self._thread.join()
        return self._data.decode(errors="replace")


def _read_blocks(
    arguments: Sequence[str], size: int, *, partial: bool, tolerant: bool
) -> Iterator[bytes]:
    command = [ffmpeg_path(), "-hide_banner", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        drain = PipeReader(process.stderr)
        with _kill_on_error(process):
            while block := process.stdout.read(size):
                if len(block) == size or partial:
                    yield block
        code = process.wait()
    complaints = drain.text()
    if code or (complaints.strip() and not tolerant):
        raise ToolError(
            "ffmpeg could not decode the file", command=command, code=code, stderr=complaints
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
