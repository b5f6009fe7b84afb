# SPDX-License-Identifier: Apache-2.0
"""Fulfil the talker contract of `model.talker` on one CPU core: the previs talker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from manifests.errors import InputError, Problem
from manifests.identity import digest
from model import weights
from model.emotion import LABELS, Performance
from model.previs import (
    LICENCES,
    NAME,
    VERSION,
    WEIGHTS,
    PrevisSettings,
    cache,
    portrait,
    read_settings,
    score,
    track,
)
from model.previs.filmed import FilmedPerformance, measure_film
from model.previs.landmarks import Irises, Landmarker
from model.previs.matte import Segmenter
from model.previs.phones import PhoneDecoder
from model.previs.warp import Pose, Puppet, Renderer
from model.talker import Frame, Portrait, Speech, TakeMeasures, Talker

KEPT_PUPPETS = 4


class PrevisClip:
    """A previs clip. Iterate over it once, by `__iter__` or by `layers`."""

    def __init__(self, puppet: Puppet, poses: Iterator[Pose], speech: Speech) -> None:
        """Prepare a clip; frames are rendered as they are requested."""
        self.height, self.width = puppet.plate.shape[:2]
        self.frames = speech.frames
        self._puppet = puppet
        self._poses = poses
        self._done = 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield exactly `frames` RGB frames, once."""
        renderer = Renderer(self._puppet)
        for pose in self._poses:
            self._done += 1
            yield renderer.render_frame(pose)

    def layers(self) -> Iterator[tuple[Frame, UInt8[np.ndarray, "height width"]]]:
        """Yield exactly `frames` pairs, once: RGB frame and the person's straight-alpha matte."""
        renderer = Renderer(self._puppet)
        for pose in self._poses:
            self._done += 1
            yield renderer.render_layers(pose)

    def measures(self) -> TakeMeasures:
        """Return face box, warnings and numbers."""
        points = self._puppet.whole_face.points[:, :2] / (self.width, self.height)
        left, top = points.min(axis=0)
        right, bottom = points.max(axis=0)
        face = self._puppet.face
        return TakeMeasures(
            face_box=(float(left), float(top), float(right), float(bottom)),
            warnings=self._puppet.warnings,
            numbers={
                "frames": float(self._done),
                "face_px": round(face.unit, 2),
                "yaw_degrees": round(face.yaw_degrees, 2),
                "mesh_confidence": round(face.confidence, 4),
                "rest_gap": round(self._puppet.mouth.rest_gap, 4),
            },
        )


class PrevisTalker:
    """The talker that animates portraits by warping them.

    It keeps the last few puppets; its frames do not depend on that.
    """

    name = NAME
    version = VERSION
    context_seconds = score.MARGIN_SECONDS
    licences = LICENCES

    def __init__(self, settings: PrevisSettings) -> None:
        """Load the networks. Raises InputError when weights are missing."""
        self.weights_digest = weights.digest_weights(WEIGHTS)
        self._settings = settings
        self._networks = portrait.PrevisNetworks(
            landmarker=Landmarker(weights.locate(WEIGHTS[0]), weights.locate(WEIGHTS[1])),
            irises=Irises(weights.locate(WEIGHTS[2])),
            segmenter=Segmenter(weights.locate(WEIGHTS[3])),
        )
        self._phones = PhoneDecoder()
        self._puppets: OrderedDict[str, Puppet] = OrderedDict()

    def talk(
        self,
        portrait: Portrait,
        speech: Speech,
        performance: Performance,
        seed: int,
        *,
        filmed: FilmedPerformance | None = None,
    ) -> PrevisClip:
        """Begin a clip. `filmed` (see `film`) leads brows, lids, corners and head.

        Raises:
            InputError: The portrait cannot be animated, or no frames are requested.
        """
        if speech.frames < 1:
            raise InputError(
                Problem(
                    file=portrait.name, message="no frames are requested", got=str(speech.frames)
                )
            )
        puppet = self.find_puppet(portrait)
        poses = score.make_poses(speech, performance, seed, phones=self._phones, filmed=filmed)
        return PrevisClip(puppet, poses, speech)

    def film(self, frames: Iterable[Frame], rate: Fraction, *, name: str) -> FilmedPerformance:
        """Measure a filmed performance for `talk`. `name`: what errors call it.

        Raises:
            InputError: No face can be followed.
        """
        return measure_film(frames, rate, self._networks.landmarker, name=name)

    def track(
        self,
        speech: Speech,
        performance: Performance,
        seed: int,
        *,
        filmed: FilmedPerformance | None = None,
    ) -> Iterator[track.Row]:
        """Yield the acting of a clip without its pictures: a JSON-able row for each frame.

        See `model.previs.track.make_rows`.
        """
        poses = score.make_poses(speech, performance, seed, phones=self._phones, filmed=filmed)
        return track.make_rows(poses, speech.rate)

    def draw_stills(
        self, portrait: Portrait, intensities: tuple[float, ...] = (0.5, 1.0, 1.5)
    ) -> Iterator[tuple[str, float, Frame]]:
        """Draw every emotion at every intensity, for a contact sheet.

        The pictures are cropped to the head, which is silent and looks at the camera.
        """
        puppet = self.find_puppet(portrait)
        renderer = Renderer(puppet)
        left, top, right, bottom = puppet.head_box
        for label in LABELS:
            for intensity in intensities:
                frame = renderer.render_frame(score.pose_emotion(label, intensity))
                yield label, intensity, frame[top:bottom, left:right]

    def draw_mouths(
        self,
        portrait: Portrait,
        speech: Speech,
        performance: Performance,
        seed: int,
        *,
        filmed: FilmedPerformance | None = None,
    ) -> Iterator[tuple[int, Frame]]:
        """Draw the dozen consecutive frames in which the mouth moves most, for a contact sheet.

        They are numbered and cropped to the mouth.
        """
        puppet = self.find_puppet(portrait)
        renderer = Renderer(puppet)
        left, top, right, bottom = puppet.mouth_box
        all_poses = score.make_poses(speech, performance, seed, phones=self._phones, filmed=filmed)
        first, poses = score.find_liveliest(all_poses, 12)
        for number, pose in enumerate(poses, start=first):
            yield number, renderer.render_frame(pose)[top:bottom, left:right]

    def find_puppet(self, picture: Portrait) -> Puppet:
        """Find the solved portrait in memory or on disk, or solve and keep it."""
        solved_from = digest(
            [picture.digest, picture.face, self._settings.size, self.weights_digest]
        )
        # the portrait's digest comes first, so that a purge finds every puppet of it
        key = f"{picture.digest[:20]}-{solved_from}"
        if key not in self._puppets:
            self._puppets[key] = cache.load_puppet(key) or self._solve_puppet(picture, key)
        self._puppets.move_to_end(key)
        while len(self._puppets) > KEPT_PUPPETS:
            self._puppets.popitem(last=False)
        return self._puppets[key]

    def _solve_puppet(self, picture: Portrait, key: str) -> Puppet:
        puppet = portrait.build_puppet(picture, self._networks, self._settings.size)
        cache.save_puppet(key, puppet)
        return puppet


def load(*, settings: dict[str, object] | None = None) -> Talker:
    """Load the talker. Raises InputError for unknown settings or missing weights."""
    import cv2

    cv2.setNumThreads(1)  # workers are processes; threads inside them compete for cores
    return PrevisTalker(read_settings(settings or {}))
