# SPDX-License-Identifier: Apache-2.0
"""List all takes of a shot's place: they differ only in seed and performance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.ledger.direction import replace_performance, replace_seed
from flows.ledger.shot_decisions import refuse
from flows.ledger.shot_diff import digest_inputs
from flows.ledger.shot_state import ShotState
from flows.project import Project, find_done_takes
from manifests.rows import Shot, Take


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTake:
    """One take of a place. `current`: it is the one in use."""

    number: str
    shot_id: str
    seed: int
    path: str
    label: str
    current: bool
    circled: bool
    wall_seconds: float
    measures: dict[str, float]
    warnings: tuple[str, ...]


def list_seeds(entry: ShotState) -> set[int]:
    """List the seeds that takes of this place were asked for with."""
    return {entry.shot.seed, *entry.decision.seeds}


def list_variants(entry: ShotState) -> list[Shot]:
    """List the shot with every seed and performance that takes of its place were asked for with.

    The variant in use is among them.
    """
    texts = {entry.shot.performance, *entry.decision.performances}
    found = [
        replace_performance(replace_seed(entry.shot, seed), text)
        for seed in sorted(list_seeds(entry))
        for text in sorted(texts)
    ]
    return list({variant.shot_id: variant for variant in found}.values())


def is_circled(entry: ShotState, variant: Shot) -> bool:
    """Tell whether the circled take is this variant's."""
    look = entry.decision.circled
    if look is None or look.seed != variant.seed:
        return False
    return look.input_digests.get("performance") in (None, digest_inputs(variant)["performance"])


def list_takes(project: Project, states: Sequence[ShotState]) -> list[PlaceTake]:
    """List the takes of these shots' places with their measures; read them from the record."""
    found = []
    for entry in states:
        known = list_variants(entry)
        rows = find_done_takes(project, known)
        found += [
            _describe_take(entry, variant, rows[variant.shot_id])
            for variant in known
            if variant.shot_id in rows
        ]
    return found


def find_takes_with_seed(
    project: Project, states: Sequence[ShotState], seed: int
) -> dict[str, Shot]:
    """Find the variant of each shot that has a take with this seed and performs as the shot does.

    Raises:
        InputError: A shot has no take with that seed.
    """
    known = {(take.number, take.seed) for take in list_takes(project, states)}
    missing = [entry for entry in states if (entry.shot.number, seed) not in known]
    refuse(missing, f"has no take with seed {seed}; `callsheet shot take` lists the takes")
    return {entry.place: replace_seed(entry.shot, seed) for entry in states}


def _describe_take(entry: ShotState, variant: Shot, take: Take) -> PlaceTake:
    return PlaceTake(
        number=entry.shot.number,
        shot_id=take.shot_id,
        seed=take.seed,
        path=take.path,
        label=take.label,
        current=take.shot_id == entry.shot.shot_id,
        circled=is_circled(entry, variant),
        wall_seconds=take.wall_seconds,
        measures=take.measure_values,
        warnings=tuple(take.warning_list),
    )
