# SPDX-License-Identifier: Apache-2.0
"""Who may talk to the review server: whoever opened the link that it printed, in a browser, on this
machine.

The token of the link is good once: it is exchanged for a cookie that scripts cannot read and other
sites cannot send. Host names other than loopback's are refused (DNS rebinding), as are requests
that another site's page makes (Origin, Sec-Fetch-Site). Cookies do not know ports, so the cookie
alone is never enough for what changes something: that needs our own Origin too.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
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


class Gate:
    """The tokens that were handed out and the sessions that they became, of one server on one
    port.
    """

    def __init__(self, port: int) -> None:
        """Nobody is let in until a link is made."""
        self.cookie = f"callsheet_{port}"
        self.hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self._lock = threading.Lock()
        self._tokens: list[str] = []
        self._sessions: list[str] = []

    def make_link(self) -> str:
        """A new link; the ones before it that nobody opened go on being good."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens = [*self._tokens, token][-MOST_SESSIONS:]
        return f"http://{self.hosts[0]}/?token={token}"

    def exchange_token(self, token: str) -> str | None:
        """The session that a token becomes, once; None for any other token."""
        with self._lock:
            known = next((one for one in self._tokens if _same(one, token)), None)
            if known is None:
                return None
            self._tokens.remove(known)
            session = secrets.token_urlsafe(32)
            self._sessions = [*self._sessions, session][-MOST_SESSIONS:]
            return session

    def find_refusal(self, method: str, headers: Headers) -> str:
        """Why a request is refused whoever it comes from, "" when it is not: wrong host, another
        site's page, no origin.
        """
        if len(headers.getlist("host")) != 1 or headers.get("host", "").lower() not in self.hosts:
            return "this server answers to its own address only"
        origins = [f"http://{host}" for host in self.hosts]
        origin = headers.get("origin")
        if origin not in (None, *origins) or (origin is None and method not in READING):
            return "requests come from this server's own page only"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "another page must not ask for this"
        return ""

    def has_session(self, headers: Headers) -> bool:
        """Whether a request carries a session's cookie."""
        jar = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return False
        given = jar[self.cookie].value if self.cookie in jar else ""
        return bool(given) and any(_same(one, given) for one in self._sessions)


class Guard:
    """ASGI middleware: refuses, exchanges tokens, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, *, gate: Gate) -> None:
        """Everything behind it is for sessions only."""
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
        """The answer that the guard gives by itself; None to let a request through."""
        refusal = self.gate.find_refusal(request.method, request.headers)
        if refusal:
            return PlainTextResponse(f"{refusal}\n", status_code=403)
        token = request.query_params.get("token")
        if request.url.path == "/" and token is not None and request.method in READING:
            return self._exchanged(token, request)
        if not self.gate.has_session(request.headers):
            return PlainTextResponse(
                "open the link that `callsheet review` printed\n", status_code=403
            )
        return None

    def _exchanged(self, token: str, request: Request) -> Response:
        session = self.gate.exchange_token(token) if request.method == "GET" else None
        if session is None:
            message = "this link was used already, or is another one's: press Enter where `callsheet review` runs for a new one\n"
            return PlainTextResponse(message, status_code=403)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(self.gate.cookie, session, httponly=True, samesite="strict", path="/")
        return answer


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
