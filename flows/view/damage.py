# SPDX-License-Identifier: Apache-2.0
"""Show what `repair` found in the record."""

from __future__ import annotations

from collections.abc import Sequence

from flows.view.screen import say
from manifests.plurals import count_nouns
from manifests.repair import TableDamage


def say_damage(damaged: Sequence[TableDamage], *, repaired: bool, adopted: int) -> None:
    """Say of each damaged table what is left of it, what is lost, and where the rest lies."""
    if not damaged:
        say("the record is sound")
    for table in damaged:
        at = "" if table.version is None else f", version {table.version}"
        say(f"{table.table}{at}: {table.reason}")
        say(f"  {count_nouns(table.rows, 'row')} {'restored' if repaired else 'can be restored'}")
        for name in table.lost_files:
            say(f"  lost: the rows in {name}")
        for key in table.lost_sets:
            say(f"  lost: the set {key}")
        if table.kept_aside:
            say(f"  kept aside: {table.kept_aside}")
    if adopted:
        say(f"{count_nouns(adopted, 'take')} taken up again from the rows beside the files")
    if damaged:
        say("Next: callsheet render" if repaired else "Repair with --yes; nothing was changed.")
