# SPDX-License-Identifier: Apache-2.0
"""One training step of the product's DICE-Talk networks, at any size: the released one, or the same
classes at reduced width.

Latents, portrait, sound windows and priors come prepared; what is here is the published
conditioning (`model/dice`) seen from training: the UNet, the audio projection, the emotion model
with its bank and classifier, and the mask encoder learn together. The bank is asked both ways, by
retrieval in half of the windows. Which feature the classifier reads, and all weights, are choices
(docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from model.dice.adapters import Conditioning, FaceGate, Part, Tokens
from model.dice.config import Sizes
from model.dice.emotion import EmotionModel
from model.dice.pose import PoseGuider
from model.dice.speech import AudioProjection
from model.dice.unet import DiceUNet
from model.training import diffusion, discriminator
from model.training.training_loop import Losses

LEVELS = 3  # of intensity, for each emotion but neutral: 22 classes
NEUTRAL_CLASS = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """One window to learn from. `latents`: scaled ones of F frames; `portrait`: unscaled latent of
    the portrait; `clip`: its token.

    `sound`: Whisper windows; `prior`: what is felt; `mask`: the face, 0 to 1; `emotion`: class of
    22, see `class_of`.
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
class Chance:
    """What is random about a window: its noise, its one noise level, which conditions are dropped,
    how the bank is asked.

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
    """Weights of the classification of emotion and of the bank's loss, beside the error of v."""

    emotion: float = 0.05
    bank: float = 0.25


class DiceLearner(nn.Module):
    """The networks that learn. `build` makes them with fresh weights; on the meta device they have
    shapes and no memory.
    """

    def __init__(self, sizes: Sizes) -> None:
        """Fresh weights; a real training loads SVD's UNet first."""
        super().__init__()
        self.unet = DiceUNet.build(sizes.unet)
        self.audio = AudioProjection(sizes.audio)
        self.emotion = EmotionModel(sizes.emotion)
        self.pose = PoseGuider(sizes.pose)
        self.inputs = sizes.pose.inputs

    @classmethod
    def on_meta(cls, sizes: Sizes) -> DiceLearner:
        """Without memory, to check a size."""
        with torch.device("meta"):
            learner = cls(sizes)
        return learner.to("meta")  # mixing factors are made by a legacy constructor, on the CPU

    def losses(self, shot: Shot, chance: Chance, weights: DiceWeights) -> Losses:
        """The error of v, the classification of emotion from the deepest feature, and the bank's
        loss.
        """
        sigma, clean = chance.sigma[None], shot.latents[None]
        noisy = diffusion.noised(clean, chance.noise[None], sigma)
        image = shot.portrait.expand_as(shot.latents)[None] * (not chance.without_image)
        conditioning, bank = self._told(shot, chance)
        pose = self.pose(shot.mask.expand(1, self.inputs, -1, -1))[:, None]
        with _seen(self.unet.mid_block) as deepest:
            v = self.unet(
                torch.cat((diffusion.scaled(noisy, sigma), image), 2),
                0.25 * chance.sigma.log(),
                conditioning,
                shot.time_ids[None],
                pose,
            )
        error = diffusion.v_loss(v, diffusion.v_target(clean, chance.noise[None], sigma))
        with _drawing(chance.seed, deepest[0].device):
            logits = self.emotion.classifier(deepest[0].float())
        wanted = shot.emotion.expand(len(logits))
        read = functional.cross_entropy(logits, wanted) * discriminator.weight(chance.sigma)
        total = error + weights.emotion * read + weights.bank * bank
        return {"loss/total": total, "loss/v": error, "loss/emotion": read, "loss/bank": bank}

    def _told(self, shot: Shot, chance: Chance) -> tuple[Conditioning, Tensor]:
        """The conditions of one window, each dropped as the inference's branches are; and the
        bank's loss (0 without retrieval).
        """
        frames = len(shot.latents)
        heard = self.audio(shot.sound * (not chance.without_sound))
        dropped = torch.full((1, 1), chance.without_emotion, device=shot.prior.device)
        bank = shot.prior.new_zeros(())
        if chance.retrieve:
            felt, bank = self.emotion.retrieve(shot.prior[None], dropped=dropped)
        else:
            felt = self.emotion(shot.prior[None], dropped=dropped)
        token = shot.clip[None, None] * (not chance.without_image)
        part = Part(
            Tokens.dense(token.expand(1, frames, -1, -1)),
            (Tokens.dense(heard[None]), Tokens.dense(felt[:, None].expand(-1, frames, -1, -1))),
            FaceGate(shot.mask),
        )
        return Conditioning([part], (1.0, 1.0)), bank


def class_of(emotion: int, level: int, *, neutral: int) -> int:
    """The class of 22: neutral is 0, then three levels of each other emotion in the order of their
    labels.

    >>> class_of(5, 0, neutral=5), class_of(0, 1, neutral=5), class_of(7, 3, neutral=5)
    (0, 1, 21)
    """
    if emotion == neutral:
        return NEUTRAL_CLASS
    return LEVELS * (emotion - (emotion > neutral)) + level


@contextmanager
def _seen(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collects what a module puts out."""
    found: list[Tensor] = []
    handle = module.register_forward_hook(lambda _module, _given, out: found.append(out))
    try:
        yield found
    finally:
        handle.remove()


@contextmanager
def _drawing(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, modules that draw for themselves do so from `seed`; the global generators are left as
    they were.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
