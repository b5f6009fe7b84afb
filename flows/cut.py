# SPDX-License-Identifier: Apache-2.0
"""The cut: what was heard becomes shots with identities; the record keeps what people wrote, where it is spoken, and the cut."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flows import listening
from flows.corrections import Corrected
from flows.film import Film, length
from flows.inputs import Inputs
from manifests.errors import InputError, Problem, gather
from manifests.rows import Actor, Consent, Cue, Line, Recording, Shot, Turn
from model.talker import describe
from pipeline import breakdown, ingest, portraits, render
from pipeline.production import Production


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """A production listened to and cut."""

    film: Film
    inputs: Inputs
    recordings: list[Recording]
    turns: list[Turn]
    heard: Corrected
    shots: list[Shot]


def cut(film: Film, inputs: Inputs, recordings: list[Recording]) -> Cutting:
    """All steps from the recordings to the shots; those that are in the record cost nothing."""
    turns = listening.split_by_speaker(film, recordings, inputs)
    words = listening.hear_words(film, recordings)
    heard = listening.match(film, inputs, turns, words, recordings)
    shots = break_down(film, inputs, heard.cues, recordings)
    return Cutting(film=film, inputs=inputs, recordings=recordings, turns=turns, heard=heard, shots=shots)


def break_down(film: Film, inputs: Inputs, cues: Sequence[Cue], recordings: Sequence[Recording]) -> list[Shot]:
    """The cut, as shots with identities. Raises InputError with every portrait that cannot be read."""
    production = film.production
    decided = breakdown.cut(
        cues,
        lines=inputs.lines,
        actors=inputs.actors,
        total_samples=length(recordings),
        settings=_cut_settings(production),
    )
    drawn = _portraits(film, inputs.actors)
    talker = describe(production.talker, film.talker_settings)

    def heard(shot: breakdown.DecidedShot) -> str:
        start, end = render.context_span(shot.first_drawn, shot.last_drawn, shot.rate, talker.context_seconds)
        return ingest.span_digest(recordings, start, end, root=film.root)

    making = breakdown.Making(
        talker=talker.name,
        talker_version=talker.version,
        weights_digest=talker.weights_digest,
        talker_settings=json.dumps(talker.shaping, sort_keys=True),
        size=lambda actor: drawn[actor.character].size,
        episode=production.episode,
        matte=production.delivery.needs_matte,
    )
    actors = [dataclasses.replace(a, portrait_digest=drawn[a.character].digest) for a in inputs.actors]
    return breakdown.shots(decided, actors=actors, making=making, audio_digest_of=heard)


def _cut_settings(production: Production) -> breakdown.CutSettings:
    layouts = tuple(sorted(production.layout.scenes.items()))
    own = production.cut.model_dump()
    return breakdown.CutSettings(rate=production.rate, layout=production.layout.default, scene_layouts=layouts, **own)


def remember(film: Film, inputs: Inputs, cues: Sequence[Cue], shots: Sequence[Shot]) -> None:
    """Record what people wrote, where it is spoken, and the cut."""
    film.store.replace(Line, inputs.lines)
    film.store.replace(Actor, inputs.actors)
    film.store.replace(Consent, inputs.consents)
    film.store.replace(Cue, cues)
    film.store.replace(Shot, shots)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What a plan keeps of a portrait: its identity and the size asked of its frames."""

    digest: str
    size: tuple[int, int]


def _portraits(film: Film, actors: Sequence[Actor]) -> dict[str, _Drawn]:
    problems, drawn = list[Problem](), dict[str, _Drawn]()
    for actor in actors:
        path = film.production.path(actor.portrait)
        portrait = gather(problems, lambda p=path, a=actor: portraits.read(p, face=a.face, name=a.portrait))  # type: ignore[misc]
        if portrait is not None:
            height, width = portrait.pixels.shape[:2]
            scale = min(1.0, film.production.generate.size / min(width, height))
            drawn[actor.character] = _Drawn(portrait.digest, (round(width * scale), round(height * scale)))
    if problems:
        raise InputError(problems)
    return drawn
