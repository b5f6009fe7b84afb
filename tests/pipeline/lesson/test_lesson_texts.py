# SPDX-License-Identifier: Apache-2.0
"""Transcript, chapters, the SCORM package and XLIFF: whole, well-formed, and deaf to hostile text."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline.lesson import markdown, scorm, transcript, xliff
from pipeline.lesson.script import LessonScript
from pipeline.lesson.transcript import Entry
from pipeline.moods import words

RATE = Fraction(25)
HOSTILE = '<script>alert(1)</script> & "quotes" {{title}} ]]> --> \\ = ; #'
TOLD = [
    Entry(title="One", frame=0, said=(("ANNA", "Hello."), ("BEN", HOSTILE)), on_slides=("Words",)),
    Entry(title=HOSTILE, frame=100, said=(("ANNA", "Bye."),)),
]


def script() -> LessonScript:
    return markdown.parse("# One\n(happy) Hello.\n\n# Two\n**ANNA:** Goodbye & thanks.\n", file="x.md", words=words())


def package(tmp_path: Path) -> scorm.Package:
    for name in ("a.mp4", "a.vtt", "c.vtt", "p.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    return scorm.Package(
        title=HOSTILE, identifier="Ünter 1/2", language="en", rate=RATE, transcript=TOLD, video=tmp_path / "a.mp4",
        captions=tmp_path / "a.vtt", chapters=tmp_path / "c.vtt", poster=tmp_path / "p.jpg",
    )  # fmt: skip


def test_the_transcript_says_who_says_what_and_what_stands_on_the_slides() -> None:
    text = transcript.plain("Lesson", TOLD, rate=RATE)
    assert "0:04  <script>" in text and "ANNA: Hello." in text and "On the slide: Words" in text


def test_text_is_text_in_every_page() -> None:
    for page in (transcript.page(HOSTILE, TOLD, rate=RATE, language='en"><script>'),):
        assert "<script>" not in page and "&lt;script&gt;" in page


def test_chapters_for_players_lie_on_their_frames() -> None:
    vtt = transcript.chapters_vtt(TOLD, frames=250, rate=RATE)
    assert "00:00:00.000 --> 00:00:04.000\nOne" in vtt and "00:00:04.000 --> 00:00:10.000" in vtt
    assert "-->" not in vtt.splitlines()[-1]


def test_a_package_holds_what_its_manifest_lists_and_the_manifest_keeps_the_rules(tmp_path: Path) -> None:
    path = scorm.write(package(tmp_path), tmp_path / "lesson.zip")
    with zipfile.ZipFile(path) as archive:
        names, manifest = set(archive.namelist()), archive.read(scorm.MANIFEST).decode()
        page = archive.read("index.html").decode()
    assert scorm.check(manifest, files=names - {scorm.MANIFEST}) == []
    assert names == {
        scorm.MANIFEST,
        "index.html",
        "player.js",
        "player.css",
        "lesson.mp4",
        "captions.vtt",
        "chapters.vtt",
        "poster.jpg",
    }
    root = ElementTree.fromstring(manifest)
    assert root.find(f".//{{{scorm.CP}}}title").text.startswith("<script>")
    assert "<script>alert" not in page and "{{" not in page.replace("{{title}} ]]&gt;", "")
    assert 'data-seconds="4.000"' in page and "Content-Security-Policy" in page


def test_the_same_lesson_is_the_same_package(tmp_path: Path) -> None:
    one = scorm.write(package(tmp_path), tmp_path / "one.zip").read_bytes()
    assert one == scorm.write(package(tmp_path), tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ('identifierref="nothing"', 'identifierref="sco"', "is no resource"),
        ('default="other"', 'default="lesson"', "default organization"),
        ('href="absent.html"', 'href="player.js"', "listed and not packed"),
        ('scormtype="asset"', 'scormtype="sco"', "not a SCO"),
        ("<!DOCTYPE m [<!ENTITY x 'y'>]><manifest", "<manifest", "can be read"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_told_so(tmp_path: Path, wrong: str, right: str, message: str) -> None:
    files = ["index.html", "player.js"]
    manifest = scorm.manifest_xml(package(tmp_path), files=files)
    assert scorm.check(manifest, files=set(files)) == []
    found = scorm.check(manifest.replace(right, wrong, 1), files=set(files))
    assert any(message in str(problem) for problem in found)


def test_a_translation_comes_back_as_the_same_lesson_in_other_words(tmp_path: Path) -> None:
    sent = xliff.export(script(), original="x.md", source="en", target="de")
    back = sent
    for english, german in (
        ("One", "Eins"),
        ("Two", "Zwei"),
        ("Hello.", "Hallo."),
        ("Goodbye &amp; thanks.", "Tschüss &amp; danke."),
    ):
        back = back.replace(f"<source>{english}</source>", f"<source>{english}</source><target>{german}</target>")
    (tmp_path / "de.xlf").write_text(back, encoding="utf-8")
    translation = xliff.read(tmp_path / "de.xlf", script())
    translated = markdown.retitled(script(), translation.titles, translation.texts)
    again = markdown.parse(markdown.write(translated), file="x.md", words=words())
    assert translation.language == "de"
    assert [section.title for section in again.sections] == ["Eins", "Zwei"]
    assert [(line.character, line.text, line.performance) for line in again.lines] == [
        ("PRESENTER", "Hallo.", "happy 1"),
        ("ANNA", "Tschüss & danke.", ""),
    ]


def test_a_translation_that_does_not_fit_is_told_unit_by_unit(tmp_path: Path) -> None:
    sent = xliff.export(script(), original="x.md", source="en", target="de")
    sent = sent.replace("<source>Hello.</source>", "<source>Hello?</source><target>Hallo?</target>")
    sent = sent.replace('id="title-2"', 'id="title-22"')
    (tmp_path / "de.xlf").write_text(sent, encoding="utf-8")
    with pytest.raises(InputError) as error:
        xliff.read(tmp_path / "de.xlf", script())
    told = str(error.value)
    assert (
        "says something else by now" in told and "no unit 'title-22'" in told and "'title-1' is not translated" in told
    )
    assert "the unit 'title-2' is missing" in told


@pytest.mark.parametrize(
    "hostile",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xliff>&b;</xliff>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><xliff/>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xliff>&e;</xliff>',
        "not xml",
        "<xliff/>",
        "",
    ],
)
def test_hostile_and_broken_documents_are_refused(tmp_path: Path, hostile: str) -> None:
    (tmp_path / "x.xlf").write_text(hostile)
    with pytest.raises(InputError):
        xliff.read(tmp_path / "x.xlf", script())


@given(st.text(max_size=40), st.text(max_size=60))
def test_any_title_and_text_survive_the_way_through_xliff(title: str, text: str) -> None:
    seed = script()
    changed = markdown.retitled(seed, {"1": title}, {seed.lines[0].line_id: text})
    root = ElementTree.fromstring(xliff.export(changed, original="x.md", source="en", target="de").encode())
    assert len(list(root.iter(f"{{{xliff.NAMESPACE}}}trans-unit"))) == 4
