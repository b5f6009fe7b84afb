# SPDX-License-Identifier: Apache-2.0
"""Checks of faces in finished files: is somebody there, and is it the person in the cast?

A few frames of a few shots are opened. Each face is compared with the portraits of the whole cast
(`model.likeness`) and assigned to the nearest. This measures who is near whom, not who somebody is:
two portraits that the network cannot tell apart give no verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from manifests.delivery_rows import Check
from manifests.rows import Cut, Take
from manifests.timebase import format_timecode
from model import weights
from model.talker import Portrait
from pipeline import media
from pipeline.colour.colour import LUMA
from pipeline.render.slate import SLATE

if TYPE_CHECKING:
    from model.likeness import FaceRecogniser

WEIGHTS = ("mediapipe-face-detector", "mediapipe-face-mesh", "dlib-face", "dlib-face-layout")
MOST_SHOTS = 8  # shots of a film that are opened
# of a shot, and how far apart: feelings come up over half a second, so the first is near rest
FRAMES, APART = 5, 8
UNLIKE = 0.6  # L2 beyond which the author of the network calls two faces two people's
UNLIKE_ADVICE = "a face is far from its portrait and from all others: check the shots"
MARGIN = 0.05  # L2 by which one portrait must be nearer than another
HIGH = 540  # px of the height at which a film is looked at
DARK = 12.0  # mean luma under which nothing can be found in a frame

Embedding = Float32[np.ndarray, " 128"]
Frame = UInt8[np.ndarray, "height width 3"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenedFile:
    """A finished file under inspection: its path, picture size (width, height) and frame rate."""

    path: Path
    size: tuple[int, int]
    rate: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFace:
    """A cut in which a character should be seen, and where.

    `place` and `face` (where the face was framed): left, top, right, bottom as fractions of the
    picture. `speaking`: the character is heard in it.
    """

    cut: Cut
    character: str
    speaking: bool
    place: Box
    face: Box

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the framed face, as fractions of `place`."""
        left, top, right, bottom = self.place
        across, down = (self.face[0] + self.face[2]) / 2, (self.face[1] + self.face[3]) / 2
        return (across - left) / (right - left), (down - top) / (bottom - top)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The faces seen in a cut.

    `found`: in how many of its frames there was a face. `distances`: its least distance to each
    portrait of the cast. The least, because a strong expression moves a face further from its own
    portrait than from another's.
    """

    scene: ExpectedFace
    frames: int
    found: int
    distances: Mapping[str, float]

    @property
    def nearest(self) -> str:
        """The character it looks most like, "" when no face was found."""
        return min(self.distances, key=lambda name: self.distances[name], default="")


def list_missing_weights() -> list[str]:
    """List the weights that are missing; faces are not checked without them."""
    return [name for name in WEIGHTS if not weights.is_present(name)]


def load_recogniser() -> FaceRecogniser:
    """Load the networks. Raises InputError when their weights are missing."""
    from model.likeness import FaceRecogniser
    from model.previs.landmarks import Landmarker

    landmarker = Landmarker(weights.locate(WEIGHTS[0]), weights.locate(WEIGHTS[1]))
    return FaceRecogniser(landmarker, weights.locate(WEIGHTS[2]), weights.locate(WEIGHTS[3]))


def expect_faces(
    cuts: Sequence[Cut],
    takes: Mapping[str, Take],
    speakers: Mapping[str, tuple[str, bool]],
    *,
    size: tuple[int, int],
) -> list[ExpectedFace]:
    """List the cuts in which somebody should be seen.

    `speakers`: character and whether they speak, by shot. `size`: of the picture.
    """
    found = []
    for cut in cuts:
        take = takes.get(cut.shot_id)
        if take is None or cut.shot_id not in speakers or cut.label == SLATE:
            continue
        character, speaking = speakers[cut.shot_id]
        place = _parse_place(cut, size)
        face = _place_face(cut, take, place)
        found.append(
            ExpectedFace(cut=cut, character=character, speaking=speaking, place=place, face=face)
        )
    return found


def choose_shots(scenes: Sequence[ExpectedFace], *, most: int = MOST_SHOTS) -> list[ExpectedFace]:
    """Choose the shots to look at, in order of time.

    Every character's longest shot comes first, then shots spread evenly over the film.
    """
    longest: dict[str, ExpectedFace] = {}
    for scene in sorted(scenes, key=lambda scene: -scene.cut.frames):
        longest.setdefault(scene.character, scene)
    picked = {scene.cut: scene for scene in islice(longest.values(), most)}
    rest = [scene for scene in scenes if scene.cut not in picked]
    wanted = min(most - len(picked), len(rest))
    picked |= {
        rest[number * len(rest) // wanted].cut: rest[number * len(rest) // wanted]
        for number in range(wanted)
    }
    return sorted(picked.values(), key=lambda scene: scene.cut.start_frame)


def compare_faces(
    screen: ScreenedFile, wanted: Sequence[ExpectedFace], portraits: Mapping[str, Portrait]
) -> list[Sighting]:
    """Compare the faces in a few frames of each shot with the cast's portraits (by character).

    Raises InputError when the weights are missing, ToolError when the file cannot be read.
    """
    from model.likeness import measure_distance

    recogniser = load_recogniser()
    known = {name: recogniser.embed_portrait(portrait) for name, portrait in portraits.items()}
    cast = {name: home for name, home in known.items() if home is not None}
    sightings = []
    for scene in wanted:
        frames = [
            frame for frame in _read_frames(screen, scene) if float((frame @ LUMA).mean()) > DARK
        ]
        seen = _embed_faces(recogniser, frames, scene.middle)
        distances = {
            name: min(measure_distance(embedding, home) for embedding in seen)
            for name, home in cast.items()
            if seen
        }
        sightings.append(
            Sighting(scene=scene, frames=len(frames), found=len(seen), distances=distances)
        )
    return sightings


def check_identity(
    sightings: Sequence[Sighting], *, version: str, profile: str, rate: Fraction
) -> list[Check]:
    """Check that each shot shows somebody, and that it is the right person.

    A missing face is a warning, because heads turn away; another person is a failure.
    """
    about = {"version": version, "profile": profile}
    checks = [_check_presence(sightings, about, rate)]
    if any(sighting.scene.character in sighting.distances for sighting in sightings):
        checks.append(_check_person(sightings, about, rate))
    return checks


def _check_presence(
    sightings: Sequence[Sighting], about: Mapping[str, str], rate: Fraction
) -> Check:
    absent = [sighting for sighting in sightings if not sighting.found]
    first = absent[0] if absent else None
    return Check(
        **about,
        name="face present",
        value=f"in {len(sightings) - len(absent)} of {len(sightings)} shots looked at",
        limit="all",
        verdict="warn" if absent else "pass",
        timecode=_find_timecode(first, rate),
        advice=f"no face was found in {first.scene.cut.number}: check the shot" if first else "",
    )


def _check_person(sightings: Sequence[Sighting], about: Mapping[str, str], rate: Fraction) -> Check:
    """Check that the faces are nearest to their own portraits."""
    own = [
        sighting.distances[sighting.scene.character]
        for sighting in sightings
        if sighting.scene.character in sighting.distances
    ]
    wrong = [sighting for sighting in sightings if _is_another(sighting)]
    first = wrong[0] if wrong else None
    advice = UNLIKE_ADVICE if max(own) > UNLIKE else ""
    if first:
        shot, character = first.scene.cut.number, first.scene.character
        advice = f"{shot} should show {character} but looks like {first.nearest}"
    share = f"{len(wrong)} of {len(own)} shots show another"
    return Check(
        **about,
        name="identity",
        value=f"{share}; at most {max(own):.2f} from the own portrait",
        limit=f"none nearer by {MARGIN:g} to another's portrait",
        verdict="fail" if wrong else "warn" if max(own) > UNLIKE else "pass",
        timecode=_find_timecode(first, rate),
        advice=advice,
    )


def read_window(
    screen: ScreenedFile, scene: ExpectedFace, first: int, count: int
) -> Iterator[Frame]:
    """Read `count` frames of a file from timeline frame `first` on, cut to the shot's place.

    They are at most `HIGH` px high.
    """
    wide, high = _choose_viewing_size(screen.size)
    left, top, right, bottom = (
        round(edge * side) for edge, side in zip(scene.place, (wide, high, wide, high), strict=True)
    )
    start = (Fraction(first) - Fraction(1, 2)) / screen.rate if first else Fraction(0)
    filters = f"scale={wide}:{high}:flags=area+accurate_rnd+full_chroma_int"
    for frame in islice(
        media.read_frames(screen.path, width=wide, height=high, filters=filters, start=start), count
    ):
        yield frame[top:bottom, left:right]


def _read_frames(screen: ScreenedFile, scene: ExpectedFace) -> list[Frame]:
    """Read frames from the beginning of a shot on, behind its dissolve, `APART` frames apart.

    A short shot gives fewer.
    """
    cut = scene.cut
    first = min(
        cut.start_frame + cut.dissolve_frames - cut.dissolve_frames // 2 + 1, cut.end_frame - 1
    )
    count = min((FRAMES - 1) * APART + 1, cut.end_frame - first)
    return list(read_window(screen, scene, first, count))[::APART]


def _embed_faces(
    recogniser: FaceRecogniser, frames: Sequence[Frame], place: tuple[float, float]
) -> list[Embedding]:
    """Embed the face of every frame that shows one.

    When the first two frames show none, the others are not searched: searching in vain takes
    longest.
    """
    seen: list[Embedding] = []
    for number, frame in enumerate(frames):
        if number == 2 and not seen:
            break
        face = recogniser.find_face_near(frame, place)
        seen += [recogniser.embed(frame, face)] if face is not None else []
    return seen


def _is_another(sighting: Sighting) -> bool:
    own = sighting.distances.get(sighting.scene.character)
    return own is not None and own - sighting.distances[sighting.nearest] > MARGIN


def _find_timecode(sighting: Sighting | None, rate: Fraction) -> str:
    return format_timecode(sighting.scene.cut.start_frame, rate) if sighting else ""


def _choose_viewing_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, HIGH / min(size))
    return round(size[0] * scale / 2) * 2, round(size[1] * scale / 2) * 2


def _parse_place(cut: Cut, size: tuple[int, int]) -> Box:
    if cut.place_box is None:
        return 0.0, 0.0, 1.0, 1.0
    left, top, width, height = cut.place_box
    return left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1]


def _place_face(cut: Cut, take: Take, place: Box) -> Box:
    """Place the take's face box in the picture, where the edit list puts it."""
    left, top, width, height = cut.crop_box or (0, 0, take.width, take.height)
    across = [(edge * take.width - left) / width for edge in (take.face_left, take.face_right)]
    down = [(edge * take.height - top) / height for edge in (take.face_top, take.face_bottom)]
    wide, high = place[2] - place[0], place[3] - place[1]
    return (
        place[0] + across[0] * wide,
        place[1] + down[0] * high,
        place[0] + across[1] * wide,
        place[1] + down[1] * high,
    )
