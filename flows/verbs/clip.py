# SPDX-License-Identifier: Apache-2.0
"""`talk`: one clip from one portrait and one recording, with the talker that episodes use."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Json, group
from flows.view.screen import DONE, complain, say, say_json

if TYPE_CHECKING:
    from flows.talk import Made

app = group()


@app.command()
def talk(
    portrait: Annotated[
        Path, typer.Option("--portrait", help="a picture of one person, or several with --face")
    ],
    speech: Annotated[Path, typer.Option("--speech", help="a recording")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="the clip to write (.mp4; .mkv with --lossless)")
    ],
    emotion: Annotated[
        str, typer.Option(help="e.g. 'happy 0.8' or 'neutral -> angry 0.9'")
    ] = "neutral",
    emotion_from: Annotated[
        Path | None,
        typer.Option(help="a clip, recording or picture whose emotion is taken instead"),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="what is said, when known: the mouth follows it")
    ] = None,
    lang: Annotated[str, typer.Option(help="language of the speech")] = "en",
    size: Annotated[
        int | None, typer.Option(help="short side of the frames; default: the portrait's")
    ] = None,
    fps: Annotated[str, typer.Option(help="frames per second, e.g. 25 or 30000/1001")] = "25",
    seed: Annotated[
        int, typer.Option(min=0, help="another seed: other blinks and head motion")
    ] = 0,
    face: Annotated[
        str, typer.Option(help="only, left, right, largest, or a number from the left")
    ] = "only",
    talker: Annotated[str, typer.Option(help="previs, dice or nano")] = "previs",
    lossless: Annotated[bool, typer.Option("--lossless", help="FFV1 and FLAC in Matroska")] = False,
    alpha: Annotated[
        bool, typer.Option("--alpha", help="with the person's matte: .mov ProRes 4444, .webm VP9")
    ] = False,
    track: Annotated[
        Path | None, typer.Option(help="also write visemes, action units, head and gaze as JSON")
    ] = None,
    performance_from: Annotated[
        Path | None, typer.Option(help="a filmed face leads brows, lids, corners, head")
    ] = None,
    contact_sheet: Annotated[
        Path | None,
        typer.Option(help="also write 8 emotions x 3 intensities, and mouths that speak, as PNG"),
    ] = None,
    as_json: Json = False,
) -> int:
    """Make one clip from one portrait and one recording."""
    from flows.progress import bars
    from flows.talk import Request, make, parse_fps

    # stopped from outside: nothing half made is left either
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = Request(
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
    with bars():
        made = make(request)
    if as_json:
        say_json(made)
    else:
        _show(made)
    return DONE


def _show(made: Made) -> None:
    """The clip, and what is to be known of it."""
    say(
        f"{made.path}: {made.frames} frames, {made.seconds:.2f} s, {made.width}x{made.height}, by {made.label}"
    )
    if made.felt:
        complain(f"emotion: {made.felt}")
    for warning in made.measures.warnings:
        complain(f"warning: {warning}")
