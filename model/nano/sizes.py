# SPDX-License-Identifier: Apache-2.0
"""Sizes of the small diffusion talker: a picture of 64 px, at most five million parameters."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoSizes:
    """Every network of one build.

    Picture: `side` px; the autoencoder has `picture` channels at a half, a quarter and an eighth of
    the side, and a latent of `latent` channels at an eighth. The denoiser knows the portrait as
    `look` channels on the same grid. Denoiser: `channels` on the latent grid and on half of it,
    `blocks` a level, `heads` in attention; `window` frames at once, of which `overlap` are known
    from the window before. Conditions: `rows` encoder states of width `heard` around each frame,
    squeezed to `squeezed` each; `prosody` numbers in each of `prosody_frames` frames; a `prior` of
    the emotion that becomes `tokens` x `told`; `told` numbers for all of it. `banked`: an emotion
    bank stands between prior and tokens.
    """

    side: int = 64
    picture: tuple[int, int, int] = (24, 48, 80)
    latent: int = 8
    look: int = 24
    channels: tuple[int, int] = (64, 128)
    blocks: int = 2
    heads: int = 4
    window: int = 16
    overlap: int = 4
    heard: int = 384
    rows: int = 8
    squeezed: int = 48
    prosody: int = 6
    prosody_frames: int = 5
    prior: int = 256
    tokens: int = 4
    told: int = 192
    banked: bool = False

    @property
    def grid(self) -> int:
        """Side of the latent."""
        return self.side // 8

    def plain(self) -> dict[str, Any]:
        """Convert to JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> NanoSizes:
        """Read what `plain` returned. Raises TypeError for an unknown name."""
        tuples = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **tuples})


def tiny_sizes() -> NanoSizes:
    """Return the same classes at toy size, for tests."""
    return NanoSizes(
        picture=(8, 8, 16),
        latent=4,
        look=4,
        channels=(16, 16),
        blocks=1,
        heads=2,
        window=8,
        overlap=2,
        squeezed=4,
        tokens=4,
        told=16,
    )
