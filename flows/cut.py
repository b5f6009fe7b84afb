# SPDX-License-Identifier: Apache-2.0
"""The cut: what was heard becomes shots with identities; the record keeps what people wrote, where
it is spoken, and the cut.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows import listening
from flows.corrections import CorrectedCues
from flows.inputs import Inputs
from flows.ledger import record
from flows.ledger.direction import apply_decisions
from flows.progress import bars, reporter
from flows.project import Project, length
from manifests.errors import InputError, Problem, collect_problems
from manifests.rows import Actor, Consent, Cue, Line, Recording, Shot, Turn
from model.talker import Description
from model.talkers import describe
from pipeline.colour import look_reference
from pipeline.cut import breakdown, cut_points
from pipeline.render import portraits, render
from pipeline.script.production import Production
from pipeline.script.settings import SHOT_REFERENCE
from pipeline.speech.audio_digests import digest_spans

PREVIEW = "previs"  # who draws what is not approved yet


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentCut:
    """A production listened to and cut."""

    project: Project
    inputs: Inputs
    recordings: list[Recording]
    turns: list[Turn]
    corrected: CorrectedCues
    shots: list[Shot]


def cut_recordings(project: Project, inputs: Inputs, recordings: list[Recording]) -> CurrentCut:
    """All steps from the recordings to the shots; those that are in the record cost nothing."""
    turns = listening.split_by_speaker(project, recordings, inputs)
    words = listening.transcribe_words(project, recordings)
    heard = listening.match_lines(project, inputs, turns, words, recordings)
    shots = break_down(project, inputs, heard.cues, recordings)
    return CurrentCut(
        project=project,
        inputs=inputs,
        recordings=recordings,
        turns=turns,
        corrected=heard,
        shots=shots,
    )


def cut_from_record(project: Project, inputs: Inputs) -> CurrentCut | None:
    """Cut from what the record holds; None when the recordings were not listened to yet."""
    known = listening.find_ingested_recordings(project, inputs)
    if known is None or not listening.has_transcript(project, known, inputs):
        return None
    return cut_recordings(project, inputs, known)


def listen_and_cut(project: Project, inputs: Inputs) -> CurrentCut:
    """Bring in the recordings, listen and cut; show progress when that takes an engine."""
    cutting = cut_from_record(project, inputs)
    if cutting is not None:
        return cutting
    with bars():
        reporter().step("Listening (kept for the next time)")
        return cut_recordings(project, inputs, listening.ingest_recordings(project, inputs))


def break_down(
    project: Project, inputs: Inputs, cues: Sequence[Cue], recordings: Sequence[Recording]
) -> list[Shot]:
    """The cut, as shots with identities, with what people decided in it. Raises InputError with
    every portrait that cannot be read.
    """
    production = project.production
    decided = breakdown.break_down(
        cues,
        lines=inputs.lines,
        actors=inputs.actors,
        total_samples=length(recordings),
        settings=_cut_settings(production),
    )
    drawn = _portraits(project, inputs.actors)
    actors = [
        dataclasses.replace(a, portrait_digest=drawn[a.character].digest) for a in inputs.actors
    ]

    def made_with(name: str) -> list[Shot]:
        talker = describe(name, project.settings_of(name))
        spans = [
            render.context_span(
                shot.first_drawn, shot.last_drawn, shot.rate, talker.context_seconds
            )
            for shot in decided
        ]
        heard = dict(
            zip(map(id, decided), digest_spans(recordings, spans, root=project.root), strict=True)
        )
        making = _making(project, talker, drawn)
        return breakdown.build_shots(
            decided, actors=actors, making=making, audio_digest_of=lambda shot: heard[id(shot)]
        )

    gated = needs_approval(production)
    if production.look.reference.startswith(SHOT_REFERENCE):
        numbers = [shot.number for shot in decided]
        look_reference.check_reference_shot(
            numbers, production.look.reference.removeprefix(SHOT_REFERENCE)
        )
    shots = made_with(PREVIEW if gated else production.talker)
    return apply_decisions(
        shots,
        decisions=record.read_decisions(project.store, shots),
        size=(production.width, production.height),
        finals=made_with(production.talker) if gated else None,
    )


def needs_approval(production: Production) -> bool:
    """Whether shots are drawn by previs until their takes are approved."""
    return production.generate.gate == "approved" and production.talker != PREVIEW


def _making(
    project: Project, talker: Description, drawn: Mapping[str, _PlannedPortrait]
) -> breakdown.ShotRecipe:
    return breakdown.ShotRecipe(
        talker=talker.name,
        talker_version=talker.version,
        weights_digest=talker.weights_digest,
        talker_settings=json.dumps(talker.shaping, sort_keys=True),
        size=lambda actor: drawn[actor.character].size,
        episode=project.production.episode,
        matte=project.production.delivery.needs_matte,
    )


def _cut_settings(production: Production) -> cut_points.CutSettings:
    layouts = tuple(sorted(production.layout.scenes.items()))
    own = production.cut.model_dump()
    return cut_points.CutSettings(
        rate=production.rate,
        layout=production.layout.default,
        overlap_layout=production.layout.overlaps,
        scene_layouts=layouts,
        **own,
    )


def record_cut(
    project: Project, inputs: Inputs, cues: Sequence[Cue], shots: Sequence[Shot]
) -> None:
    """Record what people wrote, where it is spoken, and the cut."""
    record.remember_moves(project.store, shots)
    project.store.replace(Line, inputs.lines)
    project.store.replace(Actor, inputs.actors)
    project.store.replace(Consent, inputs.consents)
    project.store.replace(Cue, cues)
    project.store.replace(Shot, shots)


@dataclass(frozen=True, slots=True)
class _PlannedPortrait:
    """What a plan keeps of a portrait: its identity and the size asked of its frames."""

    digest: str
    size: tuple[int, int]


def _portraits(project: Project, actors: Sequence[Actor]) -> dict[str, _PlannedPortrait]:
    problems, drawn = list[Problem](), dict[str, _PlannedPortrait]()
    for actor in actors:
        path = project.production.resolve_path(actor.portrait)
        portrait = collect_problems(
            problems, lambda p=path, a=actor: portraits.read(p, face=a.face, name=a.portrait)
        )  # type: ignore[misc]
        if portrait is not None:
            height, width = portrait.pixels.shape[:2]
            scale = min(1.0, project.production.generate.size / min(width, height))
            drawn[actor.character] = _PlannedPortrait(
                portrait.digest, (round(width * scale), round(height * scale))
            )
    if problems:
        raise InputError(problems)
    return drawn
