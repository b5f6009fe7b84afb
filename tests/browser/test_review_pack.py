# SPDX-License-Identifier: Apache-2.0
"""The page's modules joined into one script: in order, completely, and only when every form is one
that is read."""

from __future__ import annotations

import re

import pytest

from flows.review import pack
from infra.reference.review_keys import describe_review_keys


def sources() -> dict[str, str]:
    return {
        path.relative_to(pack.PAGE).as_posix(): path.read_text() for path in pack.PAGE.rglob("*.js")
    }


def test_every_module_of_the_page_is_joined_after_those_that_it_needs() -> None:
    found = pack.sort_modules(sources())
    assert sorted(found) == sorted(sources())
    assert (
        found.index("vendor/preact.js")
        < found.index("vendor/hooks.js")
        < found.index("toolkit.js")
        < found.index("main.js")
    )
    script = pack.build_script()
    assert [script.count(f'modules["{name}"] = ') for name in found] == [1] * len(found)
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)


def test_the_page_asks_for_all_its_modules_at_once() -> None:
    index = (pack.PAGE / "index.html").read_text()
    assert sorted([*pack.PRELOADS.findall(index), pack.ENTRY]) == sorted(sources())
    written = pack.build_files()["index.html"].decode()
    assert "module" not in written
    assert written.index("data.js") < written.index("page.js")


def test_the_toolkits_licences_lie_beside_it() -> None:
    files = pack.build_files()
    assert b"MIT License" in files["licences/preact.LICENSE.txt"]
    assert b"Apache License" in files["licences/htm.LICENSE.txt"]


@pytest.mark.parametrize(
    "source",
    [
        'const x = await import("./a.js");\nexport let y = 1;',
        "export let x = 1;",
        'export * from "./a.js";',
        'import "./a.js";',
    ],
)
def test_a_form_that_is_not_read_is_an_error(source: str) -> None:
    with pytest.raises(ValueError, match="cannot be joined"):
        pack.wrap_module("a.js", source)


def test_modules_that_need_each_other_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"main\.js -> a\.js -> main\.js"):
        pack.sort_modules(
            {"main.js": 'import { a } from "./a.js";', "a.js": 'import { b } from "./main.js";'}
        )


def test_names_inside_and_outside_a_module_may_differ() -> None:
    joined = pack.wrap_module(
        "parts/a.js",
        'import { x as y } from "../b.js";\n'
        "export function f() { return y; }\nexport { f as g };\n",
    )
    assert 'const { x: y } = modules["b.js"];' in joined
    assert "return { f: f, g: f };" in joined


def test_the_reference_names_every_key_of_the_page() -> None:
    page = describe_review_keys()
    handlers = re.findall(r'^    \["(.+?)", "', (pack.PAGE / "keys.js").read_text(), re.MULTILINE)
    assert len(handlers) > 25
    assert page.count("\n|") == len(handlers) + 2
    assert "|Shift A|approve, next undecided|decide|" in page
