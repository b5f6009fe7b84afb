# SPDX-License-Identifier: Apache-2.0
"""The released weight files: names, sources and licences, and the record that an import leaves.

Imports nothing heavy. Nothing is downloaded here: users fetch the files, agree to their licences,
and import them (`checkpoint.import_released`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from manifests.errors import InputError, Problem
from manifests.identity import digest

RECORD = "import.json"
PRIORS = "emotion_priors"
DETECTOR = "yoloface_v5m.pt"
IMPORT = "callsheet weights import dice --from DIR"
NON_COMMERCIAL = "CC BY-NC-SA 4.0"
STABILITY = "Stability AI licence of Stable Video Diffusion XT"
WEIGHTS_FOLDER = "the weights that DICE-Talk's published README links to"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSource:
    """A file or folder of the published layout, relative to DIR.

    `becomes`: names of the imported files; `gigabytes`: approximate.
    """

    path: str
    becomes: tuple[str, ...]
    origin: str
    gigabytes: float
    licence: str
    commercial: Literal["yes", "no", "unclear"]

    def problem(self, folder: Path) -> Problem:
        """Describe that this source is missing."""
        facts = f"from {self.origin}, about {self.gigabytes:g} GB, licence: {self.licence}"
        return Problem(file=str(folder / self.path), message=f"missing weights ({facts})")


def _own_file(path: str, becomes: str, gigabytes: float) -> WeightSource:
    return WeightSource(
        path=path,
        becomes=(becomes,),
        origin=WEIGHTS_FOLDER,
        gigabytes=gigabytes,
        licence=NON_COMMERCIAL,
        commercial="no",
    )


SOURCES: tuple[WeightSource, ...] = (
    _own_file("DICE-Talk/audio_linear.pth", "audio_projection", 0.22),
    _own_file("DICE-Talk/emo_model.pth", "emotion_model", 0.3),
    _own_file("DICE-Talk/pose_guider.pth", "pose_guider", 0.004),
    _own_file("DICE-Talk/unet.pth", "unet", 3.3),
    WeightSource(
        path="stable-video-diffusion-img2vid-xt",
        becomes=("vae", "image_encoder"),
        origin="stabilityai/stable-video-diffusion-img2vid-xt",
        gigabytes=4.5,
        licence=STABILITY,
        commercial="unclear",
    ),
    WeightSource(
        path="whisper-tiny",
        becomes=("whisper",),
        origin="openai/whisper-tiny",
        gigabytes=0.15,
        licence="Apache-2.0",
        commercial="yes",
    ),
    WeightSource(
        path="RIFE/flownet.pkl",
        becomes=("interpolation",),
        origin=WEIGHTS_FOLDER,
        gigabytes=0.012,
        licence="MIT (RIFE), as found in a CC BY-NC-SA 4.0 release",
        commercial="unclear",
    ),
)
EMOTIONS = WeightSource(
    path="**/<label>.npy",
    becomes=(PRIORS,),
    origin=(
        "the emotion priors (.npy) in DICE-Talk's published example folder; "
        "copy them anywhere below DIR"
    ),
    gigabytes=0.0001,
    licence=NON_COMMERCIAL,
    commercial="no",
)
LICENCES = (
    f"DICE-Talk weights and emotion priors: {NON_COMMERCIAL}",
    f"Stable Video Diffusion XT: {STABILITY}",
    "Whisper tiny: Apache-2.0",
    "RIFE: MIT",
)
COMPONENTS = (*(name for source in SOURCES for name in source.becomes), PRIORS)


def locate_weights() -> Path:
    """Return the folder of imported weights."""
    from model.weights import cache_folder

    return cache_folder() / "weights" / "dice"


def read_record(place: Path) -> dict[str, Any]:
    """Read the record of an import.

    Raises InputError with every file to fetch when there is none, or when it is incomplete.
    """
    record = place / RECORD
    if not record.is_file():
        files = [source.problem(Path("DIR")) for source in (*SOURCES, EMOTIONS)]
        raise InputError([_import_first(place), *files])
    content: dict[str, Any] = json.loads(record.read_text())
    lost = [name for name in COMPONENTS if not (place / f"{name}.safetensors").is_file()]
    if lost:
        raise InputError(
            [
                Problem(file=str(place / f"{n}.safetensors"), message=f"missing; run `{IMPORT}`")
                for n in lost
            ]
        )
    return content


def digest_weights(place: Path) -> str:
    """Digest imported weights from their record alone. Raises InputError as `read_record` does."""
    return digest({file["name"]: file["sha256"] for file in read_record(place)["files"]})


def _import_first(place: Path) -> Problem:
    return Problem(
        file=str(place),
        message=(
            "the DICE-Talk weights are not imported. Download the files below into one folder, "
            f"then run `{IMPORT}`"
        ),
    )
