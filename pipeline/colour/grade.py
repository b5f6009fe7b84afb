# SPDX-License-Identifier: Apache-2.0
"""Colour-match: one transform per shot toward the production's look, written as a 33-point `.cube`.
Applied later, once, by assembly.

The transform is estimated (`match`) from a few pooled frames of the take and never changes within a
shot. The look is a reference still or a `.cube` (one for all, or one a character), another shot,
or, when there is none, neutral light.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8

from manifests import identity
from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Grade, Shot, Take
from model import weights
from model.weights import FETCH
from pipeline.colour import colour, colour_transfer
from pipeline.cut import framing
from pipeline.media import read_frames

VERSION = "5"
GRADES = "media/grades"
SAMPLE_SIZE = 160  # longest edge of the pooled frames, in pixels: statistics need no more
SAMPLE_FRAMES = 5
SEARCHED_SIZE = 1280  # longest edge of a still in which its face is looked for
SURE_OF_A_FACE = 0.5
FACE_WEIGHTS = ("mediapipe-face-detector", "mediapipe-face-mesh")

Pair = tuple[Shot, Take]
Picture = UInt8[np.ndarray, "height width 3"]
Cube = Float64[np.ndarray, "points points points 3"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceStill:
    """What shots are matched to: a picture, and where its face is (left, top, right, bottom as
    fractions; None: the largest that is found), or a `.cube`.
    """

    path: Path
    face: colour_transfer.Box | None = None

    @property
    def is_cube(self) -> bool:
        """Whether it is a transform already."""
        return self.path.suffix.lower() == ".cube"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSettings:
    """What shots are matched to: `reference`, a still or a `.cube` (None: neutral light), or
    another shot by its number (`reference_shot`); what a character has of its own in `stills` goes
    before both.

    `strength` in [0, 1] scales the transform; `limit` is the largest mean shift in CIEDE2000,
    beyond which a shot is flagged.
    """

    method: colour_transfer.Method = "monge-kantorovich"
    strength: float = 1.0
    reference: Path | None = None
    reference_face: colour_transfer.Box | None = None
    reference_shot: str = ""
    stills: Mapping[str, ReferenceStill] = field(default_factory=dict)
    limit: float = 14.0

    def still(self, character: str) -> ReferenceStill | None:
        """What a character is matched to; None: another shot, or neutral light."""
        shared = ReferenceStill(path=self.reference, face=self.reference_face) if self.reference else None
        return self.stills.get(character, shared)


def grade_shots(
    shots: Sequence[Shot],
    takes: Sequence[Take],
    *,
    look: LookSettings,
    root: Path,
    progress: Progress | None = None,
) -> list[Grade]:
    """One grade per shot that has a take, its `.cube` under `root/media/grades/`. When all `.cube`s
    stand, no picture is opened.

    `root`: the folder to which paths in rows are relative. Raises InputError when the look's
    reference cannot be read, ToolError when a take cannot be decoded.
    """
    found = {take.shot_id: take for take in takes}
    pairs = [(shot, found[shot.shot_id]) for shot in shots if shot.shot_id in found]
    ids = grade_ids(pairs, look)
    standing = [_standing(pair[0], ids[pair[0].shot_id], look, root) for pair in pairs]
    missing = [shot for (shot, _), row in zip(pairs, standing, strict=True) if row is None]
    made = _given(missing, ids, look, root)
    matched = [shot for shot in missing if shot.shot_id not in made]
    if matched:
        affected = {shot.character for shot in matched}
        company = [pair for pair in pairs if pair[0].character in affected]
        transforms = _transforms(
            company, look, reference=_reference_pair(pairs, look), root=root, progress=progress
        )
        made |= {
            s.shot_id: _write(s, ids[s.shot_id], transforms[s.shot_id], look=look, root=root)
            for s in matched
        }
    return [row or made[pair[0].shot_id] for pair, row in zip(pairs, standing, strict=True)]


def check_reference_shot(numbers: Sequence[str], wanted: str) -> None:
    """Raises InputError when shots are to be matched to one that the cut does not have."""
    if wanted not in numbers:
        message, near = f"no shot is numbered {wanted!r}", find_nearest(wanted, list(numbers))
        raise InputError(
            Problem(file="production.toml", column="look.reference", message=message, nearest=near)
        )


def grade_ids(pairs: Sequence[Pair], look: LookSettings) -> dict[str, str]:
    """The identity of each shot's grade, by shot: its take, the other takes of its character, the
    reference and the settings.
    """
    reference = _reference_pair(pairs, look)
    settings = [
        VERSION,
        look.method,
        look.strength,
        look.limit,
        reference[1].media_digest if reference else "",
    ]
    company: dict[str, list[str]] = defaultdict(list)
    for shot, take in pairs:
        company[shot.character].append(take.media_digest)
    stills = {character: look.still(character) for character in company}
    made_from = {
        character: [
            settings,
            [_digest(still.path), still.face] if still else None,
            sorted(set(company[character])),
        ]
        for character, still in stills.items()
    }
    return {
        shot.shot_id: identity.digest([*made_from[shot.character], shot.shot_id, take.media_digest])
        for shot, take in pairs
    }


def render_before_after(
    take: Take, grade: Grade, *, root: Path, height: int = 180
) -> tuple[Picture, Picture]:
    """The middle frame of a take as it came and as it is graded, for people to compare."""
    width = max(2, round(take.width * height / take.height / 2) * 2)
    middle = f"select='eq(n\\,{take.frames // 2})'"
    (before,) = read_frames(root / take.path, width=width, height=height, filters=middle)
    cube = colour.read_cube(root / grade.cube_path)
    after = colour.apply_cube(cube, before.astype(np.float64) / 255)
    return before, (after * 255 + 0.5).astype(np.uint8)


def sample_take(
    path: Path, take: Take, *, shape: tuple[int, int] | None = None
) -> colour_transfer.ColourSample:
    """Pool some frames, evenly spread over the take and made small.

    `shape`: width and height of the still that they are matched to; what a film of that shape shows
    of the take is pooled, so that a frame of the film is known as the same scene.
    """
    crop = framing.frame_take(take, shape or (take.width, take.height))
    scale = SAMPLE_SIZE / max(crop.width, crop.height)
    width, height = max(2, round(crop.width * scale)), max(2, round(crop.height * scale))
    step = max(1, take.frames // SAMPLE_FRAMES)
    chosen = f"select='not(mod(n-{step // 2}\\,{step}))',crop={crop.width}:{crop.height}:{crop.left}:{crop.top}:exact=1"
    pictures = list(
        read_frames(
            path, width=width, height=height, filters=f"{chosen},scale={width}:{height}:flags=area"
        )
    )
    across = [
        (edge * take.width - crop.left) / crop.width for edge in (take.face_left, take.face_right)
    ]
    down = [
        (edge * take.height - crop.top) / crop.height for edge in (take.face_top, take.face_bottom)
    ]
    return colour_transfer.sample_pictures(
        np.stack(pictures), (across[0], down[0], across[1], down[1])
    )


def read_reference(path: Path, face: colour_transfer.Box | None) -> colour_transfer.ColourSample:
    """A sample of a reference still, whose face is looked for when nobody says where it is.

    Raises InputError when it is not a picture, or the weights to find a face are not here.
    """
    from PIL import Image, ImageOps

    with _readable(path), Image.open(path) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
        picture.thumbnail((SEARCHED_SIZE, SEARCHED_SIZE), Image.Resampling.BOX)
    face = face or _face_in(np.asarray(picture), path)
    picture.thumbnail((SAMPLE_SIZE, SAMPLE_SIZE), Image.Resampling.BOX)
    return colour_transfer.sample_pictures(np.asarray(picture)[None], face)


def read_cube(path: Path) -> Cube:
    """The `.cube` of a look. Raises InputError when it is none."""
    try:
        return colour.read_cube(path)
    except (OSError, ValueError) as error:
        raise InputError(
            Problem(file=str(path), message=str(error), expected="a .cube file")
        ) from error


def check_reference(still: ReferenceStill) -> None:
    """Open what shots are to be matched to, before anything is made. Raises InputError when that
    cannot be.
    """
    if still.is_cube:
        read_cube(still.path)
    else:
        read_reference(still.path, still.face)


def _transforms(
    pairs: Sequence[Pair],
    look: LookSettings,
    *,
    reference: Pair | None,
    root: Path,
    progress: Progress | None,
) -> dict[str, colour_transfer.ColourTransform]:
    """The transform of every pair by shot. All are sampled, because a character's shots are matched
    to each other.
    """
    samples: list[colour_transfer.ColourSample] = []
    shapes = {shot.character: _shape(shot.character, look) for shot, _ in pairs}
    for done, (shot, take) in enumerate(pairs, start=1):
        samples.append(sample_take(root / take.path, take, shape=shapes[shot.character]))
        if progress is not None:
            progress(done, len(pairs))
    characters = [shot.character for shot, _ in pairs]
    shared = (
        colour_transfer.build_look(sample_take(root / reference[1].path, reference[1]))
        if reference
        else None
    )
    goals = {character: _goal(character, look, shared) for character in set(characters)}
    targets = colour_transfer.build_character_looks(characters, samples, goals)
    return {
        shot.shot_id: colour_transfer.estimate_transfer(
            sample,
            targets[shot.character],
            method=look.method,
            strength=look.strength,
            limit=look.limit,
        )
        for (shot, _), sample in zip(pairs, samples, strict=True)
    }


def _reference_pair(pairs: Sequence[Pair], look: LookSettings) -> Pair | None:
    """The shot that is the look, when one is. Raises InputError when there is no such shot."""
    if not look.reference_shot:
        return None
    check_reference_shot([shot.number for shot, _ in pairs], look.reference_shot)
    return next(pair for pair in pairs if pair[0].number == look.reference_shot)


def _write(
    shot: Shot,
    grade_id: str,
    transform: colour_transfer.ColourTransform,
    *,
    look: LookSettings,
    root: Path,
) -> Grade:
    path = _cube_path(grade_id, root)
    facts = {
        "limited": transform.limited,
        "before": round(transform.before, 4),
        "after": round(transform.after, 4),
    }
    colour.write_cube(
        path,
        colour.sample_cube(transform),
        title=f"{shot.number} {look.method}",
        note=json.dumps(facts),
    )
    return _row(shot, grade_id, look, root)


def _given(
    shots: Sequence[Shot], ids: Mapping[str, str], look: LookSettings, root: Path
) -> dict[str, Grade]:
    """The grades of shots whose look is a `.cube`; each file is read once, for it may hold a
    quarter of a million rows.
    """
    stills = {
        shot.character: still
        for shot in shots
        if (still := look.still(shot.character)) and still.is_cube
    }
    cubes = {path: read_cube(path) for path in {still.path for still in stills.values()}}
    return {
        shot.shot_id: _copy_cube(shot, ids[shot.shot_id], cubes[still.path], look=look, root=root)
        for shot in shots
        if (still := stills.get(shot.character))
    }


def _copy_cube(shot: Shot, grade_id: str, cube: Cube, *, look: LookSettings, root: Path) -> Grade:
    """A look that is a `.cube` already is blended with the identity by its strength, the same for
    every shot of a character.
    """

    def blend(rgb: colour.Colours) -> colour.Colours:
        blended: colour.Colours = rgb + look.strength * (colour.apply_cube(cube, rgb) - rgb)
        return blended

    facts = {"limited": False, "before": 0.0, "after": 0.0}
    title = f"{shot.number} cube"
    colour.write_cube(
        _cube_path(grade_id, root), colour.sample_cube(blend), title=title, note=json.dumps(facts)
    )
    return _row(shot, grade_id, look, root)


def _standing(shot: Shot, grade_id: str, look: LookSettings, root: Path) -> Grade | None:
    return _row(shot, grade_id, look, root) if _cube_path(grade_id, root).exists() else None


def _row(shot: Shot, grade_id: str, look: LookSettings, root: Path) -> Grade:
    """The row of a standing `.cube`, whose comment holds what was measured when it was made."""
    path = _cube_path(grade_id, root)
    facts = json.loads(colour.read_cube_comment(path))
    return Grade(
        grade_id=grade_id,
        shot_id=shot.shot_id,
        cube_path=path.relative_to(root).as_posix(),
        method="cube" if _is_cube(look.still(shot.character)) else look.method,
        strength=look.strength,
        limited=facts["limited"],
        delta_e_before=facts["before"],
        delta_e_after=facts["after"],
    )


def _cube_path(grade_id: str, root: Path) -> Path:
    return root / GRADES / f"{grade_id}.cube"


def _is_cube(still: ReferenceStill | None) -> bool:
    return still is not None and still.is_cube


def _goal(
    character: str, look: LookSettings, shared: colour_transfer.TargetLook | None
) -> colour_transfer.TargetLook | None:
    """A character's own still, else the shot that all are matched to, else the still for all."""
    still = None if shared and character not in look.stills else look.still(character)
    return colour_transfer.build_look(read_reference(still.path, still.face)) if still else shared


