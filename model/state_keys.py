# SPDX-License-Identifier: Apache-2.0
"""Compare the keys of loaded weights with those of a network, for strict loading."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from manifests.errors import Problem


def find_key_problems(
    file: str, expected: Mapping[str, Tensor], state: Mapping[str, Tensor]
) -> list[Problem]:
    """List every missing, unknown and misshapen key of the weights in `file`."""
    missing = [key for key in expected if key not in state]
    unknown = [key for key in state if key not in expected]
    problems = [Problem(file=file, message=f"missing key {key!r}") for key in missing]
    problems += [Problem(file=file, message=f"unknown key {key!r}") for key in unknown]
    for key in (key for key in expected if key in state):
        wanted, got = tuple(expected[key].shape), tuple(state[key].shape)
        if wanted != got:
            message = f"misshapen key {key!r}"
            problems.append(Problem(file=file, message=message, expected=str(wanted), got=str(got)))
    return problems
