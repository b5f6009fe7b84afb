# SPDX-License-Identifier: Apache-2.0
"""The cut for an editor: `timeline.otio` (OpenTimelineIO), `timeline.xml` (Final Cut Pro 7) and
`timeline.edl` (CMX 3600). The one door to opentimelineio.

Media are named by URLs relative to the timeline's own folder, so that a production can be moved as
a whole. All that is ours stands under the one metadata key `callsheet`. Final Cut's XML is written
by OpenTimelineIO's own adapter and counts everything in frames.
"""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem
from manifests.rows import Cut, Recording, Shot
from manifests.timebase import MASTER_HZ, frames_covering, round_half_up, format_timecode
from pipeline.assemble.edit_list import dissolve_span, split_segments

KEY = "callsheet"
# under this key the adapter for Final Cut's XML finds what OpenTimelineIO has no word for
FCP = "fcp_xml"
RATE_TOLERANCE = 0.002  # frames a second: 29.97 and 30000/1001 are the same
LONGEST_FILE = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What a timeline is written of. `root`: the media folder; `take_frames`: how many frames each
    take file holds, by shot. `size`: width and height of the delivered picture.
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
    """Write `timeline.otio` into `folder`. `at`: the folder where it will stand in the end (URLs
    are relative to it).
    """
    import opentimelineio as otio

    path = folder / "timeline.otio"
    otio.adapters.write_to_file(_timeline(programme, at or folder), str(path))
    return path


def write_fcp_xml(programme: Programme, *, folder: Path, at: Path | None = None) -> Path | None:
    """Write `timeline.xml` into `folder` for programs that read Final Cut Pro 7's XML (Premiere
    Pro, DaVinci Resolve, Avid by way of them).

    The format counts sound in frames, too: a recording that begins between two lies up to half a
    frame off. Returns None and writes nothing at rates that it cannot name (others than 23.976, 24,
    25, 29.97, 30, 48, 50, 59.94 and 60).
    """
    import opentimelineio as otio

    if not otio.opentime.RationalTime.is_smpte_timecode_rate(float(programme.rate)):
        return None
    path = folder / "timeline.xml"
    declaration, _, tree = otio.adapters.write_to_string(
        _fcp_timeline(programme, at or folder), FCP
    ).partition("\n")
    path.write_text(f"{declaration}\n<!DOCTYPE xmeml>\n{tree}", encoding="utf-8")
    return path


def write_edl(programme: Programme, *, folder: Path) -> Path:
    """Write `timeline.edl`: one event a cut, record times from 00:00:00:00, source names in `FROM
    CLIP NAME` comments.
    """
    path = folder / "timeline.edl"
    path.write_text("\n".join(edl_lines(programme)) + "\n", encoding="utf-8")
    return path


def edl_lines(programme: Programme) -> list[str]:
    """The lines of a CMX 3600 edit decision list. Times are timecode at the delivery rate
    (drop-frame at 30000/1001).
    """
    rate = programme.rate
    drop = format_timecode(0, rate)[-3] == ";"
    lines = [
        f"TITLE: {_one_line(programme.title)[:70]}",
        f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}",
    ]
    # a CMX list knows one picture at a time
    base = [cut for cut in programme.cuts if not cut.layer]
    for number, (before, cut, after) in enumerate(
        zip([None, *base], base, [*base[1:], None], strict=False), start=1
    ):
        end = dissolve_span(after)[0] if after else cut.end_frame
        lines += _edl_event(number, before, cut, end=end, rate=rate)
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineClip:
    """A clip of a returned timeline: our shot ("" when it does not say so), its frames on the
    timeline, its first frame in the take, and how long it comes up over the clip before it. `file`:
    the name of its media, by which a clip is known that lost its metadata; `layer` counts picture
    tracks; `rate` is of its times; `unfit`: what about it cannot be conformed.
    """

    shot_id: str
    name: str
    file: str = ""
    start: int
    end: int
    take_frame: int
    dissolve_frames: int = 0
    layer: int = 0
    rate: float = 0.0
    unfit: tuple[str, ...] = ()


