# SPDX-License-Identifier: Apache-2.0
"""Packages for xAPI."""

from __future__ import annotations

import zipfile
from fractions import Fraction
from pathlib import Path

from defusedxml import ElementTree

from pipeline.lesson import packages, scorm, tincan
from tests.pipeline.lesson.test_packages import package

RATE = Fraction(25)


HOSTILE = '<script>alert(1)</script> & "quotes" {{title}} ]]> --> \\ = ; #'


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
