# SPDX-License-Identifier: Apache-2.0
"""Errors say where a problem is and suggest a word, on one line that no terminal obeys."""

from __future__ import annotations

import doctest
import pickle

import pytest

from manifests import errors
from manifests.errors import InputError, Problem, ToolError, collect_problems


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(errors).failed == 0


def test_a_problem_names_its_place_its_facts_and_the_nearest_word() -> None:
    problem = Problem(
        file="cast.csv",
        row=3,
        column="face",
        message="unknown face 'lft'",
        expected="left or right",
        got="lft",
        nearest="'left'",
    )
    assert str(problem) == (
        "cast.csv, row 3, column face: unknown face 'lft' (expected left or right; got lft);"
        " did you mean 'left'?"
    )


def test_a_problem_is_one_line_whatever_it_quotes() -> None:
    text = str(Problem(file="a.csv", message="\x1b[2J\n" + "x" * 2000))
    assert text.isprintable()
    assert len(text) < 450


def test_the_problems_of_several_inputs_are_collected() -> None:
    def refuse() -> int:
        raise InputError([Problem(file="a", message="one"), Problem(file="b", message="two")])

    problems: list[Problem] = []
    assert collect_problems(problems, refuse) is None
    assert collect_problems(problems, lambda: 5) == 5
    assert [problem.file for problem in problems] == ["a", "b"]
    with pytest.raises(ValueError, match="at least one"):
        InputError([])


def test_a_tool_error_crosses_a_process_border_whole() -> None:
    error = ToolError("ffmpeg failed", command=["ffmpeg", "a b"], code=1, stderr="bad\nend")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert "command: ffmpeg 'a b'" in str(again)
