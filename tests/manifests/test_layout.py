# SPDX-License-Identifier: Apache-2.0
"""The layout knows the files of a build and nothing else; names give back identities."""

from __future__ import annotations

import doctest

import pytest

from manifests import layout


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(layout).failed == 0


@pytest.mark.parametrize(
    "path",
    [
        layout.recording_file("a1", khz=48),
        layout.recording_file("a1", khz=16),
        layout.take_file("a1"),
        layout.matte_file("a1"),
        layout.take_row_file("a1"),
        layout.grade_file("a1"),
        layout.master_file("a1"),
    ],
)
def test_a_file_of_media_is_known_and_its_name_has_the_identity(path: str) -> None:
    assert layout.is_known(path)
    assert layout.identity_of(path) == "a1"


@pytest.mark.parametrize(
    "path", ["web.mp4", "media/web.mp4", "deliverables/web.mp4", "deliverables/v001/a/web.mp4"]
)
def test_a_file_in_another_place_is_not_known(path: str) -> None:
    assert not layout.is_known(path)


def test_folders_of_media_have_a_line_each() -> None:
    paths = [folder.path for folder in layout.MEDIA_FOLDERS]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith(f"{layout.MEDIA}/") for path in paths)
