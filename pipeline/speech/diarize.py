# SPDX-License-Identifier: Apache-2.0
"""Who speaks when: pyannote.audio's speaker diarization over the whole timeline, and a second look
at each turn.

The only door to pyannote. Speakers come out unnamed (`A`, `B` ...); `align` names them. The default
weights are built here from safetensors, so nothing unpickles; a directory of
`pyannote/speaker-diarization-community-1` that the production names goes through the same code by
pyannote's own loader.

Reference: Bredin (2023), pyannote.audio 2.1 speaker diarization pipeline; Plaquet and Bredin
(2023).
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from manifests.errors import InputError, Problem
from manifests.identity import digest
from manifests.rows import Recording, Turn
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from model import weights
from pipeline import media
from pipeline.speech import channel_compensation as rooms
from pipeline.speech import ingest, named_models, repeatable, resegment, speech_levels, turns
from pipeline.speech.turns import SpeakerSpan

Voice = Float32[np.ndarray, " dimension"]

log = logging.getLogger(__name__)

VERSION = "7"  # of what this module makes of the same sound and settings
LEAST_PIECE_SECONDS = 0.6  # below this a voice vector says little
# embeddings from which it is heard what rooms add; fewer (some five minutes) say too little
ROOM_WINDOWS = 1000
_RATIO = MASTER_HZ // ANALYSIS_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to diarize. The numbers were chosen on one half of the listening benchmark
    (docs/listening.md).

    `speakers`: how many speak, when known; else between `minimum` and `maximum`. `method` and
    `threshold`: linkage, and distance at which voices are two. `least_cluster`: fewer windows than
    this are no speaker. `refine`: take the second look (`resegment`). `rooms`: take off what rooms
    add to voices (`rooms`). `most_embeddings`: how many are clustered at once (memory grows with
    the square). `pipeline`: a local directory or hub name of a pyannote pipeline instead of the
    default weights (its loader unpickles: trust it).
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


def key(recordings: Sequence[Recording], settings: Settings) -> str:
    """Identity of a diarization: the sound and where it lies, the settings, the weights and this
    module's version.
    """
    placed = [[r.recording_id, r.offset_samples] for r in recordings]
    chosen = {name: value for name, value in asdict(settings).items() if name != "pipeline"}
    return digest(
        {
            "version": VERSION,
            "recordings": placed,
            "settings": chosen,
            "weights": _weights(settings),
        }
    )


def located(text: str, *, folder: Path) -> str:
    """What `[listen] diarization` names, for `Settings.pipeline`; raises InputError when that is no
    pipeline (`named_models`).
    """
    return named_models.pipeline(text, folder=folder)


def diarize(recordings: Sequence[Recording], *, root: Path, settings: Settings) -> list[Turn]:
    """Turns over the whole timeline, in order of start: exclusive ones (never overlapping) and full
    ones (overlap kept).

    One call of pyannote for all recordings, so a speaker has the same name in each. Turns are cut
    where recordings meet.
    """
    diarization_id = key(recordings, settings)
    length = max((r.offset_samples + r.samples for r in recordings), default=0)
    sound = ingest.read_span(recordings, 0, length, hz=ANALYSIS_HZ, root=root)
    spans = speaker_spans(sound, settings=settings)
    return _rows(spans, recordings=recordings, diarization_id=diarization_id)


def speaker_spans(
    sound: Float32[np.ndarray, " samples"], *, settings: Settings
) -> list[SpeakerSpan]:
    """What pyannote hears in mono 16 kHz sound: exclusive and full spans, speakers numbered by
    first appearance.

    Exclusive spans leave out silences; full spans keep the short ones, as annotations of speech do.
    """
    if not np.any(sound):
        return []
    pipeline = _pipeline(settings)
    levels = speech_levels.levels(sound)
    backgrounds = rooms.track(levels) if settings.rooms else rooms.ONE_ROOM
    with repeatable.one_thread():
        spans = _heard_by(pipeline, sound, backgrounds=backgrounds, settings=settings)
        if settings.refine and not settings.pipeline:
            spans = _refined(
                spans, sound, levels=levels, backgrounds=backgrounds, speakers=settings.speakers
            )
    heard = turns.with_room(turns.without_silence(turns.exclusive(spans), levels), levels)
    return turns.numbered([*heard, *(span for span in spans if not span.exclusive)])


def _heard_by(
    pipeline: Any,
    sound: Float32[np.ndarray, " samples"],
    *,
    backgrounds: rooms.Backgrounds,
    settings: Settings,
) -> list[SpeakerSpan]:
    import torch

    counts = {
        "num_speakers": settings.speakers,
        "min_speakers": settings.minimum,
        "max_speakers": settings.maximum,
    }
    file = {
        "waveform": torch.from_numpy(sound)[None],
        "sample_rate": ANALYSIS_HZ,
        "uri": "timeline",
    }
    file["backgrounds"] = backgrounds  # for `bounded_clustering`
    with _quiet():
        output = pipeline(file, **counts)
    return _spans(output, length=len(sound))


def _refined(
    spans: Sequence[SpeakerSpan],
    sound: Float32[np.ndarray, " samples"],
    *,
    levels: speech_levels.Levels,
    backgrounds: rooms.Backgrounds,
    speakers: int | None,
) -> list[SpeakerSpan]:
    """The second look (`resegment`): voices regrouped piece by piece, then followed along the
    speech.
    """
    voices = _voices()
    model = voices.load(weights.path("ge2e-speaker"))
    pieces = turns.pieces(spans)
    heard = [voices.embed(model, _sound_of(piece, sound)) for piece in pieces]
    known = [
        i
        for i, vector in enumerate(heard)
        if vector is not None and _seconds(pieces[i]) >= LEAST_PIECE_SECONDS
    ]
    count = speakers or len({span.speaker for span in spans})
    if count < 2 or len(known) < count:
        return list(spans)
    vectors = np.stack([heard[i] for i in known]).astype(np.float64)  # type: ignore[misc]
    room, grouped = _grouped(vectors, [pieces[i] for i in known], backgrounds, count=count)
    labels = _completed(pieces, dict(zip(known, grouped.tolist(), strict=True)))
    regrouped = [
        replace(span, speaker=label)
        for piece, label in zip(pieces, labels, strict=True)
        for span in piece
    ]
    grid = resegment.cells(regrouped)
    along = voices.embed_many(
        model, [sound[cell.window_start : cell.window_end] for cell in grid]
    ).astype(np.float64)
    there = rooms.at(backgrounds, np.array([(cell.start + cell.end) // 2 for cell in grid]))
    followed = resegment.follow(regrouped, grid, room.without(along, there), levels)
    return turns.rebuilt(spans, followed)


def _grouped(
    vectors: resegment.Vectors,
    pieces: Sequence[Sequence[SpeakerSpan]],
    backgrounds: rooms.Backgrounds,
    *,
    count: int,
) -> tuple[rooms.Room, resegment.Labels]:
    """Whose voice each piece is, and what the rooms had added to it."""
    seconds, before = (
        np.array([_seconds(piece) for piece in pieces]),
        np.array([piece[0].speaker for piece in pieces]),
    )
    there = rooms.at(
        backgrounds, np.array([(piece[0].start + piece[-1].end) // 2 for piece in pieces])
    )
    room = rooms.heard(vectors, there, seconds, before, count=count)
    return room, resegment.regroup(room.without(vectors, there), seconds, before, count=count)


def _sound_of(
    piece: Sequence[SpeakerSpan], sound: Float32[np.ndarray, " samples"]
) -> Float32[np.ndarray, " samples"]:
    return np.concatenate([sound[span.start : span.end] for span in piece])


def _seconds(piece: Sequence[SpeakerSpan]) -> float:
    return sum(span.end - span.start for span in piece) / ANALYSIS_HZ


def _completed(pieces: Sequence[Sequence[SpeakerSpan]], grouped: dict[int, int]) -> list[int]:
    """A piece too short to tell takes the group of the nearest piece that had the same speaker,
    else of the nearest.
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


