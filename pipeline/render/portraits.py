# SPDX-License-Identifier: Apache-2.0
"""Read portraits: PNG, JPEG or WebP to upright 8-bit sRGB with its transparency.

From a video, the frame with the most restful frontal face is taken. The face that acts is found by
the talker, not here. Sizes are checked before anything is decoded.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_bytes
from model.talker import Portrait
from pipeline import media

if TYPE_CHECKING:
    import PIL.Image

FORMATS = ("PNG", "JPEG", "WEBP")
LEAST_SIDE, MOST_SIDE = 256, 8192
MOST_BYTES = 256 << 20
FILMS = (".mp4", ".mov", ".mkv", ".webm", ".m4v")
FILM_SECONDS, FILM_RATE = 20, 4  # how much of a film is looked at, and how many frames of a second


def read(path: Path, *, face: str = "only", name: str | None = None) -> Portrait:
    """Read a portrait. `face` is the cast sheet's choice.

    Raises InputError for anything that is not a usable picture.
    """
    called = name or path.name
    _check_file(path, called)
    if path.suffix.lower() in FILMS:
        return build_portrait(_find_best_frame(path, called), name=called, face=face)
    pixels, alpha = _read_picture(path, called)
    return build_portrait(pixels, name=called, face=face, alpha=alpha)


def _read_picture(path: Path, called: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Read RGB pixels and, when any of them is not opaque, their opacity."""
    import PIL.Image
    import PIL.ImageOps

    try:
        with warnings.catch_warnings(
            action="ignore", category=PIL.Image.DecompressionBombWarning
        ):  # the size is checked below
            picture = PIL.Image.open(path, formats=FORMATS)
        with picture:
            _check_size(picture.size, called)
            upright = PIL.ImageOps.exif_transpose(picture)
            has_alpha = "A" in upright.getbands() or "transparency" in upright.info
            rgba = np.asarray(_convert_to_srgb(_convert_to_8_bits(upright)).convert("RGBA"))
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise _refuse(
            called, f"not a readable picture: {error}", expected=" or ".join(FORMATS)
        ) from error
    alpha = np.ascontiguousarray(rgba[..., 3]) if has_alpha and rgba[..., 3].min() < 255 else None
    return np.ascontiguousarray(rgba[..., :3]), alpha


def _convert_to_8_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Convert 16-bit grey by its upper eight bits; Pillow would clip it at 255."""
    import PIL.Image

    if not picture.mode.startswith("I"):
        return picture
    return PIL.Image.fromarray(
        (np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
    )


def _convert_to_srgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Convert colours by the profile in the file: cameras and phones write Display P3 or Adobe RGB.

    Without a profile the picture is sRGB already. A profile that cannot be used is ignored, as
    browsers do.
    """
    import PIL.ImageCms

    embedded = picture.info.get("icc_profile")
    if not embedded:
        return picture
    if picture.mode in ("P", "LA", "PA"):
        picture = picture.convert("RGBA")
    try:
        profile = PIL.ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        if "srgb" in PIL.ImageCms.getProfileDescription(profile).lower():
            return picture
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        found = PIL.ImageCms.profileToProfile(
            picture,
            profile,
            PIL.ImageCms.createProfile("sRGB"),
            PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC,
            mode,
        )
    except (PIL.ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return found or picture


def _find_best_frame(path: Path, called: str) -> np.ndarray:
    """Find the most restful frontal face within the first seconds of a video."""
    from model import weights
    from model.previs import choice
    from model.previs.landmarks import Landmarker

    film = media.probe(path).video
    if film is None:
        raise _refuse(called, "there is no picture in this file", expected="a picture or a video")
    _check_size((film.width, film.height), called)
    landmarker = Landmarker(
        weights.locate("mediapipe-face-detector"), weights.locate("mediapipe-face-mesh")
    )
    filters = f"trim=duration={FILM_SECONDS},fps={FILM_RATE}"
    frames = media.read_frames(
        path, width=film.width, height=film.height, filters=filters, tolerant=True
    )
    frame, _ = choice.choose_frame(frames, landmarker)
    if frame is None:
        raise _refuse(
            called,
            f"no face was found in its first {FILM_SECONDS} seconds",
            expected="one face, seen from the front",
        )
    return frame


def build_portrait(
    pixels: np.ndarray, *, name: str, face: str = "only", alpha: np.ndarray | None = None
) -> Portrait:
    """Build a portrait from upright RGB pixels (and their opacity).

    Its identity is theirs and the choice of face.
    """
    parts = [list(pixels.shape), digest_bytes(np.ascontiguousarray(pixels).data), face]
    parts += [digest_bytes(np.ascontiguousarray(alpha).data)] if alpha is not None else []
    return Portrait(name=name, pixels=pixels, digest=digest(parts), face=face, alpha=alpha)


def _check_file(path: Path, called: str) -> None:
    if not path.is_file():
        raise _refuse(called, "no such file", got=str(path))
    if path.stat().st_size > MOST_BYTES:
        raise _refuse(called, "the file is too large", expected=f"at most {MOST_BYTES >> 20} MiB")


def _check_size(size: tuple[int, int], called: str) -> None:
    got = f"{size[0]} x {size[1]}"
    if min(size) < LEAST_SIDE:
        raise _refuse(
            called,
            "the picture is too small",
            expected=f"at least {LEAST_SIDE} px on its short side",
            got=got,
        )
    if max(size) > MOST_SIDE:
        raise _refuse(
            called,
            "the picture is too large",
            expected=f"at most {MOST_SIDE} px on its long side",
            got=got,
        )


def _refuse(
    called: str, message: str, *, expected: str | None = None, got: str | None = None
) -> InputError:
    return InputError(Problem(file=called, message=message, expected=expected, got=got))
