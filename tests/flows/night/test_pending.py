# SPDX-License-Identifier: Apache-2.0
"""Productions that a night works on are found."""

from __future__ import annotations

from pathlib import Path

from flows.night.pending import find_productions


def test_productions_are_found_within_bounds_and_links_are_not_followed(tmp_path: Path) -> None:
    for name in ("a", "b/c", "b/c/inside", "deep/1/2/3/4", ".hidden/x", "a2/build/x"):
        (tmp_path / "root" / name).mkdir(parents=True)
        (tmp_path / "root" / name / "production.toml").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "production.toml").touch()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    found = [
        path.relative_to(tmp_path / "root").as_posix()
        for path in find_productions(tmp_path / "root")
    ]
    assert found == ["a", "b/c"]
    assert len(find_productions(tmp_path / "root", depth=5)) == 3