def _voices() -> Any:
    """The speaker encoder's module, imported without the engine's chatter."""
    with _quiet():
        from pipeline.speech import speaker_encoder as voices
    return voices


def _weights(settings: Settings) -> object:
    if settings.pipeline:
        return {"named": named_models.identity(settings.pipeline)}
    return weights.digest(("pyannote-segmentation", "ge2e-speaker"))


def _pipeline(settings: Settings) -> Any:
    with _quiet():
        return (
            _named_pipeline(settings.pipeline) if settings.pipeline else _default_pipeline(settings)
        )


def _named_pipeline(name: str) -> Any:
    """The pipeline in a folder or on the hub (`owner/name`, `owner/name@revision`) by pyannote's
    own loader, as it is configured.
    """
    from pyannote.audio import Pipeline

    checkpoint, _, revision = (name, "", "") if Path(name).is_dir() else name.partition("@")
    expected = (
        "a folder with a pyannote pipeline, or a name on the hub and $HF_TOKEN that may read it"
    )
    token = os.environ.get("HF_TOKEN")
    try:
        with _hub(allowed=bool(token) and not Path(name).is_dir()):
            pipeline = Pipeline.from_pretrained(checkpoint, revision=revision or None, token=token)
    # what a foreign configuration makes its loader raise cannot be listed
    except Exception as error:
        message = f"this pipeline cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        raise InputError(Problem(file=name, message=message, expected=expected)) from error
    if not callable(getattr(pipeline, "apply", None)):
        raise InputError(
            Problem(
                file=name,
                message="there is no such pipeline, or it may not be read",
                expected=expected,
            )
        )
    return pipeline


