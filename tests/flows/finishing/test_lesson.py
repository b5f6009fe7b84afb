# SPDX-License-Identifier: Apache-2.0
"""A lesson in miniature, with real engines: two presenters, three slides with a build; then what
changes when one word changes."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw, ImageFont

from flows.episode import Outcome, episode
from flows.finishing.kinds import find_standing_files
from flows.inputs import read_inputs
from flows.night.course import render_course
from flows.night.nightly import NightOptions
from flows.project import open_project
from flows.verbs.translation import export_xliff, import_xliff
from flows.version import VersionInputs
from manifests.errors import InputError
from manifests.rows import Cue, Recording, Shot, Take
from manifests.run_rows import Event
from pipeline import media
from tests.conftest import STARTER, Engines

SIZE = (480, 270)
PAUSE = 3650  # milliseconds: between the first line and the others
PRODUCTION = """
title = "First lesson"
kind = "lesson"
size = "480x270"
script = "lesson.md"
recordings = ["recordings/first.flac", "recordings/rest.flac"]
[lesson]
slides = "slides"
layout = "corner, bottom-right, size 35%"
presenter = "ALEX"
[delivery]
profiles = ["web"]
[generate]
size = 128
"""
LESSON = """# What this is
<!-- slide 1 -->
This scene was made from a script and one recording.

# Who was there
<!-- slide 2a -->
<!-- layout: round -->
**ROBIN:** [[emotion: happy 0.8]] And nobody had to stand in front of a camera!

<!-- slide 2b -->
**ALEX:** Change the words, and record them again.

# Your turn
<!-- slide 3 -->
<!-- layout: side by side, left -->
**ROBIN:** (surprised) Then give us your own faces.
"""


def draw_slide(path: Path, *lines: tuple[str, tuple[int, int]]) -> None:
    image = Image.new("RGB", SIZE, (244, 244, 236))
    for text, at in lines:
        ImageDraw.Draw(image).text(at, text, font=ImageFont.load_default(22), fill=(20, 24, 40))
    image.save(path)


def small_lesson(folder: Path) -> Path:
    shutil.copytree(STARTER, folder)
    (folder / "production.toml").write_text(PRODUCTION)
    (folder / "lesson.md").write_text(LESSON)
    whole, hz = soundfile.read(folder / "recordings" / "dialogue.flac")
    soundfile.write(folder / "recordings" / "first.flac", whole[: PAUSE * hz // 1000], hz)
    soundfile.write(folder / "recordings" / "rest.flac", whole[PAUSE * hz // 1000 :], hz)
    (folder / "slides").mkdir()
    draw_slide(folder / "slides" / "1.png", ("A script and a recording", (20, 30)))
    draw_slide(folder / "slides" / "2a.png", ("Nobody", (20, 30)))
    draw_slide(
        folder / "slides" / "2b.png", ("Nobody", (20, 30)), ("was here at the right", (270, 220))
    )
    draw_slide(folder / "slides" / "3.png", ("Your faces", (20, 30)))
    return folder


@pytest.fixture(scope="module")
def lesson(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The lesson rendered once."""
    folder = small_lesson(tmp_path_factory.mktemp("lesson") / "lesson")
    return folder, episode(str(folder))


def version_of(outcome: Outcome) -> Path:
    assert outcome.version is not None, outcome.rejects
    return outcome.version.folder


def chapters_of(video: Path) -> list[tuple[str, Fraction]]:
    with av.open(str(video)) as container:
        return [
            (c["metadata"]["title"], c["start"] * Fraction(c["time_base"]))
            for c in container.chapters()
        ]


def sections_of(folder: Path) -> set[str]:
    return {path.name for path in (folder / "build" / "media" / "sections").iterdir()}


def told_sections(folder: Path) -> list[str]:
    events = open_project(folder).store.read(Event, name="sections")
    return [event.detail for event in sorted(events, key=lambda event: event.happened_at)]


def test_a_lesson_is_delivered_whole_with_all_that_belongs_to_it(
    lesson: tuple[Path, Outcome],
) -> None:
    _, outcome = lesson
    version = version_of(outcome)
    assert outcome.version is not None and outcome.version.failed == []
    assert {path.name for path in version.iterdir()} >= {
        "web.mp4",
        "captions.srt",
        "captions.vtt",
        "chapters.vtt",
        "transcript.txt",
        "transcript.html",
        "thumbnails",
        "poster.jpg",
        "captions.ttml",
        "contact_sheet.png",
        "sections.json",
        "checks.json",
        "scorm12.zip",
        "report.html",
    }
    assert len(list((version / "thumbnails").iterdir())) == 3
    with zipfile.ZipFile(version / "scorm12.zip") as package:
        assert package.read("lesson.mp4") == (version / "web.mp4").read_bytes()
    assert "ROBIN: Then give us your own faces." in (version / "transcript.txt").read_text()


