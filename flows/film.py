# SPDX-License-Identifier: Apache-2.0
"""One production and its record: each step of the film up to the cut, done once and remembered.

The steps here join the pure stages of `pipeline` with the record; `episode` runs them as Prefect tasks, `plan` and `status` call
them directly. A step that needs an engine first looks whether the record has its result under the same key.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flows import corrections
from flows.corrections import Corrected
from flows.inventory import inventory
from manifests.errors import InputError, Problem
from manifests.identity import digest, digest_file
from manifests.rows import Actor, Consent, Cue, Event, Line, ModelFile, Recording, Row, Shot, Take, Turn, Word
from manifests.store import Store, event
from model.talker import Settings, describe
from pipeline import (
    align,
    breakdown,
    cast,
    consent,
    diarize,
    ingest,
    media,
    overrides,
    portraits,
    render,
    script,
    transcribe,
)
from pipeline import production as productions
from pipeline.production import Production

T = TypeVar("T")
R = TypeVar("R", bound=Row)
BUILD = "build"
LISTENING_WEIGHTS = ("whisper-tiny-en", "pyannote-segmentation", "ge2e-speaker")
SAME_VOICE = 0.75  # cosine of two voices; docs/listening.md


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A production, the folder that its results go to (paths in rows are relative to it), and its record."""

    production: Production
    root: Path
    store: Store

    @property
    def folder(self) -> Path:
        """Where the production's own files lie."""
        return self.production.folder

    @property
    def talker_settings(self) -> Settings:
        """What the talker is asked for: the production's settings for it and the size of the frames."""
        return {"size": self.production.generate.size, **self.production.talker_settings}


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What people wrote, read and checked; characters of lines carry the names that the cast gives them."""

    lines: list[Line]
    actors: list[Actor]
    consents: list[Consent]

    @property
    def speakers(self) -> int:
        """How many people speak in the script."""
        return len({line.character for line in self.lines})


def open_film(folder: Path, out: Path | None = None) -> Film:
    """Read `production.toml`. Nothing is created. Raises InputError."""
    production = productions.load(folder)
    root = (out or folder / BUILD).resolve()
    return Film(production=production, root=root, store=Store(root / "manifests"))


def read_inputs(film: Film) -> Inputs:
    """Read script, actor sheet and consents, probe the recordings, and check all against each other.

    Raises one InputError with the problems of all of them."""
    wanted, problems = film.production, list[Problem]()
    own = wanted.path(wanted.emotions) if wanted.emotions else None
    words = _gather(problems, lambda: script.words(own)) or script.words()
    lines = _gather(
        problems,
        lambda: script.read(wanted.path(wanted.script), words=words, language=wanted.language, folder=film.folder),
    )
    actors = _gather(problems, lambda: cast.read(wanted.path(wanted.cast), words=words, folder=film.folder))
    consents = _read_consents(film, problems)
    if lines and actors:
        problems += cast.check(lines, actors)
    if actors and consents is not None:
        today = datetime.datetime.now(datetime.UTC).date()
        problems += consent.gate(actors, consents, on=today, required=wanted.consent.required, file=wanted.consents)
    problems += _unusable_recordings(film)
    problems += _unusable_weights(film)
    if problems:
        raise InputError(problems)
    return Inputs(lines=cast.named(lines or [], actors or []), actors=actors or [], consents=consents or [])


def remember(film: Film, inputs: Inputs, cues: Sequence[Cue], shots: Sequence[Shot]) -> None:
    """Record what people wrote, where it is spoken, and the cut."""
    film.store.replace(Line, inputs.lines)
    film.store.replace(Actor, inputs.actors)
    film.store.replace(Consent, inputs.consents)
    film.store.replace(Cue, cues)
    film.store.replace(Shot, shots)


def weights_used(film: Film) -> list[ModelFile]:
    """The weight files that renders of this production use, with their licences."""
    talker = describe(film.production.talker, film.talker_settings)
    named = {*LISTENING_WEIGHTS, *talker.weights}
    return [row for row in inventory() if row.name in named]


def bring_in(film: Film, inputs: Inputs) -> list[Recording]:
    """Decode the recordings that are new; the others are known by the digest of their bytes."""
    recordings = [
        _known(film, name)
        or ingest.ingest(
            film.production.path(name), order=0, offset_samples=0, media=film.root / "media", folder=film.folder
        )
        for name in film.production.recordings
    ]
    placed = _placed(film, inputs, recordings)
    film.store.replace(Recording, placed)
    return placed


def known_recordings(film: Film, inputs: Inputs) -> list[Recording] | None:
    """The recordings when all of them were brought in before, else None."""
    recordings = [row for name in film.production.recordings if (row := _known(film, name)) is not None]
    return _placed(film, inputs, recordings) if len(recordings) == len(film.production.recordings) else None


def split_by_speaker(film: Film, recordings: Sequence[Recording], inputs: Inputs) -> list[Turn]:
    """Speaker turns, from the record when these recordings were split before."""
    settings = diarize.Settings(speakers=inputs.speakers)
    key = diarize.key(recordings, settings)
    make = _Remembered(film.store, "diarized", key)
    return make(Turn, lambda: diarize.diarize(recordings, root=film.root, settings=settings), diarization_id=key)


def hear_words(film: Film, recordings: Sequence[Recording]) -> list[Word]:
    """Recognised words, from the record when these recordings were heard before; none in a language that is not known."""
    settings = transcribe.Settings(language=film.production.language)
    if not transcribe.can_hear(settings):
        return []
    key = transcribe.key(recordings, settings)
    make = _Remembered(film.store, "transcribed", key)
    return make(Word, lambda: transcribe.transcribe(recordings, root=film.root, settings=settings), transcript_id=key)


def match(
    film: Film, inputs: Inputs, turns: Sequence[Turn], words: Sequence[Word], recordings: Sequence[Recording]
) -> Corrected:
    """Where each line is spoken, in the script's order, with what people decided by hand."""
    conflicts = corrections.take_in(film.store, film.root, inputs.actors)
    decided = corrections.decided(film.store)
    enrolled = known_voices(film, inputs, turns, recordings)
    known = align.Known(enrolled=enrolled, circled=overrides.circled(decided))
    found = align.match(inputs.lines, turns, words, recordings=recordings, known=known)
    applied = overrides.apply(found, decided)
    return Corrected(cues=applied.cues, found=found, unfit=applied.unfit, conflicts=conflicts)


