# SPDX-License-Identifier: Apache-2.0
"""Solve a portrait into a puppet: find the face, refuse what cannot be animated, solve the rest.

The puppet holds everything that frames share.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from manifests.errors import InputError, Problem
from model.previs import anatomy, expression, eyes, lips, matte, mouth, occlusion, rig, shading
from model.previs.landmarks import Face, FaceDetection, Irises, Landmarker
from model.previs.matte import Segmenter
from model.previs.rig import Box
from model.previs.warp import Puppet
from model.talker import Portrait

LARGEST = 2160  # px of the short side when the settings have no size
LEAST_FACE = 96  # px of the detection box
SCORE_GAP = 0.3  # detector score; a shape in the example plate scores 0.53 beside a face of 0.97
LEAST_CONFIDENCE = 0.5
MOST_YAW = 32.0  # degrees beyond which the far side of the face has too few pixels
WARN_YAW = 18.0
SCORE_GAP_TURNED = 0.06  # upright faces score 0.1 to 0.4 more than the same faces upside down
BACKDROP = 128  # grey behind a cut-out portrait
WARN_UNIT = 40.0  # px between the eyes
PARTING = 0.075  # IOD by which AU25 at 1 opens the lips
SMILING = 0.06  # IOD by which the corners stand above the middle of the lips in a smile


@dataclass(frozen=True, slots=True, kw_only=True)
class PrevisNetworks:
    """The loaded networks that solving a portrait needs."""

    landmarker: Landmarker
    irises: Irises
    segmenter: Segmenter


def find_face(portrait: Portrait, landmarker: Landmarker) -> Face:
    """Find the face that `portrait.face` chooses.

    Raises:
        InputError: There is no face, there are several without a choice, or it is too small, turned
            away, cut off, upside down or covered.
    """
    pixels = portrait.pixels
    if portrait.alpha is not None:
        pixels = _lay_on_backdrop(pixels, portrait.alpha)
    faces = _find_faces(pixels, landmarker)
    if not faces:
        raise _refuse(portrait, "no face was found", expected="one face, seen from the front")
    detection, face = faces[_choose_face(portrait, [detection for detection, _ in faces])]
    if detection.size < LEAST_FACE:
        expected, got = f"at least {LEAST_FACE} px", f"{detection.size:.0f} px"
        raise _refuse(portrait, "the face is too small", expected=expected, got=got)
    _check_face(portrait, face, _is_upside_down(pixels, detection, landmarker))
    reason = occlusion.measure_lips(pixels, face).why_covered
    if reason:
        expected = "lips that can be seen"
        raise _refuse(portrait, "the mouth is covered", expected=expected, got=reason)
    return face


def _find_faces(pixels: np.ndarray, landmarker: Landmarker) -> list[tuple[FaceDetection, Face]]:
    """Find all faces of which the mesh is sure, each once."""
    faces = [
        (detection, landmarker.fit_mesh(pixels, detection))
        for detection in landmarker.survey(pixels, LEAST_FACE)
    ]
    return _drop_doubles([pair for pair in faces if pair[1].confidence >= LEAST_CONFIDENCE])


def _lay_on_backdrop(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay a cut-out on the backdrop: what its transparent pixels hold is not in the picture."""
    share = cv2.merge([alpha, alpha, alpha])
    behind = cv2.convertScaleAbs(cv2.bitwise_not(share), alpha=BACKDROP / 255)
    return np.asarray(cv2.add(cv2.multiply(rgb, share, scale=1 / 255), behind))


def _check_face(portrait: Portrait, face: Face, is_upside_down: bool) -> None:
    """Refuse a face that is cut off, upside down or turned too far aside."""
    height, width = portrait.pixels.shape[:2]
    features = face.points[[*anatomy.EYE_POINTS, *anatomy.LIPS], :2]
    if (features < 0).any() or (features > (width - 1, height - 1)).any():
        message, expected = "the picture's edge cuts the face off", "eyes and mouth in the picture"
        raise _refuse(portrait, message, expected=expected)
    if is_upside_down:
        raise _refuse(portrait, "the face is upside down", expected="an upright picture")
    if abs(face.yaw_degrees) > MOST_YAW:
        expected = f"at most {MOST_YAW:.0f} degrees"
        got = f"turned by {face.yaw_degrees:+.0f} degrees"
        raise _refuse(portrait, "the face is turned too far aside", expected=expected, got=got)


