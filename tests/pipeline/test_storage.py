# SPDX-License-Identifier: Apache-2.0
"""Storage, a folder and an S3 simulator: files come back whole or not at all, calls that fail are
repeated, secrets stay out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests.errors import InputError, ToolError
from pipeline.storage import Storage
from tests.faults.s3_simulator import BUCKET, s3_simulator

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:botocore", "ignore::DeprecationWarning:aiobotocore"
)
FAILING = 0.05


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket in a simulator that fails one call of twenty."""
    with s3_simulator(FAILING) as environment:
        before = dict(os.environ)
        os.environ.update(environment)
        yield f"s3://{BUCKET}/shared"
        os.environ.clear()
        os.environ.update(before)


def write(path: Path, size: int, fill: int = 7) -> Path:
    path.write_bytes(bytes([fill]) * size)
    return path


def check(storage: Storage, folder: Path) -> None:
    """Whatever the storage is: what is put is there, is listed, is replaced, and comes back."""
    for number in range(20):
        storage.put(write(folder / "file", 3000, number), f"takes/{number:02}.bin")
    storage.put(write(folder / "file", 10, 99), "takes/00.bin")
    assert storage.list_names("takes") == [f"takes/{number:02}.bin" for number in range(20)]
    for number in range(1, 20):
        storage.get(f"takes/{number:02}.bin", folder / "back")
        assert (folder / "back").read_bytes() == bytes([number]) * 3000
    storage.get("takes/00.bin", folder / "back")
    assert (folder / "back").read_bytes() == bytes([99]) * 10
    assert storage.exists("takes/03.bin")
    assert not storage.exists("takes/33.bin")
    assert storage.read_text("nowhere") is None
    assert storage.list_names("nowhere") == []
    with pytest.raises(FileNotFoundError):
        storage.get("nowhere", folder / "never")
    assert {path.name for path in folder.iterdir()} == {"file", "back"}


def test_a_folder_keeps_what_is_put_there(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    check(Storage(str(tmp_path / "shared")), tmp_path / "mine")


def test_s3_that_fails_one_call_of_twenty_keeps_what_is_put_there(s3: str, tmp_path: Path) -> None:
    check(Storage(s3), tmp_path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://key:secret@bucket/x", "environment"),
        ("relative/folder", "absolute"),
        ("ftp://host/x", "s3://"),
        ("s3:///x", "s3://bucket"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_secrets_are_not_repeated(
    url: str, says: str
) -> None:
    with pytest.raises(InputError, match=says) as error:
        Storage(url)
    assert "secret" not in str(error.value)


def test_a_full_disk_is_said_at_once_leaves_nothing_half_and_takes_up_again(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small file system takes the right to mount one")
    try:
        storage = Storage(str(small / "shared"))
        big = write(tmp_path / "big", 700_000)
        storage.put(big, "takes/one.bin")
        with pytest.raises(ToolError, match=r"(?i)no space left.*") as error:
            storage.put(big, "takes/two.bin")
        assert "(1 tries)" in str(error.value)
        assert storage.list_names("takes") == ["takes/one.bin"]
        (small / "shared/takes/one.bin").unlink()
        storage.put(big, "takes/two.bin")
        assert [path.name for path in (small / "shared/takes").iterdir()] == ["two.bin"]
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
