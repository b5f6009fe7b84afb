# SPDX-License-Identifier: Apache-2.0
"""What a production wants delivered: every profile with its own picture, cards, stems, and rows
that say so. No engine is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.finishing import deliveries, episode, hls_playlists
from flows.project import Project, open_project
from flows.version import Draft, VersionInputs, build_look_settings, build_loudness_settings
from manifests.rows import Cue
from pipeline import media
from pipeline.assemble import assemble, master_mix
from pipeline.colour import colour
from pipeline.deliver import delivery_job, profiles
from tests.pipeline.tiny_film import TinyFilm, eight_bit, portrait, tone

SETTINGS = """
title = "The Lamp"
size = "160x90"
recordings = ["a.wav"]
[delivery]
profiles = ["alpha-web", "web", "stems", "vertical", "hls"]
slate_seconds = 0.2
burn_captions = true
label = true
"""


@pytest.fixture
def made(tmp_path: Path) -> tuple[Project, VersionInputs]:
    folder = tmp_path / "production"
    folder.mkdir()
    for name in ("script.fountain", "cast.csv", "consents.csv", "a.wav"):
        (folder / name).touch()
    (folder / "production.toml").write_text(SETTINGS)
    film = open_project(folder)
    tiny = TinyFilm(film.root)
    for number in range(2):
        tiny.add([eight_bit(portrait("mara"))] * 10)
        tiny.cut_out(number, [np.full((128, 128), 255, np.uint8)] * 10)
    cue = Cue(
        line_id="l0",
        recording_id="r",
        character="MARA",
        start=2000,
        end=20000,
        text="Light it.",
        performance="",
        status="matched",
        confidence=1.0,
    )
    return film, VersionInputs(
        shots=tiny.shots, takes=tiny.takes, cues=[cue], recordings=[tiny.record(tone(tiny.samples))]
    )


def test_limits_of_colour_and_sound_are_the_productions_own(
    made: tuple[Project, VersionInputs],
) -> None:
    film, inputs = made
    toml = film.folder / "production.toml"
    toml.write_text(toml.read_text() + "peak_dbtp = -3.0\n[look]\nlimit = 2.5\n")
    changed = open_project(film.folder)
    assert (
        build_look_settings(changed, inputs.shots).limit,
        build_look_settings(film, inputs.shots).limit,
    ) == (2.5, 14.0)
    assert (
        build_loudness_settings(changed).peak_dbtp,
        build_loudness_settings(film).peak_dbtp,
    ) == (-3.0, -1.5)


def test_a_character_is_matched_to_the_look_that_the_actor_sheet_names_for_it(
    made: tuple[Project, VersionInputs],
) -> None:
    film, inputs = made
    (film.folder / "half.cube").write_text("LUT_1D_SIZE 2\n0 0 0\n0.5 0.5 0.5\n")
    shots = [inputs.shots[0], replace(inputs.shots[1], character="KOFI", look="half.cube")]
    own, given = episode.match_colours(film, replace(inputs, shots=shots))
    assert (own.method, given.method) == ("monge-kantorovich", "cube")
    assert colour.read_cube(film.root / given.cube_path).max() == pytest.approx(0.5)


def test_profiles_of_one_picture_share_a_pass_and_each_pass_has_its_own_framing(
    made: tuple[Project, VersionInputs],
) -> None:
    film, inputs = made
    passes = deliveries.plan_passes(
        film,
        inputs,
        assemble.build_cuts(inputs.shots, inputs.takes, [], version="", size=(160, 90)),
    )
    assert [[profile.name for profile in one.job.profiles] for one in passes] == [
        ["web", "hls-90p"],
        ["vertical"],
        ["alpha-web"],
    ]
    assert [one.job.picture.size for one in passes] == [(160, 90), (90, 160), (160, 90)]
    assert [one.frames for one in passes] == [25, 25, 20], "elements for compositing have no cards"
    assert [one.job.captions is not None for one in passes] == [True, True, False]
    assert passes[0].shifted_cuts[0].start_frame == 5


def test_every_file_of_a_version_is_rendered_and_described_and_stems_add_up(
    made: tuple[Project, VersionInputs], tmp_path: Path
) -> None:
    film, inputs = made
    cuts = assemble.build_cuts(inputs.shots, inputs.takes, [], version="", size=(160, 90))
    master = master_mix.render_master(
        inputs.recordings, samples=38400, settings=build_loudness_settings(film), root=film.root
    )
    passes = deliveries.plan_passes(film, inputs, cuts)
    folder = tmp_path / "v001"
    files = deliveries.render_passes(passes, folder=folder)
    stems = deliveries.write_stems(film, inputs, master, folder=folder)
    draft = Draft(
        project=film,
        inputs=inputs,
        passes=passes,
        master=master,
        name="v001",
        folder=folder,
        files=files,
        captions_on_frames=[],
        stems=stems,
    )
    rows = deliveries.describe_files(draft)
    assert sorted(row.path for row in rows) == [
        "v001/alpha.webm",
        "v001/hls/90p.mp4",
        "v001/stems/mara.wav",
        "v001/stems/room.wav",
        "v001/vertical.mp4",
        "v001/web.mp4",
    ]
    assert len({row.deliverable_id for row in rows}) == len(rows)
    for row in rows:
        if row.width:
            seen = list(media.read_frames(tmp_path / row.path, width=row.width, height=row.height))
            assert len(seen) == row.frames
    assert {check.verdict for check in hls_playlists.write_playlists(draft)} == {"pass"}
    (listed,) = hls_playlists.describe_playlist(draft)
    assert (tmp_path / listed.path).name == "master.m3u8"
    assert [listed.deliverable_id] == hls_playlists.compute_ids(passes)
    assert sorted(path.name for path in (folder / "hls").iterdir()) == [
        "90p.m3u8",
        "90p.mp4",
        "master.m3u8",
    ]
    checks = {check.name: check for check in deliveries.check_sound(draft)}
    assert checks["stems add up to the master"].verdict == "pass"
    assert checks["picture against sound"].verdict == "pass"
    assert checks["dialogue loudness"].value.endswith("LUFS")


def test_the_same_film_has_the_same_identities_and_other_settings_other_ones(
    made: tuple[Project, VersionInputs],
) -> None:
    film, inputs = made
    cuts = assemble.build_cuts(inputs.shots, inputs.takes, [], version="", size=(160, 90))

    def ids() -> list[str]:
        opened = open_project(film.folder)
        return [
            delivery_job.compute_deliverable_id(one.cuts, one.job, profile)
            for one in deliveries.plan_passes(opened, inputs, cuts)
            for profile in one.job.profiles
        ]

    first = ids()
    assert ids() == first
    (film.folder / "production.toml").write_text(SETTINGS + 'watermark = "Studio Nord"\n')
    marked = open_project(film.folder)
    (old, _, elements), (new, *_) = (
        deliveries.plan_passes(marked, inputs, cuts, version=name) for name in ("v001", "v002")
    )
    assert old.job.code != new.job.code, "every version has a number of its own"
    assert elements.job.code == "", "elements for compositing carry no mark"
    known = [
        delivery_job.compute_deliverable_id(one.cuts, one.job, profiles.WEB) for one in (old, new)
    ]
    assert known[0] == known[1], "and yet is no other film"
    assert not set(known) & set(first)
    toml = film.folder / "production.toml"
    toml.write_text(SETTINGS.replace("label = true", "label = false"))
    assert not set(ids()) & set(first)
