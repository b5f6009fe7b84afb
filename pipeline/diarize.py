# SPDX-License-Identifier: Apache-2.0
"""Who speaks when: pyannote.audio's speaker diarization over the whole timeline, and a second look at each turn.

The only door to pyannote. Speakers come out unnamed (`A`, `B` ...); `align` names them. The default weights are built here from
safetensors, so nothing unpickles; a directory of `pyannote/speaker-diarization-community-1` that the production names goes through
the same code by pyannote's own loader.

Reference: Bredin (2023), pyannote.audio 2.1 speaker diarization pipeline; Plaquet and Bredin (2023).
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from manifests.identity import digest
from manifests.rows import Recording, Turn
from manifests.timebase import ANALYSIS_HZ, MASTER_HZ
from model import weights
from pipeline import ingest, turns
from pipeline.turns import SpeakerSpan

log = logging.getLogger(__name__)

VERSION = "1"  # of what this module makes of the same sound and settings
LEAST_TURN_SECONDS = 0.6  # below this a voice vector says little
_RATIO = MASTER_HZ // ANALYSIS_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to diarize. The numbers were chosen on one half of the listening benchmark (docs/listening.md).

    `speakers`: how many speak, when known; else between `minimum` and `maximum`. `threshold`: cosine distance at which voices are
    two. `least_cluster`: fewer windows than this are no speaker. `refine`: second look at each turn. `pipeline`: a local directory
    or hub name of a pyannote pipeline instead of the default weights (its own loader unpickles: trust it first).
    """

    speakers: int | None = None
    minimum: int = 1
    maximum: int = 12
    threshold: float = 0.19
    least_cluster: int = 12
    most_embeddings: int = 3000
    step: float = 0.1
    refine: bool = True
    pipeline: str = ""


def key(recordings: Sequence[Recording], settings: Settings) -> str:
    """Identity of a diarization: the sound and where it lies, the settings, the weights and this module's version."""
    placed = [[r.recording_id, r.offset_samples] for r in recordings]
    return digest(
        {"version": VERSION, "recordings": placed, "settings": asdict(settings), "weights": _weights(settings)}
    )


def diarize(recordings: Sequence[Recording], *, root: Path, settings: Settings) -> list[Turn]:
    """Turns over the whole timeline, in order of start: exclusive ones (never overlapping) and full ones (overlap kept).

    One call of pyannote for all recordings, so a speaker has the same name in each. Turns are cut where recordings meet.
    """
    diarization_id = key(recordings, settings)
    length = max((r.offset_samples + r.samples for r in recordings), default=0)
    sound = ingest.read_span(recordings, 0, length, hz=ANALYSIS_HZ, root=root)
    spans = speaker_spans(sound, settings=settings)
    return _rows(spans, recordings=recordings, diarization_id=diarization_id)


def speaker_spans(sound: Float32[np.ndarray, " samples"], *, settings: Settings) -> list[SpeakerSpan]:
    """What pyannote hears in mono 16 kHz sound: exclusive and full spans, speakers numbered by first appearance."""
    import torch

    torch.set_num_threads(1)  # spinning threads make diarization many times slower on shared cores
    if not np.any(sound):
        return []
    pipeline = _pipeline(settings)
    counts = {"num_speakers": settings.speakers, "min_speakers": settings.minimum, "max_speakers": settings.maximum}
    file = {"waveform": torch.from_numpy(sound)[None], "sample_rate": ANALYSIS_HZ, "uri": "timeline"}
    with _quiet():
        output = pipeline(file, **counts)
    spans = _spans(output, length=len(sound))
    if settings.refine and not settings.pipeline:
        spans = _refined(spans, sound)
    return turns.numbered(spans)


def _refined(spans: Sequence[SpeakerSpan], sound: Float32[np.ndarray, " samples"]) -> list[SpeakerSpan]:
    from pipeline import voices

    model = voices.load(weights.path("ge2e-speaker"))
    groups = turns.group(spans)
    sounds = [np.concatenate([sound[span.start : span.end] for span in group]) for group in groups]
    seconds = [len(piece) / ANALYSIS_HZ for piece in sounds]
    long_enough = [
        piece if length >= LEAST_TURN_SECONDS else None for piece, length in zip(sounds, seconds, strict=True)
    ]
    vectors = [None if piece is None else voices.embed(model, piece) for piece in long_enough]
    speakers = turns.reassign([group[0].speaker for group in groups], vectors, seconds)
    return turns.relabel(spans, groups, speakers)


def _weights(settings: Settings) -> object:
    if settings.pipeline:
        return settings.pipeline
    return weights.digest(("pyannote-segmentation", "ge2e-speaker"))


def _pipeline(settings: Settings) -> Any:
    os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")  # it reports home otherwise
    with _quiet():
        from pyannote.audio import Pipeline

        if settings.pipeline:
            return Pipeline.from_pretrained(settings.pipeline, token=os.environ.get("HF_TOKEN"))
        return _default_pipeline(settings)


def _default_pipeline(settings: Settings) -> Any:
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    from pipeline import voices

    class NoPlda(PLDA):  # type: ignore[misc]
        """The pipeline insists on one; agglomerative clustering never asks it."""

        def __init__(self) -> None:
            pass

    pipeline = SpeakerDiarization(
        segmentation=_segmentation(weights.path("pyannote-segmentation")),
        segmentation_step=settings.step,
        segmentation_batch_size=32,
        embedding=voices.load(weights.path("ge2e-speaker")),
        embedding_batch_size=32,
        embedding_exclude_overlap=True,
        plda=NoPlda(),
        clustering="AgglomerativeClustering",
    )
    parameters = {
        "segmentation": {"threshold": 0.5, "min_duration_off": 0.0},
        "clustering": {
            "method": "average",
            "min_cluster_size": settings.least_cluster,
            "threshold": settings.threshold,
        },
    }
    return pipeline.instantiate(parameters)


def _segmentation(folder: Path) -> Any:
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    model = PyanNet(**{name: config[name] for name in ("sample_rate", "num_channels", "sincnet", "lstm", "linear")})
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the engine's chatter off stdout and silence the warnings that are known and harmless here."""
    said = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(said):
        # torchcodec is not needed: the sound is handed over in memory
        warnings.filterwarnings("ignore", message=r"\s*torchcodec is not installed", category=UserWarning)
        # fewer voices found than asked for is told by `align`, line by line
        warnings.filterwarnings("ignore", message=r"\s*The detected number of speakers", category=UserWarning)
        yield
    if said.getvalue().strip():
        log.info("pyannote: %s", said.getvalue().strip())


def _spans(output: Any, *, length: int) -> list[SpeakerSpan]:
    labels: dict[str, int] = {}
    found = []
    for annotation, exclusive in ((output.speaker_diarization, False), (output.exclusive_speaker_diarization, True)):
        for segment, _, label in annotation.itertracks(yield_label=True):
            start, end = max(0, round(segment.start * ANALYSIS_HZ)), min(length, round(segment.end * ANALYSIS_HZ))
            speaker = labels.setdefault(label, len(labels))
            if start < end:
                found.append(SpeakerSpan(start=start, end=end, speaker=speaker, exclusive=exclusive))
    return found


def _rows(spans: Sequence[SpeakerSpan], *, recordings: Sequence[Recording], diarization_id: str) -> list[Turn]:
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
