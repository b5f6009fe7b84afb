# SPDX-License-Identifier: Apache-2.0
"""Describe shots and their takes for the document of the review page.

Pure, except that files of media are looked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from flows.ledger.place_takes import is_circled
from flows.ledger.shot_diff import list_differences
from flows.ledger.shot_state import ShotState
from flows.review import words
from flows.review.available_media import find_web_file, has_pictures
from flows.review.document import CheckEntry, ShotCheck, ShotEntry, TakeEntry
from flows.review.snapshot import Snapshot
from manifests.rows import Cut, Shot, Take
from pipeline.render.slate import SLATE


def describe_shots(
    snapshot: Snapshot, checks: Sequence[CheckEntry], starts: int
) -> list[ShotEntry]:
    """Describe every shot of the recorded cut.

    `checks`: of the version; `starts`: the frame of its file at which the programme begins.
    """
    cut_of = {cut.shot_id: cut for cut in snapshot.cuts}
    checks_of: dict[str, list[ShotCheck]] = defaultdict(list)
    for check in checks:
        if check["shot"] is not None:
            checks_of[check["shot"]].append(_shorten_check(check))
    return [
        _describe_shot(entry, wanted, snapshot, cut=cut, starts=starts, checks=checks_of[number])
        for entry, wanted in zip(snapshot.states, snapshot.wanted_shots, strict=True)
        for cut, number in [(cut_of.get(entry.shot.shot_id), entry.shot.number)]
    ]


def _describe_shot(  # noqa: PLR0913 - all that is known of one shot
    entry: ShotState,
    wanted: Shot,
    snapshot: Snapshot,
    *,
    cut: Cut | None,
    starts: int,
    checks: list[ShotCheck],
) -> ShotEntry:
    shot, take = entry.shot, snapshot.takes.get(entry.shot.shot_id)
    keys = shot.curve
    return ShotEntry(
        shot_id=shot.shot_id,
        number=shot.number,
        scene=shot.scene,
        character=shot.character,
        actor=shot.actor,
        role=shot.role,
        line_id=shot.line_ids.partition("|")[0],
        line_ids=shot.line_ids.split("|") if shot.line_ids else [],
        text=shot.text,
        first_frame=shot.start_frame,
        end_frame=shot.end_frame,
        frames=shot.end_frame - shot.start_frame,
        layer=shot.layer,
        video_frame=cut.start_frame + starts if cut else None,
        emotion=words.describe_emotion(keys),
        curve=[
            (int(frame) - shot.head_frames, words.list_weights(weights)) for frame, *weights in keys
        ],
        seed=shot.seed,
        talker=shot.talker,
        label=take.label if take else "",
        state=entry.state,
        states=list(entry.marks),
        withdrawn=list(entry.withdrawn),
        pending=_list_pending(entry, wanted),
        reason=f"{entry.error}: {entry.reason}" if entry.error else entry.reason,
        worker=entry.worker or (take.worker if take else ""),
        since=entry.since,
        seconds=take.wall_seconds if take else 0.0,
        measures=take.measure_values if take else {},
        warnings=take.warning_list if take else [],
        checks=checks,
        takes=_describe_takes(entry, snapshot),
        thumb=f"/media/thumb/{shot.shot_id}.jpg"
        if take and (has_pictures(snapshot, take) or (cut and find_web_file(snapshot)))
        else "",
        before=f"/media/take/{shot.shot_id}.mp4" if take and has_pictures(snapshot, take) else "",
        notes=list(entry.decision.notes),
        note=entry.decision.notes[-1] if entry.decision.notes else "",
        priority=entry.decision.priority,
        log=None,
    )


def _list_pending(entry: ShotState, wanted: Shot) -> list[str]:
    """List what decisions changed since this cut was recorded."""
    if SLATE in (entry.shot.talker, wanted.talker):
        slated, skipped = entry.shot.talker == SLATE, entry.decision.skipped
        return [] if slated == skipped else ["slate" if skipped else "no slate"]
    return list(list_differences(wanted, entry.shot))


def _describe_takes(entry: ShotState, snapshot: Snapshot) -> list[TakeEntry]:
    variants = snapshot.variants[entry.place]
    return [
        _describe_take(variant, take, entry, has_file=has_pictures(snapshot, take))
        for variant in variants
        if (take := snapshot.takes.get(variant.shot_id)) is not None
    ]


def _describe_take(variant: Shot, take: Take, entry: ShotState, *, has_file: bool) -> TakeEntry:
    return TakeEntry(
        take_id=take.shot_id,
        shot_id=take.shot_id,
        seed=take.seed,
        emotion=words.describe_emotion(variant.curve),
        label=take.label,
        current=take.shot_id == entry.shot.shot_id,
        circled=is_circled(entry, variant),
        first_frame=variant.first_drawn,
        frames=take.frames,
        url=f"/media/take/{take.shot_id}.mp4" if has_file else "",
        measures=take.measure_values,
        warnings=take.warning_list,
        worker=take.worker,
        seconds=take.wall_seconds,
    )


def _shorten_check(check: CheckEntry) -> ShotCheck:
    return ShotCheck(
        id=check["id"],
        name=check["name"],
        state=check["state"],
        ok=check["ok"],
        value=check["value"],
        limit=check["limit"],
        says=check["says"],
    )
