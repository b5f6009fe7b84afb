# SPDX-License-Identifier: Apache-2.0
"""C2PA signing: write content credentials (C2PA 2) into files, and verify them.

Credentials say in the file itself that it was generated, from what, and by whom. Signing is the
last thing that happens to a file. With the test key of an installation (`signing_key`) they prove
that a file was not changed since, but not who made it; verifiers call it untrusted, and so does
Callsheet. This is the one door to c2pa.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from manifests.atomic_write import atomic_write
from manifests.errors import InputError, Problem, ToolError
from pipeline.deliver.signing_key import CHAIN, KEY, find_algorithm

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
UNTRUSTED = "signingCredential.untrusted"

State = Literal["valid", "tampered", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """A source of a file: a name for people and the digest of its content, never a path."""

    title: str
    digest: str
    format: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The claim about a file.

    `labels`: what generated the pictures (`previs`, `DICE-Talk`); `licences`: of the weights used.
    """

    title: str
    version: str
    labels: Sequence[str] = ()
    licences: Sequence[str] = ()
    ingredients: Sequence[Ingredient] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The result of verifying a file's credentials.

    `trusted` only when the signer's certificate is on a trust list; `detail` gives the reason if
    not.
    """

    state: State
    trusted: bool
    signer: str
    detail: str


def sign_file(path: Path, claim: Claim, *, keys: Path) -> None:
    """Write credentials into a file, which is replaced only on success. Raises ToolError."""
    import c2pa  # type: ignore[import-untyped]

    info = c2pa.C2paSignerInfo(
        alg=find_algorithm(keys / KEY),
        sign_cert=(keys / CHAIN).read_bytes(),
        private_key=(keys / KEY).read_bytes(),
        ta_url=None,
    )
    try:
        builder = c2pa.Builder(
            json.dumps(build_manifest(claim, media_type=TYPES[path.suffix.lower()]))
        )
        with atomic_write(path) as partial:
            builder.sign_file(str(path), str(partial), c2pa.Signer.from_info(info))
    except c2pa.C2paError as error:
        raise ToolError(f"{path.name} could not be signed: {error}") from error


def verify_credentials(path: Path) -> Credentials:
    """Verify a file's credentials: valid, tampered or missing.

    Tampered: they exist, but they or the file were changed. Missing: the file was never signed, or
    they were stripped. Raises InputError when there is no such file.
    """
    import c2pa  # type: ignore[import-untyped]

    if not path.is_file():
        message = "a folder, not a file" if path.is_dir() else "no such file"
        raise InputError(Problem(file=str(path), message=message))
    try:
        with c2pa.Reader(str(path)) as reader:
            store = json.loads(reader.json())
    except c2pa.C2paError as error:
        return _judge_unread(path, error)
    return _judge_store(store)


def _judge_unread(path: Path, error: Exception) -> Credentials:
    """Judge a file whose credentials could not be read."""
    if "ManifestNotFound" in type(error).__name__ or "ManifestNotFound" in str(error):
        return Credentials(
            state="missing", trusted=False, signer="", detail="the file holds no credentials"
        )
    signed = _contains_store(path)  # what holds no credentials is only unreadable
    return Credentials(
        state="tampered" if signed else "missing",
        trusted=False,
        signer="",
        detail=_explain_unreadable(path, str(error)),
    )


def _judge_store(store: Mapping[str, Any]) -> Credentials:
    """Judge the credentials that a file holds."""
    failures = [status["code"] for status in store.get("validation_status", [])]
    broken = [code for code in failures if code != UNTRUSTED]
    signature = store["manifests"][store["active_manifest"]].get("signature_info", {})
    return Credentials(
        state="tampered" if broken or store.get("validation_state") == "Invalid" else "valid",
        trusted=not failures,
        signer=str(signature.get("common_name") or signature.get("issuer") or ""),
        detail=", ".join(broken or failures),
    )


def _explain_unreadable(path: Path, reason: str) -> str:
    if "NotSupported" in reason:
        kind = f"{path.suffix} files" if path.suffix else "files without a suffix"
        return f"{kind} cannot hold credentials"
    return f"it cannot be read as {path.suffix}: {reason}"


def _contains_store(path: Path) -> bool:
    """Check whether a file contains the label of a C2PA store anywhere."""
    before = b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if b"c2pa" in before + block:
                return True
            before = block[-3:]
    return False


def build_manifest(claim: Claim, *, media_type: str) -> dict[str, Any]:
    """Build the manifest definition.

    It says that a trained model created the file, that it was composed, from what, and under which
    licences of weights.
    """
    edited = {"digitalSourceType": COMPOSED, "description": "assembled, graded and mixed"}
    actions = [
        {"action": "c2pa.created", "digitalSourceType": GENERATED},
        {"action": "c2pa.edited", **edited},
    ]
    production = {
        "made_by": sorted(set(claim.labels)),
        "weights_licences": sorted(set(claim.licences)),
    }
    return {
        "claim_generator_info": [{"name": "callsheet", "version": claim.version}],
        "title": claim.title,
        "format": media_type,
        "ingredients": [_describe_ingredient(ingredient) for ingredient in claim.ingredients],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "callsheet.production", "data": production},
        ],
    }


def _describe_ingredient(ingredient: Ingredient) -> dict[str, str]:
    return {
        "title": ingredient.title,
        "format": ingredient.format,
        "instance_id": f"xmp:iid:{ingredient.digest}",
        "relationship": "inputTo",
    }
