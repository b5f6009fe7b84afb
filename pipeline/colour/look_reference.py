# SPDX-License-Identifier: Apache-2.0
"""The look of a production: reference stills, `.cube` files and their settings.

A look is one still or `.cube` for all, or one per character, or another shot, or neutral light.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8

from manifests import identity
from manifests.errors import InputError, Problem, find_nearest
from model import weights
from model.weights import FETCH
from pipeline.colour import colour, colour_transfer
from pipeline.colour.skin_tone import FaceBox

SAMPLE_SIZE = 160  # longest edge of the pooled frames, in pixels: statistics need no more
SEARCHED_SIZE = 1280  # longest edge of a still in which its face is looked for
SURE_OF_A_FACE = 0.5
FACE_WEIGHTS = ("mediapipe-face-detector", "mediapipe-face-mesh")
Picture = UInt8[np.ndarray, "height width 3"]
Cube = Float64[np.ndarray, "points points points 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceStill:
    """What shots are matched to: a picture or a `.cube`.

    `face` is left, top, right, bottom as fractions of the picture; with None, the largest face
    found.
    """

    path: Path
    face: FaceBox | None = None

    @property
    def is_cube(self) -> bool:
        """Whether the file is already a transform."""
        return self.path.suffix.lower() == ".cube"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSettings:
    """How shots are matched, and to what.

    `reference` is a still or a `.cube` (None: neutral light); `reference_shot` is another shot, by
    its number. A character's own entry in `stills` takes precedence over both. `strength` in [0, 1]
    scales the transform; `limit` is the largest mean shift in CIEDE2000, beyond which a shot is
    flagged.
    """

    method: colour_transfer.Method = "monge-kantorovich"
    strength: float = 1.0
    reference: Path | None = None
    reference_face: FaceBox | None = None
    reference_shot: str = ""
    stills: Mapping[str, ReferenceStill] = field(default_factory=dict)
    limit: float = 14.0

    def choose_still(self, character: str) -> ReferenceStill | None:
        """Choose what a character is matched to; None: another shot, or neutral light."""
        shared = (
            ReferenceStill(path=self.reference, face=self.reference_face)
            if self.reference
            else None
        )
        return self.stills.get(character, shared)


def check_reference_shot(numbers: Sequence[str], wanted: str) -> None:
    """Raise InputError when the cut does not contain the shot that others are to be matched to."""
    if wanted not in numbers:
        message, near = f"there is no shot {wanted!r}", find_nearest(wanted, list(numbers))
        raise InputError(
            Problem(file="production.toml", column="look.reference", message=message, nearest=near)
        )


def read_reference(path: Path, face: FaceBox | None) -> colour_transfer.ColourSample:
    """Sample a reference still; find its face when no face box is set.

    Raises InputError when it is not a picture, or when the weights to find a face are missing.
    """
    from PIL import Image, ImageOps

    with _report_unreadable(path), Image.open(path) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
        picture.thumbnail((SEARCHED_SIZE, SEARCHED_SIZE), Image.Resampling.BOX)
    face = face or _find_face(np.asarray(picture), path)
    picture.thumbnail((SAMPLE_SIZE, SAMPLE_SIZE), Image.Resampling.BOX)
    return colour_transfer.sample_pictures(np.asarray(picture)[None], face)


def read_cube(path: Path) -> Cube:
    """Read the `.cube` of a look. Raises InputError when it is not a readable LUT."""
    try:
        return colour.read_cube(path)
    except (OSError, ValueError) as error:
        raise InputError(
            Problem(file=str(path), message=str(error), expected="a .cube file")
        ) from error


def check_reference(still: ReferenceStill) -> None:
    """Check that a reference can be read, before anything is rendered. Raises InputError."""
    if still.is_cube:
        read_cube(still.path)
    else:
        read_reference(still.path, still.face)


def read_still_size(character: str, look: LookSettings) -> tuple[int, int] | None:
    """Read width and height of the still that a character is matched to; None without a still."""
    from PIL import Image, ImageOps

    still = look.choose_still(character)
    if still is None or (look.reference_shot and character not in look.stills):
        return None
    with _report_unreadable(still.path), Image.open(still.path) as image:
        width, height = ImageOps.exif_transpose(image).size
    return width, height


@contextlib.contextmanager
def _report_unreadable(path: Path) -> Iterator[None]:
    """Report a still that cannot be read as an InputError."""
    from PIL import Image

    try:
        yield
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = "the look's reference still cannot be read"
        raise InputError(Problem(file=str(path), message=message, got=str(error))) from error


def _find_face(picture: Picture, path: Path) -> FaceBox | None:
    """Find the largest face of a still; None when it shows none."""
    missing = [name for name in FACE_WEIGHTS if not weights.is_present(name)]
    if missing:
        message = "the weights that find the face in the look's reference still are missing"
        expected = f"look.reference_face, or `{FETCH} {' '.join(missing)}`"
        raise InputError(Problem(file=str(path), message=message, expected=expected))
    from model.previs.landmarks import Landmarker

    landmarker = Landmarker(*map(weights.locate, FACE_WEIGHTS))
    found = max(landmarker.detect(picture), key=lambda face: face.size, default=None)
    face = landmarker.fit_mesh(picture, found) if found else None
    if face is None or face.confidence < SURE_OF_A_FACE:
        return None
    points = face.points[:, :2] / picture.shape[1::-1]
    left, top, right, bottom = (
        float(edge) for edge in np.clip([*points.min(axis=0), *points.max(axis=0)], 0, 1)
    )
    return left, top, right, bottom


def digest_reference(reference: Path) -> str:
    """Compute the digest of a look's reference. Raises InputError when it cannot be read."""
    try:
        return identity.digest_file(reference)
    except OSError as error:
        raise InputError(
            Problem(file=str(reference), message="the look's reference cannot be read")
        ) from error
