# SPDX-License-Identifier: Apache-2.0
"""Generate the pages of docs/reference/ that follow from the code.

`make docs` writes them; a test compares them. `infra/reference/` has a module for each kind.
"""

from __future__ import annotations

from pathlib import Path

from infra.reference.commands import describe_commands
from infra.reference.manifests import describe_tables
from infra.reference.pages import NOTE
from infra.reference.production_toml import describe_production_keys, describe_talker_settings
from infra.reference.review_keys import describe_review_keys
from infra.reference.sheets import describe_sheets

DOCS = Path(__file__).parents[1] / "docs"


def generate_pages() -> dict[str, str]:
    """Generate the text of every page, by its path in docs/."""
    return {
        **describe_commands(),
        **describe_tables(),
        "reference/production-toml.md": describe_production_keys(),
        "reference/talker-settings.md": describe_talker_settings(),
        "reference/sheets.md": describe_sheets(),
        "reference/review-keys.md": describe_review_keys(),
    }


def main() -> None:
    """Write all generated pages, and remove those that are no longer generated."""
    pages = generate_pages()
    for path in (DOCS / "reference").rglob("*.md"):
        if NOTE in path.read_text() and path.relative_to(DOCS).as_posix() not in pages:
            path.unlink()
    for name, text in pages.items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    main()
