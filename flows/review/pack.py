# SPDX-License-Identifier: Apache-2.0
"""Pack the page for a folder that opens from disk: join its modules into one classic script.

Browsers load no ES modules from `file://`. The page therefore keeps to a few plain forms of import
and export (see the patterns below), which are read here line by line. Anything else is an error, so
that a page that would not open is never written. This is not a bundler: nothing is renamed,
shortened or left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

PAGE = Path(__file__).parent / "page"
ENTRY = "main.js"
MODULE = f'<script type="module" src="{ENTRY}"></script>'
# all modules at once, not one after the other
PRELOADS = re.compile(r'<link rel="modulepreload" href="([^"]+)">\n')
SCRIPTS = '<script src="data.js"></script>\n<script src="page.js" defer></script>'

# import { a, b as c } from "./x.js"
_NAMED = re.compile(r'import\s*\{([^{}]*)\}\s*from\s*"(\.[^"]+)";?')
_WHOLE = re.compile(r'import\s+\*\s+as\s+(\w+)\s+from\s+"(\.[^"]+)";?')
_DEFAULT = re.compile(r'import\s+(\w+)\s+from\s+"(\.[^"]+)";?')
_DECLARED = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)
_LISTED = re.compile(r"export\s*\{([^{}]*)\};?\s*$")  # at the end of a file: export { a, b as c };
_FALLBACK = re.compile(r"export default (?=function)")
_LEFT = re.compile(r"^\s*(?:import|export)\b", re.MULTILINE)


def build_files() -> dict[str, bytes]:
    """Build the files of an export other than `data.js` and media, by name.

    They are `index.html`, `page.css`, `page.js`, and the toolkit's licences.
    """
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    if MODULE not in index:
        raise ValueError(f"index.html does not load {ENTRY}")
    licences = {
        f"licences/{path.name}": path.read_bytes()
        for path in sorted((PAGE / "vendor").glob("*.txt"))
    }
    return {
        "index.html": PRELOADS.sub("", index).replace(MODULE, SCRIPTS).encode(),
        "page.css": (PAGE / "page.css").read_bytes(),
        "page.js": build_script().encode(),
        **licences,
    }


def build_script() -> str:
    """Join all modules of the page into one classic script, those that others need first."""
    sources = {
        path.relative_to(PAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in PAGE.rglob("*.js")
    }
    parts = [wrap_module(name, sources[name]) for name in sort_modules(sources)]
    return '"use strict";\n(() => {\nconst modules = {};\n' + "\n".join(parts) + "\n})();\n"


def sort_modules(sources: Mapping[str, str]) -> list[str]:
    """Sort the modules that the entry needs, each after those that it imports.

    Raises ValueError for circles and missing files.
    """
    found: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in path:
            raise ValueError(f"modules import each other: {' -> '.join([*path, name])}")
        if name in found:
            return
        if name not in sources:
            raise ValueError(
                f"{path[-1] if path else 'the page'} imports {name}, which is not there"
            )
        path.append(name)
        for needed in _list_imports(name, sources[name]):
            visit(needed)
        path.pop()
        found.append(name)

    visit(ENTRY)
    return found


def _list_imports(name: str, source: str) -> list[str]:
    forms = (_NAMED, _WHOLE, _DEFAULT)
    return [_resolve_name(name, match[2]) for form in forms for match in form.finditer(source)]


def _resolve_name(name: str, target: str) -> str:
    """Resolve `../x.js`, seen from a module, to a name within the page."""
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / target).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def wrap_module(name: str, source: str) -> str:
    """Wrap a module in a function that returns its exports.

    Raises ValueError for forms of import and export that are not read here.
    """
    exported: dict[str, str] = {match[1]: match[1] for match in _DECLARED.finditer(source)}
    body = _DECLARED.sub("", source)
    if listed := _LISTED.search(body):
        exported |= {outer: inner for inner, outer in _parse_names(listed[1])}
        body = body[: listed.start()]
    if _FALLBACK.search(body):
        exported["default"] = "fallback"
        body = _FALLBACK.sub("const fallback = ", body)
    body = _NAMED.sub(
        lambda match: (
            f"const {{ {_format_pattern(match[1])} }} = {_refer_to_module(name, match[2])};"
        ),
        body,
    )
    body = _WHOLE.sub(lambda match: f"const {match[1]} = {_refer_to_module(name, match[2])};", body)
    body = _DEFAULT.sub(
        lambda match: f"const {match[1]} = {_refer_to_module(name, match[2])}.default;", body
    )
    if left := _LEFT.search(body):
        line = body[left.start() :].strip().splitlines()[0]
        raise ValueError(f"{name}: cannot be joined: {line[:80]}")
    exports = ", ".join(f"{outer}: {inner}" for outer, inner in exported.items())
    return f'modules["{name}"] = (() => {{\n{body.rstrip()}\nreturn {{ {exports} }};\n}})();'


def _refer_to_module(name: str, target: str) -> str:
    return f'modules["{_resolve_name(name, target)}"]'


def _format_pattern(names: str) -> str:
    """Format `a, b as c` as a destructuring pattern."""
    return ", ".join(
        inner if inner == outer else f"{inner}: {outer}" for inner, outer in _parse_names(names)
    )


def _parse_names(names: str) -> list[tuple[str, str]]:
    """Parse `a, b as c` into pairs of the name in the other module and the name here."""
    pairs = []
    for part in names.split(","):
        words = part.split()
        if words:
            pairs.append((words[0], words[-1]))
    return pairs
