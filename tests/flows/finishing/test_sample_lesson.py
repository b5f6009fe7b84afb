# SPDX-License-Identifier: Apache-2.0
"""The sample lesson as it stands in the examples, rendered whole: chapters, covered text, and what
one changed word makes again."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from flows.episode import Outcome, episode
from flows.lesson_inputs import load_emotion_words, read_script
from flows.project import Project, open_project
from manifests.rows import Cue
from manifests.run_rows import Event
from pipeline import media
from pipeline.lesson import slides
from tests.conftest import Engines

pytestmark = pytest.mark.proof

EXAMPLES = Path(__file__).parents[3] / "examples"
SIZE = (1280, 720)


@pytest.fixture(scope="module")
def sample(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("sample") / "lesson"
    shutil.copytree(EXAMPLES / "lesson", folder, ignore=shutil.ignore_patterns("build"))
    return folder, episode(str(folder))


def version_of(outcome: Outcome) -> Path:
    assert outcome.version is not None and outcome.version.failed == []
    return outcome.version.folder


def stills_of(film: Project) -> dict[str, slides.Slide]:
    path = film.production.resolve_path(film.production.lesson.slides)
    return {slide.name: slide for slide in slides.read(path, size=SIZE, root=film.root)}


def test_chapters_equal_the_first_words_of_the_narration_to_within_a_frame(
    sample: tuple[Path, Outcome],
) -> None:
    film = open_project(sample[0])
    starts = {cue.line_id: cue.start for cue in film.store.read_current(Cue)}
    with av.open(str(version_of(sample[1]) / "web.mp4")) as container:
        chapters = [Fraction(c["start"]) * Fraction(c["time_base"]) for c in container.chapters()]
    first_words = [
        Fraction(min(starts[i] for i in s.line_ids), 48000)
        for s in read_script(film, load_emotion_words(film)).sections
    ]
    # MP4 begins its first chapter with the file
    assert chapters[0] == 0 and len(chapters) == len(first_words) == 4
    assert all(
        abs(at - word) <= Fraction(1, 25)
        for at, word in zip(chapters[1:], first_words[1:], strict=True)
    )


def test_the_presenter_covers_no_text_of_any_slide(sample: tuple[Path, Outcome]) -> None:
    stills = stills_of(open_project(sample[0]))
    facts = json.loads((version_of(sample[1]) / "sections.json").read_text())
    frames = list(
        media.read_frames(
            version_of(sample[1]) / "web.mp4", width=SIZE[0], height=SIZE[1], filters="fps=5"
        )
    )
    for section in facts:
        assert section["text_covered_pixels"] == 0
        for shown in section["slides"] if section["slide"] == "0,0,1280,720" else []:
            with Image.open(stills[shown["slide"]].path) as image:
                slide = np.asarray(image.convert("RGB")).astype(int)
            frame = frames[(shown["start"] + shown["end"]) // 2 // 5].astype(int)
            for box in stills[shown["slide"]].boxes:
                part = slice(box.top, box.bottom), slice(box.left, box.right)
                assert np.abs(frame[part] - slide[part]).mean() < 4


def test_one_changed_word_on_slide_three_makes_one_section_again(
    sample: tuple[Path, Outcome], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(sample[0], folder, symlinks=True)
    written = (folder / "slides.pdf").read_bytes()
    changed = written.replace(b"9 seconds of dark", b"9 seconds of rest")
    assert changed != written
    (folder / "slides.pdf").write_bytes(changed)
    outcome = episode(str(folder))
    told = [
        e.detail
        for e in sorted(
            open_project(folder).store.read(Event, name="sections"), key=lambda e: e.happened_at
        )
    ]
    assert (outcome.made, told) == (0, ["4 of 4 rendered", "1 of 4 rendered"])
