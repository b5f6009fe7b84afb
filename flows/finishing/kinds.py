# SPDX-License-Identifier: Apache-2.0
"""Choose how to finish a production by its kind: as an episode or as a lesson.

Both modules have the same four functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flows import intact
from flows.finishing import episode, lesson
from flows.project import Project
from flows.version import Version, VersionInputs
from manifests import layout
from manifests.delivery_rows import Deliverable
from manifests.rows import Cut, Grade


class Finishing(Protocol):
    """The steps of finishing, as both modules have them."""

    def match_colours(self, project: Project, inputs: VersionInputs) -> list[Grade]:
        """Estimate one colour transform per shot."""

    def build_cuts(
        self, project: Project, inputs: VersionInputs, grades: Sequence[Grade]
    ) -> list[Cut]:
        """Build the edit list."""

    def make_version(self, project: Project, inputs: VersionInputs, cuts: Sequence[Cut]) -> Version:
        """Make a version in its folder."""

    def find_standing_files(
        self, project: Project, inputs: VersionInputs
    ) -> list[Deliverable] | None:
        """Find the files of a version with exactly these inputs."""


def choose_finishing(project: Project) -> Finishing:
    """Choose the module that finishes a production of this kind."""
    return lesson if project.production.kind == "lesson" else episode


def match_colours(project: Project, inputs: VersionInputs) -> list[Grade]:
    """Estimate one colour transform per shot; record those that are new.

    Grades and other prepared files that are damaged are deleted first, and so made again.
    """
    intact.discard_damaged_in(project.store, project.root, layout.PREPARED)
    return choose_finishing(project).match_colours(project, inputs)


def build_cuts(project: Project, inputs: VersionInputs, grades: Sequence[Grade]) -> list[Cut]:
    """Build the edit list; its version is set on delivery."""
    return choose_finishing(project).build_cuts(project, inputs, grades)


def make_version(project: Project, inputs: VersionInputs, cuts: Sequence[Cut]) -> Version:
    """Make a version: its complete folder, with its checks."""
    version = choose_finishing(project).make_version(project, inputs, cuts)
    intact.seal_folders(project.store, project.root, layout.PREPARED)
    return version


def find_standing_files(project: Project, inputs: VersionInputs) -> list[Deliverable] | None:
    """Find the files of a version with this very cut, sound and settings, or None."""
    return choose_finishing(project).find_standing_files(project, inputs)
