# SPDX-License-Identifier: Apache-2.0
"""The emotion bank: learned emotion vectors that relate emotions to each other.

Retrieval and attention are those of `model/dice/emotion.py` (same classes, same keys, smaller
sizes). This module adds what training needs: the usage of each entry, and new places for unused
entries.

References: van den Oord et al. (2017), vector quantisation and commitment loss; Dhariwal et al.
(2020), restarting dead codes.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from manifests.errors import InputError, Problem
from model.affect import checkpoint
from model.dice.config import EmotionSizes
from model.dice.emotion import EmotionModel

KIND = "emotion bank"
SIZES = EmotionSizes(prior=256, hidden=128, tokens=4, dim=256, bank=64, heads=8, feature=1)
MEMORY = 0.98  # of a usage from one step to the next: about the last fifty batches count
DEAD = 0.25  # of an even share of use: below it an entry is dead


class EmotionBank(EmotionModel):
    """Turns priors (256 numbers) into tokens.

    `usage`: the recent share of retrievals of each entry, summing to 1.
    """

    usage: Tensor

    def __init__(self, sizes: EmotionSizes = SIZES) -> None:
        """Build, without the classifier of `EmotionModel`.

        The discriminator is trained with the diffusion.
        """
        super().__init__(sizes)
        del self.classifier
        self.sizes = sizes
        self.digest = ""
        self.register_buffer("usage", torch.full((sizes.bank,), 1 / sizes.bank))

    def tokens(
        self, priors: Float[Tensor, "*batch 256"], *, retrieve: bool = False
    ) -> Float[Tensor, "*batch tokens dim"]:
        """Compute the tokens that condition a talker.

        They come from attention over the whole bank, or over the nearest entry only (`retrieve`).
        """
        return self.retrieve(priors)[0] if retrieve else self(priors)

    def recall(
        self,
        priors: Float[Tensor, "batch 256"],
        *,
        blind: Bool[Tensor, "batch 1"],
        dropped: Bool[Tensor, "batch 1"],
    ) -> tuple[Float[Tensor, "batch tokens dim"], Float[Tensor, ""]]:
        """Retrieve tokens with some queries blinded; return the bank's loss too.

        For a `blind` query the nearest entry is found, but then queried with a zero prior, so that
        the entry itself must say what the emotion is. Without it, queries say all, and entries
        become alike.
        """
        entry, _, loss = self.codebook(priors)
        keys, values = self.attention.keys_values(
            self.kv_tokens_linear(entry.masked_fill(dropped, 0))
        )
        return self.attention(
            self.emo_linear(priors.masked_fill(dropped | blind, 0)), keys, values
        ), loss

    @torch.no_grad()
    def note_use(self, places: Int[Tensor, " batch"]) -> None:
        """Update the usage with the entries that a batch retrieved."""
        counts = functional.one_hot(places, self.sizes.bank).float().mean(0)
        self.usage = MEMORY * self.usage + (1 - MEMORY) * counts

    @torch.no_grad()
    def revive(self, priors: Float[Tensor, "batch 256"], generator: torch.Generator) -> int:
        """Move dead entries onto queries of some of the priors; return how many moved.

        Pass priors without sampling noise: in 256 dimensions an entry on a noisy sample is farther
        from every other sample than the middle of its class is, and dies again.
        """
        dead = torch.nonzero(self.usage < DEAD / self.sizes.bank)[:, 0]
        if len(dead):
            drawn = torch.randint(len(priors), (len(dead),), generator=generator)
            self.codebook.codebook.weight[dead] = self.codebook.fc(priors[drawn])
        return len(dead)

    def perplexity(self) -> float:
        """Count the entries in use, as if evenly: the exponential of the usage's entropy."""
        return perplexity(self.usage)

    def plain_sizes(self) -> dict[str, int]:
        """Convert the sizes for the config beside a checkpoint."""
        return asdict(self.sizes)

    @classmethod
    def load(cls, folder: Path) -> EmotionBank:
        """Load a finished checkpoint. Raises InputError when the folder is none or does not fit."""
        config = checkpoint.read_config(folder)
        if config.get("kind") != KIND:
            raise InputError(
                Problem(
                    file=str(folder),
                    message="this is no emotion bank",
                    got=repr(config.get("kind")),
                )
            )
        bank = cls(EmotionSizes(**config["sizes"]))
        checkpoint.load_into(bank, folder)
        bank.digest = checkpoint.read_digest(folder)
        return bank.eval()


def perplexity(shares: Float[Tensor, " entries"]) -> float:
    """Compute the exponential of the entropy of shares that sum to 1.

    >>> perplexity(torch.tensor([0.5, 0.5, 0.0, 0.0]))
    2.0
    """
    return float(torch.special.entr(shares).sum().exp())
