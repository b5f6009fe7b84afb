# SPDX-License-Identifier: Apache-2.0
"""List the talkers, and describe or load one by name.

The contract that they all fulfil is `model.talker`. A talker's package is imported only when it is
named.
"""

from __future__ import annotations

from manifests.errors import InputError, Problem, find_nearest
from model.talker import Description, Talker, TalkerSettings

TALKERS = ("previs", "dice", "nano")
MATTED = ("previs",)
"""Talkers whose clips are `Layered`."""
MARKS = {"previs": "PREVIS", "diffusion demonstration": "DIFFUSION DEMONSTRATION"}
"""The mark that is burnt into pictures that are not final, by the label of their frames."""


def describe(name: str, settings: TalkerSettings) -> Description:
    """Describe a talker without importing anything heavy.

    Raises:
        InputError: The name is unknown, a setting is wrong, or weights are missing.
    """
    if name == "previs":
        from model import previs

        return previs.describe(settings)
    if name == "dice":
        from model import dice

        return dice.describe(settings)
    if name == "nano":
        from model import nano

        return nano.describe(settings)
    message = f"unknown talker {name!r}"
    raise InputError(
        Problem(
            file="talker",
            message=message,
            expected=" or ".join(TALKERS),
            nearest=find_nearest(name, TALKERS),
        )
    )


def load(name: str, settings: TalkerSettings) -> Talker:
    """Load a talker with its weights. Raises InputError as `describe` does."""
    describe(name, settings)
    if name == "previs":
        from model.previs.talker import load as load_previs

        return load_previs(settings=settings)
    if name == "nano":
        from model.nano.talker import load as load_nano

        return load_nano(settings=settings)
    from model.dice.talker import load as load_dice

    return load_dice(settings=settings)
