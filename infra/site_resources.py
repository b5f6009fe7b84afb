# SPDX-License-Identifier: Apache-2.0
"""Check that the built site loads nothing from other addresses.

`python -m infra.site_resources FOLDER` names what does. Links that a reader follows may lead
anywhere; what a page loads by itself (scripts, styles, pictures, fonts) comes from the site.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

OUTSIDE = re.compile(r"^\s*(?:https?:)?//", flags=re.I)
LOADED = ("src", "srcset", "poster", "data")  # attributes that load, of any element
INERT = {"canonical", "prev", "next", "alternate", "author", "license"}  # links that load nothing
STYLED = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", flags=re.I)


class ResourceReader(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of one element."""
        named = {name: value or "" for name, value in attrs}
        self.found += [named[name] for name in LOADED if name in named]
        self.found += find_in_style(named.get("style", ""))
        if tag == "link" and not set(named.get("rel", "").split()) & INERT:
            self.found.append(named.get("href", ""))

    def handle_data(self, data: str) -> None:
        """Collect the addresses of a style sheet inside the page."""
        if self.lasttag == "style":
            self.found += find_in_style(data)


def find_in_style(text: str) -> list[str]:
    """Find the addresses in a style sheet."""
    return [first or second for first, second in STYLED.findall(text)]


def find_outside(name: str, text: str) -> list[str]:
    """Find what a page or a style sheet of that name loads from other addresses."""
    if name.endswith(".css"):
        found = find_in_style(text)
    else:
        reader = ResourceReader()
        reader.feed(text)
        found = reader.found
    return [address for address in found if OUTSIDE.match(address)]


def check_site(folder: Path) -> Iterator[str]:
    """Check all pages and style sheets of a site."""
    pages = sorted([*folder.rglob("*.html"), *folder.rglob("*.css")])
    if not pages:
        yield f"{folder}: no pages; build the site first"
    for page in pages:
        for address in find_outside(page.name, page.read_text(encoding="utf-8")):
            yield f"{page}: loads {address}"


def main() -> None:
    """Print what is loaded from elsewhere, and fail if anything is."""
    problems = list(check_site(Path(sys.argv[1])))
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
