# SPDX-License-Identifier: Apache-2.0
"""The listening steps: recordings brought in, split by speaker, heard, matched with the script;
each once, then from the record.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from flows import corrections
from flows.corrections import CorrectedCues
from flows.inputs import Inputs
from flows.project import Film, Remembered
from manifests.identity import digest, digest_file
from manifests.rows import Recording, Turn, Word
from manifests.run_rows import Event
from manifests.store import new_event
from pipeline.align import align, cue_overrides
from pipeline.lesson import timing
from pipeline.speech import diarize, enrolment, ingest, transcribe

SAME_VOICE = 0.75  # cosine of two voices; docs/listening.md


def resolve_speaker_settings(film: Film, inputs: Inputs) -> diarize.DiarizationSettings:
    """How the recordings are split by speaker. Raises InputError when `[listen] diarization` names
    no pipeline.
    """
    pipeline = diarize.resolve_pipeline(film.production.listen.diarization, folder=film.folder)
    return diarize.DiarizationSettings(speakers=inputs.speakers, pipeline=pipeline)


def resolve_word_settings(film: Film) -> transcribe.TranscriptionSettings:
    """How words are recognised. Raises InputError when `[listen] recogniser` names no model."""
    model = transcribe.resolve_recogniser(film.production.listen.recogniser, folder=film.folder)
    return transcribe.TranscriptionSettings(language=film.production.language, model=model)


def ingest_recordings(film: Film, inputs: Inputs) -> list[Recording]:
    """Decode the recordings that are new; the others are known by the digest of their bytes."""
    recordings = [
        _known(film, name)
        or ingest.ingest(
            film.production.resolve_path(name),
            order=0,
            offset_samples=0,
            media=film.root / "media",
            folder=film.folder,
        )
        for name in film.production.recordings
    ]
    placed = _placed(film, inputs, recordings)
    film.store.replace(Recording, placed)
    return placed


def find_ingested_recordings(film: Film, inputs: Inputs) -> list[Recording] | None:
    """The recordings when all of them were brought in before, else None."""
    recordings = [
        row for name in film.production.recordings if (row := _known(film, name)) is not None
    ]
    return (
        _placed(film, inputs, recordings)
        if len(recordings) == len(film.production.recordings)
        else None
    )


def has_transcript(film: Film, recordings: Sequence[Recording], inputs: Inputs) -> bool:
    """Whether turns and words of these recordings are in the record, so that a plan needs no
    engine.
    """
    turns = diarize.key(recordings, resolve_speaker_settings(film, inputs))
    settings = resolve_word_settings(film)
    if not film.store.has(Event, name="diarized", subject=turns):
        return False
    key = transcribe.key(recordings, settings)
    return not transcribe.knows_language(settings) or film.store.has(
        Event, name="transcribed", subject=key
    )


def split_by_speaker(film: Film, recordings: Sequence[Recording], inputs: Inputs) -> list[Turn]:
    """Speaker turns, from the record when these recordings were split before."""
    settings = resolve_speaker_settings(film, inputs)
    key = diarize.key(recordings, settings)
    make = Remembered(film.store, "diarized", key)
    return make(
        Turn,
        lambda: diarize.diarize(recordings, root=film.root, settings=settings),
        diarization_id=key,
    )


def transcribe_words(film: Film, recordings: Sequence[Recording]) -> list[Word]:
    """Recognised words, from the record when these recordings were heard before; none in a language
    that is not known.
    """
    settings = resolve_word_settings(film)
    if not transcribe.knows_language(settings):
        return []
    key = transcribe.key(recordings, settings)
    make = Remembered(film.store, "transcribed", key)
    return make(
        Word,
        lambda: transcribe.transcribe(recordings, root=film.root, settings=settings),
        transcript_id=key,
    )


def match_lines(
    film: Film,
    inputs: Inputs,
    turns: Sequence[Turn],
    words: Sequence[Word],
    recordings: Sequence[Recording],
) -> CorrectedCues:
    """Where each line is spoken, in the script's order, with what people decided by hand."""
    conflicts = corrections.import_sheet(film.store, film.root, inputs.actors)
    decided = corrections.read_overrides(film.store)
    enrolled = identify_voices(film, inputs, turns, recordings)
    known = align.AlignmentHints(
        enrolled=enrolled, circled=cue_overrides.select_circled_takes(decided)
    )
    found = align.align_script(inputs.lines, turns, words, recordings=recordings, hints=known)
    applied = cue_overrides.apply(found, decided, recordings=recordings)
    return CorrectedCues(cues=applied.cues, found=found, unfit=applied.unfit, conflicts=conflicts)


def identify_voices(
    film: Film, inputs: Inputs, turns: Sequence[Turn], recordings: Sequence[Recording]
) -> dict[str, str]:
    """The character of each speaker whose voice is like a voice sample of the cast; compared once,
    then from the record.
    """
    samples = {
        a.character: film.production.resolve_path(a.voice_sample)
        for a in inputs.actors
        if a.voice_sample
    }
    if not samples or not turns:
        return {}
    key = digest(
        [turns[0].diarization_id, {name: digest_file(path) for name, path in samples.items()}]
    )
    known = film.store.read(Event, name="enrolled", subject=key)
    if not known:
        found = enrolment.enrol_speakers(turns, samples, recordings=recordings, root=film.root)
        detail = json.dumps([dataclasses.asdict(one) for one in found])
        known = [new_event("enrolled", key, actor="callsheet", detail=detail)]
        film.store.append(known)
    likenesses = json.loads(known[-1].detail)
    return {one["speaker"]: one["character"] for one in likenesses if one["score"] >= SAME_VOICE}


def _known(film: Film, name: str) -> Recording | None:
    for row in film.store.read(
        Recording, source_digest=digest_file(film.production.resolve_path(name))
    ):
        if (film.root / row.master_path).is_file() and (film.root / row.analysis_path).is_file():
            return row
    return None


def _placed(film: Film, inputs: Inputs, recordings: Sequence[Recording]) -> list[Recording]:
    """The recordings in their order and place on the timeline, under the names that the production
    gives them.
    """
    names = film.production.recordings
    characters = [actor.character for actor in inputs.actors]
    begins = ingest.place_recordings(names, _lengths(film, recordings), characters=characters)
    return [
        dataclasses.replace(recording, source=name, order=order, offset_samples=begin)
        for order, (recording, name, begin) in enumerate(
            zip(recordings, names, begins, strict=True)
        )
    ]


def _lengths(film: Film, recordings: Sequence[Recording]) -> list[int]:
    """Samples that each recording takes on the timeline: in a lesson whole frames, so that a new
    one moves the others by whole frames.
    """
    step = (
        timing.compute_sample_step(film.production.rate) if film.production.kind == "lesson" else 1
    )
    return [-(-recording.samples // step) * step for recording in recordings]
