# SPDX-License-Identifier: Apache-2.0
"""The documents: generated pages are up to date, links lead somewhere, the README names commands
that exist."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from infra.generated_docs import DOCS, generate_pages

ROOT = DOCS.parent
PAGES = functools.cache(generate_pages)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / "infra").glob("*.md")])


@pytest.mark.parametrize("name", ["manifests.md", "commands.md", "production.md"])
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES()[name], "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_lead_to_files_that_exist(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_the_make_targets_that_documents_name_exist() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"`make ([a-z-]+)", document.read_text())
    }
    assert named <= known


def test_the_verbs_that_documents_name_exist() -> None:
    known = set(re.findall(r"^## callsheet (\w+)", PAGES()["commands.md"], flags=re.M))
    named = {
        verb
        for document in DOCUMENTS
        for verb in re.findall(r"`callsheet ([a-z]+)", document.read_text())
    }
    assert named <= known
