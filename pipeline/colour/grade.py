# SPDX-License-Identifier: Apache-2.0
"""Grade shots: estimate one colour transform per shot and write it as a 33-point `.cube`.

The transform is estimated (`colour_transfer`) from a few pooled frames of the take and never
changes within a shot. Assembly applies it once, later. The look comes from `look_reference`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from manifests import identity, layout
from manifests.rows import Grade, Shot, Take
from pipeline.colour import colour, colour_transfer
from pipeline.colour.look_reference import (
    SAMPLE_SIZE,
    Cube,
    LookSettings,
    Picture,
    ReferenceStill,
    check_reference_shot,
    digest_reference,
    read_cube,
    read_reference,
    read_still_size,
)
from pipeline.cut import framing
from pipeline.media import read_frames

VERSION = "5"
SAMPLE_FRAMES = 5

Pair = tuple[Shot, Take]
Progress = Callable[[int, int], None]


def grade_shots(
    shots: Sequence[Shot],
    takes: Sequence[Take],
    *,
    look: LookSettings,
    root: Path,
    progress: Progress | None = None,
) -> list[Grade]:
    """Grade every shot that has a take; write its `.cube` under `root/media/grades/`.

    When all `.cube`s exist already, no picture is opened. `root`: the folder to which paths in rows
    are relative. Raises InputError when the look's reference cannot be read, ToolError when a take
    cannot be decoded.
    """
    found = {take.shot_id: take for take in takes}
    pairs = [(shot, found[shot.shot_id]) for shot in shots if shot.shot_id in found]
    ids = compute_grade_ids(pairs, look)
    standing = [_find_grade(pair[0], ids[pair[0].shot_id], look, root) for pair in pairs]
    missing = [shot for (shot, _), row in zip(pairs, standing, strict=True) if row is None]
    graded = _grade_from_cubes(missing, ids, look, root)
    matched = [shot for shot in missing if shot.shot_id not in graded]
    if matched:
        affected = {shot.character for shot in matched}
        company = [pair for pair in pairs if pair[0].character in affected]
        transforms = _estimate_transforms(
            company, look, reference=_find_reference_pair(pairs, look), root=root, progress=progress
        )
        graded |= {
            s.shot_id: _write_grade(s, ids[s.shot_id], transforms[s.shot_id], look=look, root=root)
            for s in matched
        }
    return [row or graded[pair[0].shot_id] for pair, row in zip(pairs, standing, strict=True)]


def compute_grade_ids(pairs: Sequence[Pair], look: LookSettings) -> dict[str, str]:
    """Compute the identity of each shot's grade, by shot.

    It depends on the shot's take, the other takes of its character, the reference and the settings.
    """
    reference = _find_reference_pair(pairs, look)
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
    stills = {character: look.choose_still(character) for character in company}
    made_from = {
        character: [
            settings,
            [digest_reference(still.path), still.face] if still else None,
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
    """Render the middle frame of a take, ungraded and graded, for people to compare."""
    width = max(2, round(take.width * height / take.height / 2) * 2)
    middle = f"select='eq(n\\,{take.frames // 2})'"
    (before,) = read_frames(root / take.path, width=width, height=height, filters=middle)
    cube = colour.read_cube(root / grade.cube_path)
    after = colour.apply_cube(cube, before.astype(np.float64) / 255)
    return before, (after * 255 + 0.5).astype(np.uint8)


def sample_take(
    path: Path, take: Take, *, shape: tuple[int, int] | None = None
) -> colour_transfer.ColourSample:
    """Pool a few small frames, spread evenly over a take.

    `shape`: width and height of the still that they are matched to. The part of the take that a
    film of that shape shows is pooled, so that a frame of the film is recognised as the same scene.
    """
    crop = framing.frame_take(take, shape or (take.width, take.height))
    scale = SAMPLE_SIZE / max(crop.width, crop.height)
    width, height = max(2, round(crop.width * scale)), max(2, round(crop.height * scale))
    step = max(1, take.frames // SAMPLE_FRAMES)
    select = f"select='not(mod(n-{step // 2}\\,{step}))'"
    cropped = f"crop={crop.width}:{crop.height}:{crop.left}:{crop.top}:exact=1"
    filters = f"{select},{cropped},scale={width}:{height}:flags=area"
    pictures = list(read_frames(path, width=width, height=height, filters=filters))
    across = [
        (edge * take.width - crop.left) / crop.width for edge in (take.face_left, take.face_right)
    ]
    down = [
        (edge * take.height - crop.top) / crop.height for edge in (take.face_top, take.face_bottom)
    ]
    return colour_transfer.sample_pictures(
        np.stack(pictures), (across[0], down[0], across[1], down[1])
    )


def _estimate_transforms(
    pairs: Sequence[Pair],
    look: LookSettings,
    *,
    reference: Pair | None,
    root: Path,
    progress: Progress | None,
) -> dict[str, colour_transfer.ColourTransform]:
    """Estimate the transform of every shot, by shot.

    All takes are sampled, because a character's shots are matched to each other.
    """
    samples = _sample_pairs(pairs, look, root, progress)
    characters = [shot.character for shot, _ in pairs]
    shared = None
    if reference:
        shared = colour_transfer.build_look(sample_take(root / reference[1].path, reference[1]))
    looks = {
        character: _build_shared_look(character, look, shared) for character in set(characters)
    }
    targets = colour_transfer.build_character_looks(characters, samples, looks)
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


def _sample_pairs(
    pairs: Sequence[Pair], look: LookSettings, root: Path, progress: Progress | None
) -> list[colour_transfer.ColourSample]:
    samples: list[colour_transfer.ColourSample] = []
    shapes = {shot.character: read_still_size(shot.character, look) for shot, _ in pairs}
    for done, (shot, take) in enumerate(pairs, start=1):
        samples.append(sample_take(root / take.path, take, shape=shapes[shot.character]))
        if progress is not None:
            progress(done, len(pairs))
    return samples


def _find_reference_pair(pairs: Sequence[Pair], look: LookSettings) -> Pair | None:
    """Find the shot that is the look, if there is one. Raises InputError when it does not exist."""
    if not look.reference_shot:
        return None
    check_reference_shot([shot.number for shot, _ in pairs], look.reference_shot)
    return next(pair for pair in pairs if pair[0].number == look.reference_shot)


def _write_grade(
    shot: Shot,
    grade_id: str,
    transform: colour_transfer.ColourTransform,
    *,
    look: LookSettings,
    root: Path,
) -> Grade:
    before, after = round(transform.before, 4), round(transform.after, 4)
    note = json.dumps({"limited": transform.limited, "before": before, "after": after})
    cube, title = colour.sample_cube(transform), f"{shot.number} {look.method}"
    colour.write_cube(_locate_cube(grade_id, root), cube, title=title, note=note)
    return _read_grade(shot, grade_id, look, root)


def _grade_from_cubes(
    shots: Sequence[Shot], ids: Mapping[str, str], look: LookSettings, root: Path
) -> dict[str, Grade]:
    """Grade the shots whose look is a `.cube`.

    Each file is read once, because it may hold a quarter of a million rows.
    """
    stills = {
        shot.character: still
        for shot in shots
        if (still := look.choose_still(shot.character)) and still.is_cube
    }
    cubes = {path: read_cube(path) for path in {still.path for still in stills.values()}}
    return {
        shot.shot_id: _copy_cube(shot, ids[shot.shot_id], cubes[still.path], look=look, root=root)
        for shot in shots
        if (still := stills.get(shot.character))
    }


def _copy_cube(shot: Shot, grade_id: str, cube: Cube, *, look: LookSettings, root: Path) -> Grade:
    """Blend a look that is already a `.cube` with the identity, by its strength.

    The result is the same for every shot of a character.
    """

    def blend(rgb: colour.Colours) -> colour.Colours:
        blended: colour.Colours = rgb + look.strength * (colour.apply_cube(cube, rgb) - rgb)
        return blended

    facts = {"limited": False, "before": 0.0, "after": 0.0}
    title = f"{shot.number} cube"
    colour.write_cube(
        _locate_cube(grade_id, root), colour.sample_cube(blend), title=title, note=json.dumps(facts)
    )
    return _read_grade(shot, grade_id, look, root)


def _find_grade(shot: Shot, grade_id: str, look: LookSettings, root: Path) -> Grade | None:
    return (
        _read_grade(shot, grade_id, look, root) if _locate_cube(grade_id, root).exists() else None
    )


def _read_grade(shot: Shot, grade_id: str, look: LookSettings, root: Path) -> Grade:
    """Read the row of an existing `.cube`, whose comment holds the measured differences."""
    path = _locate_cube(grade_id, root)
    facts = json.loads(colour.read_cube_comment(path))
    return Grade(
        grade_id=grade_id,
        shot_id=shot.shot_id,
        cube_path=path.relative_to(root).as_posix(),
        method="cube" if _is_cube(look.choose_still(shot.character)) else look.method,
        strength=look.strength,
        limited=facts["limited"],
        delta_e_before=facts["before"],
        delta_e_after=facts["after"],
    )


def _locate_cube(grade_id: str, root: Path) -> Path:
    return root / layout.grade_file(grade_id)


def _is_cube(still: ReferenceStill | None) -> bool:
    return still is not None and still.is_cube


def _build_shared_look(
    character: str, look: LookSettings, shared: colour_transfer.TargetLook | None
) -> colour_transfer.TargetLook | None:
    """Choose a character's own still, else the shared reference shot, else the shared still."""
    still = None if shared and character not in look.stills else look.choose_still(character)
    return colour_transfer.build_look(read_reference(still.path, still.face)) if still else shared
