# SPDX-License-Identifier: Apache-2.0
"""The DICE-Talk talker: the published model, written anew from facts about it.

In come a portrait, speech and an emotion curve (`model.talker`); out come RGB frames. Open `talker`
first: it loads the networks and begins clips, and from there `clip` (one shot), `sampling`
(denoising) and `guidance`. This file imports nothing heavy, since every plan reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from model.dice.settings import read_settings

if TYPE_CHECKING:
    from model.talker import Description

NAME = "dice"
VERSION = "1.0.0"
LABEL = "DICE-Talk"
TINY_LABEL = "DICE-Talk tiny random"
CONTEXT_SECONDS = 2.0
# how the work is done, not what comes out
WORK_SETTINGS = ("images_per_run", "kept_megabytes", "compile")
FACE_WEIGHTS = ("mediapipe-face-detector", "mediapipe-face-mesh")
FACE_LICENCES = ("MediaPipe face detector and face mesh: Apache-2.0",)


def describe(settings: Mapping[str, object], *, weights: Path | None = None) -> Description:
    """Describe the talker for a plan.

    `weights`: folder of an import, None for the usual one. Raises InputError for bad settings or
    missing weights.
    """
    from manifests.identity import digest
    from model.dice import released
    from model.talker import Description
    from model.weights import digest_weights as digest_catalogued

    chosen = read_settings(settings)
    is_tiny = chosen.build == "tiny"
    own = (
        digest({"tiny random": VERSION})
        if is_tiny
        else released.digest_weights(weights or released.locate_weights())
    )
    faces = FACE_WEIGHTS if chosen.face_box is None else ()
    return Description(
        name=NAME,
        version=VERSION,
        label=TINY_LABEL if is_tiny else LABEL,
        weights_digest=digest([own, digest_catalogued(faces)]),
        context_seconds=CONTEXT_SECONDS,
        licences=(() if is_tiny else released.LICENCES) + (FACE_LICENCES if faces else ()),
        weights=faces
        + (() if is_tiny else tuple(s.path for s in (*released.SOURCES, released.EMOTIONS))),
        shaping={
            name: value for name, value in chosen.plain().items() if name not in WORK_SETTINGS
        },
        wants_gpu=chosen.device in ("auto", "cuda"),
        frugal={"images_per_run": max(1, chosen.images_per_run // 3), "kept_megabytes": 0.0},
    )
