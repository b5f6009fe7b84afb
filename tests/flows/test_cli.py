# SPDX-License-Identifier: Apache-2.0
"""The command line: wrong inputs are one clear error each with exit code 2 and nothing written;
JSON everywhere; help that helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import cli
from model.weight_catalogue import CATALOGUE
from pipeline import media
from tests.conftest import Rendered
from tests.data.bad_inputs import BAD, Bad, lighthouse

COMMANDS = (["plan"], ["plan", "--inputs"], ["render"])
ABSENT = ["query", "status", "plan", "render"]


def run(arguments: list[str]) -> int:
    """The command in this process; its exit code."""
    with pytest.raises(SystemExit) as leave:
        cli.main(arguments)
    return int(leave.value.code or 0)


def contents(folder: Path) -> dict[str, int]:
    """Every file below a folder and its size."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }


EVERY_THIRD = [  # the others are refused by their own readers in the default suite
    pytest.param(bad, id=bad.name, marks=() if number % 3 == 0 else pytest.mark.proof)
    for number, bad in enumerate(BAD)
]


@pytest.mark.parametrize("bad", EVERY_THIRD)
def test_a_wrong_input_is_one_clear_error_and_nothing_is_written(
    bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lighthouse"
    lighthouse(folder)
    bad.spoil(folder)
    before = contents(tmp_path)
    command = COMMANDS[BAD.index(bad) % len(COMMANDS)]
    assert run([command[0], str(folder), *command[1:]]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert any(all(part in line for part in bad.says) for line in printed.err.splitlines()), (
        printed.err
    )
    assert "Traceback" not in printed.err
    assert contents(tmp_path) == before


def test_a_place_where_nothing_can_be_written_is_one_line_and_a_failed_tool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert run(["init", str(tmp_path / "file" / "show")]) == 3
    assert capsys.readouterr().err.startswith("Not a directory: ")


def test_all_problems_of_all_inputs_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lighthouse"
    lighthouse(folder)
    script, cast = folder / "script.fountain", folder / "cast.csv"
    script.write_text(script.read_text().replace("contempt 0.8", "contemptt 0.8"))
    cast.write_text(
        cast.read_text().replace("HENRIK,Henrik", "HENRYK,Henrik").replace(",12,", ",twelve,")
    )
    assert run(["plan", str(folder)]) == 2
    told = capsys.readouterr().err
    assert "'contempt'" in told
    assert "row 3, column seed" in told
    assert told.splitlines()[-1].endswith("nothing was written.")


def test_a_wrong_key_hides_nothing_that_is_wrong_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lighthouse"
    lighthouse(folder)
    toml, script = folder / "production.toml", folder / "script.fountain"
    written = (
        toml.read_text()
        .replace('"cast.csv"', '"cats.csv"')
        .replace('language = "en"', 'language = "English"')
    )
    toml.write_text(f"ratee = 3\n{written}")
    script.write_text(script.read_text().replace("contempt 0.8", "contemptt 0.8"))
    assert run(["render", str(folder)]) == 2
    told = capsys.readouterr().err
    for words in (
        "unknown key; did you mean 'rate'",
        "write a language code",
        "no such file 'cats.csv'",
        "unknown emotion 'contemptt'",
    ):
        assert words in told
    assert not (folder / "build").exists()


def test_help_and_version_are_what_people_try_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("callsheet ")
    assert run(["plan", "-h"]) == 0
    assert "PRODUCTION" in capsys.readouterr().out
    for nothing in ([], ["weights"]):
        assert run(nothing) == 2
        assert len(capsys.readouterr().err.splitlines()) > 5


def test_the_next_command_of_init_can_be_copied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", str(tmp_path / "my scene")]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"callsheet render '{tmp_path}/my scene'")


def test_the_file_of_a_production_is_not_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "production.toml").touch()
    assert run(["plan", str(tmp_path / "production.toml")]) == 2
    assert "the folder that holds production.toml" in capsys.readouterr().err


def test_problems_are_json_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "lighthouse"
    lighthouse(folder)
    (folder / "cast.csv").unlink()
    assert run(["plan", str(folder), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == "input"
    assert told["problems"][0]["file"] == "production.toml"


@pytest.mark.parametrize("verb", ABSENT)
def test_a_folder_that_is_no_production_is_refused(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["select 1"] if verb == "query" else []
    assert run([verb, str(tmp_path), *extra]) == 2
    assert "callsheet init" in capsys.readouterr().err
    assert contents(tmp_path) == {}


def test_an_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rendr", "."]) == 2
    assert "render" in capsys.readouterr().err


def test_init_writes_a_production_that_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    assert run(["init", str(folder)]) == 0
    assert run(["plan", str(folder), "--inputs"]) == 0
    assert "no problems found" in capsys.readouterr().out
    assert run(["init", str(folder)]) == 2


def test_query_prints_a_table_or_json_and_refuses_to_write(
    film: Rendered, capsys: pytest.CaptureFixture[str]
) -> None:
    question = (
        "select character, round(sum(seconds), 1) as seconds from shots group by 1 order by 1"
    )
    assert run(["query", str(film.folder), question]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["character", "seconds"]
    assert run(["query", str(film.folder), question, "--json"]) == 0
    assert [row["character"] for row in json.loads(capsys.readouterr().out)] == ["ALEX", "ROBIN"]
    assert run(["query", str(film.folder), "copy shots to 'x.csv'"]) == 2


def test_status_counts_what_is_done(film: Rendered, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", str(film.folder)]) == 0
    assert "4 shots, 4 takes done" in capsys.readouterr().out


def test_plan_shows_every_shot_as_cached_after_a_render(
    film: Rendered, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", str(film.folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "4 shots: 0 new, 0 changed, 4 cached"


def test_weights_are_listed_with_source_and_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} >= {weight.name for weight in CATALOGUE}
    assert all(
        row["licence"] and row["source"] and row["commercial"] in {"yes", "no", "unclear"}
        for row in rows
    )


def test_the_doctor_finds_this_machine_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    assert {finding["state"] for finding in json.loads(capsys.readouterr().out)} <= {"ok", "warn"}


def test_a_commercial_production_refuses_weights_that_are_not_clearly_licensed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lighthouse"
    lighthouse(folder)
    settings = folder / "production.toml"
    settings.write_text(settings.read_text() + "\n[licences]\ncommercial = true\n")
    assert run(["plan", str(folder), "--inputs"]) == 2
    assert "'pyannote-segmentation'" in capsys.readouterr().err
    settings.write_text(settings.read_text() + 'agreements = ["pyannote-segmentation"]\n')
    assert run(["plan", str(folder), "--inputs"]) == 0


@pytest.mark.proof
def test_verify_tells_a_whole_file_from_a_changed_one_and_one_without_credentials(
    film: Rendered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered = film.folder / "build" / "deliverables" / "v001" / "web.mp4"
    assert run(["verify", str(delivered)]) == 0
    assert "web.mp4: valid, signed by Callsheet test key" in capsys.readouterr().out
    changed = tmp_path / "changed.mp4"
    data = bytearray(delivered.read_bytes())
    data[-1000] ^= 1
    changed.write_bytes(data)
    assert run(["verify", str(changed), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["state"] == "tampered"
    bare = tmp_path / "bare.mp4"
    media.run(["-i", str(delivered), "-c", "copy", "-map_metadata", "-1", str(bare)])
    assert run(["verify", str(bare)]) == 1
    assert "missing" in capsys.readouterr().out
    assert run(["verify", str(tmp_path / "nothing.mp4")]) == 2