@contextlib.contextmanager
def _hub(*, allowed: bool) -> Iterator[None]:
    """Let the hub be asked for a while. Else it is as the environment says: our commands keep it
    off, then its cache is all there is.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before and not allowed
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _default_pipeline(settings: Settings) -> Any:
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    class NoPlda(PLDA):  # type: ignore[misc]
        """The pipeline insists on one; agglomerative clustering never asks it."""

        def __init__(self) -> None:
            pass

    pipeline = SpeakerDiarization(
        segmentation=_segmentation(weights.path("pyannote-segmentation")),
        segmentation_step=settings.step,
        segmentation_batch_size=32,
        embedding=_voices().load(weights.path("ge2e-speaker")),
        embedding_batch_size=32,
        embedding_exclude_overlap=True,
        plda=NoPlda(),
        clustering="AgglomerativeClustering",
    )
    pipeline.clustering = bounded_clustering(most=settings.most_embeddings)
    parameters = {
        "segmentation": {"threshold": 0.5, "min_duration_off": 0.0},
        "clustering": {
            "method": settings.method,
            "min_cluster_size": settings.least_cluster,
            "threshold": settings.threshold,
        },
    }
    return pipeline.instantiate(parameters)


def bounded_clustering(*, most: int) -> Any:
    """Pyannote's agglomerative clustering over at most `most` embeddings.

    More are thinned evenly in time, and the rest goes to the nearest centroid: the tree of 16,000
    embeddings (two hours) alone would take 2 GB. Ten minutes give about 2,000 and are clustered as
    ever.
    """
    with _quiet():
        from pyannote.audio.pipelines.clustering import AgglomerativeClustering

    class Bounded(AgglomerativeClustering):  # type: ignore[misc]
        """Takes off what rooms add, and thins before clustering; see above."""

        def __call__(
            self, embeddings: Any, segmentations: Any = None, *, file: Any = None, **rest: Any
        ) -> Any:
            count = rest.get("num_clusters")
            if count and file is not None and "backgrounds" in file:
                _, chunks, local = self.filter_embeddings(embeddings, segmentations=segmentations)
                middles = [round(window.middle * ANALYSIS_HZ) for window, _ in segmentations]
                there = rooms.at(file["backgrounds"], np.array(middles))
                embeddings = _in_one_room(embeddings, there, (chunks, local), count=count)
            return super().__call__(embeddings, segmentations=segmentations, file=file, **rest)

        def cluster(self, embeddings: Any, **counts: Any) -> Any:
            if len(embeddings) <= most:
                return super().cluster(embeddings, **counts)
            some = np.linspace(0, len(embeddings) - 1, most).round().astype(np.int64)
            groups = super().cluster(embeddings[some].copy(), **counts)
            units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
            centroids = np.stack(
                [units[some][groups == name].mean(axis=0) for name in range(groups.max() + 1)]
            )
            labels = np.argmax(units @ centroids.T, axis=1)
            labels[some] = groups
            return labels

    return Bounded(metric="cosine")


def _in_one_room(
    embeddings: np.ndarray,
    backgrounds: rooms.Backgrounds,
    telling: tuple[np.ndarray, np.ndarray],
    *,
    count: int,
) -> np.ndarray:
    """Embeddings (windows, speakers, dimension) without what the rooms add. `telling`: window and
    speaker of those that tell a voice.
    """
    chunks, local = telling
    if len(chunks) < ROOM_WINDOWS:
        return embeddings
    some = np.linspace(0, len(chunks) - 1, ROOM_WINDOWS).round().astype(np.int64)
    vectors = embeddings[chunks[some], local[some]].astype(np.float64)
    guess = np.zeros(len(some), dtype=np.int64)
    room = rooms.heard(vectors, backgrounds[chunks[some]], np.ones(len(some)), guess, count=count)
    flat = room.without(
        embeddings.reshape(-1, embeddings.shape[2]), backgrounds.repeat(embeddings.shape[1])
    )
    return flat.reshape(embeddings.shape)


def _segmentation(folder: Path) -> Any:
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    model = PyanNet(
        **{
            name: config[name]
            for name in ("sample_rate", "num_channels", "sincnet", "lstm", "linear")
        }
    )
    model.specifications = Specifications(
        problem=Problem.MULTI_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=config["window_seconds"],
        classes=config["classes"],
        permutation_invariant=True,
    )
    model.build()
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A speaker recognised by a voice sample. `score`: cosine of the two voices (over 0.75 is
    usually the same person); `second`: of the next best sample, so that a near tie can be seen.
    """

    speaker: str
    character: str
    score: float
    second: float


