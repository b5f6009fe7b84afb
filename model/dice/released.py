# SPDX-License-Identifier: Apache-2.0
"""The released weight files: which there are, what an import makes of them, and the record it
leaves. Imports nothing heavy.

Nothing is downloaded here: the files are fetched by their user, who agrees to their licences, and
then imported (`checkpoint.import_released`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from manifests.errors import InputError, Problem
from manifests.identity import digest
from manifests.rows import ModelFile

RECORD = "import.json"
PRIORS = "emotion_priors"
DETECTOR = "yoloface_v5m.pt"
IMPORT = "callsheet weights import dice --from DIR"
NON_COMMERCIAL = "CC BY-NC-SA 4.0"
STABILITY = "Stability AI licence of Stable Video Diffusion XT"
WEIGHTS_FOLDER = "the weights that DICE-Talk's published README links to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file or folder of the published layout, relative to DIR. `becomes`: names of the imported
    files; `gigabytes`: about.
    """

    path: str
    becomes: tuple[str, ...]
    origin: str
    gigabytes: float
    licence: str
    commercial: Literal["yes", "no", "unclear"]

    def problem(self, folder: Path) -> Problem:
        """What is told when it is missing."""
        facts = f"from {self.origin}, about {self.gigabytes:g} GB, licence: {self.licence}"
        return Problem(file=str(folder / self.path), message=f"missing weights ({facts})")


def _own(path: str, becomes: str, gigabytes: float) -> Source:
    return Source(
        path=path,
        becomes=(becomes,),
        origin=WEIGHTS_FOLDER,
        gigabytes=gigabytes,
        licence=NON_COMMERCIAL,
        commercial="no",
    )


SOURCES: tuple[Source, ...] = (
    _own("DICE-Talk/audio_linear.pth", "audio_projection", 0.22),
    _own("DICE-Talk/emo_model.pth", "emotion_model", 0.3),
    _own("DICE-Talk/pose_guider.pth", "pose_guider", 0.004),
    _own("DICE-Talk/unet.pth", "unet", 3.3),
    Source(
        path="stable-video-diffusion-img2vid-xt",
        becomes=("vae", "image_encoder"),
        origin="stabilityai/stable-video-diffusion-img2vid-xt",
        gigabytes=4.5,
        licence=STABILITY,
        commercial="unclear",
    ),
    Source(
        path="whisper-tiny",
        becomes=("whisper",),
        origin="openai/whisper-tiny",
        gigabytes=0.15,
        licence="Apache-2.0",
        commercial="yes",
    ),
    Source(
        path="RIFE/flownet.pkl",
        becomes=("interpolation",),
        origin=WEIGHTS_FOLDER,
        gigabytes=0.012,
        licence="MIT (RIFE), as found in a CC BY-NC-SA 4.0 release",
        commercial="unclear",
    ),
)
EMOTIONS = Source(
    path="**/<label>.npy",
    becomes=(PRIORS,),
    origin="the emotion priors (.npy) in DICE-Talk's published example folder; copy them anywhere below DIR",
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


def folder() -> Path:
    """Where imported weights are kept."""
    from model.weights import cache_folder

    return cache_folder() / "weights" / "dice"


def read_record(place: Path) -> dict[str, Any]:
    """The record of an import. Raises InputError with every file to fetch when there is none, or
    when it is incomplete.
    """
    record = place / RECORD
    if not record.is_file():
        raise InputError(
            [
                _import_first(place),
                *(source.problem(Path("DIR")) for source in (*SOURCES, EMOTIONS)),
            ]
        )
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


def digest_of(place: Path) -> str:
    """Identity of imported weights, from the record alone. Raises InputError as `read_record`
    does.
    """
    return digest({file["name"]: file["sha256"] for file in read_record(place)["files"]})


def model_files(place: Path) -> tuple[ModelFile, ...]:
    """Rows for the manifest, one a file that was imported, with its licence. Raises InputError as
    `read_record` does.
    """
    origins = {source.path: source.origin for source in SOURCES}
    return tuple(
        ModelFile(
            name=file["name"],
            purpose="DICE-Talk",
            source=next(
                (origin for path, origin in origins.items() if file["name"].startswith(path)),
                EMOTIONS.origin,
            ),
            sha256=file["sha256"],
            licence=file["licence"],
            commercial=file["commercial"],
        )
        for file in read_record(place)["files"]
    )


def _import_first(place: Path) -> Problem:
    return Problem(
        file=str(place),
        message=f"the DICE-Talk weights are not imported: fetch the files below into one folder, then run `{IMPORT}`",
    )
