# SPDX-License-Identifier: Apache-2.0
"""The list of parts: valid by CycloneDX's own schema, the same twice, whole, and of no machine."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from model.weight_catalogue import CATALOGUE

if os.environ.get("CALLSHEET_REQUIRE") != "all":
    pytest.importorskip("cyclonedx", reason="a package of locks/cpu.txt is not installed")
sbom = importlib.import_module("infra.sbom")


@pytest.fixture(scope="module")
def text() -> str:
    """The list of this environment; `format_bom` refuses what the schema refuses."""
    return str(sbom.format_bom(sbom.build_bom(sbom.find_packages(), sbom.read_policy())))


@pytest.fixture(scope="module")
def components(text: str) -> dict[str, dict[str, Any]]:
    return {one["bom-ref"]: one for one in json.loads(text)["components"]}


def test_it_is_cyclonedx_1_6_and_the_same_twice(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(text)["specVersion"] == "1.6"
    target = tmp_path / "new/callsheet.cdx.json"
    assert sbom.main([str(target)]) == 0
    assert target.read_text() == text
    assert capsys.readouterr().out == f"{target}\n"


def test_what_the_schema_refuses_is_an_error() -> None:
    packages = [one for one in sbom.find_packages() if one.name == "safetensors"]
    bom = sbom.build_bom(packages, sbom.read_policy())
    component = next(one for one in bom.components if one.name == "ge2e-speaker")
    component.hashes = [sbom.HashType(alg=sbom.HashAlgorithm.SHA_256, content="no digest")]
    with pytest.raises(ValueError, match="CycloneDX"):
        sbom.format_bom(bom)


def test_every_installed_package_is_listed_with_a_licence(
    components: dict[str, dict[str, Any]],
) -> None:
    for package in sbom.find_packages():
        component = components[f"{canonicalize_name(package.name)}=={package.version}"]
        assert component["licenses"], package.name
        assert component["purl"].startswith("pkg:pypi/")


def test_every_weight_is_listed_with_its_digest(components: dict[str, dict[str, Any]]) -> None:
    for weight in CATALOGUE:
        component = components[f"weight:{weight.name}"]
        assert component["type"] == "machine-learning-model"
        assert component["hashes"] == [{"alg": "SHA-256", "content": weight.sha256}]


def test_tools_are_told_from_what_the_product_needs(components: dict[str, dict[str, Any]]) -> None:
    scopes = {one["name"]: one.get("scope") for one in components.values()}
    assert {scopes[name] for name in ("torch", "ray", "s3fs", "aiobotocore")} == {"required"}
    assert {scopes[name] for name in ("pytest", "mypy", "ruff", "moto")} == {"optional"}


def test_the_program_inside_a_wheel_is_listed(components: dict[str, dict[str, Any]]) -> None:
    (wheel,) = (one for one in components.values() if one["name"] == "imageio-ffmpeg")
    ((part,), licence) = (wheel["components"], wheel["components"][0]["licenses"][0])
    assert (part["name"], licence) == ("ffmpeg", {"license": {"id": "GPL-3.0-or-later"}})


def test_it_names_no_machine_and_no_moment(text: str) -> None:
    assert "file:" not in text
    assert str(Path.home()) not in text
    assert str(Path(sbom.__file__).parents[1]) not in text
    assert not {"serialNumber", "timestamp"} & {*json.loads(text), *json.loads(text)["metadata"]}
