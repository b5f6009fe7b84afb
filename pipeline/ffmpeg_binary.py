# SPDX-License-Identifier: Apache-2.0
"""Find the ffmpeg that runs, and check that it has the filters and encoders that we use.

Part of the one door to ffmpeg: `pipeline.media` runs it.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from manifests.errors import InputError, Problem

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


@functools.cache
def ffmpeg_path() -> str:
    """Name the ffmpeg that runs; see `choose_ffmpeg`. Raises InputError when there is none."""
    return choose_ffmpeg(
        named=os.environ.get("CALLSHEET_FFMPEG", ""),
        packaged=find_packaged(),
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
    """List filters and encoders that we use and this ffmpeg lacks."""
    filters = _list_features(executable, "-filters")
    encoders = _list_features(executable, "-encoders")
    return [name for name in NEEDED_FILTERS if name not in filters] + [
        name for name in NEEDED_ENCODERS if name not in encoders
    ]


def missing_encoders(wanted: Sequence[str]) -> list[str]:
    """List the wanted encoders that the ffmpeg that runs lacks; none wanted, none asked."""
    known = _list_features(ffmpeg_path(), "-encoders") if wanted else set()
    return [name for name in wanted if name not in known]


def find_packaged() -> Path | None:
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
