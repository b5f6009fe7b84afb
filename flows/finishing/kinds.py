# SPDX-License-Identifier: Apache-2.0
"""Which finishing a production gets: an episode's (`finish`) or a lesson's (`lesson`). Both are
four functions of the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flows.finishing import episode, lesson
from flows.project import Film
from flows.version import Reel, Version
from manifests.delivery_rows import Deliverable
from manifests.rows import Cut, Grade

__all__ = ["Reel", "Version", "colour_match", "edit", "make_version", "standing"]


class Finishing(Protocol):
    """What both modules are: the steps of finishing."""

    def colour_match(self, film: Film, reel: Reel) -> list[Grade]: ...
    def edit(self, film: Film, reel: Reel, grades: Sequence[Grade]) -> list[Cut]: ...
    def make_version(self, film: Film, reel: Reel, cuts: Sequence[Cut]) -> Version: ...
    def standing(self, film: Film, reel: Reel) -> list[Deliverable] | None: ...


def of(film: Film) -> Finishing:
    """The finishing of a production's kind."""
    return lesson if film.production.kind == "lesson" else episode


def colour_match(film: Film, reel: Reel) -> list[Grade]:
    """One transform per shot; recorded when new."""
    return of(film).colour_match(film, reel)


def edit(film: Film, reel: Reel, grades: Sequence[Grade]) -> list[Cut]:
    """The edit list; its version is named when it is delivered."""
    return of(film).edit(film, reel, grades)


def make_version(film: Film, reel: Reel, cuts: Sequence[Cut]) -> Version:
    """A version that stands in its folder, whole, with its checks."""
    return of(film).make_version(film, reel, cuts)


def standing(film: Film, reel: Reel) -> list[Deliverable] | None:
    """The deliverables when a version with this very cut, sound and settings stands, else None."""
    return of(film).standing(film, reel)
