# SPDX-License-Identifier: Apache-2.0
"""Content credentials (C2PA 2): says in the file itself that it was generated, from what, and by
whom. The one door to c2pa.

Signing is the last thing that happens to a file. Without a signer of its own an installation makes
a test key, which proves that a file was not changed since but not who made it; verifiers call it
untrusted, and so do we.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from manifests.errors import InputError, Problem, ToolError

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
KEY, CHAIN = "key.pem", "chain.pem"
TEST_NAME = "Callsheet test key (not trusted)"
UNTRUSTED = "signingCredential.untrusted"

State = Literal["valid", "tampered", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """What a file was made from: a name for people and the identity of its content; never a
    path.
    """

    title: str
    digest: str
    format: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is said of a file. `labels`: what made the pictures (`previs`, `DICE-Talk`); `licences`:
    of the weights used.
    """

    title: str
    version: str
    labels: Sequence[str] = ()
    licences: Sequence[str] = ()
    ingredients: Sequence[Ingredient] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a file's credentials are worth. `trusted` only when the signer's certificate is on a
    trust list; `detail` says why not.
    """

    state: State
    trusted: bool
    signer: str
    detail: str


def key_folder() -> Path:
    """Where this installation keeps its signing key: $CALLSHEET_SIGNING, else `callsheet/signing`
    in the user's configuration.
    """
    named = os.environ.get("CALLSHEET_SIGNING")
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path(named) if named else base / "callsheet" / "signing"


def signing_key(folder: Path) -> Path:
    """The folder with `key.pem` (mode 0600) and `chain.pem`; a test key is made there when it holds
    none. Raises as `check_key`.
    """
    check_key(folder)
    if not (folder / KEY).exists():
        _make_test_key(folder)
    return folder


def check_key(folder: Path) -> None:
    """Look at a signing key before anything is made; none at all is no problem.

    Raises InputError when only one of the two files is there, others than its owner may read the
    key, it is encrypted or of a kind that C2PA does not sign with, or the first certificate is
    another key's or not valid today.
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
    _algorithm(key)
    _check_certificate(key, chain)


def sign(path: Path, claim: Claim, *, keys: Path) -> None:
    """Write credentials into a file, which is replaced only when that went well. Raises
    ToolError.
    """
    import c2pa  # type: ignore[import-untyped]

    info = c2pa.C2paSignerInfo(
        alg=_algorithm(keys / KEY),
        sign_cert=(keys / CHAIN).read_bytes(),
        private_key=(keys / KEY).read_bytes(),
        ta_url=None,
    )
    partial = path.with_name(f".{path.stem}.{os.getpid()}.signed{path.suffix}")
    try:
        builder = c2pa.Builder(json.dumps(manifest(claim, media_type=TYPES[path.suffix.lower()])))
        builder.sign_file(str(path), str(partial), c2pa.Signer.from_info(info))
        partial.replace(path)
    except c2pa.C2paError as error:
        raise ToolError(f"{path.name} could not be signed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def verify(path: Path) -> Credentials:
    """Open a file's credentials: valid, tampered (there, but the file or they were changed), or
    missing (never signed, or stripped).

    Raises InputError when there is no such file.
    """
    import c2pa  # type: ignore[import-untyped]

    if not path.is_file():
        message = "a folder, not a file" if path.is_dir() else "no such file"
        raise InputError(Problem(file=str(path), message=message))
    try:
        with c2pa.Reader(str(path)) as reader:
            store = json.loads(reader.json())
    except c2pa.C2paError as error:
        if "ManifestNotFound" in type(error).__name__ or "ManifestNotFound" in str(error):
            return Credentials(
                state="missing", trusted=False, signer="", detail="the file holds no credentials"
            )
        signed = _holds_store(path)  # what holds no credentials is only unreadable
        state: State = "tampered" if signed else "missing"
        return Credentials(
            state=state, trusted=False, signer="", detail=_why_unread(path, str(error))
        )
    failures = [status["code"] for status in store.get("validation_status", [])]
    broken = [code for code in failures if code != UNTRUSTED]
    signature = store["manifests"][store["active_manifest"]].get("signature_info", {})
    return Credentials(
        state="tampered" if broken or store.get("validation_state") == "Invalid" else "valid",
        trusted=not failures,
        signer=str(signature.get("common_name") or signature.get("issuer") or ""),
        detail=", ".join(broken or failures),
    )


def _why_unread(path: Path, said: str) -> str:
    if "NotSupported" in said:
        return f"{path.suffix or 'a file without a suffix'} is no kind of file that can hold credentials"
    return f"it cannot be read as {path.suffix}: {said}"


def _holds_store(path: Path) -> bool:
    """Whether a file holds the label of a C2PA store anywhere."""
    before = b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if b"c2pa" in before + block:
                return True
            before = block[-3:]
    return False


def manifest(claim: Claim, *, media_type: str) -> dict[str, Any]:
    """The manifest definition: created by a trained model and composed, what from, with which
    weights' licences.
    """
    actions = [
        {"action": "c2pa.created", "digitalSourceType": GENERATED},
        {
            "action": "c2pa.edited",
            "digitalSourceType": COMPOSED,
            "description": "assembled, graded and mixed",
        },
    ]
    return {
        "claim_generator_info": [{"name": "callsheet", "version": claim.version}],
        "title": claim.title,
        "format": media_type,
        "ingredients": [
            {
                "title": ingredient.title,
                "format": ingredient.format,
                "instance_id": f"xmp:iid:{ingredient.digest}",
                "relationship": "inputTo",
            }
            for ingredient in claim.ingredients
        ],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {
                "label": "callsheet.production",
                "data": {
                    "made_by": sorted(set(claim.labels)),
                    "weights_licences": sorted(set(claim.licences)),
                },
            },
        ],
    }


