# SPDX-License-Identifier: Apache-2.0
"""Find the embedder of `--emotion-from` and `emotion_sample`: the packaged one, or the user's.

The packaged one was trained on a synthetic corpus: it shows the mechanism and knows no human speech
or face. The environment variable CALLSHEET_EMBEDDER names another: a folder that `callsheet train
embedder` wrote.
"""

from __future__ import annotations

import os
from pathlib import Path

from manifests.errors import InputError, Problem

PACKAGED = Path(__file__).with_name("weights") / "embedder"
VARIABLE = "CALLSHEET_EMBEDDER"
LABEL = "trained on a synthetic corpus"


def find_embedder() -> Path:
    """Find the folder of the embedder. Raises InputError when there is none."""
    named = os.environ.get(VARIABLE)
    place = Path(named) if named else PACKAGED
    if not (place / "digest").is_file():
        message = f"there is no embedder here. Train one, or set {VARIABLE} to its folder"
        raise InputError(
            Problem(
                file=str(place),
                message=message,
                expected="a folder that `callsheet train embedder` wrote",
            )
        )
    return place


def is_user_embedder() -> bool:
    """Return whether the user named an embedder; texts about the packaged one must show `LABEL`."""
    return bool(os.environ.get(VARIABLE))
