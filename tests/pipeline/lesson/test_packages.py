# SPDX-License-Identifier: Apache-2.0
"""Transcript, chapters, the SCORM package and XLIFF: whole, well-formed, and deaf to hostile
text."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline.lesson import (
    lesson_script,
    markdown,
    markdown_writer,
    packages,
    scorm,
    tincan,
    transcript,
    xliff,
)
from pipeline.lesson.lesson_script import LessonScript
from pipeline.lesson.transcript import TranscriptEntry
from pipeline.script.emotion_synonyms import load_words
from pipeline.script.settings import PackageName

RATE = Fraction(25)
HOSTILE = '<script>alert(1)</script> & "quotes" {{title}} ]]> --> \\ = ; #'
TOLD = [
    TranscriptEntry(
        title="One", frame=0, spoken=(("ANNA", "Hello."), ("BEN", HOSTILE)), on_slides=("Words",)
    ),
    TranscriptEntry(title=HOSTILE, frame=100, spoken=(("ANNA", "Bye."),)),
]


def script() -> LessonScript:
    return markdown.parse(
        "# One\n(happy) Hello.\n\n# Two\n**ANNA:** Goodbye & thanks.\n",
        file="x.md",
        words=load_words(),
    )


SCRIPT = script()


def package(tmp_path: Path) -> packages.Package:
    for name in ("a.mp4", "a.vtt", "c.vtt", "p.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    return packages.Package(
        title=HOSTILE,
        identifier="Ünter 1/2",
        language="en",
        rate=RATE,
        transcript=TOLD,
        video=tmp_path / "a.mp4",
        captions=tmp_path / "a.vtt",
        chapters=tmp_path / "c.vtt",
        poster=tmp_path / "p.jpg",
    )


def test_the_transcript_says_who_says_what_and_what_stands_on_the_slides() -> None:
    text = transcript.render_text("Lesson", TOLD, rate=RATE)
    assert "0:04  <script>" in text and "ANNA: Hello." in text and "On the slide: Words" in text


def test_text_is_text_in_every_page() -> None:
    for page in (transcript.render_page(HOSTILE, TOLD, rate=RATE, language='en"><script>'),):
        assert "<script>" not in page and "&lt;script&gt;" in page


def test_chapters_for_players_lie_on_their_frames() -> None:
    vtt = transcript.render_chapters_vtt(TOLD, frames=250, rate=RATE)
    assert "00:00:00.000 --> 00:00:04.000\nOne" in vtt and "00:00:04.000 --> 00:00:10.000" in vtt
    assert "-->" not in vtt.splitlines()[-1]


@pytest.mark.parametrize("kind", ["scorm12", "scorm2004"])
def test_a_package_holds_what_its_manifest_lists_and_the_manifest_keeps_the_rules(
    tmp_path: Path, kind: PackageName
) -> None:
    path, edition = (
        packages.write(package(tmp_path), tmp_path / "lesson.zip", kind=kind),
        scorm.EDITIONS[kind],
    )
    with zipfile.ZipFile(path) as archive:
        names, manifest = set(archive.namelist()), archive.read(scorm.MANIFEST).decode()
        page = archive.read("index.html").decode()
    assert scorm.check(manifest, edition=edition, files=names - {scorm.MANIFEST}) == []
    assert names == {
        scorm.MANIFEST,
        "index.html",
        "player.js",
        "scorm.js",
        "xapi.js",
        "player.css",
        "lesson.mp4",
        "captions.vtt",
        "chapters.vtt",
        "poster.jpg",
    }
    root = ElementTree.fromstring(manifest)
    assert root.find(f".//{{{edition.cp}}}title").text.startswith("<script>")
    assert "<script>alert" not in page and "{{" not in page.replace("{{title}} ]]&gt;", "")
    assert (
        'data-seconds="4.000"' in page
        and "Content-Security-Policy" in page
        and "connect-src" not in page
    )
    assert f'data-system="{kind}"' in page and f"<schemaversion>{edition.version}<" in manifest


def test_an_xapi_package_says_what_begins_it_and_keeps_its_name_when_it_is_mended(
    tmp_path: Path,
) -> None:
    path = packages.write(package(tmp_path), tmp_path / "lesson.zip", kind="xapi")
    with zipfile.ZipFile(path) as archive:
        names, root = set(archive.namelist()), ElementTree.fromstring(archive.read(tincan.MANIFEST))
        page = archive.read("index.html").decode()
    (activity,) = root.findall(f"{{{tincan.NAMESPACE}}}activities/{{{tincan.NAMESPACE}}}activity")
    told = {child.tag.partition("}")[2]: child.text for child in activity}
    assert list(told) == ["name", "description", "launch"] and told["launch"] in names
    assert told["name"].startswith("<script>") and scorm.MANIFEST not in names
    assert activity.get("id") == tincan.make_activity_iri("Ünter 1/2") and activity.get(
        "id"
    ).startswith("urn:uuid:")
    assert f'data-activity="{activity.get("id")}"' in page and "connect-src" in page


def test_the_same_lesson_is_the_same_package(tmp_path: Path) -> None:
    one = packages.write(package(tmp_path), tmp_path / "one.zip").read_bytes()
    assert one == packages.write(package(tmp_path), tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ('identifierref="nothing"', 'identifierref="sco"', "is not a resource"),
        ('default="other"', 'default="lesson"', "default organization"),
        ('href="absent.html"', 'href="player.js"', "listed but not packed"),
        ('scormtype="asset"', 'scormtype="sco"', "not a SCO"),
        ("<schemaversion>1.3<", "<schemaversion>1.2<", "do not name ADL SCORM, 1.2"),
        ("<!DOCTYPE m [<!ENTITY x 'y'>]><manifest", "<manifest", "not readable XML"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_told_so(wrong: str, right: str, message: str) -> None:
    files, edition = ["index.html", "player.js"], scorm.EDITIONS["scorm12"]
    manifest = scorm.build_manifest("A lesson", identifier="a-lesson", edition=edition, files=files)
    assert scorm.check(manifest, edition=edition, files=set(files)) == []
    found = scorm.check(manifest.replace(right, wrong, 1), edition=edition, files=set(files))
    assert any(message in str(problem) for problem in found)


@pytest.mark.parametrize("version", xliff.VERSIONS)
def test_a_translation_comes_back_as_the_same_lesson_in_other_words(
    tmp_path: Path, version: xliff.Version
) -> None:
    back = xliff.export(script(), original="x.md", source="en", target="de", version=version)
    for english, german in (
        ("One", "Eins"),
        ("Two", "Zwei"),
        ("Hello.", "Hallo."),
        ("Goodbye &amp; thanks.", "Tschüss &amp; danke."),
    ):
        back = back.replace(
            f"<source>{english}</source>", f"<source>{english}</source><target>{german}</target>"
        )
    (tmp_path / "de.xlf").write_text(back, encoding="utf-8")
    translation = xliff.read(tmp_path / "de.xlf", script())
    translated = lesson_script.replace_texts(script(), translation.titles, translation.texts)
    again = markdown.parse(markdown_writer.write(translated), file="x.md", words=load_words())
    assert translation.language == "de"
    assert [section.title for section in again.sections] == ["Eins", "Zwei"]
    assert [(line.character, line.text, line.performance) for line in again.lines] == [
        ("PRESENTER", "Hallo.", "happy 1"),
        ("ANNA", "Tschüss & danke.", ""),
    ]


def test_a_document_of_xliff_2_1_has_the_structure_that_the_standard_asks_for() -> None:
    """Section 4.2 of the standard: which element holds which, in which order, and the attributes
    that must be there."""
    odd = [replace(line, line_id="sc 1/ü") for line in script().lines[:1]]
    named = replace(script().sections[0], line_ids=("sc 1/ü",))
    text = xliff.export(
        LessonScript(sections=(named,), lines=tuple(odd)),
        original="x.md",
        source="en",
        target="de",
        version="2.1",
    )
    root = ElementTree.fromstring(text.encode())
    inside = {
        "xliff": {"file"},
        "file": {"group"},
        "group": {"unit"},
        "unit": {"notes", "segment"},
        "notes": {"note"},
        "segment": {"source"},
    }
    for element in root.iter():
        space, _, name = element.tag[1:].partition("}")
        assert space == "urn:oasis:names:tc:xliff:document:2.0"
        assert {child.tag.partition("}")[2] for child in element} == inside.get(name, set())
        if name in {"file", "group", "unit"}:
            assert re.fullmatch(r"[\w.-]+", element.get("id"))
    assert (root.get("version"), root.get("srcLang"), root.get("trgLang")) == ("2.1", "en", "de")
    units = list(root.iter(f"{{{xliff.NAMESPACES['2.1']}}}unit"))
    assert [unit.get("name") for unit in units] == ["title-1", "sc 1/ü"] and len(
        {u.get("id") for u in units}
    ) == 2
    assert all(
        [child.tag.partition("}")[2] for child in unit] == ["notes", "segment"] for unit in units
    )


def test_segments_that_a_tool_split_or_turned_round_are_joined_again(tmp_path: Path) -> None:
    given = markdown.parse("# One\nHello there. Come in!\n", file="x.md", words=load_words())
    sent = xliff.export(given, original="x.md", source="en", target="de", version="2.1")
    sent = sent.replace(
        "<source>One</source>", '<source>One</source><target state="x">Eins</target>'
    )
    whole, split = (
        "<segment><source>Hello there. Come in!</source></segment>",
        '<segment id="s1"><source>Hello <mrk id="m1" type="term">there</mrk>.</source>'
        '<target order="3">Hallo.</target></segment>'
        "<ignorable><source> </source></ignorable>"
        '<segment id="s2"><source>Come in!</source>'
        '<target order="1">Kommen Sie herein!</target></segment>',
    )
    assert whole in re.sub(r">\s+<", "><", sent)
    (tmp_path / "de.xlf").write_text(
        re.sub(r">\s+<(?!/source)", "><", sent).replace(whole, split), encoding="utf-8"
    )
    assert list(xliff.read(tmp_path / "de.xlf", given).texts.values()) == [
        "Kommen Sie herein! Hallo."
    ]
    torn = split.replace('<target order="3">Hallo.</target>', "")
    (tmp_path / "de.xlf").write_text(
        re.sub(r">\s+<(?!/source)", "><", sent).replace(whole, torn), encoding="utf-8"
    )
    with pytest.raises(InputError, match="is not translated"):
        xliff.read(tmp_path / "de.xlf", given)


def test_a_target_that_only_stands_where_one_will_be_is_no_translation(tmp_path: Path) -> None:
    sent = xliff.export(script(), original="x.md", source="en", target="de")
    copied = re.sub(
        r"<source>(.*?)</source>",
        r'<source>\1</source><target state="needs-translation">\1</target>',
        sent,
    )
    (tmp_path / "de.xlf").write_text(copied, encoding="utf-8")
    with pytest.raises(InputError, match="'title-1' is not translated"):
        xliff.read(tmp_path / "de.xlf", script())


def test_a_translation_that_does_not_fit_is_told_unit_by_unit(tmp_path: Path) -> None:
    sent = xliff.export(script(), original="x.md", source="en", target="de")
    sent = sent.replace("<source>Hello.</source>", "<source>Hello?</source><target>Hallo?</target>")
    sent = sent.replace('id="title-2"', 'id="title-22"')
    (tmp_path / "de.xlf").write_text(sent, encoding="utf-8")
    with pytest.raises(InputError) as error:
        xliff.read(tmp_path / "de.xlf", script())
    told = str(error.value)
    assert (
        "the script has changed at" in told
        and "no unit 'title-22'" in told
        and "'title-1' is not translated" in told
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
    seed = SCRIPT
    changed = lesson_script.replace_texts(seed, {"1": title}, {seed.lines[0].line_id: text})
    root = ElementTree.fromstring(
        xliff.export(changed, original="x.md", source="en", target="de").encode()
    )
    assert len(list(root.iter(f"{{{xliff.NAMESPACES['1.2']}}}trans-unit"))) == 4
