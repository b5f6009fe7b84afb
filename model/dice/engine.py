# SPDX-License-Identifier: Apache-2.0
"""The networks of one build, and what they compute per checkpoint, per portrait and per clip.

Whisper, the two token models, the interpolator and the image encoder run in float32. UNet, pose
guider, CLIP and the image decoder run in the chosen dtype.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from model.dice import vision
from model.dice.adapters import AdapterProcessor, FaceGate, TokenTable
from model.dice.config import DiceSizes
from model.dice.emotion import Bank, EmotionModel
from model.dice.interpolate import Interpolator
from model.dice.pose import PoseGuider
from model.dice.sampling import ClipConditioning, TokenTrack
from model.dice.speech import AudioProjection, build_whisper_encoder
from model.dice.unet import DiceUNet
from model.emotion import LABELS

WINDOWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPortrait:
    """A portrait as the UNet knows it. `scaled`: the latent that denoising starts from."""

    latent: Float[Tensor, "4 height width"]
    scaled: Float[Tensor, "4 height width"]
    clip: TokenTable
    pose: Float[Tensor, "channels height width"]
    gate: FaceGate


@dataclass(eq=False)
class DiceNetworks:
    """All networks of a build, in evaluation mode.

    `priors`: the mean embedding of each emotion, in the order of `LABELS`.
    """

    sizes: DiceSizes
    whisper: nn.Module
    audio: AudioProjection
    emotion: EmotionModel
    pose: PoseGuider
    unet: DiceUNet
    vae: nn.Module
    clip: nn.Module
    interpolator: Interpolator
    priors: Float[Tensor, "8 prior"]

    @classmethod
    def fresh(cls, sizes: DiceSizes, *, seed: int = 0) -> DiceNetworks:
        """Create random weights from a seed, for the tiny build, whose output means nothing."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            pose = PoseGuider(sizes.pose).eval()
            nn.init.normal_(pose.conv_out.weight, std=0.05)
            return cls(
                sizes,
                build_whisper_encoder(sizes.whisper),
                AudioProjection(sizes.audio).eval(),
                EmotionModel(sizes.emotion).eval(),
                pose,
                DiceUNet.build(sizes.unet).eval(),
                vision.build_autoencoder(sizes.vae),
                vision.build_image_encoder(sizes.clip),
                Interpolator(sizes.interpolation).eval(),
                torch.randn(len(LABELS), sizes.emotion.prior),
            )

    def modules(self) -> dict[str, nn.Module]:
        """Return every network by the name of its weight file."""
        return {
            "whisper": self.whisper,
            "audio_projection": self.audio,
            "emotion_model": self.emotion,
            "pose_guider": self.pose,
            "unet": self.unet,
            "vae": self.vae,
            "image_encoder": self.clip,
            "interpolation": self.interpolator,
        }

    def to(self, device: torch.device, dtype: torch.dtype) -> DiceNetworks:
        """Move in place: the heavy networks to `dtype`, the others to float32."""
        heavy = ("unet", "pose_guider", "image_encoder")
        for name, module in self.modules().items():
            module.requires_grad_(False)
            _move(module, device, dtype if name in heavy else torch.float32)
        _move(self.vae.get_submodule("decoder"), device, dtype)
        self.priors = self.priors.to(device, torch.float32)
        return self

    @property
    def device(self) -> torch.device:
        """Device of the UNet."""
        device: torch.device = self.unet.conv_in.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the UNet."""
        dtype: torch.dtype = self.unet.conv_in.weight.dtype
        return dtype

    @cached_property
    def bank(self) -> Bank:
        """Keys and values of the emotion bank."""
        with torch.no_grad():
            return self.emotion.bank()

    @cached_property
    def silence(self) -> Float[Tensor, "1 tokens dim"]:
        """Audio tokens of an unconditioned branch: the projection of an all-zero window."""
        sizes = self.sizes.audio
        with torch.no_grad():
            zero = torch.zeros(1, sizes.rows, sizes.layers, sizes.channels, device=self.device)
            tokens: Tensor = self.audio(zero)
            return tokens.to(self.dtype)

    @cached_property
    def no_emotion(self) -> Float[Tensor, "1 tokens dim"]:
        """Emotion tokens of an unconditioned branch: those of an all-zero prior."""
        with torch.no_grad():
            tokens: Tensor = self.emotion(torch.zeros_like(self.priors[:1]), bank=self.bank)
            return tokens.to(self.dtype)

    @torch.no_grad()
    def encode_portrait(
        self,
        picture: Float[Tensor, "3 height width"],
        *,
        mask: Float[Tensor, "1 1 height width"],
        clip_pixels: Float[Tensor, "3 224 224"],
        augmentation: Float[Tensor, "3 height width"] | None = None,
    ) -> EncodedPortrait:
        """Encode a portrait in [-1, 1] and its face mask.

        `augmentation`: noise on the condition (not on the start).
        """
        picture = picture.to(self.device)
        start = vision.encode_image(self.vae, picture)
        latent = (
            start
            if augmentation is None
            else vision.encode_image(self.vae, picture + augmentation.to(picture))
        )
        token = vision.encode_clip_token(self.clip, clip_pixels)
        masks = repeat(
            mask.to(self.device, self.dtype), "1 1 h w -> 1 c h w", c=self.sizes.pose.inputs
        )
        return EncodedPortrait(
            latent,
            start * vision.read_scaling(self.vae),
            TokenTable(torch.stack((torch.zeros_like(token), token))[:, None]),
            self.pose(masks)[0],
            FaceGate(mask.to(self.device, torch.float32)),
        )

    @torch.no_grad()
    def encode_audio(
        self,
        windows: Float[Tensor, "frames rows layers channels"],
        *,
        silent_after: int = 0,
        budget: int = 1 << 30,
    ) -> TokenTrack:
        """Encode the sound windows of a clip, then `silent_after` frames of silence.

        `budget`: bytes that kept projections may take.
        """
        pieces = [
            self.audio(piece.to(self.device)).to(self.dtype)
            for piece in torch.split(windows, WINDOWS_AT_ONCE)
        ]
        table = TokenTable(torch.cat((self.silence, *pieces)))
        table.keep = (
            len(table.sets) * self._count_projection_bytes(self.sizes.audio.tokens) <= budget
        )
        rows = torch.cat(
            (torch.arange(1, len(windows) + 1), torch.zeros(silent_after, dtype=torch.int64))
        )
        return TokenTrack(table, rows)

    @torch.no_grad()
    def encode_emotion(
        self, priors: Float[Tensor, "frames prior"], *, silent_after: int = 0, budget: int = 1 << 30
    ) -> TokenTrack:
        """Encode one emotion prior a frame; equal priors are computed once."""
        distinct, rows = torch.unique(priors, dim=0, return_inverse=True)
        pieces = [
            self.emotion(piece.to(self.device), bank=self.bank)
            for piece in torch.split(distinct, WINDOWS_AT_ONCE)
        ]
        table = TokenTable(
            torch.cat((self.no_emotion, *(piece.to(self.dtype) for piece in pieces)))
        )
        table.keep = (
            len(table.sets) * self._count_projection_bytes(self.sizes.emotion.tokens) <= budget
        )
        return TokenTrack(
            table, torch.cat((rows.cpu() + 1, torch.zeros(silent_after, dtype=torch.int64)))
        )

    def blend_priors(self, weights: Float[Tensor, "frames 8"]) -> Float[Tensor, "frames prior"]:
        """Blend priors by performance weights.

        Differences from neutral are scaled and added: the priors are too alike to scale raw.
        """
        neutral = self.priors[LABELS.index("neutral")]
        return neutral + weights.to(self.priors) @ (self.priors - neutral)

    def _count_projection_bytes(self, tokens: int) -> int:
        """Count the bytes of one token set's keys and values in the frame-wise cross-attentions."""
        width = sum(
            module.width
            for name, module in self.unet.named_modules()
            if isinstance(module, AdapterProcessor) and ".temporal_" not in name
        )
        return 2 * tokens * width * self.dtype.itemsize


def condition_clip(
    portrait: EncodedPortrait,
    audio: TokenTrack,
    emotion: TokenTrack,
    time_ids: tuple[float, float, float],
) -> ClipConditioning:
    """Gather the conditions of a clip.

    `time_ids`: frames per second (not less one), motion bucket, expression bucket.
    """
    ids = torch.tensor(time_ids, dtype=torch.float32, device=portrait.latent.device)
    return ClipConditioning(
        image=portrait.latent,
        clip=portrait.clip,
        audio=audio,
        emotion=emotion,
        pose=portrait.pose,
        gate=portrait.gate,
        time_ids=ids,
    )


def _move(module: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    nn.Module.to(module, device, dtype)  # diffusers' own `to` warns about layers that are not there
