# SPDX-License-Identifier: Apache-2.0
"""The HLS ladder of a version: its playlists, written when its renditions have been signed, and
their checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.version import Draft
from manifests import identity, layout
from manifests.delivery_rows import Check, Deliverable
from manifests.errors import ToolError
from pipeline.deliver import delivery_job, hls
from pipeline.deliver.delivery_job import DeliveryPass
from pipeline.deliver.profiles import HLS

RENDITION = f"{HLS}-"  # what the names of a ladder's profiles begin with


def compute_ids(passes: Sequence[DeliveryPass]) -> list[str]:
    """The identity of the master playlist, where there is a ladder: that of its renditions
    together.
    """
    made = [
        delivery_job.deliverable_id(one.cuts, one.job, profile)
        for one in passes
        for profile in one.job.profiles
        if profile.name.startswith(RENDITION)
    ]
    return [identity.digest([HLS, made])] if made else []


def write_playlists(draft: Draft) -> list[Check]:
    """Write the playlists of the ladder into its folder, follow them, and judge what is found;
    nothing where there is no ladder.

    Captions come with it unless they are in the picture already.
    """
    files = _list_rendition_files(draft)
    if not files:
        return []
    wanted = draft.shown and not draft.project.production.delivery.burn_captions
    master = hls.write_playlists(
        files[0].parent,
        [hls.open_rendition(path) for path in files],
        captions=draft.folder / layout.VTT if wanted else None,
        language=draft.project.production.language,
    )
    return _check_playlists(draft, master, hls.inspect_playlists(master))


def describe_playlist(draft: Draft) -> list[Deliverable]:
    """The row of the master playlist, where there is a ladder."""
    files = _list_rendition_files(draft)
    return [
        Deliverable(
            deliverable_id=key,
            version=draft.name,
            profile=HLS,
            path=f"{draft.name}/{HLS}/{hls.MASTER}",
            media_digest=identity.digest_file(files[0].parent / hls.MASTER),
            frames=draft.passes[0].frames,
            seconds=float(draft.passes[0].frames / draft.job.picture.rate),
            width=draft.job.picture.width,
            height=draft.job.picture.height,
        )
        for key in compute_ids(draft.passes)
    ]


def _list_rendition_files(draft: Draft) -> list[Path]:
    return [path for name, path in draft.files.items() if name.startswith(RENDITION)]


def _check_playlists(draft: Draft, master: Path, found: hls.Ladder) -> list[Check]:
    """Whether playlists and files agree, segments begin together with key frames, and a player gets
    every picture.
    """
    lengths = found.renditions[0].lengths if found.renditions else []
    told = f"{len(found.renditions)} renditions of {len(lengths)} segments"
    frames = draft.passes[0].frames
    came = [_count_played_frames(master, number) for number in range(len(found.renditions))]
    short = [str(one) for one in came if one != str(frames)]
    return [
        _build_check(draft, "playlists", told, problems=found.playlists),
        _build_check(
            draft, "segments begin together with key frames", told, problems=found.segments
        ),
        _build_check(draft, "bandwidth, codecs and sizes", told, problems=found.attributes),
        _build_check(
            draft,
            "plays through its playlist",
            f"{', '.join(came)} of {frames} frames",
            problems=short,
        ),
    ]


def _count_played_frames(master: Path, number: int) -> str:
    try:
        return str(hls.play_rendition(master, number))
    except ToolError as error:
        return str(error).splitlines()[-1]


def _build_check(draft: Draft, name: str, told: str, *, problems: Sequence[str]) -> Check:
    return Check(
        version=draft.name,
        profile=HLS,
        name=name,
        value=f"{len(problems)} wrong, {told}",
        limit="0 wrong",
        verdict="fail" if problems else "pass",
        advice="; ".join(problems[:3]),
    )
