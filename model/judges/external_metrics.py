# SPDX-License-Identifier: Apache-2.0
"""The field's own judges at the same table: what those that a user asked for say of a clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float64, Int16

from manifests.errors import InputError, Problem, collect_problems
from model.judges import arcface, external, i3d, syncnet
from model.judges.points import Faces, FaceTrack

FRAMES_PER_CLIP = 8  # frames of a clip that networks for pictures see


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExternalClip:
    """What a guest is shown of a clip: its crops, the face in them, the sound from the first of
    them on, whose it is and how they act.
    """

    faces: Faces
    followed: FaceTrack
    speech: Int16[np.ndarray, " samples"]
    identity: str
    emotion: str


class ExternalMetrics:
    """Those of `foreign.KNOWN` that were asked for, loaded. I3D says nothing of single clips:
    `foreign.i3d`.
    """

    def __init__(self, names: Sequence[str], rest: Mapping[str, FaceTrack]) -> None:
        """`rest`: the face of every portrait. Raises InputError for all names that are unknown, and
        whose files are not here or are something else.
        """
        self.names = tuple(dict.fromkeys(names))
        check_weights(self.names)
        problems: list[Problem] = []
        loaded = {name: collect_problems(problems, LOADERS[name]) for name in self.names}
        if problems:
            raise InputError(problems)
        for name in self.names:
            external.record_digest(name)
        self._syncnet, self._hsemotion, self._arcface = map(
            loaded.get, ("syncnet-v2", "hsemotion", "arcface")
        )
        self._homes = (
            {name: _embed_clip(self._arcface, face) for name, face in rest.items()}
            if self._arcface
            else {}
        )

    def measure_clip(self, told: ExternalClip) -> dict[str, float]:
        """Their measures by name. A clip that is too short for SyncNet has none of it."""
        made: dict[str, float] = {}
        if self._syncnet and len(told.faces) >= syncnet.SPAN:
            heard = syncnet.measure_sync(self._syncnet, told.faces, told.speech)
            made |= {
                "syncnet_v2_confidence": heard.confidence,
                "syncnet_v2_distance": heard.distance,
                "syncnet_v2_offset": float(heard.offset),
            }
        if self._arcface:
            made["arcface_similarity"] = float(
                _embed_clip(self._arcface, told.followed) @ self._homes[told.identity]
            )
        if self._hsemotion:
            seen = _spread_frames(told.followed)
            logits = [
                arcface.score_emotions(
                    self._hsemotion, told.followed.pictures[at], told.followed.faces[at]
                )
                for at in seen
            ]
            said = arcface.HSEMOTION_LABELS[int(np.mean(logits, axis=0).argmax())]
            made["hsemotion_right"] = float(said == told.emotion)
        return made


def check_weights(names: Sequence[str]) -> None:
    """Whether all are known and their files here. Raises InputError that tells of every one."""
    problems: list[Problem] = []
    for name in names:
        collect_problems(problems, partial(external.locate_weights, name))
    if problems:
        raise InputError(problems)


def _embed_clip(graph: arcface.OnnxGraph, followed: FaceTrack) -> Float64[np.ndarray, " 512"]:
    """The mean of a clip's directions, of length 1."""
    numbers = [
        arcface.embed_face(graph, followed.pictures[at], followed.faces[at])
        for at in _spread_frames(followed)
    ]
    middle = np.mean(numbers, axis=0)
    return np.asarray(middle / np.linalg.norm(middle))


def _spread_frames(followed: FaceTrack) -> list[int]:
    """Places evenly over a clip, none twice."""
    places = ((np.arange(FRAMES_PER_CLIP) + 0.5) * len(followed.faces) / FRAMES_PER_CLIP).astype(
        int
    )
    return list(dict.fromkeys(places.tolist()))


def _load_arcface() -> arcface.OnnxGraph:
    graph = arcface.OnnxGraph("arcface")
    graph.expect(arcface.ARCFACE_SIDE, arcface.ARCFACE_WIDTH)
    return graph


def _load_hsemotion() -> arcface.OnnxGraph:
    graph = arcface.OnnxGraph("hsemotion")
    graph.expect(arcface.HSEMOTION_SIDE, len(arcface.HSEMOTION_LABELS))
    return graph


LOADERS: Mapping[str, Callable[[], Any]] = {
    "syncnet-v2": syncnet.load_syncnet,
    "arcface": _load_arcface,
    "hsemotion": _load_hsemotion,
    "i3d": i3d.check_archive,
}
"""How each is loaded, or at least tried: before the first clip is judged."""