def _is_upside_down(pixels: np.ndarray, detection: FaceDetection, landmarker: Landmarker) -> bool:
    """Tell whether the detector is much surer of the same place turned by half a circle."""
    left, top, right, bottom = (round(edge) for edge in detection.box)
    room = round(detection.size / 2)
    near = pixels[max(top - room, 0) : bottom + room, max(left - room, 0) : right + room]
    ways = (near, np.ascontiguousarray(near[::-1, ::-1]))
    upright, turned = (
        max((other.score for other in landmarker.detect(way)), default=0.0) for way in ways
    )
    return turned > upright + SCORE_GAP_TURNED


def _drop_doubles(faces: list[tuple[FaceDetection, Face]]) -> list[tuple[FaceDetection, Face]]:
    """Drop double faces, and shapes in a blurred background.

    Those shapes score far below a face in the same picture.
    """
    best = max((detection.score for detection, _ in faces), default=0.0)
    kept: list[tuple[FaceDetection, Face]] = []
    for detection, face in sorted(faces, key=lambda pair: -pair[0].score):
        apart = all(np.hypot(*(face.centre - other.centre)) > other.unit for _, other in kept)
        if apart and detection.score >= best - SCORE_GAP:
            kept.append((detection, face))
    return sorted(kept, key=lambda pair: pair[0].box[0])


def _choose_face(portrait: Portrait, detections: list[FaceDetection]) -> int:
    sizes = [detection.size for detection in detections]
    known = {"left": 0, "right": len(detections) - 1, "largest": int(np.argmax(sizes))}
    known |= {str(number): number - 1 for number in range(1, len(detections) + 1)}
    if len(detections) == 1:
        known["only"] = 0
    if portrait.face in known:
        return known[portrait.face]
    listed = "; ".join(
        f"{i}: {detection.size:.0f} px at x {detection.box[0]:.0f}, y {detection.box[1]:.0f}"
        for i, detection in enumerate(detections, 1)
    )
    expected = "face = left, right, largest or a number up to " + str(len(detections))
    faces = "1 face was" if len(detections) == 1 else f"{len(detections)} faces were"
    raise _refuse(portrait, f"{faces} found ({listed})", expected=expected, got=portrait.face)


def _refuse(
    portrait: Portrait, message: str, *, expected: str | None = None, got: str | None = None
) -> InputError:
    return InputError(Problem(file=portrait.name, message=message, expected=expected, got=got))


def scale_portrait(portrait: Portrait, size: int | None) -> tuple[np.ndarray, float]:
    """Scale the portrait to a short side of at most `size` (or `LARGEST`) px and even sides.

    Returns the pixels and the factor.
    """
    height, width = portrait.pixels.shape[:2]
    factor = min(1.0, (size or LARGEST) / min(height, width))
    target = (max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2))
    picture, cover = portrait.pixels, portrait.alpha
    # premultiplied before averaging, so that hidden colours of transparent pixels do not bleed in
    if cover is not None:
        picture = np.dstack([cv2.multiply(picture, cv2.merge([cover] * 3), scale=1 / 255), cover])
    if target != (width, height):
        picture = cv2.resize(picture, target, interpolation=cv2.INTER_AREA)
    if cover is not None:
        picture = np.dstack(
            [matte.fill_transparent(picture[..., :3], picture[..., 3]), picture[..., 3]]
        )
    return np.ascontiguousarray(picture), target[0] / width


def build_puppet(portrait: Portrait, networks: PrevisNetworks, size: int | None) -> Puppet:
    """Build the puppet of a portrait, at the resolution of the frames."""
    face = find_face(portrait, networks.landmarker)
    picture, factor = scale_portrait(portrait, size)
    return assemble_puppet(picture, face.transform(factor), networks)


