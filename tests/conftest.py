# SPDX-License-Identifier: Apache-2.0
"""What all tests share: hypothesis settings, a browser, one Ray, one Prefect server and one small
film per run of the suite."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from flows.engines import configure_engines
from flows.farm.cluster import keep_to_loopback, start_ray
from flows.prefect_server import run_prefect_server

# before any test module imports an engine: some read their environment then
configure_engines()
keep_to_loopback()

# A property is about results; how long one example takes on a busy machine is not a finding. CI
# draws the same examples every time: it tells what a change did, not what luck found. Everybody
# else's run goes on searching.
settings.register_profile(
    "callsheet",
    deadline=None,
    max_examples=50,
    derandomize=os.environ.get("CALLSHEET_REQUIRE") == "all",
)
settings.load_profile("callsheet")

STARTER = Path(__file__).parents[1] / "pipeline" / "script" / "starter"
SMALL = 'size = "320x180"\n'


def absent(what: str) -> None:
    """Skip, naming what is not here; fail where nothing may be missing."""
    if os.environ.get("CALLSHEET_REQUIRE") == "all":
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(
    scope="module"
)  # not the session: its driver keeps an event loop running, in which no other may be started
def chromium() -> Iterator[Any]:
    """The browser of a test module."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("the Python package playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        absent("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--mute-audio"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def _own_signing_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests sign with a key of their own, never with this installation's."""
    os.environ["CALLSHEET_SIGNING"] = str(tmp_path_factory.mktemp("signing"))


@dataclass(frozen=True)
class Engines:
    """A running Ray (its address) and a running Prefect server (its URL), as child processes must
    be told of them."""

    ray: str
    prefect: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a child process that uses both."""
        return {**os.environ, "PREFECT_API_URL": self.prefect}


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Ray with two CPUs and a Prefect server on loopback, started once; flows of this process find
    both by themselves."""
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
    import ray
    from prefect.settings import get_current_settings

    # Two GPUs are logical ones: they show that talkers do not share.
    start_ray(ray, cpus=2, num_gpus=2)
    try:
        with run_prefect_server(tmp_path_factory.mktemp("nights")):
            url = get_current_settings().api.url
            assert url
            yield Engines(ray=ray.get_runtime_context().gcs_address, prefect=url)
    finally:
        ray.shutdown()


def small_production(folder: Path) -> Path:
    """A copy of the starter at 320x180: two people, four lines, about twelve seconds."""
    shutil.copytree(STARTER, folder)
    text = (folder / "production.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("size")]
    (folder / "production.toml").write_text(
        SMALL + "\n".join(lines) + "\n\n[generate]\nsize = 256\n"
    )
    return folder


@pytest.fixture
def production(tmp_path: Path) -> Path:
    """A small production to change and to render."""
    return small_production(tmp_path / "scene")


@dataclass(frozen=True)
class Rendered:
    """A small film that was rendered, and what the flow said of it. Tests copy it before they
    change it."""

    folder: Path
    outcome: object

    def copy(self, to: Path) -> Path:
        """A copy with its record and media."""
        shutil.copytree(self.folder, to, symlinks=True, copy_function=shutil.copy2)
        return to


@pytest.fixture(scope="session")
def film(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The starter rendered from script to deliverables, once per run of the suite."""
    from flows.episode import episode

    folder = small_production(tmp_path_factory.mktemp("film") / "scene")
    return Rendered(folder=folder, outcome=episode(str(folder)))
