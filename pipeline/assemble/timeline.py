# SPDX-License-Identifier: Apache-2.0
"""Write the cut for editors: `timeline.otio` (OpenTimelineIO) and `timeline.xml` (Final Cut Pro 7).

Media are named by URLs relative to the timeline's own folder, so that a production can be moved as
a whole. All metadata of Callsheet stand under the one key `callsheet`. OpenTimelineIO's own adapter
writes Final Cut's XML and counts everything in frames. `edl` writes the EDL; `timeline_reader`
reads a timeline that comes back from an editor.
"""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests import layout
from manifests.rows import Cut, Recording, Shot
from manifests.timebase import MASTER_HZ, format_timecode, frames_covering, round_half_up
from pipeline.assemble.edit_list import find_dissolve_span

KEY = "callsheet"
# under this key the adapter for Final Cut's XML finds what OpenTimelineIO has no word for
FCP = "fcp_xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What a timeline is written from.

    `root`: the media folder. `take_frames`: how many frames each take file holds, by shot. `size`:
    width and height of the delivered picture.
    """

    title: str
    rate: Fraction
    cuts: Sequence[Cut]
    shots: Mapping[str, Shot]
    recordings: Sequence[Recording]
    root: Path
    take_frames: Mapping[str, int]
    size: tuple[int, int] = (0, 0)


def write_otio(programme: Programme, *, folder: Path, at: Path | None = None) -> Path:
    """Write `timeline.otio` into `folder`.

    `at`: the folder where it will finally stand; URLs are relative to it.
    """
    import opentimelineio as otio

    path = folder / layout.OTIO
    otio.adapters.write_to_file(_build_timeline(programme, at or folder), str(path))
    return path


def write_fcp_xml(programme: Programme, *, folder: Path, at: Path | None = None) -> Path | None:
    """Write `timeline.xml` into `folder`, for programs that read Final Cut Pro 7's XML.

    These are Premiere Pro, DaVinci Resolve and, by way of them, Avid. The format counts sound in
    frames too: a recording that begins between two frames lies up to half a frame off. Returns None
    and writes nothing at rates that the format cannot name (others than 23.976, 24, 25, 29.97, 30,
    48, 50, 59.94 and 60).
    """
    import opentimelineio as otio

    if not otio.opentime.RationalTime.is_smpte_timecode_rate(float(programme.rate)):
        return None
    path = folder / layout.FCP_XML
    declaration, _, tree = otio.adapters.write_to_string(
        _build_fcp_timeline(programme, at or folder), FCP
    ).partition("\n")
    path.write_text(f"{declaration}\n<!DOCTYPE xmeml>\n{tree}", encoding="utf-8")
    return path


def _build_timeline(programme: Programme, folder: Path) -> Any:
    rate = programme.rate
    timeline = _build_picture_timeline(programme, folder)
    timeline.metadata[KEY] = {
        "rate": f"{rate.numerator}/{rate.denominator}",
        "version": _find_version(programme.cuts),
    }
    for recording in programme.recordings:
        timeline.tracks.append(
            _build_sound_track(recording, programme, folder, ticks=Fraction(MASTER_HZ))
        )
    return timeline


def _build_picture_timeline(programme: Programme, folder: Path) -> Any:
    """Build the timeline with its picture tracks."""
    import opentimelineio as otio

    timeline = otio.schema.Timeline(to_single_line(programme.title))
    timeline.global_start_time = otio.opentime.RationalTime(0, float(programme.rate))
    for layer in sorted({cut.layer for cut in programme.cuts}):
        timeline.tracks.append(_build_picture_track(layer, programme, folder))
    return timeline


def _build_fcp_timeline(programme: Programme, folder: Path) -> Any:
    """Build the timeline for Final Cut's XML.

    Sound is counted in frames, each channel has a track, and the format's facts about files are
    added.
    """
    timeline = _build_picture_timeline(programme, folder)
    drop = format_timecode(0, programme.rate)[-3] == ";"
    width, height = programme.size
    shape = {"width": width, "height": height, "pixelaspectratio": "square"}
    timeline.metadata[FCP] = {
        "timecode": {"displayformat": "DF" if drop else "NDF"},
        "media": {"video": {"format": {"samplecharacteristics": shape}}},
    }
    for clip in timeline.find_clips():
        about = clip.metadata[KEY]
        scene, text = (to_single_line(about.get(name, "")) for name in ("scene", "text"))
        clip.metadata[FCP] = {"logginginfo": {"scene": scene, "description": text}}
        length = {"duration": _count_media_frames(clip)}
        clip.media_reference.metadata[FCP] = {"media": {"video": length}}
    for recording in programme.recordings:
        timeline.tracks.extend(_build_channel_tracks(recording, programme, folder))
    return timeline


def _build_channel_tracks(recording: Recording, programme: Programme, folder: Path) -> list[Any]:
    """Build a track for each channel of a recording, counted in frames."""
    tracks, channels = [], min(2, recording.source_channels)
    for channel in range(1, channels + 1):
        track = _build_sound_track(recording, programme, folder, ticks=programme.rate)
        clip = track[-1]
        clip.metadata[FCP] = {"sourcetrack": {"mediatype": "audio", "trackindex": channel}}
        clip.media_reference.metadata[FCP] = {"media": {"audio": {"channelcount": channels}}}
        tracks.append(track)
    return tracks


def _count_media_frames(clip: Any) -> int:
    frames: float = clip.media_reference.available_range.duration.value
    return round(frames)


def _build_clip(cut: Cut, programme: Programme, folder: Path) -> Any:
    import opentimelineio as otio

    rate = float(programme.rate)
    path = programme.root / cut.take_path
    available = programme.take_frames.get(cut.shot_id, cut.take_frame + cut.frames)
    media = otio.schema.ExternalReference(
        target_url=_build_url(path, folder), available_range=_build_range(0, available, rate)
    )
    media.name = path.name
    clip = otio.schema.Clip(
        cut.number,
        media_reference=media,
        source_range=_build_range(cut.take_frame, cut.frames, rate),
    )
    clip.metadata[KEY] = {
        "shot_id": cut.shot_id,
        "grade_id": cut.grade_id,
        "cube": _build_url(programme.root / cut.cube_path, folder) if cut.cube_path else "",
        "crop": cut.crop,
        "label": cut.label,
        **_describe_shot(programme.shots.get(cut.shot_id)),
    }
    return clip


def _build_dissolve(cut: Cut, rate: float) -> Any:
    import opentimelineio as otio

    start, end = find_dissolve_span(cut)
    return otio.schema.Transition(
        "Cross Dissolve",
        transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=otio.opentime.RationalTime(cut.start_frame - start, rate),
        out_offset=otio.opentime.RationalTime(end - cut.start_frame, rate),
    )


def _build_picture_track(layer: int, programme: Programme, folder: Path) -> Any:
    """Build the track of one layer, with gaps where it shows nothing."""
    import opentimelineio as otio

    track = otio.schema.Track(
        f"picture {layer + 1}" if layer else "picture", kind=otio.schema.TrackKind.Video
    )
    rate, end = float(programme.rate), 0
    for cut in sorted(
        (cut for cut in programme.cuts if cut.layer == layer), key=lambda cut: cut.start_frame
    ):
        if cut.start_frame > end:
            track.append(otio.schema.Gap(source_range=_build_range(0, cut.start_frame - end, rate)))
        if cut.dissolve_frames:
            track.append(_build_dissolve(cut, rate))
        track.append(_build_clip(cut, programme, folder))
        end = cut.end_frame
    return track


def _build_sound_track(
    recording: Recording, programme: Programme, folder: Path, *, ticks: Fraction
) -> Any:
    """Build the track of one recording, counted in `ticks` a second.

    It holds silence up to the recording's place, then the whole file.
    """
    import opentimelineio as otio

    path = programme.root / recording.master_path
    track = otio.schema.Track(
        to_single_line(Path(recording.source).name), kind=otio.schema.TrackKind.Audio
    )
    offset, length = (
        round_half_up(samples * ticks / MASTER_HZ)
        for samples in (recording.offset_samples, recording.samples)
    )
    if offset > 0:
        track.append(otio.schema.Gap(source_range=_build_range(0, offset, float(ticks))))
    whole = _build_range(0, length, float(ticks))
    media = otio.schema.ExternalReference(
        target_url=_build_url(path, folder), available_range=whole
    )
    clip = otio.schema.Clip(track.name, media_reference=media, source_range=whole)
    clip.metadata[KEY] = {
        "recording_id": recording.recording_id,
        "frames": frames_covering(recording.samples, programme.rate),
    }
    track.append(clip)
    return track


def _describe_shot(shot: Shot | None) -> dict[str, str]:
    if shot is None:
        return {}
    return {
        "scene": shot.scene,
        "character": shot.character,
        "role": shot.role,
        "text": shot.text,
        "lines": shot.line_ids,
    }


def _build_range(start: int, duration: int, rate: float) -> Any:
    import opentimelineio as otio

    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(duration, rate)
    )


def _build_url(path: Path, folder: Path) -> str:
    relative = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    return urllib.parse.quote(relative)


def _find_version(cuts: Sequence[Cut]) -> str:
    return cuts[0].version if cuts else ""


def to_single_line(text: str) -> str:
    """Join a text into one line of printable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
