# SPDX-License-Identifier: Apache-2.0
"""The small diffusion talker: fills the contract of `model.talker`.

The output does not depend on earlier clips.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch

from manifests.errors import InputError, Problem
from model import nano
from model.emotion import Performance
from model.nano import NanoSettings
from model.nano.autoencoder import PortraitFeatures, to_signed
from model.nano.clip import NanoClip, NanoRequest
from model.nano.framing import NanoFraming, frame_portrait
from model.nano.networks import NanoNetworks
from model.nano.sampling import NanoPlan
from model.nano.speech import ShotFeatures, SpeechEncoder, load_speech_encoder
from model.talker import Description, Portrait, Speech

KEPT_PORTRAITS = 4


class NanoTalker:
    """Animates portraits by a small diffusion network.

    `label`: the name of its frames wherever they are shown.
    """

    name = nano.NAME
    version = nano.VERSION
    context_seconds = nano.CONTEXT_SECONDS
    licences = nano.LICENCES

    def __init__(
        self,
        networks: NanoNetworks,
        hearing: SpeechEncoder,
        settings: NanoSettings,
        description: Description,
    ) -> None:
        """Take loaded networks."""
        self.label = description.label
        self.weights_digest = description.weights_digest
        self._networks = networks
        self._speech_encoder = hearing
        self._settings = settings
        self._plan = NanoPlan(steps=settings.steps, guidance=settings.guidance)
        self._encoded: OrderedDict[tuple[str, str], tuple[NanoFraming, PortraitFeatures]] = (
            OrderedDict()
        )

    def talk(
        self, portrait: Portrait, speech: Speech, performance: Performance, seed: int
    ) -> NanoClip:
        """Begin a clip. Raises InputError when the portrait cannot be animated."""
        if speech.frames < 1:
            message, got = "a clip needs at least one frame", str(speech.frames)
            raise InputError(Problem(file=portrait.name, message=message, got=got))
        framing, look = self._encode_portrait(portrait)
        request = NanoRequest(
            name=portrait.name,
            framing=framing,
            look=look,
            speech=speech,
            performance=performance,
            track=ShotFeatures(self._speech_encoder, speech),
            seed=seed,
        )
        return NanoClip(self._networks, self._plan, request)

    @torch.no_grad()
    def _encode_portrait(self, portrait: Portrait) -> tuple[NanoFraming, PortraitFeatures]:
        """Frame and encode a portrait, or return it from memory when it was used lately."""
        key = portrait.digest, portrait.face
        if key not in self._encoded:
            framing = frame_portrait(portrait, self._settings.size, side=self._networks.sizes.side)
            face = torch.from_numpy(framing.face)
            self._encoded[key] = (
                framing,
                self._networks.autoencoder.encode_portrait(to_signed(face[None])),
            )
        self._encoded.move_to_end(key)
        while len(self._encoded) > KEPT_PORTRAITS:
            self._encoded.popitem(last=False)
        return self._encoded[key]


def load(*, settings: Mapping[str, object] | None = None) -> NanoTalker:
    """Load the talker. Raises InputError for bad settings or missing weights."""
    import cv2

    cv2.setNumThreads(1)  # workers are processes; threads inside them only fight
    torch.set_num_threads(1)
    chosen = nano.read_settings(settings or {})
    description = nano.describe(settings or {})
    return NanoTalker(NanoNetworks.load(chosen.folder), load_speech_encoder(), chosen, description)
