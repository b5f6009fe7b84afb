# SPDX-License-Identifier: Apache-2.0
"""A script goes to translators as XLIFF 2.1 and comes back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from manifests.errors import InputError
from pipeline.lesson import lesson_script, markdown, markdown_writer, xliff
from pipeline.lesson.lesson_script import LessonScript
from pipeline.script.emotion_synonyms import load_words


def script() -> LessonScript:
    return markdown.parse(
        "# One\n(happy) Hello.\n\n# Two\n**ANNA:** Goodbye & thanks.\n",
        file="x.md",
        words=load_words(),
    )


SCRIPT = script()


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
