# SPDX-License-Identifier: Apache-2.0
"""Which shots somebody means: `sc01_sh030`, `sc01_sh010..sc01_sh060`, `character=MARA`,
`state=failed`, `all`; several are joined. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from flows.ledger.shot_state import MARKS, STATES, ShotState
from manifests.errors import InputError, Problem, find_nearest
from model.emotion import LABELS, Performance

ALL = "all"
WHERE = "SHOT"


def select_by_query(ledger: Sequence[ShotState], wanted: Iterable[str]) -> list[ShotState]:
    """The shots that any of the texts names, in film order. Raises one InputError for all texts
    that name nothing there is.

    A query whose value exists but fits no shot now (`state=failed` when none has failed) selects
    nothing and is no error.
    """
    chosen: set[str] = set()
    problems: list[Problem] = []
    for text in wanted:
        try:
            chosen |= {entry.place for entry in _named(ledger, text)}
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return [entry for entry in ledger if entry.place in chosen]


def _named(ledger: Sequence[ShotState], text: str) -> Sequence[ShotState]:
    if text == ALL:
        return ledger
    if "=" in text:
        return _asked(ledger, text)
    numbers = [entry.shot.number for entry in ledger]
    first, dots, last = text.partition("..")
    begin = _index(numbers, first)
    end = _index(numbers, last) if dots else begin
    if end < begin:
        expected = f"{last}..{first}"
        raise InputError(
            Problem(file=WHERE, message=f"the range {text!r} runs backwards", expected=expected)
        )
    return ledger[begin : end + 1]


def _index(numbers: Sequence[str], number: str) -> int:
    folded = [known.casefold() for known in numbers]
    if number.casefold() not in folded:
        expected = (
            None
            if find_nearest(number, numbers)
            else "a number, a range A..B, a query such as state=failed, or all"
        )
        raise InputError(
            Problem(
                file=WHERE,
                message=f"no shot {number!r}",
                nearest=find_nearest(number, numbers),
                expected=expected,
            )
        )
    return folded.index(number.casefold())


def _asked(ledger: Sequence[ShotState], text: str) -> list[ShotState]:
    key, _, value = text.partition("=")
    if key not in KEYS:
        message = f"nothing is called {key!r} here"
        raise InputError(
            Problem(
                file=WHERE,
                message=message,
                expected=", ".join(KEYS),
                nearest=find_nearest(key, KEYS),
            )
        )
    of = KEYS[key]
    known = {*FIXED.get(key, ()), *(found for entry in ledger for found in of(entry))}
    folded = value.casefold()
    if folded not in {one.casefold() for one in known}:
        message = f"no shot has the {key} {value!r}"
        near = find_nearest(value, known)
        expected = None if near else ", ".join(sorted(known))
        raise InputError(Problem(file=WHERE, message=message, expected=expected, nearest=near))
    return [entry for entry in ledger if folded in {one.casefold() for one in of(entry)}]


def _emotions(entry: ShotState) -> set[str]:
    """The emotions that the shot performs anywhere in it."""
    keys = Performance.from_plain(entry.shot.curve).keys
    return {
        label
        for key in keys
        for label, weight in zip(LABELS, key.weights, strict=True)
        if weight > 0
    }


def _scene(entry: ShotState) -> set[str]:
    """By its name in the script and by the number that shots carry: `sc02`."""
    return {entry.shot.scene, entry.shot.number.partition("_")[0]}


KEYS: Mapping[str, Callable[[ShotState], Iterable[str]]] = {
    "character": lambda entry: {entry.shot.character},
    "state": lambda entry: {entry.state, *entry.marks},
    "emotion": _emotions,
    "scene": _scene,
    "actor": lambda entry: {entry.shot.actor},
    "role": lambda entry: {entry.shot.role},
    "talker": lambda entry: {entry.shot.talker},
}
FIXED: Mapping[str, Sequence[str]] = {
    "state": (*STATES, *MARKS),
    "emotion": LABELS,
    "role": ("speaking", "listening"),
}