def read_timeline(path: Path) -> list[TimelineClip]:
    """The clips of a timeline's picture tracks, each track in order. Raises InputError when it
    cannot be read or holds no picture.
    """
    import opentimelineio as otio

    _check_form(path)
    unreadable: tuple[type[Exception], ...] = (
        otio.exceptions.OTIOError,
        OSError,
        ValueError,
        LookupError,
    )
    unreadable += (AttributeError, RuntimeError, TypeError, OverflowError)
    try:
        timeline = otio.adapters.read_from_file(str(path))
        events = [
            event
            for layer, track in enumerate(timeline.video_tracks())
            for event in _events(track, layer)
        ]
    except unreadable as error:
        raise InputError(
            Problem(file=str(path), message="not an OpenTimelineIO timeline", got=str(error))
        ) from error
    if not events:
        raise InputError(Problem(file=str(path), message="the timeline holds no picture"))
    return events


def conform_cuts(cuts: Sequence[Cut], path: Path) -> list[Cut]:
    """The edit list as an editor changed it: trimmed, slipped, split, reordered or removed events;
    grades and framing stay.

    Raises InputError with every clip that is not ours, reaches outside its take, is played at
    another rate or speed, or leaves a gap or an overlap, and with a dissolve that cannot be. A shot
    that is to last longer than its take must be generated anew: ask for handles (`[cut]
    handle_frames`).
    """
    ours = {Path(cut.take_path).name: cut for cut in cuts} | {cut.shot_id: cut for cut in cuts}
    events = sorted(read_timeline(path), key=lambda event: (event.start, event.layer))
    found = [ours.get(event.shot_id or event.file) for event in events]
    problems = [
        problem
        for event, cut in zip(events, found, strict=True)
        for problem in _problems(event, cut, path)
    ]
    problems += _gaps([event for event in events if not event.layer], path)
    if problems:
        raise InputError(problems)
    conformed = [
        replace(
            cut,
            order=order,
            start_frame=event.start,
            end_frame=event.end,
            take_frame=event.take_frame,
            dissolve_frames=event.dissolve_frames,
        )
        for order, (event, cut) in enumerate(zip(events, found, strict=True))
        if cut is not None
    ]
    try:
        split_segments(conformed)
    except ValueError as error:
        raise InputError(Problem(file=path.name, message=str(error))) from error
    return conformed


def find_moved_cuts(cuts: Sequence[Cut], shots: Mapping[str, Shot]) -> list[tuple[Cut, int]]:
    """The events of people who speak that are not shown at the time for which they were drawn, with
    the frames that they come late.
    """
    apart = [
        (cut, cut.start_frame - cut.take_frame - shots[cut.shot_id].first_drawn) for cut in cuts
    ]
    return [(cut, late) for cut, late in apart if late and shots[cut.shot_id].role == "speaking"]


def _check_form(path: Path) -> None:
    """The library's reader recurses without limit and takes the process with it: what is endless or
    nested too deep ends here.
    """
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise InputError(
                Problem(
                    file=str(path),
                    message="the timeline is too large",
                    expected=f"at most {LONGEST_FILE >> 20} MB",
                )
            )
        json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            Problem(file=str(path), message="not an OpenTimelineIO timeline", got=str(error))
        ) from error