def test_a_lesson_is_looked_at_and_listened_to_like_an_episode(
    lesson: tuple[Path, Outcome],
) -> None:
    _, outcome = lesson
    assert outcome.version is not None
    verdicts = {
        check.name: check.verdict for check in outcome.version.checks if check.profile == "web"
    }
    looked = ("face present", "identity", "lip-sync", "sound offset", "lines heard", "cut points")
    assert {name: verdicts[name] for name in looked} == dict.fromkeys(looked, "pass")


def test_chapters_lie_on_the_first_words_of_their_sections(lesson: tuple[Path, Outcome]) -> None:
    folder, outcome = lesson
    cues = sorted(open_project(folder).store.read_current(Cue), key=lambda cue: cue.start)
    chapters = chapters_of(version_of(outcome) / "web.mp4")
    assert [title for title, _ in chapters] == ["What this is", "Who was there", "Your turn"]
    assert chapters[0][1] == 0  # MP4 begins its first chapter with the file
    for (_, begins), cue in zip(chapters[1:], (cues[1], cues[3]), strict=True):
        assert abs(begins - Fraction(cue.start, 48000)) <= Fraction(1, 25)


def test_every_frame_is_there_once_and_slides_change_on_their_frames(
    lesson: tuple[Path, Outcome],
) -> None:
    _, outcome = lesson
    facts = json.loads((version_of(outcome) / "sections.json").read_text())
    shown = [
        (one["slide"], one["start"], one["end"]) for section in facts for one in section["slides"]
    ]
    assert [name for name, _, _ in shown] == ["1", "2a", "2b", "3"]
    frames = list(media.read_frames(version_of(outcome) / "web.mp4", width=SIZE[0], height=SIZE[1]))
    assert len(frames) == shown[-1][2]
    words = (slice(215, 255), slice(265, 470))  # where 2b has more words than 2a
    for number, frame in enumerate(frames):
        dark = (frame[words].astype(int).sum(axis=2) < 300).mean()
        build = next(name for name, start, end in shown if start <= number < end) == "2b"
        assert (dark > 0.03) == build or number >= shown[3][1] or number < shown[1][1], (
            number,
            dark,
        )


