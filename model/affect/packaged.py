# SPDX-License-Identifier: Apache-2.0
"""The embedder that `--emotion-from` and `emotion_sample` ask: the one in this package, or the
user's own.

The packaged one was trained on a synthetic corpus: it shows the mechanism and knows no human speech
or face. Another is named by the environment variable CALLSHEET_EMBEDDER: a folder that `callsheet
train embedder` wrote.
"""

from __future__ import annotations

import os
from pathlib import Path

from manifests.errors import InputError, Problem

PACKAGED = Path(__file__).with_name("weights") / "embedder"
VARIABLE = "CALLSHEET_EMBEDDER"
LABEL = "trained on a synthetic corpus"


def find_embedder() -> Path:
    """Where the embedder lies. Raises InputError when there is none."""
    named = os.environ.get(VARIABLE)
    place = Path(named) if named else PACKAGED
    if not (place / "digest").is_file():
        message = f"there is no embedder here; train one, or name its folder in {VARIABLE}"
        raise InputError(
            Problem(
                file=str(place),
                message=message,
                expected="a folder that `callsheet train embedder` wrote",
            )
        )
    return place


def is_user_embedder() -> bool:
    """Whether the user named an embedder; of the packaged one `LABEL` must be said."""
    return bool(os.environ.get(VARIABLE))
