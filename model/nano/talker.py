# SPDX-License-Identifier: Apache-2.0
"""The small diffusion talker: fills the contract of `model.talker`. What it makes does not depend
on what it made before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch

from manifests.errors import InputError, Problem
from model import nano
from model.emotion import Performance
from model.nano import Settings
from model.nano.autoencoder import Look, signed
from model.nano.clip import NanoClip, Request
from model.nano.framing import Framing, frame_portrait
from model.nano.hearing import Ears, Track, ears
from model.nano.networks import Nano
from model.nano.sampling import Plan
from model.talker import Description, Portrait, Speech

KEPT_SITTERS = 4


class NanoTalker:
    """Animates portraits by a small diffusion network. `label`: how its frames are called wherever
    they are shown.
    """

    name = nano.NAME
    version = nano.VERSION
    context_seconds = nano.CONTEXT_SECONDS
    licences = nano.LICENCES

    def __init__(
        self, networks: Nano, hearing: Ears, settings: Settings, description: Description
    ) -> None:
        """Take loaded networks."""
        self.label = description.label
        self.weights_digest = description.weights_digest
        self._networks = networks
        self._ears = hearing
        self._settings = settings
        self._plan = Plan(steps=settings.steps, guidance=settings.guidance)
        self._sitters: OrderedDict[tuple[str, str], tuple[Framing, Look]] = OrderedDict()

    def talk(
        self, portrait: Portrait, speech: Speech, performance: Performance, seed: int
    ) -> NanoClip:
        """Begin a clip. Raises InputError when the portrait cannot be animated."""
        if speech.frames < 1:
            raise InputError(
                Problem(
                    file=portrait.name, message="no frames are asked for", got=str(speech.frames)
                )
            )
        framing, look = self._sitter(portrait)
        request = Request(
            name=portrait.name,
            framing=framing,
            look=look,
            speech=speech,
            performance=performance,
            track=Track(self._ears, speech),
            seed=seed,
        )
        return NanoClip(self._networks, self._plan, request)

    @torch.no_grad()
    def _sitter(self, portrait: Portrait) -> tuple[Framing, Look]:
        """The portrait framed and encoded, from memory when it was used lately."""
        key = portrait.digest, portrait.face
        if key not in self._sitters:
            framing = frame_portrait(portrait, self._settings.size, side=self._networks.sizes.side)
            face = torch.from_numpy(framing.face)
            self._sitters[key] = framing, self._networks.autoencoder.look(signed(face[None]))
        self._sitters.move_to_end(key)
        while len(self._sitters) > KEPT_SITTERS:
            self._sitters.popitem(last=False)
        return self._sitters[key]


def load(*, settings: Mapping[str, object] | None = None) -> NanoTalker:
    """The talker, ready to work. Raises InputError for bad settings or missing weights."""
    import cv2

    cv2.setNumThreads(1)  # workers are processes; threads inside them only fight
    torch.set_num_threads(1)
    chosen = nano.read_settings(settings or {})
    description = nano.describe(settings or {})
    return NanoTalker(Nano.load(chosen.folder), ears(), chosen, description)
