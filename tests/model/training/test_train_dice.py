# SPDX-License-Identifier: Apache-2.0
"""The product's DICE-Talk networks in training: the released size without memory, and real steps at
reduced width of the same classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.dice.config import DiceSizes, tiny_sizes
from model.emotion import LABELS
from model.training.train_dice import DiceDraws, DiceLearner, DiceWeights, DiceWindow, choose_class
from tests.data.rounding import rounding_of

FRAMES = 2


def window(sizes: DiceSizes, *, side: int, device: str = "cpu") -> DiceWindow:
    generator = torch.Generator().manual_seed(0) if device == "cpu" else None

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device)

    audio, dim = sizes.audio, int(sizes.unet["cross_attention_dim"])
    return DiceWindow(
        latents=drawn(FRAMES, 4, side // 8, side // 8),
        portrait=drawn(4, side // 8, side // 8),
        clip=drawn(1, dim),
        sound=drawn(FRAMES, audio.rows, audio.layers, audio.channels),
        prior=drawn(sizes.emotion.prior),
        mask=torch.ones(1, 1, side, side, device=device),
        emotion=torch.tensor(3, device=device),
        time_ids=torch.tensor([12.5, 8.0, 16.0], device=device),
    )


def draws(asked: DiceWindow, *, sigma: float = 1.5, **given: bool) -> DiceDraws:
    noise = torch.randn(asked.latents.shape, generator=torch.Generator().manual_seed(1))
    return DiceDraws(
        noise=noise.to(asked.latents.device),
        sigma=torch.tensor(sigma, device=asked.latents.device),
        **given,
    )


@pytest.fixture
def learner() -> DiceLearner:
    """Fresh for every test: after a training step the classifier is so sure that its loss is 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return DiceLearner(tiny_sizes())


def test_the_released_size_takes_a_training_step_on_the_meta_device() -> None:
    learner = DiceLearner.on_meta(DiceSizes())
    assert sum(p.numel() for p in learner.unet.parameters()) == 1_626_859_242
    assert sum(p.numel() for p in learner.emotion.parameters()) == 74_860_822
    asked = window(DiceSizes(), side=512, device="meta")
    losses = learner.losses(asked, draws(asked), DiceWeights())
    torch.autograd.backward(losses["loss/total"])
    untouched = [name for name, p in learner.unet.named_parameters() if p.grad is None]
    assert not [name for name in untouched if "_ip." in name]
    assert learner.audio.proj1.weight.grad is not None
    assert learner.emotion.classifier.fc1.weight.grad is not None


@pytest.mark.numeric
def test_steps_at_reduced_width_lower_the_loss(learner: DiceLearner) -> None:
    asked = window(tiny_sizes(), side=64)
    drawn, weights = draws(asked), DiceWeights()
    optimiser = torch.optim.AdamW(learner.parameters(), lr=2e-3)
    seen = []
    for _ in range(5):
        optimiser.zero_grad()
        losses = learner.losses(asked, drawn, weights)
        torch.autograd.backward(losses["loss/total"])
        optimiser.step()
        seen.append({name: value.item() for name, value in losses.items()})
    assert seen[-1]["loss/v"] < 0.9 * seen[0]["loss/v"]
    assert seen[-1]["loss/emotion"] < seen[0]["loss/emotion"]


@pytest.mark.numeric
def test_a_step_has_the_same_losses_whatever_was_drawn_before_it(learner: DiceLearner) -> None:
    asked = window(tiny_sizes(), side=64)

    def read(seed: int) -> float:
        with torch.no_grad():
            return (
                learner.train()
                .losses(asked, replace(draws(asked), seed=seed), DiceWeights())["loss/emotion"]
                .item()
            )

    first = read(0)
    before = torch.random.get_rng_state()
    assert read(0) == first  # the classifier drops what the seed says
    assert torch.equal(torch.random.get_rng_state(), before)
    assert read(1) != first


@pytest.mark.numeric
def test_gradients_reach_adapters_audio_and_the_bank(learner: DiceLearner) -> None:
    asked = window(tiny_sizes(), side=64)
    learner.zero_grad()
    torch.autograd.backward(
        learner.losses(asked, draws(asked, retrieve=True), DiceWeights())["loss/total"]
    )
    adapters = [
        p
        for name, p in learner.unet.named_parameters()
        if "_ip." in name and "temporal" not in name
    ]
    assert all(float(p.grad.abs().max()) > 0 for p in adapters if p.grad is not None)
    assert any(p.grad is not None for p in adapters)
    for weight in (
        learner.audio.proj1.weight,
        learner.emotion.codebook.codebook.weight,
        learner.emotion.codebook.fc.weight,
    ):
        assert weight.grad is not None
        assert float(weight.grad.abs().max()) > 0


@pytest.mark.numeric
def test_dropped_conditions_are_those_of_the_branches(learner: DiceLearner) -> None:
    asked, silent = window(tiny_sizes(), side=64), {"without_sound": True, "without_emotion": True}
    other = replace(asked, sound=asked.sound + 1, prior=asked.prior + 1)
    with torch.no_grad():
        full = [
            float(learner.losses(one, draws(asked), DiceWeights())["loss/v"])
            for one in (asked, other)
        ]
        none = [
            float(learner.losses(one, draws(asked, **silent), DiceWeights())["loss/v"])
            for one in (asked, other)
        ]
    assert full[0] != full[1]
    assert none[0] == none[1]


@pytest.mark.numeric
def test_recomputing_activations_changes_no_gradient(learner: DiceLearner) -> None:
    asked, found = window(tiny_sizes(), side=64), []
    for checkpointing in (False, True):
        learner.unet.train()
        if checkpointing:
            learner.unet.enable_gradient_checkpointing()
        learner.zero_grad()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the classifier's dropout draws the same units both times
            torch.autograd.backward(
                learner.losses(asked, draws(asked), DiceWeights())["loss/total"]
            )
        found.append(learner.unet.conv_in.weight.grad.clone())
    learner.unet.disable_gradient_checkpointing()
    largest = float(found[0].abs().max())
    assert largest > 0
    assert found[1] == pytest.approx(
        found[0], abs=2 * rounding_of(learner.unet, scale=largest)
    )  # forward and back


def test_the_classes_are_neutral_and_three_levels_of_seven_emotions() -> None:
    neutral = LABELS.index("neutral")
    found = {choose_class(e, level, neutral=neutral) for e in range(8) for level in (1, 2, 3)}
    assert found == set(range(22))
