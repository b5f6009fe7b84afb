# SPDX-License-Identifier: Apache-2.0
"""Writes the pages that are generated from the code; tests compare them. Run by `make docs`."""

from __future__ import annotations

from pathlib import Path

from manifests.schema import as_markdown

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Write all generated pages."""
    (DOCS / "manifests.md").write_text(as_markdown())


if __name__ == "__main__":
    main()
