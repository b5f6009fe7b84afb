# SPDX-License-Identifier: Apache-2.0
"""Precisions that a processor can compute in."""

import numpy as np
import pytest
import torch

from manifests.errors import InputError
from model.dice.precision import runs_on_cpu
from model.dice.talker import DiceTalker
from tests.model.dice.dice_stage import frames_of, performance, portrait, speech, tiny_talker


@pytest.fixture(scope="module")
def talker() -> DiceTalker:
    return tiny_talker()


def test_single_precision_runs_on_every_processor() -> None:
    assert runs_on_cpu(torch.float32)


@pytest.mark.numeric
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_runs_or_is_refused(talker: DiceTalker, dtype: str) -> None:
    if not runs_on_cpu(getattr(torch, dtype)):
        with pytest.raises(
            InputError, match=rf"column dtype: .*cannot compute in {dtype}.*did you mean float32\?"
        ):
            tiny_talker(dtype=dtype)
        return
    rough = frames_of(
        tiny_talker(dtype=dtype).talk(portrait(), speech(0.2), performance(), 0)
    ).astype(int)
    fine = frames_of(talker.talk(portrait(), speech(0.2), performance(), 0))
    # Unrelated pictures of deviation s lie 2 s / sqrt(pi) apart (normal values): stay under a third
    # of it.
    assert np.abs(rough - fine).mean() < 2 * fine.std() / np.sqrt(np.pi) / 3
