# SPDX-License-Identifier: Apache-2.0
"""Diarize: decide who speaks when, over the whole timeline.

pyannote.audio's pipeline finds the turns (`pyannote_pipeline`); a second look assigns each piece of
speech anew (`resegment`). Speakers come out unnamed (`A`, `B` ...); `align` names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from manifests.identity import digest
from manifests.rows import Recording, Turn
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from model import weights
from pipeline.speech import (
    channel_compensation,
    ingest,
    named_models,
    pyannote_pipeline,
    repeatable,
    resegment,
    speaker_count,
    speech_levels,
    turns,
)
from pipeline.speech.channel_compensation import Backgrounds, ChannelEffect
from pipeline.speech.turns import SpeakerSpan

Sound = Float32[np.ndarray, " samples"]
SpeechPiece = Sequence[SpeakerSpan]

VERSION = "7"  # of what this module makes of the same sound and settings
LEAST_PIECE_SECONDS = 0.6  # below this a voice vector says little
_RATIO = MASTER_HZ // ANALYSIS_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizationSettings:
    """How to diarize.

    The numbers were chosen on one half of the listening benchmark
    (docs/how-it-works/measurements/listening.md).

    `speakers`: how many speak, when known; else between `minimum` and `maximum`. `method` and
    `threshold`: linkage, and the distance at which voices are two. `least_cluster`: fewer windows
    than this are no speaker. `refine`: take the second look (`resegment`). `rooms`: remove what
    rooms add to voices (`channel_compensation`). `most_embeddings`: how many are clustered at once
    (memory grows with the square). `pipeline`: a local folder or hub name of a pyannote pipeline
    instead of the default weights (its loader unpickles: trust it).
    """

    speakers: int | None = None
    minimum: int = 1
    maximum: int = 12
    method: str = "average"
    threshold: float = 0.19
    least_cluster: int = 12
    most_embeddings: int = 3000
    step: float = 0.1
    refine: bool = True
    rooms: bool = True
    pipeline: str = ""


def key(recordings: Sequence[Recording], settings: DiarizationSettings) -> str:
    """Identify a diarization: sound and its place, settings, weights and this module's version."""
    placed = [[r.recording_id, r.offset_samples] for r in recordings]
    chosen = {name: value for name, value in asdict(settings).items() if name != "pipeline"}
    return digest(
        {
            "version": VERSION,
            "recordings": placed,
            "settings": chosen,
            "weights": _identify_weights(settings),
        }
    )


def resolve_pipeline(text: str, *, folder: Path) -> str:
    """Resolve `[listen] diarization` for `DiarizationSettings.pipeline`.

    Raises InputError when it is no pipeline (see `named_models`).
    """
    return named_models.resolve_pipeline(text, folder=folder)


def diarize(
    recordings: Sequence[Recording], *, root: Path, settings: DiarizationSettings
) -> list[Turn]:
    """Find the turns of the whole timeline, in order of start.

    There are exclusive turns (never overlapping) and full turns (overlap kept). One call of
    pyannote covers all recordings, so a speaker has the same name in each. Turns are cut where
    recordings meet.
    """
    diarization_id = key(recordings, settings)
    length = max((r.offset_samples + r.samples for r in recordings), default=0)
    sound = ingest.read_span(recordings, 0, length, hz=ANALYSIS_HZ, root=root)
    spans = find_speaker_spans(sound, settings=settings)
    return _build_rows(spans, recordings=recordings, diarization_id=diarization_id)


def find_speaker_spans(sound: Sound, *, settings: DiarizationSettings) -> list[SpeakerSpan]:
    """Find who speaks when in mono 16 kHz sound; speakers are numbered by first appearance.

    Exclusive spans leave out silences; full spans keep the short ones, as annotations of speech do.
    """
    if not np.any(sound):
        return []
    pipeline = _load_pipeline(settings)
    timeline = _analyse_sound(sound, settings)
    counts = speaker_count.limit_speakers(
        settings.speakers, minimum=settings.minimum, maximum=settings.maximum
    )
    with repeatable.single_thread():
        spans = pyannote_pipeline.run_pipeline(
            pipeline, sound, backgrounds=timeline.backgrounds, counts=counts
        )
        if settings.refine and not settings.pipeline:
            spans = _refine_spans(spans, timeline, settings.speakers)
    trimmed = turns.remove_silences(turns.select_exclusive(spans), timeline.levels)
    exclusive = turns.extend_spans(trimmed, timeline.levels)
    return turns.number_speakers([*exclusive, *(span for span in spans if not span.exclusive)])


@dataclass(frozen=True, slots=True, kw_only=True)
class _AnalysedSound:
    """Mono 16 kHz sound with its levels (10 ms) and the background of each second."""

    sound: Sound
    levels: speech_levels.Levels
    backgrounds: Backgrounds


def _analyse_sound(sound: Sound, settings: DiarizationSettings) -> _AnalysedSound:
    levels = speech_levels.measure_levels(sound)
    backgrounds = (
        channel_compensation.track_background(levels)
        if settings.rooms
        else channel_compensation.CONSTANT_BACKGROUND
    )
    return _AnalysedSound(sound=sound, levels=levels, backgrounds=backgrounds)