def _edl_event(number: int, before: Cut | None, cut: Cut, *, end: int, rate: Fraction) -> list[str]:
    """One event, until the next one begins (`end`); a dissolve is two lines of one number, the
    first of no length, and begins where the incoming picture does.
    """
    early = cut.start_frame - dissolve_span(cut)[0]
    source = max(cut.take_frame - early, 0)
    lines = []
    kind = "C       "
    if cut.dissolve_frames and before is not None:
        out = format_timecode(before.take_frame + before.frames - early, rate)
        at = format_timecode(cut.start_frame - early, rate)
        lines.append(
            f"{number:03}  {_reel(before.number, number):<8} V     C        {out} {out} {at} {at}"
        )
        kind = f"D    {cut.dissolve_frames:03}"
    start = cut.start_frame - early
    times = " ".join(format_timecode(frame, rate) for frame in (source, source + end - start, start, end))
    lines.append(f"{number:03}  {_reel(cut.number, number):<8} V     {kind} {times}")
    names = (
        [("FROM", before), ("TO", cut)]
        if cut.dissolve_frames and before is not None
        else [("FROM", cut)]
    )
    return [*lines, *(f"* {word} CLIP NAME: {_one_line(named.number)}" for word, named in names)]


def _events(track: Any, layer: int) -> list[TimelineClip]:
    """The clips of one track, with the dissolves between them."""
    import opentimelineio as otio

    events: list[TimelineClip] = []
    children = list(track)
    for before, item, after in zip(
        [None, *children], children, [*children[1:], None], strict=False
    ):
        if isinstance(item, otio.schema.Transition):
            if after is None and events:
                events[-1] = replace(events[-1], unfit=(*events[-1].unfit, "fades out"))
        elif not isinstance(item, otio.schema.Gap):
            events.append(_event(item, layer=layer))
            if isinstance(before, otio.schema.Transition):
                events[-2:] = _dissolved(events[-2:], before)
    return events


def _dissolved(events: list[TimelineClip], dissolve: Any) -> list[TimelineClip]:
    """The event that comes up in a transition, and the one before it, if any. Ours are centred on
    the edit point; one that is not shows the same frames as a centred one on another edit point.
    """
    *earlier, event = events
    early, late = (
        round(side.rescaled_to(event.rate).value)
        for side in (dissolve.in_offset, dissolve.out_offset)
    )
    shift = (early + late) // 2 - early
    comes_up = replace(
        event,
        start=event.start + shift,
        take_frame=event.take_frame + shift,
        dissolve_frames=early + late,
        unfit=(*event.unfit, *_no_dissolve(dissolve)),
    )
    return [*(replace(one, end=one.end + shift) for one in earlier), comes_up]


def _event(clip: Any, *, layer: int) -> TimelineClip:
    span, source = clip.range_in_parent(), clip.trimmed_range()
    rate = span.duration.rate
    start = round(span.start_time.rescaled_to(rate).value)
    media = getattr(getattr(clip, "media_reference", None), "target_url", None) or ""
    return TimelineClip(
        shot_id=str(clip.metadata.get(KEY, {}).get("shot_id", "")),
        name=_one_line(clip.name),
        file=Path(urllib.parse.unquote(media)).name,
        start=start,
        end=start + round(span.duration.value),
        take_frame=round(source.start_time.rescaled_to(rate).value),
        layer=layer,
        rate=float(rate),
        unfit=tuple(_unfit(clip)),
    )


def _unfit(clip: Any) -> Iterator[str]:
    import opentimelineio as otio

    if not isinstance(clip, otio.schema.Clip):
        yield "is a sequence of its own, not a clip"
    if any(
        "TimeWarp" in effect.schema_name() or effect.schema_name() == "FreezeFrame"
        for effect in clip.effects
    ):
        yield "is played at another speed"
    if not clip.enabled:
        yield "is switched off"


def _no_dissolve(transition: Any) -> Iterator[str]:
    import opentimelineio as otio

    if transition.transition_type != otio.schema.TransitionTypes.SMPTE_Dissolve:
        yield f"comes in by {_one_line(transition.transition_type) or 'a transition'}, which is no dissolve"


