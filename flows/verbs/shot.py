# SPDX-License-Identifier: Apache-2.0
"""Run `callsheet shot ...`: decide about shots, while a render runs and between renders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs.options import Folder, Json, Out, group
from flows.view.screen import DONE, complain, print_table, say, say_json

if TYPE_CHECKING:
    from flows.ledger.place_takes import PlaceTake
    from flows.ledger.shot_decisions import DecisionDraft
    from flows.ledger.shot_state import ShotState
    from flows.selection import Selection

app = group(
    help="Decide about shots. Name them by number (sc01_sh030), range (sc01_sh010..sc01_sh060),"
    " query (character=MARA, state=failed, emotion=angry, scene=sc02, actor=..., role=...,"
    " talker=...), or all. Several names are joined.",
    no_args_is_help=True,
)
Shots = Annotated[
    list[str], typer.Argument(metavar="SHOT...", help="which shots; see `callsheet shot --help`")
]


@app.command()
def approve(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """Approve the takes of shots. A changed input withdraws the approval."""
    from flows.ledger import shot_decisions

    return _decide(folder, shots, out, shot_decisions.approve, as_json=as_json)


Seed = Annotated[int | None, typer.Option("--seed", min=0, help="make another take with this seed")]
NewSeed = Annotated[bool, typer.Option("--new-seed", help="make another take with an unused seed")]
Emotion = Annotated[
    str,
    typer.Option(
        "--emotion",
        help="perform this instead: 'angry 0.8', 'neutral -> sad';"
        " 'as written' returns to the script",
    ),
]
Intensity = Annotated[
    float, typer.Option("--intensity", min=0, max=10, help="multiply the emotion's weights")
]


@app.command()
def retry(
    folder: Folder,
    shots: Shots,
    seed: Seed = None,
    new_seed: NewSeed = False,
    emotion: Emotion = "",
    intensity: Intensity = 1.0,
    out: Out = None,
    as_json: Json = False,
) -> int:
    """Try failed shots again, or make another take with a new seed, emotion or intensity."""
    from flows.ledger.retakes import RetakeRequest, retake
    from flows.lesson_inputs import load_emotion_words

    chosen = _select(folder, shots, out)
    request = RetakeRequest(
        seed=seed,
        new_seed=new_seed,
        emotion=emotion,
        intensity=intensity,
        words=load_emotion_words(chosen.project) if emotion else {},
    )
    return _commit(chosen, retake(chosen.shots, request, by=_current_user()), as_json)


@app.command()
def hold(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """Put shots on hold: do not make them, and deliver nothing until they are released."""
    from flows.ledger import shot_decisions

    return _decide(folder, shots, out, shot_decisions.hold, as_json=as_json)


@app.command()
def release(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """Release shots that were held or skipped."""
    from flows.ledger import shot_decisions

    return _decide(folder, shots, out, shot_decisions.release, as_json=as_json)


@app.command()
def skip(folder: Folder, shots: Shots, out: Out = None, as_json: Json = False) -> int:
    """Replace shots by a slate with the line's text. The episode is marked."""
    from flows.ledger import shot_decisions

    return _decide(folder, shots, out, shot_decisions.skip, as_json=as_json)


Urgency = Annotated[
    int, typer.Option("--to", min=-1000, max=1000, help="higher comes first; 0: film order")
]


@app.command()
def priority(
    folder: Folder, shots: Shots, urgency: Urgency = 10, out: Out = None, as_json: Json = False
) -> int:
    """Make shots before or after the others."""
    from flows.ledger.shot_decisions import set_priority

    chosen = _select(folder, shots, out)
    return _commit(chosen, set_priority(chosen.shots, urgency, by=_current_user()), as_json)


NoteText = Annotated[
    str | None, typer.Option("--text", help="the note; without it, list the notes")
]


@app.command()
def note(
    folder: Folder, shots: Shots, text: NoteText = None, out: Out = None, as_json: Json = False
) -> int:
    """Add a note to shots, or list their notes."""
    from flows.ledger import shot_decisions

    chosen = _select(folder, shots, out)
    if text is not None:
        draft = shot_decisions.add_note(chosen.shots, text, by=_current_user())
        return _commit(chosen, draft, as_json)
    notes = shot_decisions.list_notes(chosen.shots)
    if as_json:
        say_json(notes)
    else:
        rows = [(entry.number, entry.character, line) for entry in notes for line in entry.notes]
        print_table(("shot", "character", "note"), rows)
    return DONE


CircledSeed = Annotated[
    int | None, typer.Option("--circle", min=0, help="use the take with this seed")
]


@app.command()
def take(
    folder: Folder, shots: Shots, circle: CircledSeed = None, out: Out = None, as_json: Json = False
) -> int:
    """List the takes of shots with their measurements, or circle a take to use it."""
    from flows.ledger import place_takes, shot_decisions

    chosen = _select(folder, shots, out)
    if circle is not None:
        variants = place_takes.find_takes_with_seed(chosen.project, chosen.shots, circle)
        draft = shot_decisions.circle_takes(chosen.shots, variants, by=_current_user())
        return _commit(chosen, draft, as_json)
    takes = place_takes.list_takes(chosen.project, chosen.shots)
    if as_json:
        say_json(takes)
    else:
        _print_takes(takes)
        _warn_of_outdated_circles(chosen.shots)
    return DONE


def _print_takes(takes: Sequence[PlaceTake]) -> None:
    names = sorted({name for entry in takes for name in entry.measures})
    rows = [
        (
            entry.number,
            entry.seed,
            "circled" if entry.circled else "used" if entry.current else "",
            entry.label,
            *(entry.measures.get(name, "") for name in names),
            "; ".join(entry.warnings),
        )
        for entry in takes
    ]
    print_table(("shot", "seed", "", "label", *names, "warnings"), rows)


def _warn_of_outdated_circles(shots: Sequence[ShotState]) -> None:
    for entry in shots:
        if entry.circle_withdrawn:
            changed = ", ".join(entry.circle_withdrawn)
            complain(
                f"{entry.shot.number}: {changed} changed after its take was circled;"
                " review it again"
            )


def _select(folder: Path, shots: Sequence[str], out: Path | None) -> Selection:
    from flows.selection import select_shots

    return select_shots(folder, shots, out=out)


def _current_user() -> str:
    from flows.who import current_user

    return current_user()


def _decide(
    folder: Path,
    shots: Sequence[str],
    out: Path | None,
    draft: Callable[..., DecisionDraft],
    *,
    as_json: bool,
) -> int:
    """Select shots, draft a decision about them, and commit it."""
    chosen = _select(folder, shots, out)
    return _commit(chosen, draft(chosen.shots, by=_current_user()), as_json)


def _commit(chosen: Selection, draft: DecisionDraft, as_json: bool) -> int:
    """Record a decision, and print what holds now for each shot."""
    chosen.project.store.append(draft.events)
    if as_json:
        say_json(draft.shots)
        return DONE
    for shot in draft.shots:
        say(f"{shot.number}  {shot.character}: {shot.decision}  {shot.text[:60]}".rstrip())
    if not draft.shots:
        say("no shot matches now")
    return DONE
