# SPDX-License-Identifier: Apache-2.0
"""Manifests of SCORM packages keep the rules of the standard."""

from __future__ import annotations

import pytest

from pipeline.lesson import scorm


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
