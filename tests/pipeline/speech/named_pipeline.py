# SPDX-License-Identifier: Apache-2.0
"""Makes a folder of the same shape as a clone of `pyannote/speaker-diarization-community-1`, from
the default weights.

`config.yaml`, `segmentation/` and `embedding/` with checkpoints, `plda/` with two arrays; VBx
clustering as there. The weights are others, so how well it tells voices apart says nothing about
community-1.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from model import weights

CONFIG = """\
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering: {threshold: 0.6, Fa: 0.07, Fb: 0.8}
  segmentation: {threshold: 0.5, min_duration_off: 0.0}
"""


def make_named_pipeline(folder: Path) -> Path:
    """Write the folder; returns it."""
    from pipeline.speech import pyannote_pipeline

    segmentation, embedding = (
        weights.locate("pyannote-segmentation"),
        weights.locate("ge2e-speaker"),
    )
    config = json.loads((segmentation / "config.json").read_text())
    hyper = {
        name: config[name] for name in ("sample_rate", "num_channels", "sincnet", "lstm", "linear")
    }
    with pyannote_pipeline.silence_engine():
        _checkpoint(
            folder / "segmentation", pyannote_pipeline.load_segmentation(segmentation), hyper
        )
    config = json.loads((embedding / "config.json").read_text())
    hyper = {name: config[name] for name in ("mels", "hidden_size", "num_layers", "dimension")}
    _checkpoint(folder / "embedding", pyannote_pipeline.import_encoder().load(embedding), hyper)
    (folder / "plda").mkdir()
    lda = np.linalg.qr(np.random.default_rng(0).normal(size=(256, 128)))[0]
    np.savez(
        folder / "plda" / "xvec_transform.npz", mean1=np.zeros(256), mean2=np.zeros(128), lda=lda
    )
    np.savez(
        folder / "plda" / "plda.npz", mu=np.zeros(128), tr=np.eye(128), psi=np.linspace(8, 0.1, 128)
    )
    (folder / "config.yaml").write_text(CONFIG)
    return folder


def _checkpoint(folder: Path, model: object, hyper: dict[str, object]) -> None:
    import torch

    folder.mkdir(parents=True)
    kind = type(model)
    about = {
        "versions": {"torch": "2.13.0", "pyannote.audio": "4.0.0"},
        "architecture": {"module": kind.__module__, "class": kind.__name__},
        "specifications": model.specifications,  # type: ignore[attr-defined]
    }
    torch.save(
        {
            "state_dict": model.state_dict(),  # type: ignore[attr-defined]
            "hyper_parameters": hyper,
            "pyannote.audio": about,
            "pytorch-lightning_version": "2.5.0",
        },
        folder / "pytorch_model.bin",
    )
