# SPDX-License-Identifier: Apache-2.0
"""Shots are named by number, range and query."""

from __future__ import annotations

import pytest

from flows.ledger.decisions import fold_decisions
from flows.ledger.select import select_by_query
from flows.ledger.shot_state import compute_states
from manifests.errors import InputError
from tests.flows.ledger.test_shot_state import decided
from tests.flows.some_shots import cut, ids

DETAIL = {"priority": {"priority": 3}, "note": {"text": "n"}, "seed": {"seed": 9, "was": 1}}


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (["sc01_sh020"], "2"),
        (["SC01_SH020"], "2"),
        (["sc01_sh020..sc01_sh030"], "23"),
        (["character=mara"], "13"),
        (["state=held"], "2"),
        (["state=done", "sc01_sh040"], "14"),
        (["emotion=neutral"], "1234"),
        (["emotion=angry"], ""),
        (["scene=sc01", "all"], "1234"),
        (["state=failed"], ""),
    ],
)
def test_shots_are_named_by_number_range_and_query(wanted: list[str], numbers: str) -> None:
    shots = cut("a", "b", "c", "d")
    ledger = compute_states(
        shots, done=ids(shots[:1]), decisions=fold_decisions([decided("held", shots[1], 1)])
    )
    assert [entry.shot.number for entry in select_by_query(ledger, wanted)] == [
        f"sc01_sh0{number}0" for number in numbers
    ]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("sc01_sh021", "did you mean .*'sc01_sh020'"),
        ("sc01_sh010..sc01_sh099", "no shot 'sc01_sh099'"),
        ("sc01_sh020..sc01_sh010", "runs backwards"),
        ("charakter=MARA", "did you mean 'character'"),
        ("character=MARIA", "did you mean 'MARA'"),
        ("state=faild", "did you mean 'failed'"),
        ("", "no shot ''"),
        ("=", "cannot be selected by ''"),
        ("..", "no shot ''"),
    ],
)
def test_what_names_nothing_is_told_with_what_is_nearest(wanted: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        select_by_query(compute_states(cut("a", "b"), done=()), [wanted, "sc99"])
    assert len(error.value.problems) == 2
