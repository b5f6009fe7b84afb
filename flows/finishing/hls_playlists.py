# SPDX-License-Identifier: Apache-2.0
"""Write and check the HLS playlists of a version, after its renditions have been signed."""

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
    """Compute the identity of the master playlist from its renditions; none without HLS."""
    renditions = [
        delivery_job.compute_deliverable_id(part.cuts, part.job, profile)
        for part in passes
        for profile in part.job.profiles
        if profile.name.startswith(RENDITION)
    ]
    return [identity.digest([HLS, renditions])] if renditions else []


def write_playlists(draft: Draft) -> list[Check]:
    """Write the playlists of the ladder into its folder, follow them, and check the result.

    Returns no checks when HLS is not delivered. Captions are included unless they are burned in.
    """
    files = _list_rendition_files(draft)
    if not files:
        return []
    wanted = draft.captions_on_frames and not draft.project.production.delivery.burn_captions
    master = hls.write_playlists(
        files[0].parent,
        [hls.open_rendition(path) for path in files],
        captions=draft.folder / layout.VTT if wanted else None,
        language=draft.project.production.language,
    )
    return _check_playlists(draft, master, hls.inspect_playlists(master))


def describe_playlist(draft: Draft) -> list[Deliverable]:
    """Describe the master playlist as a row; none without HLS."""
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
    """Check that playlists and files agree, segments are aligned, and every picture plays."""
    lengths = found.renditions[0].lengths if found.renditions else []
    extent = f"{len(found.renditions)} renditions of {len(lengths)} segments"
    frames = draft.passes[0].frames
    played = [_count_played_frames(master, number) for number in range(len(found.renditions))]
    short = [count for count in played if count != str(frames)]
    shown = f"{', '.join(played)} of {frames} frames"
    return [
        _build_check(draft, "playlists", extent, problems=found.playlists),
        _build_check(
            draft, "segments begin together with key frames", extent, problems=found.segments
        ),
        _build_check(draft, "bandwidth, codecs and sizes", extent, problems=found.attributes),
        _build_check(draft, "plays through its playlist", shown, problems=short),
    ]


def _count_played_frames(master: Path, number: int) -> str:
    try:
        return str(hls.play_rendition(master, number))
    except ToolError as error:
        return str(error).splitlines()[-1]


def _build_check(draft: Draft, name: str, extent: str, *, problems: Sequence[str]) -> Check:
    return Check(
        version=draft.name,
        profile=HLS,
        name=name,
        value=f"{len(problems)} wrong, {extent}",
        limit="0 wrong",
        verdict="fail" if problems else "pass",
        advice="; ".join(problems[:3]),
    )