def _private_key(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, TypeError, ValueError) as error:
        message = "the signing key cannot be read"
        raise InputError(
            Problem(file=str(path), message=message, expected="PEM, not encrypted", got=str(error))
        ) from error


def _algorithm(path: Path) -> bytes:
    """What C2PA calls the algorithm of a key."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key = _private_key(path)
    curves = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in curves:
        return curves[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return b"ps256"
    message = "C2PA does not sign with this kind of key"
    raise InputError(
        Problem(
            file=str(path), message=message, expected="EC P-256, P-384 or P-521, Ed25519 or RSA"
        )
    )


def _check_certificate(key: Path, chain: Path) -> None:
    """The chain begins with the key's own certificate, which holds today."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    except (OSError, ValueError) as error:
        message = "the certificates of the signing key cannot be read"
        raise InputError(
            Problem(file=str(chain), message=message, expected="PEM", got=str(error))
        ) from error
    if certificate.public_key() != _private_key(key).public_key():
        message = "the first certificate belongs to another key"
        raise InputError(
            Problem(file=str(chain), message=message, expected=f"the certificate of {KEY} first")
        )
    now = datetime.datetime.now(datetime.UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        days = f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
        message = "the certificate of the signing key does not hold today"
        raise InputError(Problem(file=str(chain), message=message, got=days))


def _make_test_key(folder: Path) -> None:
    """A root and a leaf for this installation, ten years; the root's key is thrown away.

    Key and certificates appear together: another process may make them at the same time, and the
    first one's count.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    certificates = [
        _certificate(leaf, root, authority=False),
        _certificate(root, root, authority=True),
    ]
    chain = b"".join(
        certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates
    )
    plain = serialization.NoEncryption()
    key = leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # a mounted volume's parent is not ours
    beside = folder.parent if os.access(folder.parent, os.W_OK) else folder
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=beside))  # mode 0700
    try:
        _write_private(made / KEY, key)
        (made / CHAIN).write_bytes(chain)
        # it is there already, with a key or something else in it
        with contextlib.suppress(OSError):
            made.replace(folder)
        if not (folder / KEY).exists():
            for name in (CHAIN, KEY):
                (made / name).replace(folder / name)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _certificate(key: Any, issuer: Any, *, authority: bool) -> Any:
    """A certificate that C2PA accepts (its certificate profile, C2PA 2.1 section 14.5): a root, or
    a leaf for documents.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.datetime.now(datetime.UTC)
    usage = functools.partial(
        x509.KeyUsage,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("root" if authority else "installation"))
        .issuer_name(_name("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            usage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
    )
    if not authority:
        purposes = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _name(role: str) -> Any:
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
