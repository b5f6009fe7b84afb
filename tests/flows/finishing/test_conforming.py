# SPDX-License-Identifier: Apache-2.0
"""A timeline that comes back from an editor becomes a version; takes and grades stay as they
are."""

from __future__ import annotations

from pathlib import Path

import opentimelineio as otio
import pytest

from flows.finishing.conforming import conform
from flows.project import open_project
from manifests.errors import InputError
from manifests.rows import Grade, Take
from manifests.timebase import MASTER_HZ
from pipeline import media
from tests.conftest import Rendered


def edited(folder: Path, to: Path) -> Path:
    """The first version's timeline with its last clip taken off and a dissolve between the first
    two."""
    opened = otio.adapters.read_from_file(
        str(folder / "build" / "deliverables" / "v001" / "timeline.otio")
    )
    track = opened.video_tracks()[0]
    del track[len(track) - 1]
    half = otio.opentime.RationalTime(4, 25)
    track.insert(
        1, otio.schema.Transition(transition_type="SMPTE_Dissolve", in_offset=half, out_offset=half)
    )
    otio.adapters.write_to_file(opened, str(to))
    return to


def test_an_edited_timeline_becomes_the_next_version_of_the_same_takes(
    film: Rendered, tmp_path: Path
) -> None:
    folder = film.copy(tmp_path / "scene")
    toml = folder / "production.toml"
    toml.write_text(toml.read_text().replace('profiles = ["web", "master"]', 'profiles = ["web"]'))
    store = open_project(folder).store
    before = {kind: len(store.read(kind)) for kind in (Take, Grade)}
    made = conform(folder, edited(folder, tmp_path / "edited.otio"), out=None)
    assert made.version.name == "v002"
    assert (made.changed, made.removed) == (["sc01_sh020"], ["sc01_sh040"])
    assert {kind: len(store.read(kind)) for kind in (Take, Grade)} == before
    (web,) = made.version.deliverables
    path = folder / "build" / "deliverables" / web.path
    assert sum(1 for _ in media.read_frames(path, width=16, height=10)) == web.frames
    heard = sum(len(block) for block in media.read_audio(path, hz=MASTER_HZ, channels=1))
    assert abs(heard - web.frames * MASTER_HZ // 25) < MASTER_HZ // 25
    assert made.version.failed == []
    assert {check.name: check.verdict for check in made.version.checks}[
        "picture against sound"
    ] == "pass"


def test_a_production_that_was_not_rendered_cannot_be_conformed(
    production: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="nothing has been rendered yet"):
        conform(production, tmp_path / "edited.otio", out=None)