def _problems(event: TimelineClip, cut: Cut | None, path: Path) -> list[Problem]:
    """Everything that is wrong with one event."""
    found = [Problem(file=path.name, message=f"{event.name} {reason}") for reason in event.unfit]
    if cut is None:
        return found or [
            Problem(
                file=path.name, message=f"the clip {event.name!r} is no shot of this production"
            )
        ]
    if event.layer != cut.layer:
        message, expected = (
            f"{event.name} lies on picture track {event.layer + 1}",
            f"track {cut.layer + 1}",
        )
        found.append(Problem(file=path.name, message=message, expected=expected))
    if event.end <= event.start:
        found.append(Problem(file=path.name, message=f"{event.name} is empty"))
    rate = Fraction(cut.rate_num, cut.rate_den) if cut.rate_num else None
    if rate and abs(event.rate - float(rate)) > RATE_TOLERANCE:
        message = f"the times of {event.name} are in another frame rate"
        found.append(
            Problem(
                file=path.name, message=message, expected=f"{float(rate):g}", got=f"{event.rate:g}"
            )
        )
    available = cut.take_frames or cut.take_frame + cut.frames
    last = event.take_frame + event.end - event.start
    if event.take_frame < 0 or last > available:
        message, got = (
            f"{event.name} reaches outside its take",
            f"frames {event.take_frame} to {last}",
        )
        found.append(
            Problem(file=path.name, message=message, expected=f"0 to {available}", got=got)
        )
    return found


def _gaps(events: Sequence[TimelineClip], path: Path) -> list[Problem]:
    ends = [0, *(event.end for event in events)]
    return [
        Problem(
            file=path.name,
            message=f"{event.name} starts at frame {event.start}",
            expected=f"frame {end}",
        )
        for end, event in zip(ends, events, strict=False)
        if event.start != end
    ]


def _timeline(programme: Programme, folder: Path) -> Any:
    rate = programme.rate
    timeline = _pictures(programme, folder)
    timeline.metadata[KEY] = {
        "rate": f"{rate.numerator}/{rate.denominator}",
        "version": _version(programme.cuts),
    }
    for recording in programme.recordings:
        timeline.tracks.append(
            _sound_track(recording, programme, folder, ticks=Fraction(MASTER_HZ))
        )
    return timeline


def _pictures(programme: Programme, folder: Path) -> Any:
    """The timeline with its picture tracks."""
    import opentimelineio as otio

    timeline = otio.schema.Timeline(_one_line(programme.title))
    timeline.global_start_time = otio.opentime.RationalTime(0, float(programme.rate))
    for layer in sorted({cut.layer for cut in programme.cuts}):
        timeline.tracks.append(_picture_track(layer, programme, folder))
    return timeline


def _fcp_timeline(programme: Programme, folder: Path) -> Any:
    """The timeline for Final Cut's XML: sound in frames, a track for each channel, and what the
    format says about files.
    """
    timeline = _pictures(programme, folder)
    drop = format_timecode(0, programme.rate)[-3] == ";"
    width, height = programme.size
    shape = {
        "samplecharacteristics": {"width": width, "height": height, "pixelaspectratio": "square"}
    }
    timeline.metadata[FCP] = {
        "timecode": {"displayformat": "DF" if drop else "NDF"},
        "media": {"video": {"format": shape}},
    }
    for clip in timeline.find_clips():
        about = clip.metadata[KEY]
        said = {name: _one_line(about.get(name, "")) for name in ("scene", "text")}
        clip.metadata[FCP] = {"logginginfo": {"scene": said["scene"], "description": said["text"]}}
        clip.media_reference.metadata[FCP] = {"media": {"video": {"duration": _length(clip)}}}
    for recording in programme.recordings:
        channels = min(2, recording.source_channels)
        for channel in range(1, channels + 1):
            track = _sound_track(recording, programme, folder, ticks=programme.rate)
            clip = track[-1]
            clip.metadata[FCP] = {"sourcetrack": {"mediatype": "audio", "trackindex": channel}}
            clip.media_reference.metadata[FCP] = {"media": {"audio": {"channelcount": channels}}}
            timeline.tracks.append(track)
    return timeline


def _length(clip: Any) -> int:
    frames: float = clip.media_reference.available_range.duration.value
    return round(frames)


