# SPDX-License-Identifier: Apache-2.0
"""`callsheet shot ...`: what people decide about shots, while a render runs and between renders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, complain, print_table, say, say_json

if TYPE_CHECKING:
    from flows.ledger.shot_decisions import ShotDecision
    from flows.selection import Selection

app = group(
    help="Decide about shots: a number (sc01_sh030), a range (sc01_sh010..sc01_sh060), a query (character=MARA, state=failed,"
    " emotion=angry, scene=sc02, actor=..., role=..., talker=...) or all; several are joined.",
    no_args_is_help=True,
)
Shots = Annotated[
    list[str], typer.Argument(metavar="SHOT...", help="which shots; see `callsheet shot --help`")
]


@app.command()
def approve(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """What was looked at is right; a changed input withdraws it."""
    from flows.ledger import shot_decisions

    return _told(shot_decisions.approve(_chosen(folder, shots, out)), as_json)


@app.command()
def retry(
    folder: Folder,
    shots: Shots,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="another take, with this seed")
    ] = None,
    new_seed: Annotated[
        bool, typer.Option("--new-seed", help="another take, with a seed not used yet")
    ] = False,
    emotion: Annotated[
        str,
        typer.Option(
            "--emotion",
            help="performed so: 'angry 0.8', 'neutral -> sad'; 'as written' takes it back",
        ),
    ] = "",
    intensity: Annotated[
        float, typer.Option("--intensity", min=0, max=10, help="times the weights of its emotion")
    ] = 1.0,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Try again what failed; with another seed, emotion or intensity, make another take of what is
    done.
    """
    from flows.ledger import shot_decisions

    chosen = _chosen(folder, shots, out)
    decided: list[ShotDecision] = []
    if emotion or intensity != 1:
        decided = shot_decisions.direct(chosen, emotion=emotion, intensity=intensity)
    if not decided or seed is not None or new_seed:
        decided += shot_decisions.retry(chosen, seed=seed, new_seed=new_seed)
    return _told(decided, as_json)


@app.command()
def hold(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """Do not make them and deliver nothing until they are released."""
    from flows.ledger import shot_decisions

    return _told(shot_decisions.hold(_chosen(folder, shots, out)), as_json)


@app.command()
def release(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """Take up again what was held or skipped."""
    from flows.ledger import shot_decisions

    return _told(shot_decisions.release(_chosen(folder, shots, out)), as_json)


@app.command()
def skip(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """Put a slate with the line's text in their place; the episode goes out marked."""
    from flows.ledger import shot_decisions

    return _told(shot_decisions.skip(_chosen(folder, shots, out)), as_json)


@app.command()
def priority(
    folder: Folder,
    shots: Shots,
    urgency: Annotated[
        int, typer.Option("--to", min=-1000, max=1000, help="higher comes first; 0: film order")
    ] = 10,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Make them before others, or after."""
    from flows.ledger import shot_decisions

    return _told(shot_decisions.set_priority(_chosen(folder, shots, out), urgency), as_json)


@app.command()
def note(
    folder: Folder,
    shots: Shots,
    text: Annotated[
        str | None,
        typer.Option("--text", help="what to remember; without it their notes are listed"),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Write something down about them, or list what was."""
    from flows.ledger import shot_decisions

    chosen = _chosen(folder, shots, out)
    if text is not None:
        return _told(shot_decisions.add_note(chosen, text), as_json)
    found = shot_decisions.list_notes(chosen)
    if as_json:
        say_json(found)
    else:
        print_table(
            ("shot", "character", "note"),
            [(one.number, one.character, said) for one in found for said in one.notes],
        )
    return DONE


@app.command()
def take(
    folder: Folder,
    shots: Shots,
    circle: Annotated[
        int | None, typer.Option("--circle", min=0, help="use the take with this seed")
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """List their takes with what was measured of each, or circle one: then that one is used."""
    from flows.ledger import shot_decisions

    chosen = _chosen(folder, shots, out)
    if circle is not None:
        return _told(shot_decisions.circle(chosen, circle), as_json)
    found = shot_decisions.list_takes(chosen)
    if as_json:
        say_json(found)
        return DONE
    names = sorted({name for one in found for name in one.measures})
    marks = ["circled" if one.circled else "used" if one.current else "" for one in found]
    rows = [
        (
            one.number,
            one.seed,
            mark,
            one.label,
            *(one.measures.get(name, "") for name in names),
            "; ".join(one.warnings),
        )
        for one, mark in zip(found, marks, strict=True)
    ]
    print_table(("shot", "seed", "", "label", *names, "warnings"), rows)
    for entry in chosen.shots:
        if entry.circle_withdrawn:
            complain(
                f"{entry.shot.number}: circled before the {', '.join(entry.circle_withdrawn)} changed; look again"
            )
    return DONE


def _chosen(folder: Path, shots: Sequence[str], out: Path | None) -> Selection:
    from flows.selection import select_shots

    return select_shots(folder, shots, out=out)


def _told(decided: Sequence[ShotDecision], as_json: bool) -> int:
    if as_json:
        say_json(decided)
        return DONE
    for one in decided:
        say(f"{one.number}  {one.character}: {one.decision}  {one.text[:60]}".rstrip())
    if not decided:
        say("no shot is like that now")
    return DONE
