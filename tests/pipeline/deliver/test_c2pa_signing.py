# SPDX-License-Identifier: Apache-2.0
"""Test that credentials verify after signing, and show a flipped byte and a remux."""

from __future__ import annotations

import json
import random
import shutil
import struct
from fractions import Fraction
from pathlib import Path

import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pipeline import media
from pipeline.assemble import assemble
from pipeline.assemble import master_mix as sound
from pipeline.assemble.loudness import LoudnessSettings
from pipeline.deliver import c2pa_signing, deliver, signing_key
from pipeline.deliver.c2pa_signing import Claim, Ingredient
from pipeline.deliver.delivery_job import DeliveryJob
from tests.pipeline.tiny_film import TinyFilm, tone

CLAIM = Claim(
    title="The Lamp",
    version="0.1.0",
    labels=["previs"],
    licences=["Apache-2.0"],
    ingredients=[Ingredient(title="portrait of MARA", digest="ab12", format="image/png")],
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signing_key.ensure_signing_key(tmp_path_factory.mktemp("home") / "signing")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    film = TinyFilm(tmp_path)
    film.add([np.full((36, 64, 3), 20 * n, np.uint8) for n in range(10)])
    settings = LoudnessSettings(target_lufs=None)
    master = sound.render_master(
        [film.record(tone(film.samples))], samples=film.samples, settings=settings, root=tmp_path
    )
    picture = assemble.Picture(width=64, height=36, rate=Fraction(25))
    job = DeliveryJob(
        picture=picture, sound_id="", sound_path=tmp_path / master.path, root=tmp_path
    )
    return deliver.render_profiles(
        assemble.build_cuts(film.shots, film.takes, [], version="v", size=(64, 36)),
        job,
        folder=tmp_path / "o",
    )


@pytest.mark.parametrize("profile", ["web", "master"])
def test_a_signed_file_is_valid_still_plays_and_says_that_it_was_generated(
    files, keys: Path, profile: str
) -> None:
    path = files[profile]
    before = list(media.read_frames(path, width=64, height=36))
    c2pa_signing.sign_file(path, CLAIM, keys=keys)
    found = c2pa_signing.verify_credentials(path)
    assert (found.state, found.trusted) == ("valid", False)
    assert signing_key.TEST_NAME in found.signer
    assert np.array_equal(before, list(media.read_frames(path, width=64, height=36)))
    with c2pa.Reader(str(path)) as reader:
        text = reader.json()
    assert "trainedAlgorithmicMedia" in text
    assert "portrait of MARA" in text
    assert json.loads(text)["manifests"]
    assert sorted(p.name for p in path.parent.iterdir()) == ["master.mov", "web.mp4"]


def store_box(data: bytes) -> tuple[int, int]:
    """Find where the credentials themselves lie.

    Parts of them (padding, the signature's unprotected header) are signed by nobody.
    """
    place = 0
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"uuid":
            return place, place + size
        place += size if size > 1 else struct.unpack(">Q", data[place + 8 : place + 16])[0]
    raise LookupError("no credentials in this file")


@pytest.mark.parametrize("profile", ["web", "master"])
def test_one_flipped_byte_is_found_wherever_it_is(files, keys: Path, profile: str) -> None:
    c2pa_signing.sign_file(files[profile], CLAIM, keys=keys)
    sound = files[profile].read_bytes()
    picture = sound.rindex(b"mdat") + 40
    first, last = store_box(sound)
    anywhere = [
        place
        for place in random.Random(1).sample(range(8, len(sound)), 40)
        if not first <= place < last
    ]
    for place in [picture, len(sound) - 1, *anywhere[:8]]:
        data = bytearray(sound)
        data[place] ^= 1 << place % 8
        files[profile].write_bytes(data)
        assert c2pa_signing.verify_credentials(files[profile]).state in ("tampered", "missing"), (
            place
        )
    data = bytearray(sound)
    data[picture] ^= 1
    files[profile].write_bytes(data)
    assert c2pa_signing.verify_credentials(files[profile]).state == "tampered"


def test_credentials_that_were_stripped_are_missing(files, keys: Path, tmp_path: Path) -> None:
    assert c2pa_signing.verify_credentials(files["web"]).state == "missing"
    c2pa_signing.sign_file(files["web"], CLAIM, keys=keys)
    media.run(["-i", str(files["web"]), "-c", "copy", str(tmp_path / "remuxed.mp4")])
    assert c2pa_signing.verify_credentials(tmp_path / "remuxed.mp4").state == "missing"


def own_key(folder: Path, key: object) -> Path:
    """Make a signer's own key, and a certificate for it from this installation's test root."""
    root = ec.generate_private_key(ec.SECP256R1())
    certificates = [
        signing_key._build_certificate(key, root, authority=False),
        signing_key._build_certificate(root, root, authority=True),
    ]
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    folder.mkdir()
    (folder / "key.pem").write_bytes(pem)
    (folder / "key.pem").chmod(0o600)
    (folder / "chain.pem").write_bytes(
        b"".join(
            certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates
        )
    )
    return folder


@pytest.mark.parametrize("kind", ["P-384", "Ed25519", "RSA"])
def test_a_signer_of_ones_own_signs_with_whatever_key_it_has(
    files, tmp_path: Path, kind: str
) -> None:
    key = {
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "RSA": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    }[kind]()
    folder = signing_key.ensure_signing_key(own_key(tmp_path / "ours", key))
    path = Path(shutil.copy(files["web"], tmp_path))
    c2pa_signing.sign_file(path, Claim(title="The Lamp", version="1"), keys=folder)
    assert c2pa_signing.verify_credentials(path).state == "valid"


def test_a_signed_file_that_was_cut_short_is_tampered_with_and_a_text_holds_nothing(
    files, keys: Path, tmp_path: Path
) -> None:
    c2pa_signing.sign_file(files["web"], CLAIM, keys=keys)
    data = files["web"].read_bytes()
    files["web"].write_bytes(data[: len(data) // 2])
    assert c2pa_signing.verify_credentials(files["web"]).state == "tampered"
    (tmp_path / "notes.txt").write_text("hello")
    assert c2pa_signing.verify_credentials(tmp_path / "notes.txt").state == "missing"
