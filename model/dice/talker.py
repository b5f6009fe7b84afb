# SPDX-License-Identifier: Apache-2.0
"""The DICE-Talk talker: fills the contract of `model.talker`. It holds the networks and the portraits of late; clips do the work.

What it makes does not depend on what it made before: settings are frozen, seeds are a clip's own.
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
from model.dice.clip import DiceClip, Progress, Request
from model.dice.config import tiny
from model.dice.engine import Networks, Sitter
from model.dice.framing import Framing
from model.dice.precision import runs_on_cpu
from model.dice.sampling import denoise
from model.dice.settings import FILE, Settings, read_settings
from model.emotion import Performance
from model.talker import Description, Portrait, Speech

KEPT_SITTERS = 4
TINY_WARNING = "DICE-Talk tiny random: the weights are random, the frames mean nothing"
PARITY_WARNING = "parity mode: the reference's padding, seams, stretched picture and truncated levels are kept"


class DiceTalker:
    """Animates portraits by diffusion. `label`: how its frames are called wherever they are shown."""

    name = dice.NAME
    version = dice.VERSION
    context_seconds = dice.CONTEXT_SECONDS

    def __init__(
        self, networks: Networks, settings: Settings, description: Description, detector: Path | None = None
    ) -> None:
        """Take networks that are on their device already. `detector`: the published face detector, if it was imported."""
        self.label = description.label
        self.weights_digest = description.weights_digest
        self.licences = description.licences
        self._description = description
        self._networks = networks
        self._settings = settings
        self._detector = detector
        self._sitters: OrderedDict[tuple[str, str], tuple[Framing, Sitter]] = OrderedDict()

    def talk(self, portrait: Portrait, speech: Speech, performance: Performance, seed: int) -> DiceClip:
        """Begin a clip. Raises InputError when the portrait cannot be animated."""
        if speech.frames < 1:
            raise InputError(Problem(file=portrait.name, message="no frames are asked for", got=str(speech.frames)))
        placed, sitter = self._sitter(portrait)
        request = Request(
            name=portrait.name, framing=placed, sitter=sitter, speech=speech, performance=performance, seed=seed
        )
        warnings = [TINY_WARNING] if self._settings.build == "tiny" else []
        warnings += [PARITY_WARNING] if self._settings.mode == "parity" else []
        return DiceClip(self._networks, self._settings, request, warnings)

    def together(self, clips: Sequence[DiceClip], *, progress: Progress | None = None) -> None:
        """Denoise the first parts of several clips of this talker in shared runs of the UNet, before they are iterated.

        Worth it for short shots, whose windows leave room in a run. Clips of different picture sizes are run apart.
        Raises ValueError for clips with other settings than this talker's."""
        if any(clip.settings != self._settings for clip in clips):
            raise ValueError("only clips with the same settings are denoised together")
        sizes: dict[tuple[int, ...], list[DiceClip]] = {}
        for clip in clips:
            sizes.setdefault(tuple(clip.first_job().latents.shape[1:]), []).append(clip)
        for group in sizes.values():
            jobs = [clip.first_job() for clip in group]
            evaluated = denoise(self._networks.unet, jobs, group[0].plan(), progress=progress)
            frames = sum(len(job.latents) for job in jobs)
            for clip, job in zip(group, jobs, strict=True):
                clip.denoised_together(evaluated * len(job.latents) // frames)

    def adjusted(self, settings: Mapping[str, object]) -> DiceTalker:
        """A talker with some settings changed and the same networks. Raises InputError for bad settings, or ones set at loading."""
        chosen = read_settings(self._settings.plain() | dict(settings))
        fixed = [name for name in ("build", "device", "dtype", "compile") if name in settings]
        if fixed:
            raise InputError([Problem(file="dice settings", column=n, message="is set when loading") for n in fixed])
        return DiceTalker(self._networks, chosen, self._description, self._detector)

    def _sitter(self, portrait: Portrait) -> tuple[Framing, Sitter]:
        """The portrait encoded, from memory when it was used lately."""
        key = portrait.digest, portrait.face
        if key not in self._sitters:
            face = framing.find_face(portrait, self._settings, detector=self._detector)
            placed = framing.frame_portrait(portrait, face, self._settings)
            sitter = self._networks.sitter(
                preprocess.signed(placed.picture),
                mask=preprocess.unit(placed.mask),
                clip_pixels=preprocess.clip_pixels(placed.picture),
            )
            self._sitters[key] = placed, sitter
        self._sitters.move_to_end(key)
        while len(self._sitters) > KEPT_SITTERS:
            self._sitters.popitem(last=False)
        return self._sitters[key]


def load(*, weights: Path | None = None, settings: Mapping[str, object] | None = None) -> DiceTalker:
    """The talker, ready to work. `weights`: a folder that an import wrote, None for the usual one.

    Raises InputError for bad settings, or naming every weight file that is missing, where it comes from, its size and licence."""
    chosen = read_settings(settings or {})
    place = weights or released.folder()
    description = dice.describe(settings or {}, weights=place)
    networks = Networks.fresh(tiny()) if chosen.build == "tiny" else load_networks(place)
    device = _device(chosen.device)
    networks.to(device, _dtype(chosen.dtype, device))
    if chosen.compile:
        networks.unet.compile()
    return DiceTalker(networks, chosen, description, _detector(chosen, place))


def _detector(chosen: Settings, place: Path) -> Path | None:
    file = place / released.DETECTOR
    if chosen.detector == "yoloface" and not file.is_file():
        message = f"not imported; run `{released.IMPORT} --allow-torchscript`, or use the default detector"
        raise InputError(Problem(file=str(file), message=message))
    return file if file.is_file() else None


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        expected = " or ".join(found for found, there in available.items() if there)
        raise InputError(
            Problem(file="dice settings", column="device", message="no such device here", expected=expected, got=name)
        )
    return torch.device(name)


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cpu" and not runs_on_cpu(dtype):
        message = f"this processor cannot compute in {name}"
        raise InputError(
            Problem(file=FILE, column="dtype", message=message, expected="auto or float32", got=name, nearest="float32")
        )
    return dtype
