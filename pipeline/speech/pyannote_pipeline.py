# SPDX-License-Identifier: Apache-2.0
"""Build, load and run pyannote.audio's speaker diarization pipeline.

Together with `speaker_encoder` the only door to pyannote; no other module sees its types. The
default weights are built here from safetensors, so nothing unpickles. A pipeline that the
production names (a folder of `pyannote/speaker-diarization-community-1`, or a name on the hub)
comes through pyannote's own loader.

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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from manifests.errors import InputError, Problem
from manifests.timebase import ANALYSIS_HZ
from model import weights
from pipeline.speech import channel_compensation
from pipeline.speech.turns import SpeakerSpan

Sound = Float32[np.ndarray, " samples"]

log = logging.getLogger(__name__)

# embeddings from which the effect of rooms is estimated; fewer (some five minutes) say too little
ROOM_WINDOWS = 1000
BATCH = 32


def run_pipeline(
    pipeline: Any,
    sound: Sound,
    *,
    backgrounds: channel_compensation.Backgrounds,
    counts: Mapping[str, int | None],
) -> list[SpeakerSpan]:
    """Diarize mono 16 kHz sound: exclusive and full spans in no particular order.

    `counts`: `num_speakers`, `min_speakers` and `max_speakers`, as pyannote takes them.
    """
    import torch

    file = {
        "waveform": torch.from_numpy(sound)[None],
        "sample_rate": ANALYSIS_HZ,
        "uri": "timeline",
        "backgrounds": backgrounds,  # for `build_clustering`
    }
    with silence_engine():
        output = pipeline(file, **counts)
    return _convert_output(output, length=len(sound))


def import_encoder() -> Any:
    """Import the speaker encoder's module without the engine's chatter."""
    with silence_engine():
        from pipeline.speech import speaker_encoder
    return speaker_encoder


def load_named_pipeline(name: str) -> Any:
    """Load a pipeline as it is configured, by pyannote's own loader.

    `name`: a folder, or a name on the hub (`owner/name`, `owner/name@revision`). Raises InputError.
    """
    with silence_engine():
        pipeline = _call_loader(name)
    if not callable(getattr(pipeline, "apply", None)):
        raise _refuse(name, "this pipeline does not exist, or you may not read it")
    return pipeline


def _call_loader(name: str) -> Any:
    from pyannote.audio import Pipeline

    checkpoint, _, revision = (name, "", "") if Path(name).is_dir() else name.partition("@")
    token = os.environ.get("HF_TOKEN")
    try:
        with _allow_hub(allowed=bool(token) and not Path(name).is_dir()):
            return Pipeline.from_pretrained(checkpoint, revision=revision or None, token=token)
    # what a foreign configuration makes its loader raise cannot be listed
    except Exception as error:
        message = f"this pipeline cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        raise _refuse(name, message) from error


def _refuse(name: str, message: str) -> InputError:
    expected = "a folder with a pyannote pipeline, or a name on the hub that $HF_TOKEN may read"
    return InputError(Problem(file=name, message=message, expected=expected))


@contextlib.contextmanager
def _allow_hub(*, allowed: bool) -> Iterator[None]:
    """Allow downloads from the hub for a while.

    Otherwise the environment decides: our commands keep the hub off, and only its cache is read.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before and not allowed
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def build_default_pipeline(
    *, step: float, method: str, threshold: float, least_cluster: int, most_embeddings: int
) -> Any:
    """Build the pipeline from the packaged weights; see `diarize.DiarizationSettings`."""
    with silence_engine():
        pipeline = _assemble_pipeline(step)
    pipeline.clustering = build_clustering(most=most_embeddings)
    parameters = {
        "segmentation": {"threshold": 0.5, "min_duration_off": 0.0},
        "clustering": {"method": method, "min_cluster_size": least_cluster, "threshold": threshold},
    }
    with silence_engine():
        return pipeline.instantiate(parameters)


def _assemble_pipeline(step: float) -> Any:
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    class NoPlda(PLDA):  # type: ignore[misc]
        """A placeholder: the pipeline insists on one, agglomerative clustering never asks it."""

        def __init__(self) -> None:
            pass

    return SpeakerDiarization(
        segmentation=load_segmentation(weights.locate("pyannote-segmentation")),
        segmentation_step=step,
        segmentation_batch_size=BATCH,
        embedding=import_encoder().load(weights.locate("ge2e-speaker")),
        embedding_batch_size=BATCH,
        embedding_exclude_overlap=True,
        plda=NoPlda(),
        clustering="AgglomerativeClustering",
    )


def load_segmentation(folder: Path) -> Any:
    """Load the segmentation net from `model.safetensors` and `config.json`, strictly."""
    from pyannote.audio.core.task import Problem as Task
    from pyannote.audio.core.task import Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    shape = ("sample_rate", "num_channels", "sincnet", "lstm", "linear")
    model = PyanNet(**{name: config[name] for name in shape})
    model.specifications = Specifications(
        problem=Task.MULTI_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=config["window_seconds"],
        classes=config["classes"],
        permutation_invariant=True,
    )
    model.build()
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    return model.eval()


