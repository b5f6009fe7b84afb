# SPDX-License-Identifier: Apache-2.0
"""Where a production's record may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.project import open_project
from manifests.errors import InputError


@pytest.mark.parametrize("name", ["cut [final]", "a|b", "a^b", "my%20film", "a\\b", "a\tb"])
def test_a_folder_that_the_record_cannot_lie_in_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    (folder / "recordings").mkdir(parents=True)
    (folder / "recordings" / "a.wav").touch()
    for file in ("script.fountain", "cast.csv", "consents.csv"):
        (folder / file).touch()
    (folder / "production.toml").write_text('title = "T"\nrecordings = ["recordings/a.wav"]\n')
    with pytest.raises(InputError, match="the record cannot lie in a folder"):
        open_project(folder)
    assert open_project(folder, tmp_path / "elsewhere").root == tmp_path / "elsewhere"
