# SPDX-License-Identifier: Apache-2.0
"""Cut a production: listen to its recordings, break the script down into shots, record the cut."""

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
from flows.progress import get_reporter, show_progress
from flows.project import Project, count_timeline_samples
from manifests.errors import InputError, Problem, collect_problems
from manifests.rows import Actor, Consent, Cue, Line, Recording, Shot, Turn
from model.talker import Description
from model.talkers import describe
from pipeline.colour import look_reference
from pipeline.cut import breakdown, cut_points, shot_identity
from pipeline.render import portraits, render
from pipeline.script.production import Production
from pipeline.script.settings import SHOT_REFERENCE
from pipeline.speech.audio_digests import digest_spans

PREVIEW = "previs"  # the talker of shots that are not approved yet


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentCut:
    """A production that was listened to and cut from the files of today."""

    project: Project
    inputs: Inputs
    recordings: list[Recording]
    turns: list[Turn]
    corrected: CorrectedCues
    shots: list[Shot]


def cut_recordings(project: Project, inputs: Inputs, recordings: list[Recording]) -> CurrentCut:
    """Take all steps from the recordings to the shots; steps in the record cost nothing."""
    turns = listening.split_by_speaker(project, recordings, inputs)
    words = listening.transcribe_words(project, recordings)
    corrected = listening.match_lines(project, inputs, turns, words, recordings)
    shots = break_down(project, inputs, corrected.cues, recordings)
    return CurrentCut(
        project=project,
        inputs=inputs,
        recordings=recordings,
        turns=turns,
        corrected=corrected,
        shots=shots,
    )


def cut_from_record(project: Project, inputs: Inputs) -> CurrentCut | None:
    """Cut from what the record holds; None when the recordings are not transcribed yet."""
    known = listening.find_ingested_recordings(project, inputs)
    if known is None or not listening.has_transcript(project, known, inputs):
        return None
    return cut_recordings(project, inputs, known)


def listen_and_cut(project: Project, inputs: Inputs) -> CurrentCut:
    """Ingest the recordings, listen and cut; show progress if that takes an engine."""
    cutting = cut_from_record(project, inputs)
    if cutting is not None:
        return cutting
    with show_progress():
        get_reporter().step("Listening (the result is kept)")
        return cut_recordings(project, inputs, listening.ingest_recordings(project, inputs))


def break_down(
    project: Project, inputs: Inputs, cues: Sequence[Cue], recordings: Sequence[Recording]
) -> list[Shot]:
    """Break the cues down into shots with identities, and apply what people decided.

    Raises:
        InputError: Portraits cannot be read; all of them are named.
    """
    production = project.production
    planned = breakdown.break_down(
        cues,
        lines=inputs.lines,
        actors=inputs.actors,
        total_samples=count_timeline_samples(recordings),
        settings=_make_cut_settings(production),
    )
    _check_reference(production, planned)
    identified = _PlannedCut(
        project=project,
        recordings=recordings,
        actors=inputs.actors,
        portraits=_measure_portraits(project, inputs.actors),
        shots=planned,
    )
    gated = needs_approval(production)
    shots = identified.build_shots(PREVIEW if gated else production.talker)
    return apply_decisions(
        shots,
        decisions=record.read_decisions(project.store, shots),
        size=(production.width, production.height),
        finals=identified.build_shots(production.talker) if gated else None,
    )


@dataclass(frozen=True, slots=True)
class _PlannedPortrait:
    """What a plan needs of a portrait: its digest, and the width and height of its frames."""

    digest: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlannedCut:
    """The cut before a talker is chosen. `portraits`: by character."""

    project: Project
    recordings: Sequence[Recording]
    actors: Sequence[Actor]
    portraits: Mapping[str, _PlannedPortrait]
    shots: Sequence[breakdown.DecidedShot]

    def build_shots(self, name: str) -> list[Shot]:
        """Give the shots the identities that they have with this talker."""
        talker = describe(name, self.project.resolve_talker_settings(name))
        spans = [
            render.context_span(
                shot.first_drawn, shot.last_drawn, shot.rate, talker.context_seconds
            )
            for shot in self.shots
        ]
        digests = digest_spans(self.recordings, spans, root=self.project.root)
        digest_of = dict(zip(map(id, self.shots), digests, strict=True))
        actors = [
            dataclasses.replace(actor, portrait_digest=self.portraits[actor.character].digest)
            for actor in self.actors
        ]
        return shot_identity.build_shots(
            self.shots,
            actors=actors,
            recipe=_make_recipe(self.project, talker, self.portraits),
            audio_digest_of=lambda shot: digest_of[id(shot)],
        )


def _check_reference(production: Production, shots: Sequence[breakdown.DecidedShot]) -> None:
    """Check that the shot exists that the look takes its colours from."""
    reference = production.look.reference
    if reference.startswith(SHOT_REFERENCE):
        numbers = [shot.number for shot in shots]
        look_reference.check_reference_shot(numbers, reference.removeprefix(SHOT_REFERENCE))


def needs_approval(production: Production) -> bool:
    """Tell whether previs draws the shots until their takes are approved."""
    return production.generate.gate == "approved" and production.talker != PREVIEW


def _make_recipe(
    project: Project, talker: Description, measured: Mapping[str, _PlannedPortrait]
) -> shot_identity.ShotRecipe:
    return shot_identity.ShotRecipe(
        talker=talker.name,
        talker_version=talker.version,
        weights_digest=talker.weights_digest,
        talker_settings=json.dumps(talker.shaping, sort_keys=True),
        size=lambda actor: measured[actor.character].size,
        episode=project.production.episode,
        matte=project.production.delivery.needs_matte,
    )


def _make_cut_settings(production: Production) -> cut_points.CutSettings:
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
    """Record the script, the cast, the cues and the cut."""
    record.remember_moves(project.store, shots)
    project.store.replace(Line, inputs.lines)
    project.store.replace(Actor, inputs.actors)
    project.store.replace(Consent, inputs.consents)
    project.store.replace(Cue, cues)
    project.store.replace(Shot, shots)


def _measure_portraits(project: Project, actors: Sequence[Actor]) -> dict[str, _PlannedPortrait]:
    """Measure every portrait. Raises InputError with all that cannot be read."""
    problems, measured = list[Problem](), dict[str, _PlannedPortrait]()
    for actor in actors:
        path = project.production.resolve_path(actor.portrait)
        portrait = collect_problems(
            problems,
            lambda p=path, a=actor: portraits.read(p, face=a.face, name=a.portrait),  # type: ignore[misc]
        )
        if portrait is not None:
            height, width = portrait.pixels.shape[:2]
            scale = min(1.0, project.production.generate.size / min(width, height))
            measured[actor.character] = _PlannedPortrait(
                portrait.digest, (round(width * scale), round(height * scale))
            )
    if problems:
        raise InputError(problems)
    return measured
