# SPDX-License-Identifier: Apache-2.0
"""The same film comes out whatever a machine's settings, user, proxies and folders are.

Each test renders in a process of its own, as a user of that machine would.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from model.weights import cache_folder
from tests.conftest import absent
from tests.faults.harness import Result, fresh_copy, prepare, result_of
from tests.faults.short_shots import write_production

pytestmark = [pytest.mark.environments, pytest.mark.timeout(900)]
CALLSHEET = [sys.executable, "-m", "flows"]
NOWHERE = "127.0.0.1:9"  # nobody listens at the port for discarding
NOBODY = 65534
# Tests run as root in CI. A user of its own may read what root may, and write what is its own.
OTHER_USER = [
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
]


@dataclass(frozen=True)
class Machine:
    """What is unusual about a machine."""

    environment: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    temporary: str = ""  # the name of a folder for TMPDIR
    as_other_user: bool = False
    home_is_read_only: bool = False


MACHINES = {
    "dead proxies": Machine(
        {
            "ALL_PROXY": f"socks5://{NOWHERE}",
            "http_proxy": f"http://{NOWHERE}",
            "https_proxy": f"http://{NOWHERE}",
            "NO_PROXY": "",
        }
    ),
    "a dead Ray address outside a job": Machine({"RAY_ADDRESS": NOWHERE}),
    "a temporary folder with spaces": Machine(temporary="temporary files of 'mine'"),
    "umask 000": Machine(umask=0o000),
    "umask 077": Machine(umask=0o077),
    "an ASCII terminal": Machine({"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}),
    "another user": Machine(as_other_user=True),
    "a home that cannot be written": Machine(as_other_user=True, home_is_read_only=True),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of four very short shots that was listened to."""
    return prepare(write_production(tmp_path_factory.mktemp("machines") / "prepared", shots=4))


@pytest.fixture(scope="module")
def truth(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The film that this machine makes."""
    folder = fresh_copy(prepared, tmp_path_factory.mktemp("truth") / "film")
    made = call("render", folder, Machine(), tmp_path_factory.mktemp("home"))
    assert made.returncode == 0, made.stderr
    return result_of(folder)


def start(verb: str, folder: Path, machine: Machine, place: Path) -> subprocess.Popen[str]:
    """Start a command as a machine would, with a home of its own below `place`."""
    home, temporary = place / "home", place / (machine.temporary or "t")
    home.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "RAY_", "XDG_", "CALLSHEET_"))
    } | {"HOME": str(home), "TMPDIR": str(temporary), **machine.environment}
    weights = home / ".cache/callsheet/weights"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.symlink_to(cache_folder() / "weights")
    if machine.as_other_user:
        give_away(folder.parent, place, read_only=home if machine.home_is_read_only else None)
    return subprocess.Popen(
        [*(OTHER_USER if machine.as_other_user else []), *CALLSHEET, verb, str(folder)],
        env=environment,
        umask=machine.umask,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def give_away(*folders: Path, read_only: Path | None) -> None:
    """Give folders to the other user; one of them cannot be written, by nobody."""
    for path in (path for folder in folders for path in (folder, *folder.rglob("*"))):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    for path in (read_only, *read_only.rglob("*")) if read_only else ():
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o555)


def call(
    verb: str, folder: Path, machine: Machine, place: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    process = start(verb, folder, machine, place)
    said, complained = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def wait_until_empty(folder: Path) -> bool:
    """Tell whether a folder for temporary files empties within seconds after a run."""
    until = time.monotonic() + 10
    while any(folder.iterdir()) and time.monotonic() < until:
        time.sleep(0.1)
    return not any(folder.iterdir())


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another user can reach: not below pytest's, which are for one user."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("name", MACHINES)
def test_a_machines_settings_do_not_change_the_film(
    name: str, prepared: Path, truth: Result, place: Path
) -> None:
    machine = MACHINES[name]
    if machine.as_other_user and os.getuid():
        pytest.skip("only root may become another user")
    if machine.as_other_user and not shutil.which("setpriv"):
        absent("setpriv (util-linux)")
    folder = fresh_copy(prepared, place / "production" / "film")
    made = call("render", folder, machine, place)
    assert made.returncode == 0, made.stderr
    assert "Traceback" not in made.stderr
    assert result_of(folder) == truth
    assert wait_until_empty(place / (machine.temporary or "t"))
    writable = [path for path in (folder / "build").rglob("*") if path.lstat().st_mode & 0o002]
    assert machine.umask == 0 or [path for path in writable if not path.is_symlink()] == []


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"PREFECT_API_URL": f"http://{NOWHERE}/api"},
            f"no Prefect server answers at http://{NOWHERE}",
        ),
        ({"PREFECT_API_URL": "nonsense"}, "no Prefect server answers at nonsense"),
        (
            {"RAY_ADDRESS": NOWHERE, "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"},
            f"no Ray answers at {NOWHERE}",
        ),
    ],
)
def test_a_server_that_does_not_answer_is_one_sentence_and_nothing_is_left_half(
    environment: dict[str, str], sentence: str, prepared: Path, tmp_path: Path
) -> None:
    folder = fresh_copy(prepared, tmp_path / "film")
    (tmp_path / "place").mkdir()
    made = call("render", folder, Machine(environment), tmp_path / "place")
    assert made.returncode == 3
    assert sentence in made.stderr
    assert "Traceback" not in made.stderr
    assert not (folder / "build/deliverables").exists()


def test_two_runs_at_once_share_a_home(prepared: Path, truth: Result, tmp_path: Path) -> None:
    folders = [fresh_copy(prepared, tmp_path / name / "film") for name in ("a", "b")]
    (tmp_path / "place").mkdir()
    first = start("render", folders[0], Machine(), tmp_path / "place")
    (tmp_path / "place/home/.cache/callsheet/weights").unlink()  # made again for the second
    second = start("render", folders[1], Machine(), tmp_path / "place")
    for process in (first, second):
        _, complained = process.communicate(timeout=600)
        assert process.returncode == 0, complained
    assert [result_of(folder) for folder in folders] == [truth, truth]
