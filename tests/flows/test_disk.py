# SPDX-License-Identifier: Apache-2.0
"""A full disk is one error whoever meets it, told in a line."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from flows.disk import FullDiskError, detect_full_disk
from flows.engines import configure_engines
from flows.episode import _is_tool_error
from flows.project import Project
from manifests.errors import InputError, Problem, ToolError
from manifests.store import Store
from pipeline.script.production import Production

ENCODER = ToolError(
    "ffmpeg failed",
    command=["ffmpeg"],
    code=228,
    stderr="Error writing trailer: No space left on device",
)


class Ended:
    """A task's run that ended so."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self) -> None:
        raise self._error


@pytest.mark.parametrize("met", [ENCODER, OSError(28, "No space left on device")])
def test_whoever_meets_a_full_disk_it_is_told_in_one_line_and_not_tried_again(
    met: Exception, tmp_path: Path
) -> None:
    production = Production(title="t", recordings=["none.wav"], folder=tmp_path)
    film = Project(production=production, root=tmp_path, store=Store(tmp_path))
    with pytest.raises(FullDiskError) as told, detect_full_disk(film):
        raise met
    assert str(told.value).startswith(f"no space left on the disk of {tmp_path}")
    assert "\n" not in str(told.value)
    assert not _is_tool_error(None, None, Ended(met))
    assert not _is_tool_error(None, None, Ended(told.value))


@pytest.mark.parametrize(
    "other",
    [
        ToolError("ffmpeg failed", stderr="moov atom not found"),
        InputError(Problem(file="x", message="y")),
    ],
)
def test_other_errors_stay_what_they_are(other: Exception, tmp_path: Path) -> None:
    production = Production(title="t", recordings=["none.wav"], folder=tmp_path)
    with (
        pytest.raises(type(other)) as told,
        detect_full_disk(Project(production=production, root=tmp_path, store=Store(tmp_path))),
    ):
        raise other
    assert told.value is other
    assert _is_tool_error(None, None, Ended(other)) is isinstance(other, ToolError)


def test_settling_again_does_not_let_prefect_print_tracebacks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "prefect")  # as Prefect sets it from PREFECT_LOGGING_LEVEL
    configure_engines()
    assert logging.getLogger("prefect").level == logging.CRITICAL