def enrol(
    found: Sequence[Turn],
    samples: Mapping[str, Path],
    *,
    recordings: Sequence[Recording],
    root: Path,
) -> list[Enrolled]:
    """Which speaker sounds like whose sample (character -> audio file), one to one, best together.
    Scores may be low: judge them.

    Raises InputError for a sample that cannot be read or holds less than a second of sound.
    """
    from scipy.optimize import linear_sum_assignment

    voices = _voices()
    model = voices.load(weights.path("ge2e-speaker"))
    characters, speakers = sorted(samples), sorted({turn.speaker for turn in found})
    if not characters or not speakers:
        return []
    known = np.stack([_sample_voice(model, samples[name]) for name in characters])
    heard = np.stack(
        [_speaker_voice(model, found, name, recordings=recordings, root=root) for name in speakers]
    )
    likeness = heard @ known.T
    pairs = zip(*linear_sum_assignment(-likeness), strict=True)
    return [
        Enrolled(
            speaker=speakers[row],
            character=characters[column],
            score=round(float(likeness[row, column]), 3),
            second=round(float(np.delete(likeness[row], column).max(initial=0.0)), 3),
        )
        for row, column in pairs
    ]


def _sample_voice(model: Any, path: Path) -> Voice:
    if media.probe(path).audio is None:
        raise InputError(Problem(file=str(path), message="there is no sound in this voice sample"))
    blocks = [block.mean(axis=1) for block in media.read_audio(path, hz=ANALYSIS_HZ, channels=2)][
        :6
    ]
    sound = np.concatenate([np.zeros(0, dtype=np.float32), *blocks])
    vector: Voice | None = _voices().embed(model, sound) if speech_levels.is_sound(sound) else None
    if vector is None or len(sound) < ANALYSIS_HZ:
        raise InputError(
            Problem(
                file=str(path),
                message="too short for a voice sample",
                expected="a second of speech or more",
            )
        )
    return vector


def _speaker_voice(
    model: Any, found: Sequence[Turn], speaker: str, *, recordings: Sequence[Recording], root: Path
) -> Voice:
    """The voice of a speaker's longest exclusive turns, up to a minute of them."""
    own = sorted(
        (t for t in found if t.exclusive and t.speaker == speaker), key=lambda t: t.start - t.end
    )
    sounds: list[Float32[np.ndarray, " samples"]] = []
    seconds = 0.0
    for turn in own:
        if seconds < 60:
            sounds.append(
                ingest.read_span(recordings, turn.start, turn.end, hz=ANALYSIS_HZ, root=root)
            )
            seconds += len(sounds[-1]) / ANALYSIS_HZ
    vector: Voice | None = _voices().embed(model, np.concatenate(sounds)) if sounds else None
    return np.zeros(model.dimension, dtype=np.float32) if vector is None else vector


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the engine's chatter off stdout and silence the warnings that are known and harmless
    here.
    """
    os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")  # it reports home otherwise
    said = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(said):
        # torchcodec is not needed: the sound is handed over in memory
        warnings.filterwarnings(
            "ignore", message=r"\s*torchcodec is not installed", category=UserWarning
        )
        # moments of speech, too short to tell a voice, have no centroid; who they are, `_refined`
        # and `align` say
        warnings.filterwarnings("ignore", message="Mean of empty slice", category=RuntimeWarning)
        warnings.filterwarnings(
            "ignore", message="invalid value encountered in", category=RuntimeWarning
        )
        # fewer voices found than asked for is told by `align`, line by line
        warnings.filterwarnings(
            "ignore", message=r"\s*The detected number of speakers", category=UserWarning
        )
        yield
    if said.getvalue().strip():
        log.info("pyannote: %s", said.getvalue().strip())


def _spans(output: Any, *, length: int) -> list[SpeakerSpan]:
    labels: dict[str, int] = {}
    found = []
    for annotation, exclusive in (
        (output.speaker_diarization, False),
        (output.exclusive_speaker_diarization, True),
    ):
        for segment, _, label in annotation.itertracks(yield_label=True):
            start, end = (
                max(0, round(segment.start * ANALYSIS_HZ)),
                min(length, round(segment.end * ANALYSIS_HZ)),
            )
            speaker = labels.setdefault(label, len(labels))
            if start < end:
                found.append(
                    SpeakerSpan(start=start, end=end, speaker=speaker, exclusive=exclusive)
                )
    return found


def _rows(
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
