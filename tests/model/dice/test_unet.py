# SPDX-License-Identifier: Apache-2.0
"""The UNet computes nothing twice, listens to what it is told, and can be trained."""

import pytest
import torch
from torch import Tensor

from model.dice.adapters import BatchConditioning, FaceGate, Tokens, TokenTable, WindowConditioning
from model.dice.config import tiny_sizes
from model.dice.unet import DiceUNet
from tests.data.rounding import rounding_of

pytestmark = pytest.mark.numeric

FRAMES, WIDTH = 5, 32


@pytest.fixture(scope="module")
def unet() -> DiceUNet:
    torch.manual_seed(0)
    return DiceUNet.build(tiny_sizes().unet)


def told(keep: bool, *, branches: int = 1, tokens: int = 4) -> tuple[BatchConditioning, TokenTable]:
    generator = torch.Generator().manual_seed(1)
    table = TokenTable(torch.randn(FRAMES + 1, tokens, WIDTH, generator=generator), keep=keep)
    rows = torch.arange(1, FRAMES + 1).repeat(branches, 1)
    clip = Tokens.dense(torch.ones(branches, FRAMES, 1, WIDTH))
    gate = FaceGate(torch.ones(1, 1, 64, 64))
    return BatchConditioning(
        [WindowConditioning(clip, (Tokens.of(table, rows), Tokens.of(table, rows)), gate)],
        (1.0, 1.0),
    ), table


def answer(unet: DiceUNet, conditioning: BatchConditioning, sample: Tensor) -> Tensor:
    ids = torch.tensor([[12.5, 8.0, 16.0]]).expand(len(sample), -1)
    v: Tensor = unet(sample, torch.tensor(0.3), conditioning, ids)
    return v


def tolerance(unet: DiceUNet, result: Tensor) -> float:
    """About 1e-3 for results of about 1 (445 layers, sums of up to 1152 terms)."""
    return rounding_of(unet, scale=float(result.abs().max()))


def test_kept_projections_are_made_once_and_change_nothing(unet: DiceUNet) -> None:
    sample = torch.randn(1, FRAMES, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    conditioning, table = told(keep=True)
    with torch.no_grad():
        first = answer(unet, conditioning, sample)
        kept = dict(table.kept)
        again = answer(unet, conditioning, sample)
        without = answer(unet, told(keep=False)[0], sample)
    assert len(kept) > 0
    assert all(table.kept[layer] is value for layer, value in kept.items())
    assert torch.equal(first, again)
    assert torch.allclose(first, without, atol=tolerance(unet, first), rtol=0)


def test_windows_put_through_together_answer_as_they_do_alone(unet: DiceUNet) -> None:
    samples = torch.randn(2, 1, FRAMES, 8, 8, 8, generator=torch.Generator().manual_seed(3))
    conditioning, _ = told(keep=True)
    both = BatchConditioning([*conditioning.parts, *conditioning.parts], (1.0, 1.0))
    with torch.no_grad():
        together = answer(unet, both, samples.flatten(0, 1))
        alone = [answer(unet, conditioning, sample) for sample in samples]
    assert torch.allclose(together, torch.cat(alone), atol=tolerance(unet, together), rtol=0)
    swapped = torch.cat(alone[::-1])
    assert not torch.allclose(together, swapped, atol=100 * tolerance(unet, together), rtol=0)


def test_where_the_gate_is_shut_tokens_reach_a_frame_only_through_time(unet: DiceUNet) -> None:
    sample = torch.randn(1, FRAMES, 8, 8, 8, generator=torch.Generator().manual_seed(4))
    conditioning, _ = told(keep=False)
    (part,) = conditioning.parts
    shut = BatchConditioning(
        [WindowConditioning(part.clip, part.adapters, FaceGate(torch.zeros(1, 1, 64, 64)))],
        (1.0, 1.0),
    )
    with torch.no_grad():
        opened, closed = answer(unet, conditioning, sample), answer(unet, shut, sample)
        deaf = answer(unet, BatchConditioning(shut.parts, (0.0, 0.0)), sample)
    seen = 10 * tolerance(unet, opened)
    assert not torch.allclose(opened, closed, atol=seen, rtol=0)
    assert not torch.allclose(closed, deaf, atol=seen, rtol=0)


def test_gradients_are_the_same_with_and_without_checkpointing(unet: DiceUNet) -> None:
    sample = torch.randn(1, FRAMES, 8, 8, 8, generator=torch.Generator().manual_seed(5))
    weight = unet.get_submodule(
        "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_v_ip.1"
    ).weight
    gradients = []
    unet.train()
    for checkpointing in (False, True):
        (
            unet.enable_gradient_checkpointing
            if checkpointing
            else unet.disable_gradient_checkpointing
        )()
        (gradient,) = torch.autograd.grad(
            answer(unet, told(keep=False)[0], sample).square().mean(), [weight]
        )
        gradients.append(gradient)
    unet.disable_gradient_checkpointing()
    unet.eval()
    largest = gradients[0].abs().max()
    assert largest > 0
    # A pass forward and one back; in practice the recomputed sums run in the same order.
    assert torch.allclose(
        gradients[0], gradients[1], atol=2 * tolerance(unet, gradients[0]), rtol=0
    )
