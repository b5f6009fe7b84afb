# SPDX-License-Identifier: Apache-2.0
"""Read the extensions of a cue, such as `V.O.` and `CONT'D`: is the speaker off screen?"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Extensions of a speaker who is not in the picture; OFF is what German, French and Italian scripts
# write.
_UNSEEN = {"VO", "OS", "OC", "OFF", "VOICEOVER", "OFFSCREEN", "OFFCAMERA"}
_CONTINUED = {"CONTD", "CONT", "CONTINUED"}


def is_unseen(extensions: Iterable[str]) -> bool:
    """Say whether a speaker with these extensions is off screen."""
    return any(
        _strip_marks(word) in _UNSEEN
        for extension in extensions
        for word in _split_extensions(extension)
    )


def list_other_extensions(extensions: Iterable[str]) -> list[str]:
    """List the extensions that say neither off screen nor continued."""
    return [
        word
        for extension in extensions
        for word in _split_extensions(extension)
        if _strip_marks(word) not in _UNSEEN | _CONTINUED
    ]


def _split_extensions(extension: str) -> list[str]:
    """Split the extensions in one bracket: `V.O., CONT'D` are two, `O/S` is one."""
    if _strip_marks(extension) in _UNSEEN:
        return [extension]
    return [word.strip() for word in re.split(r"[,;/]", extension) if word.strip()]


def _strip_marks(extension: str) -> str:
    return re.sub(r"[^A-Z]", "", extension.upper())
