# SPDX-License-Identifier: Apache-2.0
"""DICE-Talk's denoiser: Stable Video Diffusion's UNet with adapters and a spatial condition.

Every cross-attention has two adapters. diffusers' classes do the work; only two `forward`s differ
from stock. The temporal cross-attention's context is the mean over the window's frames (stock takes
the first frame's). Parameters carry the names of the released checkpoint.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from model.dice.adapters import AdapterProcessor, BatchConditioning, SpatialView, TemporalView
from model.dice.config import Config

ADAPTERS = 2
MULTIPLE = 64
"""Picture sides must be multiples of this: eight pixels a latent, three halvings."""


class DiceTransformer(TransformerSpatioTemporalModel):  # type: ignore[misc]
    """A spatial and a temporal block, each with its own view of the conditioning."""

    def forward(
        self,
        hidden_states: Float[Tensor, "images channels height width"],
        encoder_hidden_states: BatchConditioning,
        image_only_indicator: Tensor | None = None,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        """Run the blocks with stock arithmetic.

        Parameter names and the returned tuple are those that diffusers' blocks expect.
        """
        del return_dict
        frames = encoder_hidden_states.frames
        height, width = hidden_states.shape[-2:]
        spatial = SpatialView(encoder_hidden_states, (height, width))
        temporal = TemporalView(encoder_hidden_states, (height, width))
        places = self._embed_frame_places(frames, hidden_states)
        x = self.proj_in(rearrange(self.norm(hidden_states), "n c h w -> n (h w) c"))
        for block, time_block in zip(
            self.transformer_blocks, self.temporal_transformer_blocks, strict=True
        ):
            x = self._run(block, x, encoder_hidden_states=spatial)
            mixed = self._run(
                time_block, x + places, num_frames=frames, encoder_hidden_states=temporal
            )
            x = self.time_mixer(
                x_spatial=x, x_temporal=mixed, image_only_indicator=image_only_indicator
            )
        return (rearrange(self.proj_out(x), "n (h w) c -> n c h w", h=height) + hidden_states,)

    def _embed_frame_places(self, frames: int, like: Tensor) -> Float[Tensor, "images 1 channels"]:
        places = self.time_proj(torch.arange(frames, device=like.device)).to(like.dtype)
        embedded: Tensor = self.time_pos_embed(places)
        return repeat(embedded, "f c -> (b f) 1 c", b=like.shape[0] // frames)

    def _run(self, block: nn.Module, x: Tensor, **arguments: object) -> Tensor:
        if torch.is_grad_enabled() and self.gradient_checkpointing:
            shortened: Tensor = self._gradient_checkpointing_func(
                lambda y: block(y, **arguments), x
            )
            return shortened
        result: Tensor = block(x, **arguments)
        return result


class DiceUNet(UNetSpatioTemporalConditionModel):  # type: ignore[misc]
    """Predicts v for every branch and frame.

    Make it with `DiceUNet.build`; the published SVD-XT configuration serves unchanged.
    """

    @classmethod
    def build(cls, config: Config, *, adapters: int = ADAPTERS) -> DiceUNet:
        """Build a UNet of the given configuration with fresh weights.

        Adapters start as copies of the attention that they extend.
        """
        unet: DiceUNet = cls.from_config(config)
        for module in unet.modules():
            if type(module) is TransformerSpatioTemporalModel:
                module.__class__ = DiceTransformer
                for block in (*module.transformer_blocks, *module.temporal_transformer_blocks):
                    block.attn2.set_processor(_make_adapter(block.attn2, adapters))
        return unet

    def forward(
        self,
        sample: Float[Tensor, "branches frames channels height width"],
        timestep: Float[Tensor, ""],
        conditioning: BatchConditioning,
        added_time_ids: Float[Tensor, "branches 3"],
        spatial: Float[Tensor, "#branches #frames width0 height width"] | None = None,
    ) -> Float[Tensor, "branches frames out height width"]:
        """Predict v.

        `sample`: scaled latents and image latents, concatenated; `timestep`: 0.25 ln sigma, the
        same for the batch; `spatial`: the pose map, added after the first convolution. Height and
        width must be multiples of 8 latents.
        """
        branches, frames = sample.shape[:2]
        embedding = self._embed_time(timestep, added_time_ids, frames, sample.dtype)
        hidden = self.conv_in(sample.flatten(0, 1))
        if spatial is not None:
            hidden = (hidden.unflatten(0, (branches, frames)) + spatial.to(hidden.dtype)).flatten(
                0, 1
            )
        shared: dict[str, Any] = {
            "temb": embedding,
            "image_only_indicator": torch.zeros(
                branches, frames, dtype=sample.dtype, device=sample.device
            ),
        }
        conditioned = shared | {"encoder_hidden_states": conditioning}
        skips: tuple[Tensor, ...] = (hidden,)
        for block in self.down_blocks:
            hidden, more = block(hidden, **(conditioned if _attends(block) else shared))
            skips += more
        hidden = self.mid_block(hidden, **conditioned)
        for block in self.up_blocks:
            count = len(block.resnets)
            skips, taken = skips[:-count], skips[-count:]
            hidden = block(
                hidden,
                res_hidden_states_tuple=taken,
                **(conditioned if _attends(block) else shared),
            )
        out: Tensor = self.conv_out(self.conv_act(self.conv_norm_out(hidden)))
        return rearrange(out, "(b f) c h w -> b f c h w", b=branches)

    def _embed_time(self, timestep: Tensor, ids: Tensor, frames: int, dtype: torch.dtype) -> Tensor:
        branches = len(ids)
        waves = rearrange(self.add_time_proj(ids.flatten()), "(b i) c -> b (i c)", b=branches)
        time: Tensor = self.time_embedding(
            self.time_proj(timestep.reshape(1).expand(branches)).to(dtype)
        )
        extra: Tensor = self.add_embedding(waves.to(dtype))
        return repeat(time + extra, "b c -> (b f) c", f=frames)


def _attends(block: nn.Module) -> bool:
    return bool(getattr(block, "has_cross_attention", False))


def _make_adapter(attention: Any, adapters: int) -> AdapterProcessor:
    processor = AdapterProcessor(
        attention.inner_dim, dim=attention.cross_attention_dim, adapters=adapters
    )
    with torch.no_grad():
        for own, beside in (
            (processor.to_k_ip, attention.to_k),
            (processor.to_v_ip, attention.to_v),
        ):
            for layer in own:
                layer.load_state_dict(beside.state_dict())
    return processor
