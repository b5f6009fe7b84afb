# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet talk`: make one clip from one portrait and one recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, complain, say, say_json

if TYPE_CHECKING:
    from flows.talk import FinishedClip

app = group()


Portrait = Annotated[
    Path, typer.Option("--portrait", help="a picture of one person, or several with --face")
]
Speech = Annotated[Path, typer.Option("--speech", help="a recording")]
Clip = Annotated[
    Path, typer.Option("-o", "--out", help="the clip to write (.mp4; .mkv with --lossless)")
]
Emotion = Annotated[str, typer.Option(help="e.g. 'happy 0.8' or 'neutral -> angry 0.9'")]
EmotionFrom = Annotated[
    Path | None, typer.Option(help="take the emotion from this clip, recording or picture instead")
]
Text = Annotated[
    str | None, typer.Option(help="the words spoken, if known: the mouth follows them")
]
Language = Annotated[str, typer.Option("--lang", help="language of the speech")]
Size = Annotated[
    int | None, typer.Option(help="short side of the frames in pixels; default: the portrait's")
]
Fps = Annotated[str, typer.Option(help="frames per second, e.g. 25 or 30000/1001")]
Seed = Annotated[int, typer.Option(min=0, help="another seed gives other blinks and head motion")]
Face = Annotated[str, typer.Option(help="only, left, right, largest, or a number from the left")]
Talker = Annotated[str, typer.Option(help="previs, dice or nano")]
Lossless = Annotated[bool, typer.Option("--lossless", help="FFV1 and FLAC in Matroska")]
Alpha = Annotated[
    bool, typer.Option("--alpha", help="with the person's matte: .mov ProRes 4444, .webm VP9")
]
Track = Annotated[
    Path | None, typer.Option(help="also write visemes, action units, head and gaze as JSON")
]
PerformanceFrom = Annotated[
    Path | None,
    typer.Option(help="let a filmed face drive the brows, eyelids, mouth corners and head"),
]
ContactSheet = Annotated[
    Path | None,
    typer.Option(help="also write 8 emotions x 3 intensities and speaking mouths as PNG"),
]


@app.command()
def talk(
    portrait: Portrait,
    speech: Speech,
    out: Clip,
    emotion: Emotion = "neutral",
    emotion_from: EmotionFrom = None,
    text: Text = None,
    lang: Language = "en",
    size: Size = None,
    fps: Fps = "25",
    seed: Seed = 0,
    face: Face = "only",
    talker: Talker = "previs",
    lossless: Lossless = False,
    alpha: Alpha = False,
    track: Track = None,
    performance_from: PerformanceFrom = None,
    contact_sheet: ContactSheet = None,
    as_json: Json = False,
) -> int:
    """Make one clip from one portrait and one recording."""
    from flows.clip_request import ClipRequest, parse_fps
    from flows.progress import show_progress
    from flows.talk import make_clip

    request = ClipRequest(
        portrait=portrait,
        speech=speech,
        out=out,
        emotion=emotion,
        emotion_from=emotion_from,
        text=text,
        language=lang,
        rate=parse_fps(fps),
        seed=seed,
        face=face,
        talker=talker,
        settings={} if size is None else {"size": size},
        lossless=lossless,
        alpha=alpha,
        track=track,
        performance_from=performance_from,
        contact_sheet=contact_sheet,
    )
    with show_progress():
        clip = make_clip(request)
    if as_json:
        say_json(clip)
    else:
        _show_clip(clip)
    return DONE


def _show_clip(clip: FinishedClip) -> None:
    """Print the facts of a clip, and its warnings."""
    size = f"{clip.width}x{clip.height}"
    say(f"{clip.path}: {clip.frames} frames, {clip.seconds:.2f} s, {size}, by {clip.label}")
    if clip.felt:
        complain(f"emotion: {clip.felt}")
    for warning in clip.measures.warnings:
        complain(f"warning: {warning}")