def _clip(cut: Cut, programme: Programme, folder: Path) -> Any:
    import opentimelineio as otio

    rate = float(programme.rate)
    path = programme.root / cut.take_path
    available = programme.take_frames.get(cut.shot_id, cut.take_frame + cut.frames)
    media = otio.schema.ExternalReference(
        target_url=_url(path, folder), available_range=_range(0, available, rate)
    )
    media.name = path.name
    clip = otio.schema.Clip(
        cut.number, media_reference=media, source_range=_range(cut.take_frame, cut.frames, rate)
    )
    clip.metadata[KEY] = {
        "shot_id": cut.shot_id,
        "grade_id": cut.grade_id,
        "cube": _url(programme.root / cut.cube_path, folder) if cut.cube_path else "",
        "crop": cut.crop,
        "label": cut.label,
        **_about(programme.shots.get(cut.shot_id)),
    }
    return clip


def _dissolve(cut: Cut, rate: float) -> Any:
    import opentimelineio as otio

    start, end = dissolve_span(cut)
    return otio.schema.Transition(
        "Cross Dissolve",
        transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
        in_offset=otio.opentime.RationalTime(cut.start_frame - start, rate),
        out_offset=otio.opentime.RationalTime(end - cut.start_frame, rate),
    )


def _picture_track(layer: int, programme: Programme, folder: Path) -> Any:
    """The events of one layer, with gaps where it shows nothing."""
    import opentimelineio as otio

    track = otio.schema.Track(
        f"picture {layer + 1}" if layer else "picture", kind=otio.schema.TrackKind.Video
    )
    rate, end = float(programme.rate), 0
    for cut in sorted(
        (cut for cut in programme.cuts if cut.layer == layer), key=lambda cut: cut.start_frame
    ):
        if cut.start_frame > end:
            track.append(otio.schema.Gap(source_range=_range(0, cut.start_frame - end, rate)))
        if cut.dissolve_frames:
            track.append(_dissolve(cut, rate))
        track.append(_clip(cut, programme, folder))
        end = cut.end_frame
    return track


def _sound_track(
    recording: Recording, programme: Programme, folder: Path, *, ticks: Fraction
) -> Any:
    """One track a recording: silence up to its place, then the whole file, counted in `ticks` a
    second.
    """
    import opentimelineio as otio

    path = programme.root / recording.master_path
    track = otio.schema.Track(
        _one_line(Path(recording.source).name), kind=otio.schema.TrackKind.Audio
    )
    offset, length = (
        round_half_up(samples * ticks / MASTER_HZ)
        for samples in (recording.offset_samples, recording.samples)
    )
    if offset > 0:
        track.append(otio.schema.Gap(source_range=_range(0, offset, float(ticks))))
    whole = _range(0, length, float(ticks))
    media = otio.schema.ExternalReference(target_url=_url(path, folder), available_range=whole)
    clip = otio.schema.Clip(track.name, media_reference=media, source_range=whole)
    clip.metadata[KEY] = {
        "recording_id": recording.recording_id,
        "frames": frames_covering(recording.samples, programme.rate),
    }
    track.append(clip)
    return track


def _about(shot: Shot | None) -> dict[str, str]:
    if shot is None:
        return {}
    return {
        "scene": shot.scene,
        "character": shot.character,
        "role": shot.role,
        "text": shot.text,
        "lines": shot.line_ids,
    }


def _range(start: int, duration: int, rate: float) -> Any:
    import opentimelineio as otio

    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(duration, rate)
    )


def _url(path: Path, folder: Path) -> str:
    relative = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    return urllib.parse.quote(relative)


def _version(cuts: Sequence[Cut]) -> str:
    return cuts[0].version if cuts else ""


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _reel(number: str, order: int) -> str:
    """Eight characters of the shot's number, or the event's number: CMX reels know no more."""
    plain = re.sub(r"[^A-Za-z0-9]", "", number).upper()
    return plain[-8:] or f"EV{round_half_up(Fraction(order)):06}"
