# SPDX-License-Identifier: Apache-2.0
"""Chapters of a delivered file."""

from __future__ import annotations

from pathlib import Path

from pipeline import media
from pipeline.assemble import assemble
from pipeline.deliver import deliver
from pipeline.deliver.chapters import FileChapter
from tests.pipeline.assemble.test_edit_list import grey_film, job_of


def test_chapters_are_written_with_their_titles(tmp_path: Path) -> None:
    film = grey_film(tmp_path, [60, 90], [10, 15])
    chapters = (FileChapter(frame=0, title="INT. LAMP; = #1\\"), FileChapter(frame=10, title="二"))
    cuts = assemble.build_cuts(film.shots, film.takes, [], version="v", size=(64, 36))
    path = deliver.render_profiles(cuts, job_of(film, chapters=chapters), folder=tmp_path / "o")[
        "web"
    ]
    text = media.run(["-i", str(path), "-f", "null", "-"])
    assert "Chapter #0:0: start 0.000000, end 0.400000" in text
    assert "Chapter #0:1: start 0.400000, end 1.000000" in text
    assert "INT. LAMP; = #1＼" in text
    assert "二" in text
