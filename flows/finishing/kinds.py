# SPDX-License-Identifier: Apache-2.0
"""Which finishing a production gets: an episode's (`finish`) or a lesson's (`lesson`). Both are
four functions of the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flows.finishing import episode, lesson
from flows.project import Project
from flows.version import Version, VersionInputs
from manifests.delivery_rows import Deliverable
from manifests.rows import Cut, Grade

__all__ = ["VersionInputs", "Version", "match_colours", "build_cuts", "make_version", "find_standing_files"]


class Finishing(Protocol):
    """What both modules are: the steps of finishing."""

    def match_colours(self, project: Project, reel: VersionInputs) -> list[Grade]: ...
    def build_cuts(self, project: Project, reel: VersionInputs, grades: Sequence[Grade]) -> list[Cut]: ...
    def make_version(
        self, project: Project, reel: VersionInputs, cuts: Sequence[Cut]
    ) -> Version: ...
    def find_standing_files(self, project: Project, reel: VersionInputs) -> list[Deliverable] | None: ...


def choose_finishing(project: Project) -> Finishing:
    """The finishing of a production's kind."""
    return lesson if project.production.kind == "lesson" else episode


def match_colours(project: Project, reel: VersionInputs) -> list[Grade]:
    """One transform per shot; recorded when new."""
    return choose_finishing(project).match_colours(project, reel)


def build_cuts(project: Project, reel: VersionInputs, grades: Sequence[Grade]) -> list[Cut]:
    """The edit list; its version is named when it is delivered."""
    return choose_finishing(project).build_cuts(project, reel, grades)


def make_version(project: Project, reel: VersionInputs, cuts: Sequence[Cut]) -> Version:
    """A version that stands in its folder, whole, with its checks."""
    return choose_finishing(project).make_version(project, reel, cuts)


def find_standing_files(project: Project, reel: VersionInputs) -> list[Deliverable] | None:
    """The deliverables when a version with this very cut, sound and settings stands, else None."""
    return choose_finishing(project).find_standing_files(project, reel)