def assemble_puppet(picture: np.ndarray, face: Face, networks: PrevisNetworks) -> Puppet:
    """Assemble a puppet from a picture (RGB or RGBA) at its final size and the face in it."""
    rgb = np.ascontiguousarray(picture[..., :3])
    reach = rig.find_reach(face, (rgb.shape[1], rgb.shape[0]))
    left, top, right, bottom = reach
    near = np.ascontiguousarray(rgb[top:bottom, left:right])
    if picture.shape[2] == 4:
        opaque = picture[top:bottom, left:right, 3].astype(np.float32) / 255
        cover = opaque if opaque.any() else np.ones_like(opaque)
    else:
        cover = networks.segmenter.segment_person(near, face.transform(1.0, (left, top)))
    plate = _make_plate(picture, reach, cover, face.unit)
    box = _find_person_box(cover, round(matte.BAND * face.unit))
    source = np.dstack([near, np.rint(cover * 255).astype(np.uint8)])[
        box[1] : box[3], box[0] : box[2]
    ]
    place = (left + box[0], top + box[1], left + box[2], top + box[3])
    whole = picture[..., 3] if picture.shape[2] == 4 else networks.segmenter.segment_roughly(rgb)
    return _solve_puppet(
        np.ascontiguousarray(source),
        face.transform(1.0, place[:2]),
        (plate, whole),
        (place, networks.irises),
    )


def _make_plate(picture: np.ndarray, reach: Box, cover: np.ndarray, unit: float) -> np.ndarray:
    """Make the picture without the person's edge."""
    left, top, right, bottom = reach
    rgb = np.ascontiguousarray(picture[..., :3])
    plate = rgb if picture.shape[2] == 3 else _lay_on_backdrop(rgb, picture[..., 3])
    plate = plate.copy()
    plate[top:bottom, left:right] = matte.fill_plate(plate[top:bottom, left:right], cover, unit)
    return plate


def _solve_puppet(
    source: np.ndarray, face: Face, whole: tuple[np.ndarray, np.ndarray], known: tuple[Box, Irises]
) -> Puppet:
    rgb = np.ascontiguousarray(source[..., :3])
    box = (0, 0, rgb.shape[1], rgb.shape[0])
    parted = lips.find_lip_lines(rgb, face)
    return Puppet(
        face=face,
        place=known[0],
        source=source,
        plate=whole[0],
        matte=whole[1],
        rig=rig.build_rig(face, box, (parted.upper, parted.lower)),
        mouth=mouth.find_mouth(rgb, face, parted),
        eyes=eyes.find_eyes(rgb, face, known[1].find_irises(rgb, face), box),
        shading=shading.draw_shading(face, box),
        rest=_estimate_rest(face, parted),
        warnings=_collect_warnings(rgb, face),
    )


def _estimate_rest(face: Face, parted: lips.LipLines) -> np.ndarray:
    """Estimate the unit weights that take a smile or parted lips out of the portrait."""
    local = face.local
    lift = float(local[[13, 14], 1].mean() - local[[61, 291], 1].mean())
    units = {"AU25": -(parted.gap + 0.02) / PARTING} if not parted.closed else {}
    if lift > SMILING:
        units |= {
            "AU12": -min((lift - SMILING / 2) / 0.115, 1.0),
            "AU6": -min((lift - SMILING / 2) / 0.2, 0.6),
        }
    return expression.make_vector(units).astype(np.float32)


def _collect_warnings(rgb: np.ndarray, face: Face) -> tuple[str, ...]:
    """Collect what a person should look at: a turned head, a doubtful mouth, a small face."""
    warnings = []
    if abs(face.yaw_degrees) > WARN_YAW:
        warnings.append(
            f"the face is turned by {face.yaw_degrees:+.0f} degrees; "
            "its far side may look stretched"
        )
    doubt = occlusion.measure_lips(rgb, face).why_doubtful
    if doubt:
        warnings.append(f"the mouth may be covered: {doubt}")
    if face.unit < WARN_UNIT:
        warnings.append(
            f"the eyes are only {face.unit:.0f} px apart; teeth and lids will be coarse"
        )
    return tuple(warnings)


def _find_person_box(cover: np.ndarray, room: int) -> Box:
    """Return the box that the person covers, with room to move."""
    height, width = cover.shape
    rows, columns = (
        np.flatnonzero((cover > 0.01).any(axis=1)),
        np.flatnonzero((cover > 0.01).any(axis=0)),
    )
    return (
        max(0, int(columns[0]) - room),
        max(0, int(rows[0]) - room),
        min(width, int(columns[-1]) + 1 + room),
        min(height, int(rows[-1]) + 1 + room),
    )
