# SPDX-License-Identifier: Apache-2.0
"""The DICE-Talk talker: fills the contract of `model.talker`.

It holds the networks and the portraits used last; clips do the work. The output does not depend on
earlier clips: settings are frozen, and every clip has its own seed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from manifests.errors import InputError, Problem
from model import dice
from model.dice import framing, preprocess, released
from model.dice.checkpoint import load_networks
from model.dice.clip import DiceClip, DiceRequest, Progress
from model.dice.config import tiny_sizes
from model.dice.engine import DiceNetworks, EncodedPortrait
from model.dice.framing import DiceFraming
from model.dice.precision import runs_on_cpu
from model.dice.sampling import denoise
from model.dice.settings import FILE, DiceSettings, read_settings
from model.emotion import Performance
from model.talker import Description, Portrait, Speech

KEPT_PORTRAITS = 4
TINY_WARNING = "DICE-Talk tiny random: the weights are random, so the frames mean nothing"
PARITY_WARNING = (
    "parity mode keeps the reference's padding, seams, stretched picture and truncated levels"
)


class DiceTalker:
    """Animates portraits by diffusion. `label`: the name of its frames wherever they are shown."""

    name = dice.NAME
    version = dice.VERSION
    context_seconds = dice.CONTEXT_SECONDS

    def __init__(
        self,
        networks: DiceNetworks,
        settings: DiceSettings,
        description: Description,
        detector: Path | None = None,
    ) -> None:
        """Take networks that are on their device already.

        `detector`: the published face detector, if it was imported.
        """
        self.label = description.label
        self.weights_digest = description.weights_digest
        self.licences = description.licences
        self._description = description
        self._networks = networks
        self._settings = settings
        self._detector = detector
        self._encoded: OrderedDict[tuple[str, str], tuple[DiceFraming, EncodedPortrait]] = (
            OrderedDict()
        )

    def talk(
        self, portrait: Portrait, speech: Speech, performance: Performance, seed: int
    ) -> DiceClip:
        """Begin a clip. Raises InputError when the portrait cannot be animated."""
        if speech.frames < 1:
            message, got = "a clip needs at least one frame", str(speech.frames)
            raise InputError(Problem(file=portrait.name, message=message, got=got))
        placed, encoded = self._encode_portrait(portrait)
        request = DiceRequest(
            name=portrait.name,
            framing=placed,
            portrait=encoded,
            speech=speech,
            performance=performance,
            seed=seed,
        )
        warnings = [TINY_WARNING] if self._settings.build == "tiny" else []
        warnings += [PARITY_WARNING] if self._settings.mode == "parity" else []
        return DiceClip(self._networks, self._settings, request, warnings)

    def denoise_together(
        self, clips: Sequence[DiceClip], *, progress: Progress | None = None
    ) -> None:
        """Denoise the first parts of several clips of this talker in shared runs of the UNet.

        Call it before the clips are iterated. It pays off for short shots, whose windows leave room
        in a run. Clips of different picture sizes run apart. Raises ValueError for clips with other
        settings than this talker's.
        """
        if any(clip.settings != self._settings for clip in clips):
            raise ValueError("only clips with the same settings are denoised together")
        sizes: dict[tuple[int, ...], list[DiceClip]] = {}
        for clip in clips:
            sizes.setdefault(tuple(clip.prepare_first_job().latents.shape[1:]), []).append(clip)
        for group in sizes.values():
            jobs = [clip.prepare_first_job() for clip in group]
            evaluated = denoise(self._networks.unet, jobs, group[0].plan(), progress=progress)
            frames = sum(len(job.latents) for job in jobs)
            for clip, job in zip(group, jobs, strict=True):
                clip.record_shared_run(evaluated * len(job.latents) // frames)

    def with_settings(self, settings: Mapping[str, object]) -> DiceTalker:
        """Return a talker with the same networks and some changed settings.

        Raises InputError for bad settings, or those that are set at loading.
        """
        chosen = read_settings(self._settings.plain() | dict(settings))
        fixed = [name for name in ("build", "device", "dtype", "compile") if name in settings]
        if fixed:
            raise InputError(
                [
                    Problem(file="dice settings", column=n, message="cannot change after loading")
                    for n in fixed
                ]
            )
        return DiceTalker(self._networks, chosen, self._description, self._detector)

    def _encode_portrait(self, portrait: Portrait) -> tuple[DiceFraming, EncodedPortrait]:
        """Encode a portrait, or return it from memory when it was used lately."""
        key = portrait.digest, portrait.face
        if key not in self._encoded:
            face = framing.find_face(portrait, self._settings, detector=self._detector)
            placed = framing.frame_portrait(portrait, face, self._settings)
            encoded = self._networks.encode_portrait(
                preprocess.to_signed(placed.picture),
                mask=preprocess.to_unit(placed.mask),
                clip_pixels=preprocess.to_clip_pixels(placed.picture),
            )
            self._encoded[key] = placed, encoded
        self._encoded.move_to_end(key)
        while len(self._encoded) > KEPT_PORTRAITS:
            self._encoded.popitem(last=False)
        return self._encoded[key]


def load(
    *, weights: Path | None = None, settings: Mapping[str, object] | None = None
) -> DiceTalker:
    """Load the talker. `weights`: a folder that an import wrote, None for the usual one.

    Raises InputError for bad settings, or naming every weight file that is missing, with its
    source, size and licence.
    """
    chosen = read_settings(settings or {})
    place = weights or released.locate_weights()
    description = dice.describe(settings or {}, weights=place)
    networks = DiceNetworks.fresh(tiny_sizes()) if chosen.build == "tiny" else load_networks(place)
    device = _choose_device(chosen.device)
    networks.to(device, _choose_dtype(chosen.dtype, device))
    if chosen.compile:
        networks.unet.compile()
    return DiceTalker(networks, chosen, description, _find_detector(chosen, place))


def _find_detector(chosen: DiceSettings, place: Path) -> Path | None:
    file = place / released.DETECTOR
    if chosen.detector == "yoloface" and not file.is_file():
        message = (
            f"this detector is not imported. Run `{released.IMPORT} --allow-torchscript`, "
            "or use the default detector"
        )
        raise InputError(Problem(file=str(file), message=message))
    return file if file.is_file() else None


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available[name]:
        expected = " or ".join(found for found, there in available.items() if there)
        file, column, message = "dice settings", "device", "this machine has no such device"
        raise InputError(
            Problem(file=file, column=column, message=message, expected=expected, got=name)
        )
    return torch.device(name)


def _choose_dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cpu" and not runs_on_cpu(dtype):
        message = f"this processor cannot compute in {name}"
        raise InputError(
            Problem(
                file=FILE,
                column="dtype",
                message=message,
                expected="auto or float32",
                got=name,
                nearest="float32",
            )
        )
    return dtype
