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
from model.judges.points import Faces, Followed

LOOKED_AT = 8  # frames of a clip that networks for pictures see


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What a guest is shown of a clip: its crops, the face in them, the sound from the first of
    them on, whose it is and how they act.
    """

    faces: Faces
    followed: Followed
    speech: Int16[np.ndarray, " samples"]
    identity: str
    emotion: str


class Guests:
    """Those of `foreign.KNOWN` that were asked for, loaded. I3D says nothing of single clips:
    `foreign.i3d`.
    """

    def __init__(self, names: Sequence[str], rest: Mapping[str, Followed]) -> None:
        """`rest`: the face of every portrait. Raises InputError for all names that are unknown, and
        whose files are not here or are something else.
        """
        self.names = tuple(dict.fromkeys(names))
        check(self.names)
        problems: list[Problem] = []
        loaded = {name: collect_problems(problems, LOADERS[name]) for name in self.names}
        if problems:
            raise InputError(problems)
        for name in self.names:
            external.remember(name)
        self._syncnet, self._hsemotion, self._arcface = map(
            loaded.get, ("syncnet-v2", "hsemotion", "arcface")
        )
        self._homes = (
            {name: _arc(self._arcface, face) for name, face in rest.items()}
            if self._arcface
            else {}
        )

    def numbers(self, told: Told) -> dict[str, float]:
        """Their measures by name. A clip that is too short for SyncNet has none of it."""
        made: dict[str, float] = {}
        if self._syncnet and len(told.faces) >= syncnet.SPAN:
            heard = syncnet.measure(self._syncnet, told.faces, told.speech)
            made |= {
                "syncnet_v2_confidence": heard.confidence,
                "syncnet_v2_distance": heard.distance,
                "syncnet_v2_offset": float(heard.offset),
            }
        if self._arcface:
            made["arcface_similarity"] = float(
                _arc(self._arcface, told.followed) @ self._homes[told.identity]
            )
        if self._hsemotion:
            seen = _over(told.followed)
            logits = [
                arcface.hsemotion(
                    self._hsemotion, told.followed.pictures[at], told.followed.faces[at]
                )
                for at in seen
            ]
            said = arcface.HSEMOTION_LABELS[int(np.mean(logits, axis=0).argmax())]
            made["hsemotion_right"] = float(said == told.emotion)
        return made


def check(names: Sequence[str]) -> None:
    """Whether all are known and their files here. Raises InputError that tells of every one."""
    problems: list[Problem] = []
    for name in names:
        collect_problems(problems, partial(external.place, name))
    if problems:
        raise InputError(problems)


def _arc(graph: arcface.Graph, followed: Followed) -> Float64[np.ndarray, " 512"]:
    """The mean of a clip's directions, of length 1."""
    numbers = [
        arcface.arcface(graph, followed.pictures[at], followed.faces[at]) for at in _over(followed)
    ]
    middle = np.mean(numbers, axis=0)
    return np.asarray(middle / np.linalg.norm(middle))


def _over(followed: Followed) -> list[int]:
    """Places evenly over a clip, none twice."""
    places = ((np.arange(LOOKED_AT) + 0.5) * len(followed.faces) / LOOKED_AT).astype(int)
    return list(dict.fromkeys(places.tolist()))


def _arcface() -> arcface.Graph:
    graph = arcface.Graph("arcface")
    graph.expect(arcface.ARCFACE_SIDE, arcface.ARCFACE_WIDTH)
    return graph


def _hsemotion() -> arcface.Graph:
    graph = arcface.Graph("hsemotion")
    graph.expect(arcface.HSEMOTION_SIDE, len(arcface.HSEMOTION_LABELS))
    return graph


LOADERS: Mapping[str, Callable[[], Any]] = {
    "syncnet-v2": syncnet.load,
    "arcface": _arcface,
    "hsemotion": _hsemotion,
    "i3d": i3d.check,
}
"""How each is loaded, or at least tried: before the first clip is judged."""