def known_voices(film: Film, inputs: Inputs, turns: Sequence[Turn], recordings: Sequence[Recording]) -> dict[str, str]:
    """The character of each speaker whose voice is like a voice sample of the cast; compared once, then from the record."""
    samples = {a.character: film.production.path(a.voice_sample) for a in inputs.actors if a.voice_sample}
    if not samples or not turns:
        return {}
    key = digest([turns[0].diarization_id, {name: digest_file(path) for name, path in samples.items()}])
    known = film.store.rows(Event, name="enrolled", subject=key)
    if not known:
        found = diarize.enrol(turns, samples, recordings=recordings, root=film.root)
        detail = json.dumps([dataclasses.asdict(one) for one in found])
        known = [event("enrolled", key, actor="callsheet", detail=detail)]
        film.store.append(known)
    likenesses = json.loads(known[-1].detail)
    return {one["speaker"]: one["character"] for one in likenesses if one["score"] >= SAME_VOICE}


def is_heard(film: Film, recordings: Sequence[Recording], inputs: Inputs) -> bool:
    """Whether turns and words of these recordings are in the record, so that a plan needs no engine."""
    turns = diarize.key(recordings, diarize.Settings(speakers=inputs.speakers))
    settings = transcribe.Settings(language=film.production.language)
    if not film.store.has(Event, name="diarized", subject=turns):
        return False
    key = transcribe.key(recordings, settings)
    return not transcribe.can_hear(settings) or film.store.has(Event, name="transcribed", subject=key)


def break_down(film: Film, inputs: Inputs, cues: Sequence[Cue], recordings: Sequence[Recording]) -> list[Shot]:
    """The cut, as shots with identities. Raises InputError with every portrait that cannot be read."""
    production = film.production
    decided = breakdown.cut(
        cues,
        lines=inputs.lines,
        actors=inputs.actors,
        total_samples=length(recordings),
        settings=breakdown.CutSettings(rate=production.rate, **production.cut.model_dump()),
    )
    drawn = _portraits(film, inputs.actors)
    talker = describe(production.talker, film.talker_settings)

    def heard(shot: breakdown.DecidedShot) -> str:
        start, end = render.context_span(shot.start_frame, shot.end_frame, shot.rate, talker.context_seconds)
        return ingest.span_digest(recordings, start, end, root=film.root)

    making = breakdown.Making(
        talker=talker.name,
        talker_version=talker.version,
        weights_digest=talker.weights_digest,
        talker_settings=json.dumps(talker.shaping, sort_keys=True),
        size=lambda actor: drawn[actor.character].size,
        episode=production.episode,
    )
    actors = [dataclasses.replace(a, portrait_digest=drawn[a.character].digest) for a in inputs.actors]
    return breakdown.shots(decided, actors=actors, making=making, audio_digest_of=heard)


