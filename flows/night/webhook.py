# SPDX-License-Identifier: Apache-2.0
"""Post the morning summary to a webhook: https only, signed, and never redirected.

The signature is HMAC-SHA256 (RFC 2104) over `TIME.BODY` with the secret that both sides know. It is
in one header with the time, so that an old message cannot be sent again: `X-Callsheet-Signature:
t=1764054000,v1=<hex>`. docs/guides/nights.md shows how to verify it.

Addresses of private networks are refused unless they are allowed, since a URL comes from settings
and a night runs where much can be reached. The name is resolved once, and the connection goes to
the address that was checked.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
import ssl
import time
import urllib.parse
import uuid
from dataclasses import dataclass

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_incrementing

from manifests.errors import InputError, Problem, ToolError

SECRET = "CALLSHEET_WEBHOOK_SECRET"  # noqa: S105 - the name of the variable that holds it
SIGNATURE = "X-Callsheet-Signature"
DELIVERY = "X-Callsheet-Delivery"
LEAST_SECRET = 16
ATTEMPTS = 3
HTTPS = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a message goes.

    `path` includes the query. `private`: addresses of private networks are allowed.
    """

    host: str
    port: int
    path: str
    secret: bytes
    private: bool = False
    timeout_seconds: float = 10.0


def read_webhook(url: str, *, private: bool = False) -> Webhook:
    """Read a URL, and the secret from the environment.

    Raises InputError for anything but https, and without a secret.
    """
    problems = list[Problem]()
    parts, port = _split_url(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        problems.append(
            _describe_problem(
                "cannot be used", expected="https://HOST/PATH, with no user name in it"
            )
        )
    secret = os.environ.get(SECRET, "")
    if len(secret) < LEAST_SECRET:
        expected = f"{SECRET} in the environment, at least {LEAST_SECRET} characters"
        problems.append(_describe_problem("has no secret to sign with", expected=expected))
    if problems:
        raise InputError(problems)
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return Webhook(
        host=parts.hostname or "", port=port, path=path, secret=secret.encode(), private=private
    )


def _split_url(url: str) -> tuple[urllib.parse.SplitResult, int]:
    """Split a URL into parts and port; parts of "" when it is malformed."""
    is_clean = url.isascii() and url.isprintable() and " " not in url
    try:
        parts = urllib.parse.urlsplit(url if is_clean else "")
        return parts, parts.port or HTTPS
    except ValueError:
        return urllib.parse.urlsplit(""), HTTPS


def sign_body(secret: bytes, body: bytes, *, at: int) -> str:
    """Compute the signature header of a body that is sent at a time (seconds since 1970)."""
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post_message(hook: Webhook, body: bytes) -> None:
    """Send JSON.

    Tries three times when nobody answers or the server fails (5xx). Raises ToolError when the
    server does not accept the message.
    """
    delivery = uuid.uuid4().hex
    patience = Retrying(
        retry=retry_if_exception_type(_NotYetAcceptedError),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_incrementing(start=1, increment=1),
        reraise=True,
    )
    try:
        patience(lambda: _send_once(hook, body, delivery=delivery))
    except (_NotYetAcceptedError, _RefusedError) as error:
        message = f"the webhook at {hook.host} did not accept the summary: {error}"
        raise ToolError(message) from error


class _NotYetAcceptedError(Exception):
    """Nobody answered, or the server failed: another try may help."""


class _RefusedError(Exception):
    """The server does not want the message, or is not the one that it should be."""


def _send_once(hook: Webhook, body: bytes, *, delivery: str) -> None:
    """Send the message to the address that was checked; the certificate must match the host."""
    import httpx

    headers = {
        "Host": hook.host if hook.port == HTTPS else f"{hook.host}:{hook.port}",
        "Content-Type": "application/json",
        "User-Agent": "callsheet",
        DELIVERY: delivery,
        SIGNATURE: sign_body(hook.secret, body, at=int(time.time())),
    }
    tls = ssl.create_default_context()
    try:
        url = httpx.URL(
            scheme="https", host=_resolve_address(hook), port=hook.port, raw_path=hook.path.encode()
        )
        with httpx.Client(verify=tls, trust_env=False, timeout=hook.timeout_seconds) as client:
            extensions = {"sni_hostname": hook.host}
            answer = client.post(url, content=body, headers=headers, extensions=extensions)
    except (httpx.HTTPError, OSError) as error:
        failure = _RefusedError if _is_wrong_certificate(error) else _NotYetAcceptedError
        raise failure(str(error) or type(error).__name__) from error
    _judge_status(answer.status_code)


def _is_wrong_certificate(error: BaseException | None) -> bool:
    """Look for a refused certificate among the causes of an error."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _judge_status(status: int) -> None:
    if 200 <= status < 300:
        return
    redirect = ", a redirect; redirects are not followed" if 300 <= status < 400 else ""
    failure = _NotYetAcceptedError if status >= 500 else _RefusedError
    raise failure(f"it answered {status}{redirect}")


def _resolve_address(hook: Webhook) -> str:
    """Resolve the webhook's host to an address.

    Raises ToolError when any of its addresses is private and private addresses are not allowed.
    """
    found = socket.getaddrinfo(hook.host, hook.port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not hook.private and not _is_public(address):
            raise ToolError(
                f"{hook.host} is {address}, an address of a private network;"
                " allow it with --webhook-private"
            )
    return addresses[0]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (inner or address).is_global and not (inner or address).is_multicast


def _describe_problem(message: str, *, expected: str) -> Problem:
    return Problem(file="command line", column="--webhook", message=message, expected=expected)
