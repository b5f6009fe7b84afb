# SPDX-License-Identifier: Apache-2.0

"""Titles, captions, chapters, file names and cells that mean something to an engine come out as
text, and only as text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import c2pa
import numpy as np
import pytest

from manifests.rows import Cue
from pipeline import media
from pipeline.align import cue_overrides
from pipeline.align.align import Alignment
from pipeline.assemble import assemble, conform, edl, master_mix, stems, timeline
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.deliver import (
    burn_in,
    c2pa_signing,
    caption_files,
    captions,
    contact_sheet,
    deliver,
    profiles,
    signing_key,
)
from pipeline.deliver.c2pa_signing import Claim, Ingredient
from pipeline.deliver.chapters import FileChapter
from pipeline.deliver.delivery_job import DeliveryJob
from pipeline.script import tables
from tests.hostile.hostile_productions import FORMULAS, INJECTIONS
from tests.pipeline.tiny_film import TinyFilm, tone

RATE = Fraction(25)
ODD_NAMES = [":a,b;[c]'d\\e%f.mkv", "- option.mkv", "\u202eteif.mkv", "\U0001f600 a=b.mkv"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinyFilm, Path]:
    film = TinyFilm(tmp_path_factory.mktemp("texts"))
    film.add([np.full((96, 160, 3), 40 + n, np.uint8) for n in range(len(INJECTIONS) * 2)])
    settings = LoudnessSettings(target_lufs=None)
    recording = film.record(tone(film.samples))
    return film, film.root / master_mix.render_master(
        [recording], samples=film.samples, settings=settings, root=film.root
    ).path


def job_of(
    film: tuple[TinyFilm, Path], **changes: object
) -> tuple[list[assemble.Cut], DeliveryJob]:
    tiny, master = film
    picture = assemble.Picture(width=160, height=96, rate=RATE)
    job = DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=master,
        root=tiny.root,
        profiles=(profiles.WEB,),
        burn_in=False,
    )
    return assemble.build_cuts(tiny.shots, tiny.takes, [], version="v", size=(160, 96)), replace(
        job, **changes
    )


def cue_of(text: str, number: int) -> Cue:
    start = number * 3840
    return Cue(
        line_id=f"l{number}",
        recording_id="r",
        character=text,
        start=start,
        end=start + 3840,
        text=text,
        performance="",
        status="matched",
        confidence=1.0,
    )


def test_titles_and_chapters_come_back_as_they_were_given(
    film: tuple[TinyFilm, Path], tmp_path: Path
) -> None:
    chapters = tuple(
        FileChapter(frame=2 * n, title=text) for n, text in enumerate(INJECTIONS.values())
    )
    title = " ".join(INJECTIONS.values())
    cuts, job = job_of(film, title=title, chapters=chapters)
    path = deliver.render_profiles(cuts, job, folder=tmp_path)["web"]
    with av.open(str(path)) as container:
        assert container.metadata["title"] == title
        found = [chapter["metadata"]["title"] for chapter in container.chapters()]
    wanted = [" ".join(text.split()).replace("\\", "\uff3c") for text in INJECTIONS.values()]
    assert [text for text in found if text not in wanted] == []
    assert len(found) == len(wanted)


def test_burned_captions_are_drawn_and_steer_nothing(
    film: tuple[TinyFilm, Path], tmp_path: Path
) -> None:
    shown = [
        captions.Caption(
            start=2 * n, end=2 * n + 2, spoken_end=2 * n + 2, lines=(text,), character="X"
        )
        for n, text in enumerate(INJECTIONS.values())
    ]
    cuts, job = job_of(film)
    plain = list(
        media.read_frames(
            deliver.render_profiles(cuts, job, folder=tmp_path / "a")["web"], width=160, height=96
        )
    )
    burned = list(
        media.read_frames(
            deliver.render_profiles(cuts, burn_in.burn_captions(shown, job), folder=tmp_path / "b")[
                "web"
            ],
            width=160,
            height=96,
        )
    )
    assert len(burned) == len(plain)
    change = [
        np.abs(a.astype(int) - b).max(axis=(1, 2)) for a, b in zip(plain, burned, strict=True)
    ]
    unseen = ("a lone accent",)
    for number, name in enumerate(INJECTIONS):
        rows = change[2 * number]
        # something is drawn in the lower half ...
        assert name in unseen or rows[48:].max() > 20, name
        assert rows[:24].max() < 30, name  # ... and nothing is thrown across the picture


@pytest.mark.parametrize("name", ODD_NAMES)
def test_takes_with_odd_names_are_read_and_nothing_else(name: str, tmp_path: Path) -> None:
    tiny = TinyFilm(tmp_path / "odd, [folder];'x")
    tiny.add([np.full((36, 64, 3), 99, np.uint8)] * 4)
    moved = tiny.root / "takes" / name
    (tiny.root / tiny.takes[0].path).rename(moved)
    tiny.takes[0] = replace(tiny.takes[0], path=f"takes/{name}")
    settings = LoudnessSettings(target_lufs=None)
    master = master_mix.render_master(
        [tiny.record(tone(tiny.samples))], samples=tiny.samples, settings=settings, root=tiny.root
    )
    cube = tiny.root / "a'b:c,d[e];f\\g.cube"
    cube.write_text(
        "LUT_3D_SIZE 2\n"
        + "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
        + "\n"
    )
    picture = assemble.Picture(width=64, height=36, rate=RATE)
    job = DeliveryJob(
        picture=picture,
        sound_id="",
        sound_path=tiny.root / master.path,
        root=tiny.root,
        profiles=(profiles.WEB,),
        burn_in=False,
    )
    cuts = [
        replace(cut, cube_path=cube.name)
        for cut in assemble.build_cuts(tiny.shots, tiny.takes, [], version="v", size=(64, 36))
    ]
    frames = list(
        media.read_frames(
            deliver.render_profiles(cuts, job, folder=tmp_path / "o")["web"], width=64, height=36
        )
    )
    assert len(frames) == 4
    assert abs(float(frames[0].mean()) - 99) < 3


def test_caption_files_hold_the_words_and_no_markup(tmp_path: Path) -> None:
    shown = [
        captions.Caption(
            start=50 * n, end=50 * n + 40, spoken_end=50 * n + 40, lines=(text,), character="X"
        )
        for n, text in enumerate(INJECTIONS.values())
    ]
    for path in caption_files.write_captions(shown, tmp_path, rate=RATE):
        text = path.read_text(encoding="utf-8")
        assert text.count(" --> ") == len(shown)
        assert "<script" not in text
        assert "{" not in text


def test_cells_that_a_spreadsheet_would_compute_are_exported_as_text_and_come_back(
    tmp_path: Path,
) -> None:
    cues = [cue_of(text, number) for number, text in enumerate((*FORMULAS, *INJECTIONS.values()))]
    found = Alignment(cues=cues, unscripted=[], takes={}, chosen={}, names={})
    text = cue_overrides.export(found, at="2026-11-22T00:00:00+00:00")
    for row in csv.reader(io.StringIO(text)):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    (tmp_path / "cues.csv").write_text(text, encoding="utf-8")
    table = tables.read(
        tmp_path / "cues.csv", needed=cue_overrides.COLUMNS, known=cue_overrides.COLUMNS
    )
    assert cue_overrides.read_changes(table, characters=[cue.character for cue in cues]) == []


def test_contact_sheets_draw_any_text(tmp_path: Path) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    cells = [(picture, text, text) for text in INJECTIONS.values()]
    assert (
        contact_sheet.tile_pictures(cells, tmp_path / "sheet.png", columns=4).stat().st_size > 1000
    )


def test_stems_of_characters_with_odd_names_stay_in_their_folder(
    film: tuple[TinyFilm, Path], tmp_path: Path
) -> None:
    cues = [
        cue_of(text, number)
        for number, text in enumerate((*INJECTIONS.values(), "../../out", "/etc/x", "CON", ".."))
    ]
    (tmp_path / "in").mkdir()
    written = stems.write_stems(film[1], cues, tmp_path / "in")
    assert all(path.resolve().parent == (tmp_path / "in").resolve() for path in written.values())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_timelines_and_credentials_carry_any_title(
    film: tuple[TinyFilm, Path], tmp_path: Path
) -> None:
    cuts, job = job_of(film)
    title = " ".join(INJECTIONS.values())
    shots = {shot.shot_id: replace(shot, text=title, scene=title) for shot in film[0].shots}
    programme = timeline.Programme(
        title=title,
        rate=RATE,
        cuts=cuts,
        shots=shots,
        recordings=[],
        root=film[0].root,
        take_frames={},
    )
    timeline.write_otio(programme, folder=tmp_path)
    assert len(conform.conform_cuts(cuts, tmp_path / "timeline.otio")) == len(cuts)
    assert edl.write_edl(programme, folder=tmp_path).read_text().startswith("TITLE: ")
    path = deliver.render_profiles(cuts, job, folder=tmp_path / "o")["web"]
    claim = Claim(
        title=title,
        version="1",
        ingredients=[Ingredient(title=t, digest="ab") for t in INJECTIONS.values()],
    )
    c2pa_signing.sign_file(path, claim, keys=signing_key.ensure_signing_key(tmp_path / "keys"))
    assert c2pa_signing.verify_credentials(path).state == "valid"
    with c2pa.Reader(str(path)) as reader:
        assert "drawtext" in reader.json()
