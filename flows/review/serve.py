# SPDX-License-Identifier: Apache-2.0
"""Run the review server on loopback until it is stopped, and hand out its links."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from flows.project import Project
from flows.review.app import make_app
from flows.review.auth import Gate
from flows.review.review_session import ReviewSession
from flows.run_folder import open_run_folder
from manifests.errors import InputError, Problem

LOOPBACK = "127.0.0.1"
GOODBYE_SECONDS = 1  # how long a page that waits for news may go on when the server is stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewServer:
    """A server that is ready to run, its gate, and the socket that it listens on."""

    server: uvicorn.Server
    gate: Gate
    session: ReviewSession
    listening: socket.socket

    def run(self) -> None:
        """Serve until stopped (`server.should_exit`, or Ctrl-C in the main thread)."""
        with self.listening:
            self.server.run(sockets=[self.listening])


def prepare_server(project: Project, *, reviewer: str, port: int = 0) -> ReviewServer:
    """Listen on a port of loopback (0: any free port). Raises InputError when it is taken."""
    # its lines hold the links' tokens
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    listening = _open_socket(port)
    gate = Gate(listening.getsockname()[1])
    session = ReviewSession(project, reviewer=reviewer)
    # the app is there before the server that it asks whether it is stopping
    servers: list[uvicorn.Server] = []
    config = uvicorn.Config(
        make_app(session, gate, stopping=lambda: any(server.should_exit for server in servers)),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GOODBYE_SECONDS,
    )
    servers.append(uvicorn.Server(config))
    return ReviewServer(server=servers[0], gate=gate, session=session, listening=listening)


def hand_out_links(reviewing: ReviewServer, *, show: Callable[[str], None], browser: bool) -> None:
    """Show the link, open it when asked to, and show another whenever Enter is pressed.

    Each link opens one window.
    """
    link = reviewing.gate.make_link()
    show(link)
    if browser:
        webbrowser.open(_write_entrance(link).as_uri())
    if sys.stdin.isatty():
        threading.Thread(target=_show_more_links, args=(reviewing.gate, show), daemon=True).start()


def _write_entrance(link: str) -> Path:
    """Write a page that leads to a link, for the browser: all users can read its command line."""
    page = open_run_folder() / "review.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={link}"><title>Callsheet</title>\n'
    )
    return page


def _show_more_links(gate: Gate, show: Callable[[str], None]) -> None:
    for _ in sys.stdin:
        show(gate.make_link())


def _open_socket(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
    except OSError as error:
        listening.close()
        message = f"cannot listen on port {port}: {error.strerror or error}"
        raise InputError(
            Problem(file="--port", message=message, expected="a free port, or 0")
        ) from error
    return listening
