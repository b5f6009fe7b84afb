# SPDX-License-Identifier: Apache-2.0
"""Find the ffmpeg that runs.

Part of the one door to ffmpeg: `pipeline.media` runs it, `pipeline.ffmpeg_trial` tries it.
"""

from __future__ import annotations

import functools
import os
import shutil
import tomllib
from pathlib import Path

from manifests.errors import InputError, Problem

NAME = "CALLSHEET_FFMPEG"
SETTINGS = "callsheet/settings.toml"  # in the folder of the user's configuration
KEY = "ffmpeg"


@functools.cache
def ffmpeg_path() -> str:
    """Name the ffmpeg that runs; see `choose_ffmpeg`. Raises InputError when there is none."""
    named, by = _find_named()
    return choose_ffmpeg(named=named, by=by, packaged=find_packaged())


def is_named() -> bool:
    """Tell whether the user named another ffmpeg than the packaged one. Raises InputError."""
    return bool(_find_named()[0])


def choose_ffmpeg(*, named: str, by: str = f"${NAME}", packaged: Path | None) -> str:
    """Choose `named`, else the packaged program. `by`: what named it.

    The tests ran with the packaged program. An ffmpeg that merely lies in PATH is never used:
    another version may have every filter and still behave differently. A production cannot name
    one, because productions come from strangers. Raises InputError when the named program does not
    exist, or when no program is left.
    """
    if named:
        found = shutil.which(named)
        if found is None:
            message, expected = f"{by} names no program", "the path of an ffmpeg, or nothing"
            raise InputError(Problem(file=named, message=message, expected=expected))
        return found
    if packaged is None:
        message = "imageio-ffmpeg brings no ffmpeg for this platform"
        raise InputError(Problem(file="ffmpeg", message=message, expected=f"one named by ${NAME}"))
    return str(packaged)


def _find_named() -> tuple[str, str]:
    """Find the program that the user named, and by what: the environment outranks the settings."""
    if os.environ.get(NAME):
        return os.environ[NAME], f"${NAME}"
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return _read_settings(base / SETTINGS), str(base / SETTINGS)


def _read_settings(file: Path) -> str:
    """Read the program that the user's settings name; "" where there are no settings."""
    expected = f'{KEY} = "/path/of/ffmpeg", and nothing else'
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError, RecursionError) as error:
        problem = Problem(file=str(file), message=f"cannot be read: {error}", expected=expected)
        raise InputError(problem) from error
    unknown = sorted(found.keys() - {KEY})
    if unknown or not isinstance(found.get(KEY, ""), str):
        message = f"unknown key {unknown[0]}" if unknown else f"{KEY} is not a text"
        raise InputError(Problem(file=str(file), message=message, expected=expected))
    return str(found.get(KEY, ""))


def find_packaged() -> Path | None:
    """Find the program inside imageio-ffmpeg.

    Its own `get_ffmpeg_exe` is not asked: it would fall back to whatever PATH has.
    """
    import imageio_ffmpeg

    found = sorted((Path(imageio_ffmpeg.__file__).parent / "binaries").glob("ffmpeg-*"))
    return next((program for program in found if os.access(program, os.X_OK)), None)
