# SPDX-License-Identifier: Apache-2.0
"""Build the rows of shots, each under its identity. Pure.

A shot's identity is a digest of everything that shapes its pixels and of nothing else: a take under
it never has to be made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from manifests.identity import digest
from manifests.rows import Actor, Shot
from model.talker import MATTE
from pipeline.cut.breakdown import DecidedShot

IDENTITY_VERSION = 1
SHAPING = (
    "role",
    "text",
    "lang",
    "performance",
    "frames",
    "rate",
    "portrait_digest",
    "face",
    "audio_digest",
    "seed",
    "width",
    "height",
    "talker",
    "talker_version",
    "weights_digest",
    "talker_settings",
    "voiced",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotRecipe:
    """What shots are made with.

    `talker_settings`: canonical JSON. `size`: of a character's generated frames. `matte`: takes are
    written with the talker's matte.
    """

    talker: str
    talker_version: str
    weights_digest: str
    talker_settings: str
    size: Callable[[Actor], tuple[int, int]]
    episode: str = ""
    matte: bool = False

    @property
    def identity_settings(self) -> str:
        """The talker's settings, and whether a matte is wanted: with it a take is another take."""
        if not self.matte:
            return self.talker_settings
        return json.dumps({**json.loads(self.talker_settings), MATTE: True}, sort_keys=True)


def build_shots(
    decided: Sequence[DecidedShot],
    *,
    actors: Sequence[Actor],
    recipe: ShotRecipe,
    audio_digest_of: Callable[[DecidedShot], str],
) -> list[Shot]:
    """Build the rows of the cut, each under its identity. `actors` carry their portrait digests.

    `audio_digest_of`: identity of the canonical sound that the talker reads for a shot, context
    included.
    """
    by_name = {actor.character: actor for actor in actors}
    return [
        _build_row(shot, by_name[shot.character], recipe, audio_digest_of(shot)) for shot in decided
    ]


def identify_shot(shot: Shot) -> str:
    """Digest everything in a row that shapes the shot's pixels: the fields `SHAPING`.

    Place in the film, name, look, scene and paths do not count.
    """
    fields = {name: getattr(shot, name) for name in SHAPING}
    if shot.before_frames:  # only then: shots that were never split keep their identities
        fields["before_frames"] = shot.before_frames
    return digest({"version": IDENTITY_VERSION, **fields})


def _build_row(decided: DecidedShot, actor: Actor, recipe: ShotRecipe, audio_digest: str) -> Shot:
    width, height = recipe.size(actor)
    head, tail = decided.handles
    unnamed = Shot(
        shot_id="",
        number=decided.number,
        order=decided.order,
        scene=decided.scene,
        character=decided.character,
        actor=actor.actor,
        role=decided.role,
        line_ids=decided.line_ids,
        text=decided.text,
        lang=decided.lang,
        performance=_json(decided.performance.to_plain()),
        start_frame=decided.start_frame,
        end_frame=decided.end_frame,
        rate_num=decided.rate.numerator,
        rate_den=decided.rate.denominator,
        portrait=actor.portrait,
        portrait_digest=actor.portrait_digest,
        face=actor.face,
        audio_digest=audio_digest,
        seed=actor.seed,
        width=width,
        height=height,
        talker=recipe.talker,
        talker_version=recipe.talker_version,
        weights_digest=recipe.weights_digest,
        talker_settings=recipe.identity_settings,
        episode=recipe.episode,
        look=actor.look,
        voiced=_json(decided.voiced),
        layer=decided.layer,
        layout=decided.layout,
        dissolve_frames=decided.dissolve_frames,
        head_frames=head,
        tail_frames=tail,
        before_frames=decided.before_frames,
    )

    return replace(unnamed, shot_id=identify_shot(unnamed))


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
