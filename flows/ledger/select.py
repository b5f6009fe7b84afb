# SPDX-License-Identifier: Apache-2.0
"""Select shots by number, range or query: `sc01_sh030`, `sc01_sh010..sc01_sh060`, `state=failed`.

`all` selects every shot; several texts are joined. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

from flows.ledger.shot_state import MARKS, STATES, ShotState
from manifests.errors import InputError, Problem, find_nearest
from model.emotion import LABELS, Performance

ALL = "all"
WHERE = "SHOT"


def select_by_query(states: Sequence[ShotState], queries: Iterable[str]) -> list[ShotState]:
    """Select the shots that any of the texts names, in film order.

    A query whose value exists but fits no shot now (`state=failed` when none has failed) selects
    nothing and is no error.

    Raises:
        InputError: A text names nothing; all such texts are reported at once.
    """
    chosen: set[str] = set()
    problems: list[Problem] = []
    for text in queries:
        try:
            chosen |= {entry.place for entry in _select_text(states, text)}
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return [entry for entry in states if entry.place in chosen]


def _select_text(states: Sequence[ShotState], text: str) -> Sequence[ShotState]:
    if text == ALL:
        return states
    if "=" in text:
        return _select_by_field(states, text)
    numbers = [entry.shot.number for entry in states]
    first, dots, last = text.partition("..")
    begin = _find_index(numbers, first)
    end = _find_index(numbers, last) if dots else begin
    if end < begin:
        expected = f"{last}..{first}"
        raise InputError(
            Problem(file=WHERE, message=f"the range {text!r} runs backwards", expected=expected)
        )
    return states[begin : end + 1]


def _find_index(numbers: Sequence[str], number: str) -> int:
    folded = [known.casefold() for known in numbers]
    if number.casefold() not in folded:
        near = find_nearest(number, numbers)
        expected = None if near else "a number, a range A..B, a query such as state=failed, or all"
        message = f"there is no shot {number!r}"
        raise InputError(Problem(file=WHERE, message=message, nearest=near, expected=expected))
    return folded.index(number.casefold())


def _select_by_field(states: Sequence[ShotState], text: str) -> list[ShotState]:
    key, _, value = text.partition("=")
    if key not in QUERY_FIELDS:
        _refuse(f"shots cannot be selected by {key!r}", key, QUERY_FIELDS, always=True)
    list_values = QUERY_FIELDS[key]
    values = {
        *FIXED_VALUES.get(key, ()),
        *(name for entry in states for name in list_values(entry)),
    }
    folded = value.casefold()
    if folded not in {name.casefold() for name in values}:
        _refuse(f"no shot has the {key} {value!r}", value, sorted(values))
    return [entry for entry in states if folded in {name.casefold() for name in list_values(entry)}]


def _refuse(message: str, word: str, known: Iterable[str], *, always: bool = False) -> NoReturn:
    """Raise InputError with the nearest known word; without one, or `always`, with all."""
    names = list(known)
    near = find_nearest(word, names)
    expected = ", ".join(names) if always or near is None else None
    raise InputError(Problem(file=WHERE, message=message, expected=expected, nearest=near))


def _list_emotions(entry: ShotState) -> set[str]:
    """List the emotions that the shot performs anywhere in it."""
    keys = Performance.from_plain(entry.shot.curve).keys
    return {
        label
        for key in keys
        for label, weight in zip(LABELS, key.weights, strict=True)
        if weight > 0
    }


def _list_scene_names(entry: ShotState) -> set[str]:
    """List the scene's name in the script and the number that its shots carry (`sc02`)."""
    return {entry.shot.scene, entry.shot.number.partition("_")[0]}


QUERY_FIELDS: Mapping[str, Callable[[ShotState], Iterable[str]]] = {
    "character": lambda entry: {entry.shot.character},
    "state": lambda entry: {entry.state, *entry.marks},
    "emotion": _list_emotions,
    "scene": _list_scene_names,
    "actor": lambda entry: {entry.shot.actor},
    "role": lambda entry: {entry.shot.role},
    "talker": lambda entry: {entry.shot.talker},
}
FIXED_VALUES: Mapping[str, Sequence[str]] = {
    "state": (*STATES, *MARKS),
    "emotion": LABELS,
    "role": ("speaking", "listening"),
}
