# SPDX-License-Identifier: Apache-2.0
"""Train the autoencoder, the first stage of diffusion training: frames to latents and back.

The loss is the absolute error of levels and of their differences to neighbours, with more weight
where a face acts, and a small pull of the latent toward a unit Gaussian, so that what no frame
needs stays empty. Afterwards latents are scaled to unit deviation by channel.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.nano.autoencoder import Autoencoder, to_levels, to_signed
from model.nano.networks import NanoNetworks
from model.training import training_loop
from model.training.latent_dataset import ACTING, References, emphasis
from model.training.resuming import seed_step
from model.training.run import TrainingRun
from model.training.settings import within
from model.training.training_loop import (
    Draws,
    LoopSettings,
    Losses,
    Show,
    TrainingStage,
    Video,
    ignore_samples,
)

SCALED_FRAMES = 2048  # at most, from which the latents' deviation is taken
LEAST_SCALE = 0.25  # of the widest channel: an empty one is not blown up
SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderSettings:
    """Settings of the stage.

    `ema`: decay of the running mean of weights. `acting`: additional weight where a face acts;
    `edges`: of differences to neighbours; `empty`: of the pull to a unit Gaussian.
    """

    seed: int = within(0, 0, 2**31)
    steps: int = within(1200, 1, 10_000_000)
    batch: int = within(64, 1, 65_536)
    accumulate: int = within(1, 1, 65_536)
    learning_rate: float = within(2e-3, 1e-7, 1)
    ema: float = within(0.99, 0, 0.99999)
    acting: float = within(4.0, 0, 100)
    edges: float = within(1.0, 0, 100)
    empty: float = within(3e-3, 0, 10)
    bf16: bool = True
    save_every: int = within(200, 1, 1_000_000)
    show_every: int = within(0, 0, 1_000_000)


def train(
    nano: NanoNetworks,
    references: References,
    settings: AutoencoderSettings,
    run: TrainingRun,
    *,
    show: Show = ignore_samples,
) -> None:
    """Train the autoencoder inside `nano`, in place; keep state and curve in the run's folder."""

    def films(mean: nn.Module) -> dict[str, Video]:
        assert isinstance(mean, Autoencoder)
        return {"autoencoder": rebuild_pictures(mean, references)}

    stage = TrainingStage(
        module=nano.autoencoder,
        draw=lambda step: draw(nano, references, settings, step),
        loss=lambda part: compute_loss(nano, references, settings, part),
        films=films,
        facts={
            "settings": asdict(settings),
            "sizes": nano.sizes.plain(),
            "references": references.identity,
        },
    )
    mean = training_loop.run_stage(stage, LoopSettings.of(settings), run, show=show)
    nano.autoencoder.load_state_dict(mean.state_dict())
    nano.autoencoder.eval()
    rescale(nano.autoencoder, references)


def draw(
    nano: NanoNetworks, references: References, settings: AutoencoderSettings, step: int
) -> Draws:
    """Draw everything random of a step."""
    generator, sizes = seed_step(settings.seed, step), nano.sizes
    clips = torch.randint(len(references.rows), (settings.batch,), generator=generator)
    chance = torch.rand(settings.batch, generator=generator)
    places = (chance * references.lengths[clips]).long()
    shape = (settings.batch, sizes.latent, sizes.grid, sizes.grid)
    return {"clips": clips, "places": places, "noise": torch.randn(shape, generator=generator)}


def compute_loss(
    nano: NanoNetworks, references: References, settings: AutoencoderSettings, part: Draws
) -> Losses:
    """Read the frames of a slice of draws and compute its losses."""
    faces, points = references.frames(part["clips"], part["places"])
    weights = 1 + settings.acting * emphasis(points, chosen=ACTING, side=nano.sizes.side)
    portraits = to_signed(references.faces[part["clips"]])
    inputs = AutoencoderInputs(weights=weights, noise=part["noise"], settings=settings)
    return losses(nano.autoencoder, to_signed(faces), portraits, inputs=inputs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AutoencoderInputs:
    """Inputs of the loss beside the pictures: place weights, unit noise, settings."""

    weights: Float[Tensor, "batch side side"]
    noise: Tensor
    settings: AutoencoderSettings


def losses(
    autoencoder: Autoencoder,
    frames: Float[Tensor, "batch 3 side side"],
    portraits: Float[Tensor, "batch 3 side side"],
    *,
    inputs: AutoencoderInputs,
) -> Losses:
    """Compute each part of the loss, and their sum."""
    weights, settings = inputs.weights, inputs.settings
    mean, spread = (values.float() for values in autoencoder.encode(frames, portraits))
    rebuilt = autoencoder.decode(
        mean + inputs.noise * (0.5 * spread).exp(), autoencoder.encode_portrait(portraits)
    )
    error = rebuilt - frames
    seen = (error.abs() * weights[:, None]).mean()
    edges = (error.diff(dim=-1).abs() * weights[:, None, :, 1:]).mean()
    edges = edges + (error.diff(dim=-2).abs() * weights[:, None, 1:]).mean()
    empty = 0.5 * (mean.square() + spread.exp() - 1 - spread).mean()
    return {
        "loss/total": seen + settings.edges * edges + settings.empty * empty,
        "loss/seen": seen,
        "loss/empty": empty,
        "psnr": -10 * (error.detach().square().mean() / 4).log10(),
    }


@torch.no_grad()
def rescale(autoencoder: Autoencoder, references: References) -> None:
    """Set the latents' scale and shift from frames of the training clips."""
    generator = seed_step(0, 0)
    count = min(SCALED_FRAMES, int(references.lengths.sum()))
    clips = torch.randint(len(references.rows), (count,), generator=generator)
    places = (torch.rand(count, generator=generator) * references.lengths[clips]).long()
    found = []
    for some, at in zip(torch.split(clips, 128), torch.split(places, 128), strict=True):
        faces, _ = references.frames(some, at)
        found.append(autoencoder.encode(to_signed(faces), to_signed(references.faces[some]))[0])
    latents = torch.cat(found)
    scale = latents.std((0, 2, 3))
    autoencoder.scale.copy_(scale.clamp(min=LEAST_SCALE * float(scale.max())))
    autoencoder.shift.copy_(latents.mean((0, 2, 3)))


@torch.no_grad()
def rebuild_pictures(autoencoder: Autoencoder, references: References) -> Video:
    """Draw one picture: references above, frames in the middle, rebuilt frames below."""
    clips = torch.linspace(0, len(references.rows) - 1, SHOWN).long()
    faces, _ = references.frames(clips, references.lengths[clips] // 2)
    still = references.faces[clips]
    mean, _ = autoencoder.encode(to_signed(faces), to_signed(still))
    rebuilt = to_levels(autoencoder.decode(mean, autoencoder.encode_portrait(to_signed(still))))
    rows = [torch.cat(list(row), 1) for row in (still, faces, rebuilt)]
    return torch.cat(rows)[None]