def build_clustering(*, most: int) -> Any:
    """Build pyannote's agglomerative clustering over at most `most` embeddings.

    More are thinned evenly in time, and the rest goes to the nearest centroid: the tree of 16,000
    embeddings (two hours) alone would take 2 GB. Ten minutes give about 2,000 and are clustered as
    ever. What rooms add is taken off first.
    """
    with silence_engine():
        from pyannote.audio.pipelines.clustering import AgglomerativeClustering

    class BoundedClustering(AgglomerativeClustering):  # type: ignore[misc]
        """Agglomerative clustering that compensates for rooms and thins; see above."""

        def __call__(
            self, embeddings: Any, segmentations: Any = None, *, file: Any = None, **rest: Any
        ) -> Any:
            count = rest.get("num_clusters")
            if count and file is not None and "backgrounds" in file:
                _, chunks, local = self.filter_embeddings(embeddings, segmentations=segmentations)
                middles = [round(window.middle * ANALYSIS_HZ) for window, _ in segmentations]
                there = channel_compensation.background_at(file["backgrounds"], np.array(middles))
                embeddings = _compensate_embeddings(embeddings, there, (chunks, local), count=count)
            return super().__call__(embeddings, segmentations=segmentations, file=file, **rest)

        def cluster(self, embeddings: Any, **counts: Any) -> Any:
            def all_at_once(some: Any) -> Any:
                return super(BoundedClustering, self).cluster(some, **counts)

            return _cluster_thinned(all_at_once, embeddings, most=most)

    return BoundedClustering(metric="cosine")


def _cluster_thinned(cluster: Callable[[Any], Any], embeddings: Any, *, most: int) -> Any:
    """Cluster evenly spaced embeddings; the others join the nearest centroid."""
    if len(embeddings) <= most:
        return cluster(embeddings)
    some = np.linspace(0, len(embeddings) - 1, most).round().astype(np.int64)
    groups = cluster(embeddings[some].copy())
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    centroids = np.stack(
        [units[some][groups == name].mean(axis=0) for name in range(groups.max() + 1)]
    )
    labels = np.argmax(units @ centroids.T, axis=1)
    labels[some] = groups
    return labels


def _compensate_embeddings(
    embeddings: np.ndarray,
    backgrounds: channel_compensation.Backgrounds,
    telling: tuple[np.ndarray, np.ndarray],
    *,
    count: int,
) -> np.ndarray:
    """Remove what rooms add from embeddings (windows, speakers, dimension).

    `telling`: window and speaker of the embeddings that are good enough to tell a voice.
    """
    chunks, local = telling
    if len(chunks) < ROOM_WINDOWS:
        return embeddings
    some = np.linspace(0, len(chunks) - 1, ROOM_WINDOWS).round().astype(np.int64)
    effect = channel_compensation.estimate_effect(
        embeddings[chunks[some], local[some]].astype(np.float64),
        backgrounds[chunks[some]],
        np.ones(len(some)),
        np.zeros(len(some), dtype=np.int64),
        count=count,
    )
    flat = effect.remove_from(
        embeddings.reshape(-1, embeddings.shape[2]), backgrounds.repeat(embeddings.shape[1])
    )
    return flat.reshape(embeddings.shape)


def _convert_output(output: Any, *, length: int) -> list[SpeakerSpan]:
    labels: dict[str, int] = {}
    found = []
    for annotation, exclusive in (
        (output.speaker_diarization, False),
        (output.exclusive_speaker_diarization, True),
    ):
        for segment, _, label in annotation.itertracks(yield_label=True):
            start = max(0, round(segment.start * ANALYSIS_HZ))
            end = min(length, round(segment.end * ANALYSIS_HZ))
            speaker = labels.setdefault(label, len(labels))
            if start < end:
                found.append(
                    SpeakerSpan(start=start, end=end, speaker=speaker, exclusive=exclusive)
                )
    return found


@contextlib.contextmanager
def silence_engine() -> Iterator[None]:
    """Keep the engine's chatter off stdout and silence warnings that are harmless here."""
    os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")  # it reports home otherwise
    chatter = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(chatter):
        # torchcodec is not needed: the sound is handed over in memory
        warnings.filterwarnings(
            "ignore", message=r"\s*torchcodec is not installed", category=UserWarning
        )
        # moments of speech, too short to tell a voice, have no centroid; the second look and
        # `align` decide who they are
        warnings.filterwarnings("ignore", message="Mean of empty slice", category=RuntimeWarning)
        warnings.filterwarnings(
            "ignore", message="invalid value encountered in", category=RuntimeWarning
        )
        # `align` reports, line by line, when fewer voices were found than asked for
        warnings.filterwarnings(
            "ignore", message=r"\s*The detected number of speakers", category=UserWarning
        )
        yield
    if chatter.getvalue().strip():
        log.info("pyannote: %s", chatter.getvalue().strip())
