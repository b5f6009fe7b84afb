# SPDX-License-Identifier: Apache-2.0
"""Compute one training step of DICE-Talk's networks, at the released size or a reduced one.

Latents, portrait, sound windows and priors come prepared. This is the published conditioning
(`model/dice`) seen from training: the UNet, the audio projection, the emotion model with its bank
and classifier, and the mask encoder learn together. The bank is queried in both ways, by retrieval
in half of the windows. Which feature the classifier reads, and all weights, are choices
(docs/how-it-works/measurements/training.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model import v_prediction
from model.dice.adapters import BatchConditioning, FaceGate, Tokens, WindowConditioning
from model.dice.config import DiceSizes
from model.dice.emotion import EmotionModel
from model.dice.pose import PoseGuider
from model.dice.speech import AudioProjection
from model.dice.unet import DiceUNet
from model.training import diffusion, discriminator
from model.training.training_loop import Losses

LEVELS = 3  # of intensity, for each emotion but neutral: 22 classes
NEUTRAL_CLASS = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiceWindow:
    """One window to learn from.

    `latents`: scaled ones of F frames; `portrait`: its unscaled latent; `clip`: its token; `sound`:
    Whisper windows; `prior`: of the emotion; `mask`: the face, 0 to 1; `emotion`: class of 22, see
    `choose_class`.
    """

    latents: Float[Tensor, "frames 4 height width"]
    portrait: Float[Tensor, "4 height width"]
    clip: Float[Tensor, "1 dim"]
    sound: Float[Tensor, "frames rows layers channels"]
    prior: Float[Tensor, " prior"]
    mask: Float[Tensor, "1 1 pixels_high pixels_wide"]
    emotion: Int[Tensor, ""]
    time_ids: Float[Tensor, " 3"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiceDraws:
    """The random part of a window: noise and its level, dropped conditions, the bank's query.

    `seed`: of the classifier's dropout, so that a step has the same numbers whatever was drawn
    before it.
    """

    noise: Float[Tensor, "frames 4 height width"]
    sigma: Float[Tensor, ""]
    without_image: bool = False
    without_sound: bool = False
    without_emotion: bool = False
    retrieve: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiceWeights:
    """Weights of the emotion classification and of the bank's loss, beside the error of v."""

    emotion: float = 0.05
    bank: float = 0.25


class DiceLearner(nn.Module):
    """The networks that learn."""

    def __init__(self, sizes: DiceSizes) -> None:
        """Create fresh weights; a real training loads SVD's UNet first."""
        super().__init__()
        self.unet = DiceUNet.build(sizes.unet)
        self.audio = AudioProjection(sizes.audio)
        self.emotion = EmotionModel(sizes.emotion)
        self.pose = PoseGuider(sizes.pose)
        self.inputs = sizes.pose.inputs

    @classmethod
    def on_meta(cls, sizes: DiceSizes) -> DiceLearner:
        """Build without memory, to check a size."""
        with torch.device("meta"):
            learner = cls(sizes)
        return learner.to("meta")  # mixing factors are made by a legacy constructor, on the CPU

    def losses(self, window: DiceWindow, draws: DiceDraws, weights: DiceWeights) -> Losses:
        """Compute the error of v, the emotion classification, and the bank's loss.

        The classifier reads the UNet's deepest feature.
        """
        sigma, clean = draws.sigma[None], window.latents[None]
        noisy = v_prediction.add_noise(clean, draws.noise[None], sigma)
        image = window.portrait.expand_as(window.latents)[None] * (not draws.without_image)
        conditioning, bank = self._condition_window(window, draws)
        pose = self.pose(window.mask.expand(1, self.inputs, -1, -1))[:, None]
        with _capture_output(self.unet.mid_block) as deepest:
            v = self.unet(
                torch.cat((v_prediction.scale_input(noisy, sigma), image), 2),
                v_prediction.encode_level(draws.sigma),
                conditioning,
                window.time_ids[None],
                pose,
            )
        error = diffusion.v_loss(v, v_prediction.compute_target(clean, draws.noise[None], sigma))
        with _seed_modules(draws.seed, deepest[0].device):
            logits = self.emotion.classifier(deepest[0].float())
        wanted = window.emotion.expand(len(logits))
        read = functional.cross_entropy(logits, wanted) * discriminator.weight(draws.sigma)
        total = error + weights.emotion * read + weights.bank * bank
        return {"loss/total": total, "loss/v": error, "loss/emotion": read, "loss/bank": bank}

    def _condition_window(
        self, window: DiceWindow, draws: DiceDraws
    ) -> tuple[BatchConditioning, Tensor]:
        """Build the conditions of one window, and the bank's loss (0 without retrieval).

        Each condition is dropped as the branches of the inference drop it.
        """
        frames = len(window.latents)
        sound = self.audio(window.sound * (not draws.without_sound))
        dropped = torch.full((1, 1), draws.without_emotion, device=window.prior.device)
        bank = window.prior.new_zeros(())
        if draws.retrieve:
            emotion, bank = self.emotion.retrieve(window.prior[None], dropped=dropped)
        else:
            emotion = self.emotion(window.prior[None], dropped=dropped)
        token = window.clip[None, None] * (not draws.without_image)
        part = WindowConditioning(
            Tokens.dense(token.expand(1, frames, -1, -1)),
            (Tokens.dense(sound[None]), Tokens.dense(emotion[:, None].expand(-1, frames, -1, -1))),
            FaceGate(window.mask),
        )
        return BatchConditioning([part], (1.0, 1.0)), bank


def choose_class(emotion: int, level: int, *, neutral: int) -> int:
    """Choose the class of 22: neutral is 0, then three levels of each other emotion, by label.

    >>> choose_class(5, 0, neutral=5), choose_class(0, 1, neutral=5), choose_class(7, 3, neutral=5)
    (0, 1, 21)
    """
    if emotion == neutral:
        return NEUTRAL_CLASS
    return LEVELS * (emotion - (emotion > neutral)) + level


@contextmanager
def _capture_output(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the outputs of a module."""
    found: list[Tensor] = []
    handle = module.register_forward_hook(lambda _module, _given, out: found.append(out))
    try:
        yield found
    finally:
        handle.remove()


@contextmanager
def _seed_modules(seed: int, device: torch.device) -> Iterator[None]:
    """Let modules that draw for themselves draw from `seed`.

    The global generators are left as they were.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
