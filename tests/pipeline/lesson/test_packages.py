# SPDX-License-Identifier: Apache-2.0
"""Transcript, chapters, the SCORM package and XLIFF: whole, well-formed, and deaf to hostile
text."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path

import pytest
from defusedxml import ElementTree

from pipeline.lesson import packages, scorm
from pipeline.lesson.transcript import TranscriptEntry
from pipeline.script.settings import PackageName

RATE = Fraction(25)
HOSTILE = '<script>alert(1)</script> & "quotes" {{title}} ]]> --> \\ = ; #'
TOLD = [
    TranscriptEntry(
        title="One", frame=0, spoken=(("ANNA", "Hello."), ("BEN", HOSTILE)), on_slides=("Words",)
    ),
    TranscriptEntry(title=HOSTILE, frame=100, spoken=(("ANNA", "Bye."),)),
]


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


def test_the_same_lesson_is_the_same_package(tmp_path: Path) -> None:
    one = packages.write(package(tmp_path), tmp_path / "one.zip").read_bytes()
    assert one == packages.write(package(tmp_path), tmp_path / "two.zip").read_bytes()
