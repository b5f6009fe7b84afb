# SPDX-License-Identifier: Apache-2.0
"""Let in only those who open a link that the review server printed on this machine.

The token of a link works once: it is exchanged for a cookie that scripts cannot read and other
sites cannot send. Host names other than loopback's are refused (DNS rebinding), as are requests
from another site's page (Origin, Sec-Fetch-Site). Cookies do not know ports, so the cookie alone
never suffices for a request that changes something: it needs our own Origin too.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_SESSIONS = 64  # links that may be open at once; the oldest is closed
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
READING = ("GET", "HEAD")
OWN_SITE = ("none", "same-origin")
# A page of our own leads on: after a redirect, the browser would still count as sent by the page
# that held the link, and would not send the cookie.
ENTRANCE = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/">'
    '<link rel="icon" href="data:,"><title>Callsheet</title><a href="/">Open the review</a>\n'
)


class Gate:
    """The open links and the sessions of one server on one port."""

    def __init__(self, port: int) -> None:
        """Let nobody in until a link is made."""
        self.cookie = f"callsheet_{port}"
        self.hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self._lock = threading.Lock()
        self._tokens: list[str] = []
        self._sessions: list[str] = []

    def make_link(self) -> str:
        """Make a new link; earlier links that nobody opened still work."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens = [*self._tokens, token][-MOST_SESSIONS:]
        return f"http://{self.hosts[0]}/?token={token}"

    def exchange_token(self, token: str) -> str | None:
        """Exchange a token for a session, once; None for any other token."""
        with self._lock:
            known = next((known for known in self._tokens if _is_equal(known, token)), None)
            if known is None:
                return None
            self._tokens.remove(known)
            session = secrets.token_urlsafe(32)
            self._sessions = [*self._sessions, session][-MOST_SESSIONS:]
            return session

    def find_refusal(self, method: str, headers: Headers, *, with_token: bool = False) -> str:
        """Find why a request is refused whoever sends it; "" when it is not.

        `with_token`: it brings the token of a link.

        The reasons are a wrong host, another site's page, and a missing origin.
        """
        if len(headers.getlist("host")) != 1 or headers.get("host", "").lower() not in self.hosts:
            return "this server answers only to its own address"
        if method == "GET" and headers.get("sec-fetch-mode") == "navigate" and with_token:
            return ""  # a link may be clicked anywhere; who has the token may come in
        origins = [f"http://{host}" for host in self.hosts]
        origin = headers.get("origin")
        if origin not in (None, *origins) or (origin is None and method not in READING):
            return "only this server's own page may send requests"
        if headers.get("sec-fetch-site", "none") not in OWN_SITE:
            return "another site may not ask for this"
        return ""

    def has_session(self, headers: Headers) -> bool:
        """Tell whether a request carries the cookie of a session."""
        jar = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return False
        sent = jar[self.cookie].value if self.cookie in jar else ""
        return bool(sent) and any(_is_equal(session, sent) for session in self._sessions)


class Guard:
    """ASGI middleware: refuses, exchanges tokens, and adds the security headers to each answer."""

    def __init__(self, app: ASGIApp, *, gate: Gate) -> None:
        """Guard an app: only sessions get through."""
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._answer(Request(scope))
        await (self.app if answer is None else answer)(scope, receive, send_guarded)

    def _answer(self, request: Request) -> Response | None:
        """Answer in place of the app; None to let a request through."""
        token = request.query_params.get("token")
        with_token = request.url.path == "/" and token is not None
        refusal = self.gate.find_refusal(request.method, request.headers, with_token=with_token)
        if refusal:
            return PlainTextResponse(f"{refusal}\n", status_code=403)
        if request.url.path == "/" and token is not None and request.method in READING:
            return self._answer_token(token, request)
        if not self.gate.has_session(request.headers):
            return PlainTextResponse(
                "open the link that `callsheet review` prints\n", status_code=403
            )
        return None

    def _answer_token(self, token: str, request: Request) -> Response:
        session = self.gate.exchange_token(token) if request.method == "GET" else None
        if session is None:
            message = (
                "this link was used already, or belongs to another review;"
                " press Enter where `callsheet review` runs to get a new one\n"
            )
            return PlainTextResponse(message, status_code=403)
        came_from_elsewhere = request.headers.get("sec-fetch-site", "none") not in OWN_SITE
        answer = HTMLResponse(ENTRANCE) if came_from_elsewhere else RedirectResponse("/", 303)
        answer.set_cookie(self.gate.cookie, session, httponly=True, samesite="strict", path="/")
        return answer


def _is_equal(secret: str, other: str) -> bool:
    return hmac.compare_digest(secret.encode(), other.encode())
