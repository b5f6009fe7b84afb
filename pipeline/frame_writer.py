# SPDX-License-Identifier: Apache-2.0
"""Write frames to a video file as they come, without loss."""

from __future__ import annotations

import contextlib
import subprocess
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from jaxtyping import UInt8

from manifests.atomic_write import atomic_write
from manifests.errors import ToolError
from pipeline.ffmpeg_binary import ffmpeg_path
from pipeline.media import PipeReader


class FrameWriter:
    """Writes RGB frames to a file as they come; the file appears only when all went well.

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
        """Prepare the encoder's command.

        `size`: (width, height) in pixels. `pixels`: `rgba` is straight alpha, `gray` a matte.
        `threads`: for the encoder.
        """
        self.path = path
        self.frames = 0
        channels: dict[str, tuple[int, ...]] = {"rgb24": (3,), "rgba": (4,), "gray": ()}
        self._shape = (size[1], size[0], *channels[pixels])
        encoder = {"rgb24": self.MEZZANINE, "rgba": self.WITH_ALPHA, "gray": self.MATTE}[pixels]
        self._command = [ffmpeg_path(), "-hide_banner", "-v", "error", "-y"]
        self._command += ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{size[0]}x{size[1]}"]
        self._command += ["-r", f"{rate.numerator}/{rate.denominator}", "-i", "pipe:0"]
        # bitexact: no random ids
        self._command += ["-threads", str(threads), *encoder, "-fflags", "+bitexact"]

    def __enter__(self) -> Self:
        """Start the encoder."""
        self._files = contextlib.ExitStack()
        self._command += [str(self._files.enter_context(atomic_write(self.path)))]
        self._files.push(self._end)
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._drain = PipeReader(self._process.stderr)
        return self

    def write(self, frame: UInt8[np.ndarray, "height width *channels"]) -> None:
        """Append one frame.

        Raises ToolError when the encoder died, ValueError when the frame has another size.
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
        """Finish the file and give it its name; after an error leave nothing behind."""
        self._files.__exit__(kind, error, trace)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
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
