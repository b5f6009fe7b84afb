# SPDX-License-Identifier: Apache-2.0
"""Licences: what is installed is allowed, what nobody looked at fails by name, and THIRD_PARTY.md
says the same as the tables."""

from __future__ import annotations

import importlib
import os
import re
from fnmatch import fnmatch
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from infra.lock import read_lock
from model.weight_catalogue import CATALOGUE

if os.environ.get("CALLSHEET_REQUIRE") != "all":
    pytest.importorskip("license_expression", reason="a package of locks/cpu.txt is not installed")
licences = importlib.import_module("infra.licences")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "THIRD_PARTY.md").read_text()
POLICY = licences.read_policy()


def locked() -> dict[str, str]:
    pins = [pin for path in (ROOT / "locks").glob("*.txt") for pin in read_lock(path.read_text())]
    return {canonicalize_name(name): version for name, version in (p.split("==") for p in pins)}


def package(folder: Path, *fields: str, files: str = "") -> Distribution:
    """An installed package, as its metadata describe it."""
    info = folder / "parcel-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join(["Name: parcel", "Version: 1.0", *fields, "", ""]))
    (info / "RECORD").write_text(f"{files},,\n" if files else "")
    return Distribution.at(info)


def test_every_installed_package_is_allowed() -> None:
    packages = licences.find_packages()
    assert len(packages) > 250
    assert list(licences.check_packages(packages, POLICY)) == []


@pytest.mark.parametrize(
    "field",
    [
        "License-Expression: MIT OR GPL-3.0-only",
        "License-Expression: MPL-2.0 AND (Apache-2.0 OR MIT)",
        "License: Apache 2.0",
        "Classifier: License :: OSI Approved :: MIT License",
    ],
)
def test_a_licence_that_can_be_met_passes(tmp_path: Path, field: str) -> None:
    assert list(licences.check_packages([package(tmp_path, field)], POLICY)) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (["License-Expression: MIT AND GPL-3.0-only"], "MIT AND GPL-3.0-only"),
        (["License-Expression: AGPL-3.0-or-later"], "AGPL-3.0-or-later"),
        (["License: CC BY-NC 4.0"], "CC BY-NC 4.0"),
        (
            ["License: MIT", "Classifier: License :: OSI Approved :: GNU Affero GPL v3"],
            "GNU Affero GPL v3",
        ),
        (["License: UNKNOWN"], "states no licence"),
        ([], "states no licence"),
    ],
)
def test_another_licence_fails_and_is_named(tmp_path: Path, fields: list[str], named: str) -> None:
    (problem,) = licences.check_packages([package(tmp_path, *fields)], POLICY)
    assert problem.startswith("parcel 1.0: ")
    assert named in problem


def test_a_wheel_with_libraries_that_nobody_listed_fails(tmp_path: Path) -> None:
    found = package(tmp_path, "License: MIT", files="parcel.libs/libx264.so.165")
    (problem,) = licences.check_packages([found], POLICY)
    assert "[inside.parcel]" in problem


def test_every_exception_has_a_reason_and_still_stands_for_a_locked_package() -> None:
    names = locked()
    for pattern, entry in {**POLICY.exceptions, **POLICY.inside}.items():
        assert entry["because"], pattern
        assert any(fnmatch(name, pattern) for name in names), f"{pattern} is in no lock"


def test_third_party_names_every_exception_and_every_part_under_terms_of_its_own() -> None:
    for name in [*POLICY.exceptions, *POLICY.vendored]:
        assert name in PAGE, name
    for name, entry in POLICY.inside.items():
        copyleft = [part for part, licence in entry["parts"].items() if "GPL" in licence]
        assert not copyleft or f"| {name} |" in PAGE, name
        assert [part for part in copyleft if part not in PAGE] == []


def test_third_party_gives_the_locked_versions() -> None:
    names = locked()
    said = re.findall(r"([A-Za-z][A-Za-z0-9_.-]*) (\d+(?:\.\d+)+(?:\.post\d+)?)", PAGE)
    checked = {name: version for name, version in said if canonicalize_name(name) in names}
    assert len(checked) > 15
    assert {n: v for n, v in checked.items() if names[canonicalize_name(n)] != v} == {}


def test_third_party_gives_the_source_of_every_weight() -> None:
    assert [w.name for w in CATALOGUE if f"{w.package} {w.version}" not in PAGE] == []


def test_vendored_scripts_lie_beside_their_licence_and_their_version() -> None:
    for name, part in POLICY.vendored.items():
        folder = ROOT / part["folder"]
        assert (folder / f"{name}.LICENSE.txt").stat().st_size > 500
        assert f"{name} {part['version']}" in (folder / "README.txt").read_text()
        assert f"{name} {part['version']} ({part['licence']})" in PAGE