def _shape(character: str, look: LookSettings) -> tuple[int, int] | None:
    """Width and height of the still that a character is matched to, None when it is matched to
    something else.
    """
    from PIL import Image, ImageOps

    still = look.still(character)
    if still is None or (look.reference_shot and character not in look.stills):
        return None
    with _readable(still.path), Image.open(still.path) as image:
        width, height = ImageOps.exif_transpose(image).size
    return width, height


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What keeps a still from being read, as an InputError."""
    from PIL import Image

    try:
        yield
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = "the look's reference still cannot be read"
        raise InputError(Problem(file=str(path), message=message, got=str(error))) from error


def _face_in(picture: Picture, path: Path) -> colour_transfer.Box | None:
    """Where the largest face of a still is, None when it shows none."""
    missing = [name for name in FACE_WEIGHTS if not weights.present(name)]
    if missing:
        message = "the weights that find the face in the look's reference still are not here"
        expected = f"look.reference_face, or `{FETCH} {' '.join(missing)}`"
        raise InputError(Problem(file=str(path), message=message, expected=expected))
    from model.previs.landmarks import Landmarker

    landmarker = Landmarker(*map(weights.path, FACE_WEIGHTS))
    found = max(landmarker.detect(picture), key=lambda one: one.size, default=None)
    face = landmarker.mesh(picture, found) if found else None
    if face is None or face.confidence < SURE_OF_A_FACE:
        return None
    points = face.points[:, :2] / picture.shape[1::-1]
    left, top, right, bottom = (
        float(edge) for edge in np.clip([*points.min(axis=0), *points.max(axis=0)], 0, 1)
    )
    return left, top, right, bottom


def _digest(reference: Path) -> str:
    try:
        return identity.digest_file(reference)
    except OSError as error:
        raise InputError(
            Problem(file=str(reference), message="the look's reference cannot be read")
        ) from error
