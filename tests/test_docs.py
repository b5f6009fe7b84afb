# SPDX-License-Identifier: Apache-2.0
"""The documents: generated pages are up to date, pages are short, links lead somewhere, commands
exist, and marked blocks print what the pages say."""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

import pytest
import typer.main

from flows import cli
from infra.generated_docs import DOCS, generate_pages
from tests.page_commands import check_command, read_blocks

ROOT = DOCS.parent
PAGES = functools.cache(generate_pages)
LONGEST_PAGE = 1500  # words
LONGEST_README = 700
NAMING = ("manifests", "model", "pipeline", "flows", "benchmarks", "examples", "infra", "tests")
FEWEST_BLOCKS, FEWEST_PAGES = 18, 10  # that are run

SITE = sorted(DOCS.rglob("*.md"))
DOCUMENTS = sorted(
    [
        *SITE,
        *ROOT.glob("*.md"),
        *ROOT.glob("infra/*.md"),
        *ROOT.glob("examples/*/README.md"),
        ROOT / "pipeline" / "script" / "starter" / "README.md",
    ]
)
TESTED = [page for page in [*SITE, ROOT / "README.md"] if "<!-- test:" in page.read_text()]
CODE = re.compile(r"^```.*?^```$|``.+?``|`[^`\n]+`", flags=re.M | re.S)
CALL = re.compile(r"(?:`|^ *|^\$ |bin/)callsheet ([a-z][^`#|;\n]*)", flags=re.M)


def name_page(page: Path) -> str:
    """Name a document as its path from the root."""
    return page.relative_to(ROOT).as_posix()


def prepare_folder(name: str, folder: Path, request: pytest.FixtureRequest) -> None:
    """Put what the blocks called `name` need into an empty folder."""
    if name == "film":
        request.getfixturevalue("film").copy(folder / "my-film")
    elif name == "lesson":
        ignored = shutil.ignore_patterns("build")
        shutil.copytree(ROOT / "examples" / "lesson", folder / "my-lesson", ignore=ignored)
    else:
        assert name == "empty", f"unknown folder '{name}': there are film, lesson and empty"


def find_wrong_words(call: str) -> list[str]:
    """Find the verb, or the options, of a written command that `callsheet` does not have."""
    command = typer.main.get_command(cli.app)
    words = re.sub(r"[\[\]()'\"]", " ", call).split()
    while verbs := getattr(command, "commands", {}):
        if not words or not re.fullmatch(r"[a-z][a-z0-9-]*", words[0]):
            return []  # the group itself, a placeholder, or a list of verbs
        if words[0] not in verbs:
            return [words[0]]
        command = verbs[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    named = {match[0] for word in words if (match := re.match(r"--[a-z][a-z0-9-]*", word))}
    return sorted(named - known)


@pytest.mark.parametrize("name", sorted(PAGES()))
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES()[name], "run `make docs`"


@pytest.mark.parametrize("page", SITE, ids=name_page)
def test_no_page_is_long(page: Path) -> None:
    assert len(page.read_text().split()) <= LONGEST_PAGE


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= LONGEST_README


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_page)
def test_links_and_pictures_lead_to_files_that_exist(document: Path) -> None:
    prose = CODE.sub("", document.read_text())
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", prose)
    targets += re.findall(r'src="(?!https?:)([^"]+)"', prose)
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_page)
def test_every_block_of_code_is_closed(document: Path) -> None:
    lines = [line.strip() for line in document.read_text().splitlines()]
    fences = [line for line in lines if line.startswith("```")]
    assert all(fence == "```" for fence in fences[1::2])
    assert len(fences) % 2 == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_page)
def test_the_make_targets_that_documents_name_exist(document: Path) -> None:
    known = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = re.findall(r"(?:`|^ *|^\$ )make ([a-z0-9-]+)", document.read_text(), flags=re.M)
    assert set(named) - known == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_page)
def test_the_verbs_and_options_that_documents_name_exist(document: Path) -> None:
    calls = CALL.findall(document.read_text())
    wrong = {call: words for call in calls if (words := find_wrong_words(call))}
    assert wrong == {}


def test_the_documents_that_sources_name_exist() -> None:
    sources = [file for name in NAMING for file in (ROOT / name).rglob("*.py")]
    named = {
        found
        for file in [*sources, *DOCUMENTS, ROOT / "Makefile"]
        for found in re.findall(r"docs/[\w/-]+\.md", file.read_text(encoding="utf-8"))
    }
    assert {"docs/get-started/tutorial.md", "docs/guides/course.md"} <= named
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


def test_wrong_verbs_and_options_are_found() -> None:
    assert find_wrong_words("rendr my-film") == ["rendr"]
    assert find_wrong_words("shot approv my-film sc01_sh010") == ["approv"]
    assert find_wrong_words("render my-film --workers 8 --wat 3") == ["--wat"]
    assert find_wrong_words("plan my-film [--inputs]") == []


@pytest.mark.parametrize("page", TESTED, ids=name_page)
def test_the_commands_of_a_page_print_what_the_page_says(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for block in read_blocks(page.read_text()):
        folder = tmp_path / block.name
        if not folder.exists():
            folder.mkdir()
            prepare_folder(block.name, folder, request)
        monkeypatch.chdir(folder)
        for command in block.commands:
            check_command(command)


def test_enough_blocks_are_run() -> None:
    counts = [len(read_blocks(page.read_text())) for page in TESTED]
    assert sum(counts) >= FEWEST_BLOCKS
    assert len(counts) >= FEWEST_PAGES
