# SPDX-License-Identifier: Apache-2.0
"""Pages in which nothing may complain, and the made-up production they look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.make_document import make

DESK, LAPTOP, PHONE = (1440, 900), (1024, 768), (390, 844)
PATIENCE = 20.0


@pytest.fixture
def opened(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a window of its own. At the end no page may have complained, nor asked
    anything of another machine."""
    windows: list[Any] = []
    complaints: list[str] = []

    def hear(said: Any) -> None:
        refused = "status of 422" in said.text  # Chromium calls every answer of this kind an error
        if said.type in {"error", "warning"} and not refused:
            complaints.append(said.text)

    def listen(page: Any) -> None:
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if is_near(request.url) else complaints.append(f"asked {request.url}")
            ),
        )

    def open_page(
        address: str, *, size: tuple[int, int] = DESK, scheme: str = "dark", wait: bool = True
    ) -> Any:
        viewport = {"width": size[0], "height": size[1]}
        windows.append(
            chromium.new_context(
                viewport=viewport,
                color_scheme=scheme,
                has_touch=size == PHONE,
                reduced_motion="reduce",
            )
        )
        page = windows[-1].new_page()
        listen(page)
        page.goto(address)
        if wait:
            until(page, "document.documentElement.dataset.ready === 'yes'")
        return page

    yield open_page
    for window in windows:
        window.close()
    assert not complaints


def is_near(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))


def until(page: Any, condition: str) -> None:
    """Wait for a condition in a page. The driver's own waiting would need eval in the page, which
    its policy forbids."""
    deadline = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        time.sleep(0.01)


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an episode of a thousand shots, opened from disk; tests that write need a
    copy."""
    return make(tmp_path_factory.mktemp("dailies") / "page")
