# SPDX-License-Identifier: Apache-2.0
"""Find the productions below a folder, and estimate the work that each still needs.

Nothing is rendered and no recording is analysed here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flows.cut import cut_from_record
from flows.inputs import read_inputs
from flows.night.summary import ProductionReport
from flows.plan import compare_with_record, find_standing_version
from flows.project import open_project
from manifests.errors import InputError, Problem
from pipeline.script.settings import FILE

DEPTH = 4


def find_productions(root: Path, *, depth: int = DEPTH) -> list[Path]:
    """Find the folders with a production file, sorted.

    Links are not followed; hidden folders, builds and the folders of a production are not searched.
    Raises InputError when `root` is no folder or holds no production.
    """
    if not root.is_dir():
        raise InputError(
            Problem(
                file=str(root), message="no such folder", expected="a folder that holds productions"
            )
        )
    found = sorted(_walk_productions(root, depth))
    if not found:
        message = f"no production within {depth} levels of folders"
        raise InputError(Problem(file=str(root), message=message, expected=f"folders with {FILE}"))
    return found


def examine_production(folder: Path, known: ProductionReport, *, root: Path) -> ProductionReport:
    """Estimate what a production still needs.

    No recording is analysed: a production with new recordings waits, with an unknown number of
    shots. Raises InputError with all problems of its inputs.
    """
    if not (folder / FILE).resolve().is_relative_to(root.resolve()):
        raise InputError(
            Problem(file=f"{known.name}/{FILE}", message="is a link that leads outside ROOT")
        )
    project = open_project(folder)
    known = replace(known, title=project.production.title, priority=project.production.priority)
    cutting = cut_from_record(project, read_inputs(project))
    if cutting is None:
        return known
    planned = compare_with_record(cutting)
    estimate, workers = planned.estimate, planned.estimate.workers
    known = replace(
        known,
        shots=len(cutting.shots),
        left=len(planned.to_render),
        estimate=(estimate.low_seconds * workers, estimate.high_seconds * workers),
    )
    if planned.to_render:
        return known
    standing = find_standing_version(cutting)
    return replace(known, state="standing", version=standing[0].version) if standing else known


def _walk_productions(root: Path, depth: int) -> Iterator[Path]:
    for place, folders, files in os.walk(root, followlinks=False):
        folder = Path(place)
        if FILE in files:
            yield folder
            folders.clear()
        elif len(folder.relative_to(root).parts) >= depth:
            folders.clear()
        else:
            folders[:] = [name for name in folders if not name.startswith(".") and name != "build"]