def done(film: Film, shots: Sequence[Shot]) -> dict[str, Take]:
    """The takes that are done: row committed and media in place. A take whose row was lost in a crash is adopted."""
    wanted = list(dict.fromkeys(shot.shot_id for shot in shots))
    takes = {take.shot_id: take for take in film.store.rows(Take, shot_id=wanted)}
    takes = {key: take for key, take in takes.items() if (film.root / take.path).is_file()}
    orphans = (render.adopt(key, root=film.root) for key in wanted if key not in takes)
    adopted = [take for take in orphans if take is not None]
    film.store.append(adopted)
    return takes | {take.shot_id: take for take in adopted}


def length(recordings: Sequence[Recording]) -> int:
    """Samples of the timeline at 48 kHz."""
    return max((recording.offset_samples + recording.samples for recording in recordings), default=0)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """Rows that are made once per key: an event says that they were, also when there are none."""

    store: Store
    name: str
    key: str

    def __call__(self, kind: type[R], make: Callable[[], Sequence[R]], **where: str) -> list[R]:
        if not self.store.has(Event, name=self.name, subject=self.key):
            rows = make()
            self.store.append(rows)
            self.store.append([event(self.name, self.key, actor="callsheet", detail=f"{len(rows)} rows")])
        return self.store.rows(kind, **where)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What a plan keeps of a portrait: its identity and the size asked of its frames."""

    digest: str
    size: tuple[int, int]


def _portraits(film: Film, actors: Sequence[Actor]) -> dict[str, _Drawn]:
    problems, drawn = list[Problem](), dict[str, _Drawn]()
    for actor in actors:
        path = film.production.path(actor.portrait)
        portrait = _gather(problems, lambda p=path, a=actor: portraits.read(p, face=a.face, name=a.portrait))  # type: ignore[misc]
        if portrait is not None:
            height, width = portrait.pixels.shape[:2]
            scale = min(1.0, film.production.generate.size / min(width, height))
            drawn[actor.character] = _Drawn(portrait.digest, (round(width * scale), round(height * scale)))
    if problems:
        raise InputError(problems)
    return drawn


def _read_consents(film: Film, problems: list[Problem]) -> list[Consent] | None:
    path = film.production.path(film.production.consents)
    return _gather(problems, lambda: consent.read(path)) if path.is_file() else []


def _unusable_recordings(film: Film) -> list[Problem]:
    problems = list[Problem]()
    for name in film.production.recordings:
        path = film.production.path(name)
        _gather(problems, lambda p=path: media.probe(p))  # type: ignore[misc]
    return problems


def _unusable_weights(film: Film) -> list[Problem]:
    """A talker whose settings or weights are wrong, and weights whose licence the production's profile does not allow."""
    problems = list[Problem]()
    used = _gather(problems, lambda: weights_used(film)) or []
    licences = film.production.licences
    if licences.commercial:
        problems += [
            _refused_licence(row) for row in used if row.commercial != "yes" and row.name not in licences.agreements
        ]
    return problems


def _refused_licence(row: ModelFile) -> Problem:
    return Problem(
        file=productions.FILE,
        column="licences.commercial",
        message=f"the weights {row.name!r} ({row.purpose}) are not clearly licensed for commercial use",
        expected="another talker, or the name under licences.agreements when you hold an agreement",
        got=row.licence,
    )


def _known(film: Film, name: str) -> Recording | None:
    for row in film.store.rows(Recording, source_digest=digest_file(film.production.path(name))):
        if (film.root / row.master_path).is_file() and (film.root / row.analysis_path).is_file():
            return row
    return None


def _placed(film: Film, inputs: Inputs, recordings: Sequence[Recording]) -> list[Recording]:
    """The recordings in their order and place on the timeline, under the names that the production gives them."""
    names = film.production.recordings
    characters = [actor.character for actor in inputs.actors]
    begins = ingest.offsets(names, [recording.samples for recording in recordings], characters=characters)
    return [
        dataclasses.replace(recording, source=name, order=order, offset_samples=begin)
        for order, (recording, name, begin) in enumerate(zip(recordings, names, begins, strict=True))
    ]


def _gather(problems: list[Problem], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None
