# SPDX-License-Identifier: Apache-2.0
"""A named ffmpeg is tried with every graph of the product; what fails is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pipeline import ffmpeg_binary
from pipeline.ffmpeg_trial import BASICS, try_ffmpeg
from tests.conftest import Rendered, absent

DEBIAN = Path("/usr/bin/ffmpeg")
REFUSAL = "Error setting option framelog to value verbose."


def write_old_ffmpeg(folder: Path) -> Path:
    """Write the packaged program behind a script that refuses one option, as older versions do."""
    old = folder / "ffmpeg"
    old.write_text(
        f'#!/bin/sh\ncase "$*" in *framelog=*) echo "{REFUSAL}" >&2; exit 1;; esac\n'
        f'exec "{ffmpeg_binary.find_packaged()}" "$@"\n'
    )
    old.chmod(0o755)
    return old


def try_in_a_process(program: str, cache: Path) -> str:
    """Try a program as a new process does; what it prints."""
    code = "from pipeline.ffmpeg_trial import try_ffmpeg; print(try_ffmpeg())"
    environment = os.environ | {"CALLSHEET_FFMPEG": program, "CALLSHEET_CACHE": str(cache)}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_ffmpeg_of_the_tests_makes_every_kind_of_file() -> None:
    problems = try_ffmpeg()
    assert problems == {} or ffmpeg_binary.is_named()


def test_a_program_that_is_no_ffmpeg_fails_at_the_basics(tmp_path: Path) -> None:
    assert try_in_a_process("/bin/false", tmp_path).startswith(f"{{{BASICS!r}: ")


def test_the_result_is_kept_under_the_digest_of_the_program(tmp_path: Path) -> None:
    try_in_a_process("/bin/false", tmp_path)
    (kept,) = (tmp_path / "ffmpeg").glob("*.json")
    kept.write_text('{"web": "as it was kept"}')
    assert try_in_a_process("/bin/false", tmp_path) == "{'web': 'as it was kept'}"


def test_an_option_that_a_named_ffmpeg_lacks_is_named(tmp_path: Path) -> None:
    old = write_old_ffmpeg(tmp_path)
    assert REFUSAL in try_in_a_process(str(old), tmp_path / "cache")


def test_debians_ffmpeg_is_refused_only_for_what_it_cannot_make(
    production: Path, tmp_path: Path
) -> None:
    if not DEBIAN.exists():
        absent("ffmpeg")
    check = "import sys; from pathlib import Path; from flows.inputs import open_inputs;"
    check += "open_inputs(Path(sys.argv[1]), None)"
    environment = os.environ | {"CALLSHEET_FFMPEG": str(DEBIAN)}
    result = subprocess.run(
        [sys.executable, "-c", check, str(production)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    settings = production / "production.toml"
    text = settings.read_text().replace('["web", "master"]', '["web", "alpha"]')
    settings.write_text(text)
    command = [sys.executable, "-m", "flows", "plan", str(production), "--inputs"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "this ffmpeg cannot make alpha: " in result.stderr
    assert "option format" in result.stderr


def test_a_tool_that_cannot_measure_is_not_taken_for_a_bad_file(
    film: Rendered, tmp_path: Path
) -> None:
    web = film.folder / "build/deliverables/v001/web.mp4"
    environment = os.environ | {"CALLSHEET_FFMPEG": str(write_old_ffmpeg(tmp_path))}
    command = [sys.executable, "-m", "flows", "verify", str(web)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert REFUSAL in result.stderr
    assert "decode" not in result.stdout
