# SPDX-License-Identifier: Apache-2.0
"""v-prediction: add noise, scale the input, compute the target, recover the clean latent, step.

Samplers and trainings share these formulas, which know no network. A network F sees the noisy
latent x at unit deviation and predicts v. The clean latent is c_skip x + c_out F, with the
constants of Stable Video Diffusion for data of unit deviation:

    c_skip = 1 / (s^2 + 1), c_out = -s / sqrt(s^2 + 1), c_in = 1 / sqrt(s^2 + 1),
    c_noise = 0.25 ln s

A plain squared error of v is the squared error of the clean latent weighted by (s^2 + 1) / s^2.

`sigma` is the noise level: one number for all (a tensor without dimensions), or one for each item
of the batch.

References: Karras et al. (2022), elucidating the design space, table 1, equation 7 and algorithm 1;
Salimans & Ho (2022), v; Blattmann et al. (2023), Stable Video Diffusion.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

Latents = Float[Tensor, "..."]
Sigma = Float[Tensor, ""] | Float[Tensor, " batch"]


def add_noise(clean: Latents, noise: Latents, sigma: Sigma) -> Latents:
    """Return the noisy latent x = clean + sigma noise."""
    return clean + _broadcast(sigma, clean) * noise


def scale_input(x: Latents, sigma: Sigma) -> Latents:
    """Scale a noisy latent to unit deviation, as the network takes it (c_in x)."""
    return x / (_broadcast(sigma, x).square() + 1).sqrt()


def encode_level(sigma: Sigma) -> Sigma:
    """Return the network's own noise input, c_noise."""
    return 0.25 * sigma.log()


def compute_target(clean: Latents, noise: Latents, sigma: Sigma) -> Latents:
    """Return the v to predict: v = (noise - sigma clean) / sqrt(sigma^2 + 1)."""
    s = _broadcast(sigma, clean)
    return (noise - s * clean) / (s.square() + 1).sqrt()


def recover_clean(x: Latents, v: Latents, sigma: Sigma) -> Latents:
    """Return the clean latent that a prediction of v implies: c_skip x + c_out v."""
    s = _broadcast(sigma, x)
    return x / (s.square() + 1) - v * s / (s.square() + 1).sqrt()


def step_euler(x: Latents, v: Latents, sigma: Sigma, following: Sigma) -> Latents:
    """Move a latent from one noise level to the next along the predicted v.

    The clean latent is `recover_clean` with c_out rounded before it meets v: the order of the
    published sampler, on which the parity with its golden tensors depends.
    """
    s, following = _broadcast(sigma, x), _broadcast(following, x)
    clean = v * (-s / (s.square() + 1).sqrt()) + x / (s.square() + 1)
    return x + (x - clean) / s * (following - s)


def _broadcast(sigma: Tensor, like: Tensor) -> Tensor:
    """Give levels of a batch one dimension for each of `like`; leave a single level as it is."""
    if sigma.ndim == 0:
        return sigma
    return sigma.to(like).reshape(-1, *([1] * (like.ndim - 1)))
