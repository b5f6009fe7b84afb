# SPDX-License-Identifier: Apache-2.0
"""The signing key of an installation: find it, check it, and make a test key.

An installation without a signer of its own makes a test key, which no trust list knows.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem

KEY, CHAIN = "key.pem", "chain.pem"
TEST_NAME = "Callsheet test key (not trusted)"


def find_key_folder() -> Path:
    """Return the folder of this installation's signing key.

    It is $CALLSHEET_SIGNING, else `callsheet/signing` in the user's configuration.
    """
    named = os.environ.get("CALLSHEET_SIGNING")
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path(named) if named else base / "callsheet" / "signing"


def ensure_signing_key(folder: Path) -> Path:
    """Return the folder with `key.pem` (mode 0600) and `chain.pem`.

    A test key is made when the folder has no key; it lasts for this process only where the user's
    configuration cannot be written. Raises as `check_key`, and OSError where a folder that
    CALLSHEET_SIGNING names cannot be written.
    """
    check_key(folder)
    if (folder / KEY).exists():
        return folder
    try:
        _make_test_key(folder)
    except OSError:
        if "CALLSHEET_SIGNING" in os.environ:
            raise
        return _make_passing_key()
    return folder


@functools.cache
def _make_passing_key() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="signing-")) / "key"
    _make_test_key(folder)
    return folder


def check_key(folder: Path) -> None:
    """Check a signing key before anything is rendered; no key at all is fine.

    Raises InputError when only one of the two files exists, when others than its owner may read the
    key, when the key is encrypted or of a kind that C2PA does not sign with, or when the first
    certificate belongs to another key or is not valid today.
    """
    key, chain = folder / KEY, folder / CHAIN
    if key.exists() != chain.exists():
        missing = chain if key.exists() else key
        raise InputError(
            Problem(
                file=str(missing),
                message="the signing key is incomplete",
                expected=f"{KEY} and {CHAIN}",
            )
        )
    if not key.exists():
        return
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & 0o077:
        message = "others can read the signing key"
        raise InputError(
            Problem(
                file=str(key), message=message, expected="mode 600 (chmod 600)", got=f"{mode:o}"
            )
        )
    find_algorithm(key)
    _check_certificate(key, chain)


def _load_private_key(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, TypeError, ValueError) as error:
        message = "the signing key cannot be read"
        raise InputError(
            Problem(file=str(path), message=message, expected="PEM, not encrypted", got=str(error))
        ) from error


def find_algorithm(path: Path) -> bytes:
    """Find C2PA's name for the algorithm of a key."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key = _load_private_key(path)
    curves = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in curves:
        return curves[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return b"ps256"
    message = "C2PA cannot sign with this kind of key"
    raise InputError(
        Problem(
            file=str(path), message=message, expected="EC P-256, P-384 or P-521, Ed25519 or RSA"
        )
    )


def _check_certificate(key: Path, chain: Path) -> None:
    """Check that the chain begins with the key's own certificate, and that it is valid today."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    except (OSError, ValueError) as error:
        message = "the certificates of the signing key cannot be read"
        raise InputError(
            Problem(file=str(chain), message=message, expected="PEM", got=str(error))
        ) from error
    if certificate.public_key() != _load_private_key(key).public_key():
        message = "the first certificate belongs to another key"
        raise InputError(
            Problem(file=str(chain), message=message, expected=f"the certificate of {KEY} first")
        )
    now = datetime.datetime.now(datetime.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        days = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        message = "the certificate of the signing key is not valid today"
        raise InputError(Problem(file=str(chain), message=message, got=days))


def _make_test_key(folder: Path) -> None:
    """Make a root and a leaf for this installation, valid for ten years.

    The root's key is thrown away. Key and certificates appear together; when another process makes
    them at the same time, those of the first count.
    """
    key, chain = _generate_test_key()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # a mounted volume's parent is not ours
    parent = folder.parent if os.access(folder.parent, os.W_OK) else folder
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=parent))  # mode 0700
    try:
        _write_private(partial / KEY, key)
        (partial / CHAIN).write_bytes(chain)
        # the folder may exist already, with a key or something else in it
        with contextlib.suppress(OSError):
            partial.replace(folder)
        if not (folder / KEY).exists():
            for name in (CHAIN, KEY):
                (partial / name).replace(folder / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _generate_test_key() -> tuple[bytes, bytes]:
    """Generate the leaf's private key and the chain of certificates, both as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    certificates = [
        _build_certificate(leaf, root, authority=False),
        _build_certificate(root, root, authority=True),
    ]
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    chain = b"".join(certificate.public_bytes(pem) for certificate in certificates)
    return leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain), chain


def _build_certificate(key: Any, issuer: Any, *, authority: bool) -> Any:
    """Build a certificate that C2PA accepts: a root, or a leaf for documents.

    Reference: C2PA 2.1, section 14.5 (certificate profile).
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_build_name("root" if authority else "installation"))
        .issuer_name(_build_name("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_build_key_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
    )
    if not authority:
        purposes = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _build_key_usage(*, authority: bool) -> Any:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _build_name(role: str) -> Any:
    from cryptography import x509

    parts = [
        (x509.oid.NameOID.ORGANIZATION_NAME, TEST_NAME),
        (x509.oid.NameOID.COMMON_NAME, f"{TEST_NAME}: {role}"),
    ]
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