def test_no_word_of_a_slide_is_covered(lesson: tuple[Path, Outcome]) -> None:
    folder, outcome = lesson
    facts = json.loads((version_of(outcome) / "sections.json").read_text())
    assert [section["text_covered_pixels"] for section in facts] == [0, 0, 0]
    frames = list(media.read_frames(version_of(outcome) / "web.mp4", width=SIZE[0], height=SIZE[1]))
    for name, start, end in (
        (one["slide"], one["start"], one["end"])
        for section in facts[:2]
        for one in section["slides"]
    ):
        with Image.open(folder / "slides" / f"{name}.png") as image:
            slide = np.asarray(image.convert("RGB")).astype(int)
        ink = slide.sum(axis=2) < 200
        assert np.abs(frames[(start + end) // 2].astype(int)[ink] - slide[ink]).mean() < 12


def test_a_second_render_finds_nothing_to_do(lesson: tuple[Path, Outcome]) -> None:
    folder, outcome = lesson
    film = open_project(folder)
    assert outcome.version is not None
    store = film.store
    inputs = VersionInputs(
        shots=store.read_current(Shot),
        takes=store.read(Take),
        cues=store.read_current(Cue),
        recordings=store.read_current(Recording),
    )
    found = find_standing_files(film, inputs)
    assert found is not None and {row.version for row in found} == {outcome.version.name}


@pytest.mark.proof
def test_a_changed_word_on_a_slide_makes_one_section_again_and_no_take(
    lesson: tuple[Path, Outcome], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(lesson[0], folder, symlinks=True)
    before = sections_of(folder)
    draw_slide(
        folder / "slides" / "2b.png", ("Nobody", (20, 30)), ("was here at my right", (270, 220))
    )
    outcome = episode(str(folder))
    assert outcome.made == 0
    assert len(sections_of(folder) - before) == 1
    assert told_sections(folder) == ["3 of 3 rendered", "1 of 3 rendered"]
    assert outcome.version is not None and outcome.version.failed == []


@pytest.mark.proof
def test_a_changed_mood_makes_one_take_and_one_section_again(
    lesson: tuple[Path, Outcome], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(lesson[0], folder, symlinks=True)
    (folder / "lesson.md").write_text(LESSON.replace("(surprised)", "(sad)"))
    outcome = episode(str(folder))
    assert (outcome.made, told_sections(folder)[-1]) == (1, "1 of 3 rendered")


@pytest.mark.proof
def test_a_longer_narration_of_one_slide_leaves_later_takes_as_they_are(
    lesson: tuple[Path, Outcome], tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(lesson[0], folder, symlinks=True)
    before = open_project(folder).store.read_current(Shot)
    sound, hz = soundfile.read(folder / "recordings" / "first.flac")
    soundfile.write(
        folder / "recordings" / "first.flac",
        np.concatenate([sound[: 4 * hz // 10 + 77], sound]),
        hz,
    )
    outcome = episode(str(folder))
    after = open_project(folder).store.read_current(Shot)
    moved = after[-1].start_frame - before[-1].start_frame
    assert moved in (10, 11) and after[-1].shot_id == before[-1].shot_id
    # its own take, and at most the one whose cut lies in the pause beside it
    assert outcome.made <= 2


@pytest.mark.proof
def test_a_course_is_one_command_and_one_list(lesson: tuple[Path, Outcome], tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(lesson[0], course / "01-first", symlinks=True)
    broken = small_lesson(course / "02-broken")
    (broken / "lesson.md").write_text(LESSON.replace("slide 3", "slide 33"))
    shutil.copytree(lesson[0], course / "03-lately-broken", symlinks=True)
    (course / "03-lately-broken" / "lesson.md").write_text("no section\n")
    made = render_course(course, NightOptions())
    assert made.summary.exit_code == 1
    first, second, third = json.loads((course / "course.json").read_text())
    assert (first["name"], first["state"], first["version"]) == (
        "01-first",
        "nothing to do",
        "v001",
    )
    assert (course / first["video"]).is_file() and (course / first["package"]).is_file()
    assert second["state"] == "bad input" and "'33'" in " ".join(second["advice"])
    assert second["title"] == "First lesson" and second["version"] == ""
    # what was delivered before still stands
    assert (third["state"], third["version"]) == ("bad input", "v001")
    assert (course / third["video"]).is_file()


def test_a_script_goes_to_translators_and_comes_back_as_a_lesson(tmp_path: Path) -> None:
    folder = small_lesson(tmp_path / "lesson")
    assert export_xliff(folder, language="de", out=tmp_path / "de.xlf") == 7
    sent = (tmp_path / "de.xlf").read_text()
    filled = re.sub(r"<source>(.*?)</source>", r"<source>\1</source><target>[\1]</target>", sent)
    (tmp_path / "de.xlf").write_text(filled)
    assert import_xliff(folder, tmp_path / "de.xlf", out=folder / "lesson.de.md") == "de"
    (folder / "production.toml").write_text(PRODUCTION.replace("lesson.md", "lesson.de.md"))
    lines = read_inputs(open_project(folder)).lines
    assert [line.text for line in lines][-1] == "[Then give us your own faces.]"
    assert [line.performance for line in lines] == ["", "happy 0.8", "", "surprised 1"]


def test_what_is_wrong_with_a_lesson_is_told_at_once(tmp_path: Path) -> None:
    folder = small_lesson(tmp_path / "lesson")
    text = LESSON.replace("slide 2a", "slide 9").replace("round", "rond").replace("happy", "hapy")
    (folder / "lesson.md").write_text(text)
    with pytest.raises(InputError) as error:
        read_inputs(open_project(folder))
    assert "did you mean 'happy'" in str(error.value)
    (folder / "lesson.md").write_text(text.replace("hapy", "happy"))
    with pytest.raises(InputError) as error:
        read_inputs(open_project(folder))
    assert "no slide '9'" in str(error.value) and "did you mean 'round'" in str(error.value)
    (folder / "production.toml").write_text(
        PRODUCTION.replace('"slides"', '"slide"').replace(
            '["web"]', '["web", "vertical"]\nlabel = true'
        )
    )
    with pytest.raises(InputError) as error:
        open_project(folder)
    assert "lesson.slides" in str(error.value) and "cannot be delivered as vertical" in str(
        error.value
    )
    assert "delivery.label" in str(error.value)
