# SPDX-License-Identifier: Apache-2.0
"""The webhook against a real TLS server on loopback: signed, not redirected, refused where it must
not go."""

from __future__ import annotations

import hashlib
import hmac
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flows.night.webhook import (
    DELIVERY,
    SECRET,
    SIGNATURE,
    Webhook,
    post_message,
    read_webhook,
    sign_body,
)
from manifests.errors import InputError, ToolError

KEY = "a secret of both sides"


@dataclass
class Receiver:
    """A server that answers as told, in turn, and keeps what it got."""

    port: int
    certificate: Path
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def hook(self) -> Webhook:
        return Webhook(
            host="localhost",
            port=self.port,
            path="/night?for=callsheet",
            secret=KEY.encode(),
            private=True,
        )


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    kept: list[Receiver] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept[0].got.append((dict(self.headers), body))
            status = kept[0].answers.pop(0) if kept[0].answers else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"https://localhost:{kept[0].port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        kept.append(Receiver(port=server.server_port, certificate=certificate))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        yield kept[0]
        server.shutdown()
        thread.join()


def _certificate(folder: Path) -> Path:
    """A certificate for localhost that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    plain = serialization.NoEncryption()
    encoding, shape = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(encoding, shape, plain) + certificate.public_bytes(encoding))
    return file


def test_the_receiver_can_verify_who_sent_it_and_when(receiver: Receiver) -> None:
    post_message(receiver.hook(), b'{"night": "2026-11-22"}')
    ((headers, body),) = receiver.got
    at, _, given = headers[SIGNATURE].removeprefix("t=").partition(",v1=")
    expected = hmac.new(KEY.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(given, expected)
    assert abs(int(at) - datetime.now(UTC).timestamp()) < 60
    assert headers["Content-Type"] == "application/json"


def test_a_side_that_fails_is_tried_again_with_the_same_delivery(receiver: Receiver) -> None:
    receiver.answers += [503]
    post_message(receiver.hook(), b"{}")
    assert len(receiver.got) == 2
    assert len({headers[DELIVERY] for headers, _ in receiver.got}) == 1


@pytest.mark.parametrize(("status", "said"), [(307, "redirect"), (403, "403")])
def test_a_redirect_is_not_followed_and_a_refusal_is_final(
    receiver: Receiver, status: int, said: str
) -> None:
    receiver.answers += [status]
    with pytest.raises(ToolError, match=said):
        post_message(receiver.hook(), b"{}")
    assert len(receiver.got) == 1


def test_private_addresses_are_refused_unless_allowed(receiver: Receiver) -> None:
    with pytest.raises(ToolError, match="--webhook-private"):
        post_message(replace(receiver.hook(), private=False), b"{}")
    assert receiver.got == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[fd00::1]"],
)
def test_an_address_in_place_of_a_name_is_refused_when_private(address: str) -> None:
    ip_address(address.strip("[]"))
    hook = Webhook(host=address.strip("[]"), port=9, path="/", secret=KEY.encode())
    with pytest.raises(ToolError, match="private"):
        post_message(hook, b"{}")


def test_a_certificate_that_nobody_vouches_for_is_final(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ToolError, match="certificate"):
        post_message(receiver.hook(), b"{}")
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "https://",
        "https://user:word@example.com/",
        "ftp://x",
        "https://a b/",
        "https://a:port/",
    ],
)
def test_only_plain_https_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, KEY)
    with pytest.raises(InputError, match="https://HOST/PATH"):
        read_webhook(url)


def test_a_webhook_without_a_secret_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "short")
    with pytest.raises(InputError, match=SECRET):
        read_webhook("https://example.com/hook")
    monkeypatch.setenv(SECRET, KEY)
    assert read_webhook("https://example.com/hook?a=1#b").path == "/hook?a=1"


def test_the_signature_is_as_documented() -> None:
    assert sign_body(b"secret", b"{}", at=1700000000) == (
        "t=1700000000,v1=" + hmac.new(b"secret", b"1700000000.{}", "sha256").hexdigest()
    )
