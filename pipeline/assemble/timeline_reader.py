# SPDX-License-Identifier: Apache-2.0
"""Read the picture tracks of a timeline that an editor changed (OpenTimelineIO)."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem
from pipeline.assemble.timeline import KEY, to_single_line

LONGEST_FILE = 64 << 20
# what the library raises over files that it cannot read, beside its own errors
UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    AttributeError,
    RuntimeError,
    TypeError,
    OverflowError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineClip:
    """A clip of a timeline that came back from an editor.

    `shot_id` is our shot ("" when the clip does not name it), `start` and `end` are its frames on
    the timeline, `take_frame` is its first frame in the take, and `dissolve_frames` is how long it
    comes up over the clip before it. `file`: the name of its media, which identifies a clip that
    lost its metadata. `layer` counts picture tracks; `rate` is the rate of its times; `unfit`: what
    prevents it from being conformed.
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
    """Read the clips of a timeline's picture tracks, each track in order.

    Raises InputError when it cannot be read or holds no picture.
    """
    import opentimelineio as otio

    _check_form(path)
    try:
        timeline = otio.adapters.read_from_file(str(path))
        clips = [
            clip
            for layer, track in enumerate(timeline.video_tracks())
            for clip in _read_track(track, layer)
        ]
    except (otio.exceptions.OTIOError, *UNREADABLE) as error:
        raise InputError(
            Problem(file=str(path), message="not an OpenTimelineIO timeline", got=str(error))
        ) from error
    if not clips:
        raise InputError(Problem(file=str(path), message="the timeline holds no picture"))
    return clips


def _check_form(path: Path) -> None:
    """Refuse files that are endless or nested too deeply.

    The library's reader recurses without limit and would take the process with it.
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


def _read_track(track: Any, layer: int) -> list[TimelineClip]:
    """Read the clips of one track, with the dissolves between them."""
    import opentimelineio as otio

    clips: list[TimelineClip] = []
    children = list(track)
    for before, item, after in zip(
        [None, *children], children, [*children[1:], None], strict=False
    ):
        if isinstance(item, otio.schema.Transition):
            if after is None and clips:
                clips[-1] = replace(clips[-1], unfit=(*clips[-1].unfit, "fades out"))
        elif not isinstance(item, otio.schema.Gap):
            clips.append(_read_clip(item, layer=layer))
            if isinstance(before, otio.schema.Transition):
                clips[-2:] = _apply_dissolve(clips[-2:], before)
    return clips


def _apply_dissolve(clips: list[TimelineClip], dissolve: Any) -> list[TimelineClip]:
    """Apply a transition to the clip that comes up in it, and to the clip before it, if any.

    Our dissolves are centred on the edit point. One that is not centred shows the same frames as a
    centred one on another edit point.
    """
    *earlier, clip = clips
    early, late = (
        round(side.rescaled_to(clip.rate).value)
        for side in (dissolve.in_offset, dissolve.out_offset)
    )
    shift = (early + late) // 2 - early
    comes_up = replace(
        clip,
        start=clip.start + shift,
        take_frame=clip.take_frame + shift,
        dissolve_frames=early + late,
        unfit=(*clip.unfit, *_find_unfit_transition(dissolve)),
    )
    return [*(replace(before, end=before.end + shift) for before in earlier), comes_up]


def _read_clip(clip: Any, *, layer: int) -> TimelineClip:
    span, source = clip.range_in_parent(), clip.trimmed_range()
    rate = span.duration.rate
    start = round(span.start_time.rescaled_to(rate).value)
    media = getattr(getattr(clip, "media_reference", None), "target_url", None) or ""
    return TimelineClip(
        shot_id=str(clip.metadata.get(KEY, {}).get("shot_id", "")),
        name=to_single_line(clip.name),
        file=Path(urllib.parse.unquote(media)).name,
        start=start,
        end=start + round(span.duration.value),
        take_frame=round(source.start_time.rescaled_to(rate).value),
        layer=layer,
        rate=float(rate),
        unfit=tuple(_find_unfit(clip)),
    )


def _find_unfit(clip: Any) -> Iterator[str]:
    import opentimelineio as otio

    if not isinstance(clip, otio.schema.Clip):
        yield "is a nested sequence, not a clip"
    if any(
        "TimeWarp" in effect.schema_name() or effect.schema_name() == "FreezeFrame"
        for effect in clip.effects
    ):
        yield "plays at another speed"
    if not clip.enabled:
        yield "is switched off"


def _find_unfit_transition(transition: Any) -> Iterator[str]:
    import opentimelineio as otio

    if transition.transition_type != otio.schema.TransitionTypes.SMPTE_Dissolve:
        name = to_single_line(transition.transition_type) or "a transition"
        yield f"comes in by {name}, which is not a dissolve"
