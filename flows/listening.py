# SPDX-License-Identifier: Apache-2.0
"""Listen: ingest recordings, split them by speaker, transcribe them, match them with the script.

Each step is done once; then its result is read from the record.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from flows import corrections, intact
from flows.corrections import CorrectedCues
from flows.inputs import Inputs
from flows.project import Project, StepCache
from manifests.identity import digest, digest_file
from manifests.rows import Recording, Turn, Word
from manifests.run_rows import Event, new_event
from pipeline.align import align, cue_overrides
from pipeline.lesson import timing
from pipeline.speech import diarize, enrolment, ingest, transcribe

SAME_VOICE = 0.75  # cosine of two voices; docs/how-it-works/measurements/listening.md


def resolve_speaker_settings(project: Project, inputs: Inputs) -> diarize.DiarizationSettings:
    """Resolve how the recordings are split by speaker.

    Raises InputError when `[listen] diarization` names no pipeline.
    """
    pipeline = diarize.resolve_pipeline(
        project.production.listen.diarization, folder=project.folder
    )
    return diarize.DiarizationSettings(speakers=inputs.speakers, pipeline=pipeline)


def resolve_word_settings(project: Project) -> transcribe.TranscriptionSettings:
    """Resolve how words are recognised.

    Raises InputError when `[listen] recogniser` names no model.
    """
    model = transcribe.resolve_recogniser(
        project.production.listen.recogniser, folder=project.folder
    )
    return transcribe.TranscriptionSettings(language=project.production.language, model=model)


def ingest_recordings(project: Project, inputs: Inputs) -> list[Recording]:
    """Decode the recordings that are new; the others are known by the digest of their bytes."""
    _discard_damaged_copies(project)
    recordings = [
        _find_recording(project, name)
        or ingest.ingest(
            project.production.resolve_path(name),
            order=0,
            offset_samples=0,
            root=project.root,
            folder=project.folder,
        )
        for name in project.production.recordings
    ]
    placed = _place_recordings(project, inputs, recordings)
    project.store.replace(Recording, placed)
    copies = [name for row in placed for name in (row.master_path, row.analysis_path)]
    intact.seal_files(project.store, project.root, copies)
    return placed


def find_ingested_recordings(project: Project, inputs: Inputs) -> list[Recording] | None:
    """Find the recordings in the record; None unless all of them were ingested before."""
    recordings = [
        row
        for name in project.production.recordings
        if (row := _find_recording(project, name)) is not None
    ]
    return (
        _place_recordings(project, inputs, recordings)
        if len(recordings) == len(project.production.recordings)
        else None
    )


def has_transcript(project: Project, recordings: Sequence[Recording], inputs: Inputs) -> bool:
    """Tell whether turns and words of these recordings are in the record.

    Then a plan needs no engine.
    """
    turns = diarize.key(recordings, resolve_speaker_settings(project, inputs))
    settings = resolve_word_settings(project)
    if not project.store.has(Event, name="diarized", subject=turns):
        return False
    key = transcribe.key(recordings, settings)
    return not transcribe.knows_language(settings) or project.store.has(
        Event, name="transcribed", subject=key
    )


def split_by_speaker(
    project: Project, recordings: Sequence[Recording], inputs: Inputs
) -> list[Turn]:
    """Split the recordings into speaker turns, or read the turns from the record."""
    settings = resolve_speaker_settings(project, inputs)
    key = diarize.key(recordings, settings)
    make = StepCache(project.store, "diarized", key)
    return make(
        Turn,
        lambda: diarize.diarize(recordings, root=project.root, settings=settings),
        diarization_id=key,
    )


def transcribe_words(project: Project, recordings: Sequence[Recording]) -> list[Word]:
    """Recognise the words of the recordings, or read them from the record.

    There are none in a language that the recogniser does not know.
    """
    settings = resolve_word_settings(project)
    if not transcribe.knows_language(settings):
        return []
    key = transcribe.key(recordings, settings)
    make = StepCache(project.store, "transcribed", key)
    return make(
        Word,
        lambda: transcribe.transcribe(recordings, root=project.root, settings=settings),
        transcript_id=key,
    )


def match_lines(
    project: Project,
    inputs: Inputs,
    turns: Sequence[Turn],
    words: Sequence[Word],
    recordings: Sequence[Recording],
) -> CorrectedCues:
    """Match lines to speech in the script's order, and apply what people decided."""
    conflicts = corrections.import_sheet(project.store, project.root, inputs.actors)
    decided = corrections.read_overrides(project.store)
    enrolled = identify_voices(project, inputs, turns, recordings)
    known = align.AlignmentHints(
        enrolled=enrolled, circled=cue_overrides.select_circled_takes(decided)
    )
    found = align.align_script(inputs.lines, turns, words, recordings=recordings, hints=known)
    applied = cue_overrides.apply(found, decided, recordings=recordings)
    return CorrectedCues(cues=applied.cues, found=found, unfit=applied.unfit, conflicts=conflicts)


