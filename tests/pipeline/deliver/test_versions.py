# SPDX-License-Identifier: Apache-2.0
"""Versions appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import ToolError
from pipeline.deliver import versions


def test_a_version_appears_whole_and_latest_points_at_it(tmp_path: Path) -> None:
    for expected in ("v001", "v002"):
        version = versions.name_next_version(tmp_path)
        assert version == expected
        with versions.stage_version(tmp_path, version) as folder:
            (folder / "web.mp4").write_text(version)
            assert versions.list_versions(tmp_path) == [
                f"v{n:03}" for n in range(1, int(version[1:]))
            ]
            versions.publish_version(folder, tmp_path, version)
        assert (tmp_path / "latest" / "web.mp4").read_text() == version
    with (
        versions.stage_version(tmp_path, "v002") as folder,
        pytest.raises(ToolError, match="never overwritten"),
    ):
        versions.publish_version(folder, tmp_path, "v002")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "v001", "v002"]


def test_a_failed_version_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), versions.stage_version(tmp_path, "v001") as folder:
        (folder / "half.mp4").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
