# SPDX-License-Identifier: Apache-2.0
"""ArcFace: faces are aligned and put through its graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from manifests.errors import InputError
from model.judges import arcface
from model.previs.landmarks import Face
from tests.model.judges.test_external_metrics import mean_of_channels


def test_graphs_run_on_faces_as_the_mesh_finds_them(cache: Path) -> None:
    (cache / "w600k_r50.onnx").write_bytes(mean_of_channels())
    (cache / "enet_b0_8_best_vgaf.onnx").write_bytes(mean_of_channels())
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[..., 1] = 255
    face = Face(
        np.column_stack([np.random.default_rng(0).uniform(120, 136, (468, 2)), np.zeros(468)]), 1.0
    )
    numbers = arcface.embed_face(arcface.OnnxGraph("arcface"), picture, face)
    assert numbers == pytest.approx(np.array([-1, 1, -1]) / np.sqrt(3), abs=0.02)
    logits = arcface.score_emotions(arcface.OnnxGraph("hsemotion"), picture, face)
    assert logits == pytest.approx([-0.485 / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225], abs=1e-3)


def test_a_file_that_is_no_graph_is_refused(cache: Path) -> None:
    (cache / "w600k_r50.onnx").write_bytes(b"no graph at all")
    with pytest.raises(InputError, match="not an ONNX graph"):
        arcface.OnnxGraph("arcface")


def test_alignment_brings_eyes_nose_and_mouth_where_arcface_wants_them() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    points = arcface.ALIGNED @ turn.T * 2.5 + [30, 40]
    matrix = arcface._fit_similarity(points, arcface.ALIGNED)
    assert points @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(arcface.ALIGNED)
