# SPDX-License-Identifier: Apache-2.0
"""The key that signs: made once, private, or the user's own."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from manifests.errors import InputError
from pipeline.deliver import signing_key
from tests.pipeline.deliver.test_c2pa_signing import own_key


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signing_key.ensure_signing_key(tmp_path_factory.mktemp("home") / "signing")


def test_the_key_is_private_and_made_once(keys: Path) -> None:
    key = keys / signing_key.KEY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert signing_key.ensure_signing_key(keys) == keys
    assert key.read_bytes() == before


def test_where_the_configuration_cannot_be_written_a_run_has_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("a file, below which even root can make nothing")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CALLSHEET_SIGNING", raising=False)
    folder = signing_key.ensure_signing_key(signing_key.find_key_folder())
    signing_key.check_key(folder)
    assert signing_key.ensure_signing_key(signing_key.find_key_folder()) == folder
    monkeypatch.setenv("CALLSHEET_SIGNING", str(tmp_path / "config" / "key"))
    with pytest.raises(OSError, match="config"):
        signing_key.ensure_signing_key(signing_key.find_key_folder())


def test_processes_that_make_the_key_at_once_get_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        folders = list(threads.map(signing_key.ensure_signing_key, [tmp_path / "signing"] * 4))
    signing_key.check_key(folders[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signing"]
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "README").write_text("ours")
    signing_key.check_key(signing_key.ensure_signing_key(tmp_path / "used"))


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = signing_key.ensure_signing_key(tmp_path / "signing")
    (folder / signing_key.KEY).chmod(0o644)
    with pytest.raises(InputError, match="others can read"):
        signing_key.ensure_signing_key(folder)


def test_a_signer_of_ones_own_is_named_by_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSHEET_SIGNING", str(tmp_path / "ours"))
    assert signing_key.find_key_folder() == tmp_path / "ours"
    monkeypatch.delenv("CALLSHEET_SIGNING")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert signing_key.find_key_folder() == tmp_path / "config" / "callsheet" / "signing"
    repository = Path(__file__).parents[3]
    assert not signing_key.find_key_folder().is_relative_to(repository)


def test_a_key_that_cannot_sign_is_told_before_anything_is_made(tmp_path: Path) -> None:
    ours = own_key(tmp_path / "ours", ec.generate_private_key(ec.SECP256R1()))
    other = own_key(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    (other / "chain.pem").write_bytes((ours / "chain.pem").read_bytes())
    odd = own_key(tmp_path / "odd", ec.generate_private_key(ec.SECP256K1()))
    (tmp_path / "text").mkdir()
    for name in ("key.pem", "chain.pem"):
        (tmp_path / "text" / name).write_text("hello")
        (tmp_path / "text" / name).chmod(0o600)
    for folder, words in (
        (other, "another key"),
        (odd, "this kind of key"),
        (tmp_path / "text", "cannot be read"),
    ):
        with pytest.raises(InputError, match=words):
            signing_key.check_key(folder)
    signing_key.check_key(ours)
    signing_key.check_key(tmp_path / "nothing")


def test_half_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / signing_key.KEY).write_text("key")
    with pytest.raises(InputError, match=r"chain\.pem"):
        signing_key.ensure_signing_key(tmp_path)
