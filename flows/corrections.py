# SPDX-License-Identifier: Apache-2.0
"""Correct cues by hand: export `cues.csv`, and record its changed cells as events.

The latest decision wins. The events are the record and the sheet only carries them: deleting the
sheet loses nothing, and a cell that contradicts a newer decision is reported and not applied.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from manifests import layout
from manifests.atomic_write import atomic_write
from manifests.rows import Actor, Cue
from manifests.run_rows import Event, new_event
from manifests.store import Store
from pipeline.align import cue_overrides
from pipeline.align.align import Alignment
from pipeline.align.cue_overrides import CueOverride, OverrideConflict
from pipeline.script import tables

EVENT = "cue"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedCues:
    """The cues after all decisions.

    `unfit`: decisions whose line or take is gone; `conflicts`: cells that contradict a newer
    decision.
    """

    cues: list[Cue]
    found: Alignment
    unfit: list[str]
    conflicts: list[OverrideConflict]

    @property
    def unsure_cues(self) -> list[Cue]:
        """Lines that a person should check by ear."""
        return [cue for cue in self.cues if cue.status != "matched"]


def read_overrides(store: Store) -> list[CueOverride]:
    """Read all decisions on cues, oldest first."""
    rows = sorted(store.read(Event, name=EVENT), key=lambda row: row.happened_at)
    return [CueOverride(**{**row.detail_values, "at": row.happened_at}) for row in rows]


def import_sheet(store: Store, root: Path, actors: Sequence[Actor]) -> list[OverrideConflict]:
    """Record the changed cells of the sheet, if there is one.

    Raises InputError with every cell that makes no sense.
    """
    path = root / layout.CUE_SHEET
    if not path.is_file():
        return []
    table = tables.read(path, needed=cue_overrides.COLUMNS, known=cue_overrides.COLUMNS)
    changed = cue_overrides.read_changes(table, characters=[actor.character for actor in actors])
    fresh, conflicts = cue_overrides.separate_conflicts(changed, read_overrides(store))
    store.append(
        [
            new_event(
                EVENT, override.line_id, actor="sheet", detail=json.dumps(override.to_detail())
            )
            for override in fresh
        ]
    )
    return conflicts


def export_sheet(root: Path, corrected: CorrectedCues) -> Path:
    """Export the sheet with all decisions in it."""
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    path = root / layout.CUE_SHEET
    with atomic_write(path) as partial:
        partial.write_text(
            cue_overrides.export(replace(corrected.found, cues=corrected.cues), at=at),
            encoding="utf-8",
        )
    return path
