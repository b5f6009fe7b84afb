# SPDX-License-Identifier: Apache-2.0
"""The locks: every pin has digests, every installation asks for them, and a changed file is
refused by pip."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.lock import CPU_BUILDS, SEPARATE, add_cpu_builds, format_lock, read_lock

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
PIN = re.compile(r"[a-z0-9][a-z0-9._-]*==[0-9][^ ]*")
DIGEST = re.compile(r"--hash=sha256:[0-9a-f]{64}")
SCRIPTS = ["infra/setup.sh", "infra/judge.sh", "infra/voice_packages.sh", "infra/corpus.sh"]


def pins(name: str) -> dict[str, str]:
    """Version by package of one lock."""
    lock = read_lock((ROOT / "locks" / f"{name}.txt").read_text())
    return {canonicalize_name(name): version for name, version in (pin.split("==") for pin in lock)}


def wanted(requirements: list[str]) -> Iterator[str]:
    for requirement in requirements:
        yield canonicalize_name(Requirement(requirement).name)


def test_there_is_a_lock_for_every_environment() -> None:
    assert {path.stem for path in LOCKS} == {"cpu", "cuda", "torch-cpu", *SEPARATE}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_pin_is_exact_and_has_digests(path: Path) -> None:
    lock = read_lock(path.read_text())
    assert lock
    assert [pin for pin in lock if not PIN.fullmatch(pin)] == []
    assert [pin for pin, hashes in lock.items() if not hashes] == []
    assert [one for hashes in lock.values() for one in hashes if not DIGEST.fullmatch(one)] == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_no_lock_names_an_address_or_an_option(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert not [
        line for line in lines if ("://" in line and line[0] != "#") or line.startswith("-")
    ]


def test_what_pyproject_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    needs = project["project"]["dependencies"] + groups["dev"]
    needs += project["project"]["optional-dependencies"]["s3"]
    assert set(wanted(needs)) - pins("cpu").keys() == set()
    for group in SEPARATE:
        assert set(wanted(groups[group])) - pins(group).keys() == set()


@pytest.mark.parametrize("group", SEPARATE)
def test_environments_agree_on_the_versions_that_they_share(group: str) -> None:
    shared, ours = pins("cpu"), pins(group)
    assert {name: ours[name] for name in ours if shared.get(name, ours[name]) != ours[name]} == {}


def test_the_cpu_files_of_torch_are_admitted_beside_those_of_pypi() -> None:
    lock = read_lock((ROOT / "locks/cpu.txt").read_text())
    ((pin, files),) = CPU_BUILDS.items()
    admitted = {f"--hash=sha256:{digest}" for digest in files.values()}
    assert admitted < set(lock[pin])
    assert read_lock((ROOT / "locks/torch-cpu.txt").read_text()) == {f"{pin}+cpu": sorted(admitted)}


def test_another_torch_without_known_cpu_files_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"torch==99\.0"):
        add_cpu_builds({"torch==99.0": []})


def test_a_package_for_one_processor_has_a_marker() -> None:
    both, one = {"a==1": ["--hash=sha256:0"]}, {"b==2": ["--hash=sha256:1"]}
    text = format_lock("A lock.", {"x86_64": {**both, **one}, "aarch64": both})
    assert text.splitlines()[1:] == [
        "a==1 \\",
        "    --hash=sha256:0",
        'b==2 ; platform_machine == "x86_64" \\',
        "    --hash=sha256:1",
    ]
    assert read_lock(text) == {**both, **one}


@pytest.mark.parametrize("name", [*SCRIPTS, "benchmarks/color_matcher.sh"])
def test_scripts_install_by_digest_only(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    calls = re.findall(r"\bpip (?:install|download)\b.*|-m pip (?:install|download).*", text)
    loose = [call for call in calls if "--require-hashes" not in call]
    assert all(call.endswith("--no-deps --no-build-isolation -e .") for call in loose), loose
    assert calls or name == "infra/corpus.sh"


def make_wheel(folder: Path, content: str) -> Path:
    """A wheel with one module, as an index would serve it."""
    path = folder / "parcel-1.0-py3-none-any.whl"
    info = "parcel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("parcel.py"), content)
        for name, text in {
            "METADATA": "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }.items():
            wheel.writestr(zipfile.ZipInfo(f"{info}/{name}"), text)
    return path


def install(folder: Path, lock: Path) -> subprocess.CompletedProcess[str]:
    """Install as infra/setup.sh does, from one folder instead of an index."""
    setup = (ROOT / "infra/setup.sh").read_text()
    options = re.search(r"^install\(\) \{ pip install (.+) -r", setup, flags=re.M)
    assert options is not None
    command = [sys.executable, "-m", "pip", "install", *options[1].split(), "-r", str(lock)]
    command += ["--no-index", "--find-links", str(folder), "--target", str(folder / "installed")]
    environment = {name: value for name, value in os.environ.items() if name[:4] != "PIP_"}
    environment["PIP_CONFIG_FILE"] = os.devnull
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_pip_installs_the_file_of_the_lock_and_refuses_a_changed_one(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "VALUE = 1\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = tmp_path / "lock.txt"
    lock.write_text(
        format_lock("A lock.", {"x86_64": {"parcel==1.0": [f"--hash=sha256:{digest}"]}})
    )
    lock.write_text(lock.read_text().replace(' ; platform_machine == "x86_64"', ""))
    make_wheel(tmp_path, "VALUE = 2\n")
    refused = install(tmp_path, lock)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert not (tmp_path / "installed").exists()
    make_wheel(tmp_path, "VALUE = 1\n")
    assert install(tmp_path, lock).returncode == 0
    assert (tmp_path / "installed/parcel.py").read_text() == "VALUE = 1\n"
