# SPDX-License-Identifier: Apache-2.0
"""Find the ffmpeg that runs.

Part of the one door to ffmpeg: `pipeline.media` runs it, `pipeline.ffmpeg_trial` tries it.
"""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path

from manifests.errors import InputError, Problem

NAME = "CALLSHEET_FFMPEG"


@functools.cache
def ffmpeg_path() -> str:
    """Name the ffmpeg that runs; see `choose_ffmpeg`. Raises InputError when there is none."""
    return choose_ffmpeg(named=os.environ.get(NAME, ""), packaged=find_packaged())


def is_named() -> bool:
    """Tell whether the user named another ffmpeg than the packaged one."""
    return bool(os.environ.get(NAME))


def choose_ffmpeg(*, named: str, packaged: Path | None) -> str:
    """Choose `named` ($CALLSHEET_FFMPEG), else the packaged program.

    The tests ran with the packaged program. An ffmpeg that merely lies in PATH is never used:
    another version may have every filter and still behave differently. A production cannot name
    one, because productions come from strangers. Raises InputError when the named program does not
    exist, or when no program is left.
    """
    if named:
        found = shutil.which(named)
        if found is None:
            message, expected = f"${NAME} names no program", "the path of an ffmpeg, or unset it"
            raise InputError(Problem(file=named, message=message, expected=expected))
        return found
    if packaged is None:
        message = "imageio-ffmpeg brings no ffmpeg for this platform"
        raise InputError(Problem(file="ffmpeg", message=message, expected=f"one named by ${NAME}"))
    return str(packaged)


def find_packaged() -> Path | None:
    """Find the program inside imageio-ffmpeg.

    Its own `get_ffmpeg_exe` is not asked: it would fall back to whatever PATH has.
    """
    import imageio_ffmpeg

    found = sorted((Path(imageio_ffmpeg.__file__).parent / "binaries").glob("ffmpeg-*"))
    return next((program for program in found if os.access(program, os.X_OK)), None)
