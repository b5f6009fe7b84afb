# SPDX-License-Identifier: Apache-2.0
"""Find the field's own judges in the cache: SyncNet v2, ArcFace, HSEmotion, I3D.

Callsheet neither ships nor fetches these files: read their licences first. A user puts them into
the folder `judges` of the cache under their published names. The digest of a file is recorded when
it is first loaded, and must stay. Nothing unpickles while judging: the one pickle (SyncNet) is
converted once, to plain tensors; the one TorchScript archive (I3D), which may carry any code, runs
in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem, find_nearest
from manifests.identity import sha256_file
from model.weights import cache_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalJudge:
    """A judge that others published.

    `file`: its name in the folder. `source`: where a person gets it. `licence`: as its makers state
    it.
    """

    name: str
    judges: str
    file: str
    source: str
    licence: str


EXTERNAL_JUDGES = (
    ExternalJudge(
        name="syncnet-v2",
        judges="lip-sync (LSE-C, LSE-D and offset; Chung & Zisserman 2016)",
        file="syncnet_v2.model",
        source="https://www.robots.ox.ac.uk/~vgg/software/lipsync/",
        licence="the code is under MIT; of the weights no licence is stated",
    ),
    ExternalJudge(
        name="arcface",
        judges="identity (Deng et al. 2019; ResNet-50 on WebFace600K)",
        file="w600k_r50.onnx",
        source="https://github.com/deepinsight/insightface, model pack buffalo_l",
        licence="non-commercial research only",
    ),
    ExternalJudge(
        name="hsemotion",
        judges="emotion in eight classes (Savchenko 2022; EfficientNet-B0 on AffectNet)",
        file="enet_b0_8_best_vgaf.onnx",
        source="https://github.com/sb-ai-lab/EmotiEffLib, models/affectnet_emotions/onnx",
        licence="Apache-2.0; trained on AffectNet, which is for research",
    ),
    ExternalJudge(
        name="i3d",
        judges="distances between sets of clips (FVD; Carreira & Zisserman 2017 on Kinetics-400)",
        file="i3d_torchscript.pt",
        source="https://github.com/universome/fvd-comparison",
        licence="Apache-2.0 (DeepMind's weights, converted by others)",
    ),
)


def find_judge(name: str) -> ExternalJudge:
    """Find an external judge by name. Raises InputError with the nearest names."""
    for judge in EXTERNAL_JUDGES:
        if judge.name == name:
            return judge
    known = [judge.name for judge in EXTERNAL_JUDGES]
    message = f"unknown judge {name!r}"
    raise InputError(
        Problem(
            file="--foreign",
            message=message,
            expected=", ".join(known),
            nearest=find_nearest(name, known),
        )
    )


def judges_folder() -> Path:
    """Return the folder where a user puts the files."""
    return cache_folder() / "judges"


def locate_weights(name: str) -> Path:
    """Return the path of a judge's file.

    Raises:
        InputError: It is missing (the message says where to get it), or is not the file that was
            used before.
    """
    judge = find_judge(name)
    path = judges_folder() / judge.file
    if not path.is_file():
        advice = f"get {judge.file} from {judge.source} (licence: {judge.licence})"
        message = f"the weights of {name} are missing; {advice}"
        raise InputError(Problem(file=str(path), message=message))
    record = _digest_path(path)
    recorded = record.read_text().strip() if record.is_file() else ""
    digest = sha256_file(path)
    if recorded not in ("", digest):
        message = f"not the file that was used before; if you replaced it, delete {record.name}"
        raise InputError(
            Problem(file=str(path), message=message, expected=f"SHA-256 {recorded}", got=digest)
        )
    return path


def record_digest(name: str) -> None:
    """Record the digest of a judge's file once it has been loaded.

    Before that, half a download must not block the whole file.
    """
    path = locate_weights(name)
    if not _digest_path(path).is_file():
        with atomic_write(_digest_path(path)) as partial:
            partial.write_text(sha256_file(path) + "\n")


def _digest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