def _load_pipeline(settings: DiarizationSettings) -> Any:
    if settings.pipeline:
        return pyannote_pipeline.load_named_pipeline(settings.pipeline)
    return pyannote_pipeline.build_default_pipeline(
        step=settings.step,
        method=settings.method,
        threshold=settings.threshold,
        least_cluster=settings.least_cluster,
        most_embeddings=settings.most_embeddings,
    )


def _identify_weights(settings: DiarizationSettings) -> object:
    if settings.pipeline:
        return {"named": named_models.identify_model(settings.pipeline)}
    return weights.digest_weights(("pyannote-segmentation", "ge2e-speaker"))


def _refine_spans(
    spans: Sequence[SpeakerSpan], timeline: _AnalysedSound, speakers: int | None
) -> list[SpeakerSpan]:
    """Take the second look: regroup voices piece by piece, then follow them along the speech."""
    model = pyannote_pipeline.import_encoder().load(weights.locate("ge2e-speaker"))
    pieces = turns.group_pieces(spans)
    voices = _embed_pieces(model, pieces, timeline.sound)
    count = speaker_count.decide_count(speakers, spans)
    if count < 2 or len(voices) < count:
        return list(spans)
    effect, groups = _group_voices(
        np.stack(list(voices.values())).astype(np.float64),
        [pieces[i] for i in voices],
        timeline.backgrounds,
        count=count,
    )
    labels = _label_short_pieces(pieces, dict(zip(voices, groups.tolist(), strict=True)))
    regrouped = [
        replace(span, speaker=label)
        for piece, label in zip(pieces, labels, strict=True)
        for span in piece
    ]
    followed = _follow_voices(model, regrouped, timeline, effect)
    return turns.rebuild_spans(spans, followed)


def _embed_pieces(
    model: Any, pieces: Sequence[SpeechPiece], sound: Sound
) -> dict[int, Float32[np.ndarray, " dimension"]]:
    """Embed the voice of each piece that is long enough, by the number of the piece."""
    encoder = pyannote_pipeline.import_encoder()
    voices = {
        i: encoder.embed(model, _join_sound(piece, sound))
        for i, piece in enumerate(pieces)
        if _measure_seconds(piece) >= LEAST_PIECE_SECONDS
    }
    return {i: vector for i, vector in voices.items() if vector is not None}


def _group_voices(
    vectors: resegment.Vectors,
    pieces: Sequence[SpeechPiece],
    backgrounds: Backgrounds,
    *,
    count: int,
) -> tuple[ChannelEffect, resegment.Labels]:
    """Assign a speaker to each piece, compensating for room acoustics."""
    seconds = np.array([_measure_seconds(piece) for piece in pieces])
    before = np.array([piece[0].speaker for piece in pieces])
    middles = np.array([(piece[0].start + piece[-1].end) // 2 for piece in pieces])
    there = channel_compensation.background_at(backgrounds, middles)
    effect = channel_compensation.estimate_effect(vectors, there, seconds, before, count=count)
    moved = effect.remove_from(vectors, there)
    return effect, resegment.regroup(moved, seconds, before, count=count)


def _follow_voices(
    model: Any, spans: Sequence[SpeakerSpan], timeline: _AnalysedSound, effect: ChannelEffect
) -> list[SpeakerSpan]:
    """Move changes of speaker to where the voice changes, in steps of 0.2 s."""
    grid = resegment.split_into_cells(spans)
    windows = [timeline.sound[cell.window_start : cell.window_end] for cell in grid]
    along = pyannote_pipeline.import_encoder().embed_many(model, windows).astype(np.float64)
    middles = np.array([(cell.start + cell.end) // 2 for cell in grid])
    there = channel_compensation.background_at(timeline.backgrounds, middles)
    return resegment.follow_voices(spans, grid, effect.remove_from(along, there), timeline.levels)


def _label_short_pieces(pieces: Sequence[SpeechPiece], grouped: dict[int, int]) -> list[int]:
    """Label all pieces; those too short to tell a voice follow a neighbour.

    That is the nearest piece that had the same speaker, else the nearest.
    """
    labels = []
    for i, piece in enumerate(pieces):
        nearest = min(
            grouped,
            key=lambda j: (
                pieces[j][0].speaker != piece[0].speaker,
                abs(pieces[j][0].start - piece[0].start),
                j != i,
            ),
        )
        labels.append(grouped[i] if i in grouped else grouped[nearest])
    return labels


def _join_sound(piece: SpeechPiece, sound: Sound) -> Sound:
    return np.concatenate([sound[span.start : span.end] for span in piece])


def _measure_seconds(piece: SpeechPiece) -> float:
    return sum(span.end - span.start for span in piece) / ANALYSIS_HZ


def _build_rows(
    spans: Sequence[SpeakerSpan], *, recordings: Sequence[Recording], diarization_id: str
) -> list[Turn]:
    rows = []
    for span in sorted(spans, key=lambda s: (s.start, s.end, s.exclusive)):
        for recording in recordings:
            start = max(span.start * _RATIO, recording.offset_samples)
            end = min(span.end * _RATIO, recording.offset_samples + recording.samples)
            if start < end:
                rows.append(
                    Turn(
                        diarization_id=diarization_id,
                        recording_id=recording.recording_id,
                        start=start,
                        end=end,
                        speaker=turns.speaker_name(span.speaker),
                        exclusive=span.exclusive,
                    )
                )
    return rows