def identify_voices(
    project: Project, inputs: Inputs, turns: Sequence[Turn], recordings: Sequence[Recording]
) -> dict[str, str]:
    """Identify the characters of speakers whose voices resemble voice samples of the cast.

    Voices are compared once; then the result is read from the record.
    """
    samples = {
        a.character: project.production.resolve_path(a.voice_sample)
        for a in inputs.actors
        if a.voice_sample
    }
    if not samples or not turns:
        return {}
    key = digest(
        [turns[0].diarization_id, {name: digest_file(path) for name, path in samples.items()}]
    )
    known = project.store.read(Event, name="enrolled", subject=key)
    if not known:
        found = enrolment.enrol_speakers(turns, samples, recordings=recordings, root=project.root)
        detail = json.dumps([dataclasses.asdict(likeness) for likeness in found])
        known = [new_event("enrolled", key, actor="callsheet", detail=detail)]
        project.store.append(known)
    likenesses = known[-1].detail_values
    return {row["speaker"]: row["character"] for row in likenesses if row["score"] >= SAME_VOICE}


def _discard_damaged_copies(project: Project) -> None:
    """Read the copies of the recordings, and delete those that are not as they were made."""
    rows = project.store.read_current(Recording)
    copies = [name for row in rows for name in (row.master_path, row.analysis_path)]
    intact.discard_damaged(project.store, project.root, copies)


def _find_recording(project: Project, name: str) -> Recording | None:
    """Find the row of a recording whose copies are there and undamaged."""
    source = digest_file(project.production.resolve_path(name))
    for row in project.store.read(Recording, source_digest=source):
        copies = (row.master_path, row.analysis_path)
        if all((project.root / copy).is_file() for copy in copies) and not intact.find_damaged(
            project.store, project.root, copies
        ):
            return row
    return None


def _place_recordings(
    project: Project, inputs: Inputs, recordings: Sequence[Recording]
) -> list[Recording]:
    """Place the recordings on the timeline, under the names that the production gives them."""
    names = project.production.recordings
    characters = [actor.character for actor in inputs.actors]
    begins = ingest.place_recordings(
        names, _compute_lengths(project, recordings), characters=characters
    )
    return [
        dataclasses.replace(recording, source=name, order=order, offset_samples=begin)
        for order, (recording, name, begin) in enumerate(
            zip(recordings, names, begins, strict=True)
        )
    ]


def _compute_lengths(project: Project, recordings: Sequence[Recording]) -> list[int]:
    """Compute the samples that each recording takes on the timeline.

    In a lesson they are whole frames, so that a new recording moves the others by whole frames.
    """
    step = (
        timing.compute_sample_step(project.production.rate)
        if project.production.kind == "lesson"
        else 1
    )
    return [-(-recording.samples // step) * step for recording in recordings]
