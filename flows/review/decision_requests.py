# SPDX-License-Identifier: Apache-2.0
"""What a page asks for, read and checked: the body of a decision becomes a `Wish` about things that
there are. Pure.

A body comes from a browser or from a file, so nothing of it is taken for granted: every problem is
named with its field, what was expected and what is nearest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.ledger.shot_state import ShotState
from flows.review.snapshot import Snapshot
from flows.trust.waivers import LONGEST_REASON
from manifests.errors import InputError, Problem, find_nearest
from manifests.rows import Shot
from manifests.timebase import MASTER_HZ, format_clock
from pipeline.checks import qc

OF_SHOTS = ("approve", "retry", "hold", "release", "skip", "circle", "note", "priority")
NAMES = (*OF_SHOTS, "cue", "waive")
WORDS: Mapping[str, Sequence[str]] = {
    "approve": ("take_id",),
    "retry": ("seed", "emotion", "intensity", "note"),
    "hold": (),
    "release": (),
    "skip": (),
    "circle": ("take_id", "seed"),
    "note": ("text",),
    "priority": ("priority",),
    "cue": ("start", "end", "character", "ignore"),
    "waive": ("check", "reason", "version"),
}
KEYS = ("name", "shots", "line_id", "words", "seen", "at")
MOST_SHOTS, LONGEST_TEXT, LONGEST_NOTE, MOST_URGENT = 5000, 500, 2000, 1000
LARGEST_SEED = 2**31 - 1
SAMPLES_OF_A_DAY = 86_400 * MASTER_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRequest:
    """A decision that makes sense. `shots` in film order; `takes`: by place, the take that is
    meant; `words`: checked, None left out.

    `cue`: for a cue, the fields that change, as `overrides.Override` writes values.
    """

    name: str
    shots: Sequence[ShotState] = ()
    takes: Mapping[str, Shot] = field(default_factory=dict)
    words: Mapping[str, Any] = field(default_factory=dict)
    line_id: str = ""
    cue: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""
    at: str = ""

    @property
    def subjects(self) -> frozenset[str]:
        """What its events are about: places, a line, or a version."""
        return frozenset(
            [entry.place for entry in self.shots]
            or [self.line_id or str(self.words.get("version", ""))]
        )


def read_request(body: object, reading: Snapshot) -> DecisionRequest:
    """The wish that a body means. Raises one InputError with every problem; `column` of each is the
    field.
    """
    if not isinstance(body, dict):
        raise InputError(
            _problem(
                "", "a decision is an object", expected='{"name": "approve", "shots": ["..."]}'
            )
        )
    reader = _Reader(body, reading)
    wish = reader.wish()
    if reader.problems:
        raise InputError(reader.problems)
    return wish


class _Reader:
    """Reads one body; problems are gathered."""

    def __init__(self, body: Mapping[Any, Any], reading: Snapshot) -> None:
        self.problems: list[Problem] = []
        self._body = body
        self._reading = reading
        self._words: Mapping[str, Any] = {}

    def wish(self) -> DecisionRequest:
        name = self._body.get("name")
        if name not in NAMES:
            near = find_nearest(str(name), NAMES)
            self._complain(
                "name", f"no decision is called {str(name)!r}", expected=", ".join(NAMES), near=near
            )
            return DecisionRequest(name="")
        self._unknown(self._body, KEYS, "")
        self._words = self._read_words(name)
        seen, at = (self._text(self._body, key, LONGEST_TEXT) for key in ("seen", "at"))
        if name == "cue":
            return self._cue(seen, at)
        if name == "waive":
            return self._waive(seen, at)
        shots = self._shots()
        takes = self._takes(name, shots)
        return DecisionRequest(
            name=name, shots=shots, takes=takes, words=self._of_shots(name), seen=seen, at=at
        )

    def _read_words(self, name: str) -> Mapping[str, Any]:
        words = self._body.get("words", {})
        if not isinstance(words, dict):
            self._complain("words", "words are an object")
            return {}
        self._unknown(words, WORDS[name], f" of {name}")
        return {key: value for key, value in words.items() if value is not None or name == "cue"}

    def _unknown(self, given: Mapping[Any, Any], known: Sequence[str], of: str) -> None:
        for key in given:
            if key not in known:
                expected = ", ".join(known) or "nothing"
                self._complain(
                    str(key),
                    f"unknown field{of}",
                    expected=expected,
                    near=find_nearest(str(key), known),
                )

    def _shots(self) -> list[ShotState]:
        given = self._body.get("shots")
        if not (isinstance(given, list) and given and all(isinstance(one, str) for one in given)):
            self._complain("shots", "no shot is named", expected="a list of shot ids or numbers")
            return []
        if len(given) > MOST_SHOTS:
            self._complain("shots", f"{len(given)} shots", expected=f"at most {MOST_SHOTS}")
            return []
        known = {
            key: entry
            for entry in self._reading.states
            for key in (entry.shot.shot_id, entry.shot.number.casefold())
        }
        found = {}
        for key in given:
            entry = known.get(key.casefold())
            if entry is None:
                near = find_nearest(key, [entry.shot.number for entry in self._reading.states])
                self._complain("shots", f"no shot {key[:80]!r} in the recorded cut", near=near)
            else:
                found[entry.place] = entry
        return [entry for entry in self._reading.states if entry.place in found]

    def _takes(self, name: str, shots: Sequence[ShotState]) -> dict[str, Shot]:
        """The takes that are meant, where one is named."""
        take_id, seed = self._words.get("take_id"), self._words.get("seed")
        if name not in ("approve", "circle") or (
            take_id is None and (seed is None or name != "circle")
        ):
            if name == "circle":
                self._complain(
                    "take_id", "which take is circled?", expected="take_id, or the seed of a take"
                )
            return {}
        found = {}
        for entry in shots:
            made = [
                one
                for one in self._reading.variants[entry.place]
                if one.shot_id in self._reading.takes
            ]
            chosen = (
                _of_seed(made, entry, seed)
                if take_id is None
                else [one for one in made if one.shot_id == take_id]
            )
            if chosen:
                found[entry.place] = chosen[0]
            else:
                known = (
                    ", ".join(f"seed {one.seed} ({one.shot_id})" for one in made)
                    or "no take was made yet"
                )
                self._complain(
                    "take_id" if take_id is not None else "seed",
                    f"{entry.shot.number} has no such take",
                    expected=known,
                )
        return found

    def _of_shots(self, name: str) -> dict[str, Any]:
        """The words of a decision about shots, checked."""
        words = self._words
        match name:
            case "note":
                return {"text": self._text(words, "text", LONGEST_NOTE, needed=True)}
            case "priority":
                return {"priority": self._number(words, "priority", -MOST_URGENT, MOST_URGENT)}
            case "retry":
                seed = words.get("seed", "same")
                if seed not in ("same", "new"):
                    seed = self._number(words, "seed", 0, LARGEST_SEED, or_else=', "new" or "same"')
                return {
                    "seed": seed,
                    "emotion": self._text(words, "emotion", LONGEST_TEXT),
                    "intensity": self._amount(words, "intensity", 10.0, default=1.0),
                    "note": self._text(words, "note", LONGEST_NOTE),
                }
        return {}

    def _cue(self, seen: str, at: str) -> DecisionRequest:
        given = self._body.get("line_id")
        known = {cue.line_id: cue for cue in self._reading.cues}
        if not isinstance(given, str) or given not in known:
            self._complain(
                "line_id", f"no line {str(given)[:80]!r}", near=find_nearest(str(given), known)
            )
            return DecisionRequest(name="cue")
        values = {key: self._sample(key) for key in ("start", "end") if key in self._words}
        if "character" in self._words:
            values["character"] = self._character()
        if "ignore" in self._words:
            if not isinstance(self._words["ignore"], bool):
                self._complain("ignore", "not an answer", expected="true or false")
            values["ignore"] = "yes" if self._words["ignore"] else ""
        if not values and not self.problems:
            self._complain("words", "nothing is changed", expected=", ".join(WORDS["cue"]))
        self._check_span(known[given].start, known[given].end, values)
        return DecisionRequest(name="cue", line_id=given, cue=values, seen=seen, at=at)

    def _check_span(self, start: int, end: int, values: Mapping[str, str]) -> None:
        if self.problems or values.get("ignore"):
            return
        first, last = (int(values.get(key) or now) for key, now in (("start", start), ("end", end)))
        if ("start" in values or "end" in values) and not 0 <= first < last:
            field_ = "start" if "start" in values else "end"
            said = (
                f"it would run from {format_clock(first / MASTER_HZ)} to {format_clock(last / MASTER_HZ)}"
                if first >= 0 <= last
                else "it was not heard"
            )
            self._complain(
                field_, said, expected="start before end; both where the line was not heard"
            )

    def _sample(self, key: str) -> str:
        """Seconds to samples; null takes a decision back."""
        value = self._words[key]
        if value is None:
            return ""
        longest = max(
            (row.offset_samples + row.samples for row in self._reading.recordings),
            default=SAMPLES_OF_A_DAY,
        )
        if not _is_number(value) or not 0 <= value <= longest / MASTER_HZ:
            self._complain(
                key,
                f"not a time in the recordings: {str(value)[:40]}",
                expected=f"seconds, 0 to {longest / MASTER_HZ:.3f}",
            )
            return ""
        return str(round(value * MASTER_HZ))

    def _character(self) -> str:
        value = self._words["character"]
        names = {actor.character.casefold(): actor.character for actor in self._reading.actors}
        if value is None:
            return ""
        if str(value).casefold() not in names:
            self._complain(
                "character",
                f"unknown character {str(value)[:80]!r}",
                near=find_nearest(str(value), names.values()),
            )
        return names.get(str(value).casefold(), "")

    def _waive(self, seen: str, at: str) -> DecisionRequest:
        version = self._words.get("version", self._reading.version)
        if version is None or version != self._reading.version:
            self._complain(
                "version",
                f"{version} is not the newest version",
                expected=self._reading.version or "no version was made yet",
            )
            return DecisionRequest(name="waive")
        failed = qc.select_failures(self._reading.checks)
        names = [name for one in failed for name in (one.name, f"{one.profile}: {one.name}")]
        check = self._text(self._words, "check", LONGEST_TEXT, needed=True)
        if check and check not in names:
            expected = "; ".join(dict.fromkeys(names)) or "no check failed"
            self._complain(
                "check",
                f"{version} has no failed check {check!r}",
                expected=expected,
                near=find_nearest(check, names),
            )
        reason = self._text(self._words, "reason", LONGEST_REASON, needed=True)
        return DecisionRequest(
            name="waive",
            words={"check": check, "reason": reason, "version": version},
            seen=seen,
            at=at,
        )

    def _text(
        self, given: Mapping[str, Any], key: str, longest: int, *, needed: bool = False
    ) -> str:
        value = given.get(key, "")
        if not isinstance(value, str) or len(value) > longest or (needed and not value.strip()):
            self._complain(
                key,
                "a text is missing" if value == "" else "not such a text",
                expected=f"{int(needed)} to {longest} characters",
            )
            return ""
        return value.strip()

    def _number(
        self, given: Mapping[str, Any], key: str, least: int, most: int, *, or_else: str = ""
    ) -> int:
        value = given.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self._complain(
                key, f"not such a number: {str(value)[:40]}", expected=f"{least} to {most}{or_else}"
            )
            return 0
        return value

    def _amount(self, given: Mapping[str, Any], key: str, most: float, *, default: float) -> float:
        value = given.get(key, default)
        if not _is_number(value) or not 0 <= value <= most:
            self._complain(key, f"not such a number: {str(value)[:40]}", expected=f"0 to {most:g}")
            return default
        return float(value)

    def _complain(
        self, column: str, message: str, *, expected: str | None = None, near: str | None = None
    ) -> None:
        self.problems.append(_problem(column, message, expected=expected, near=near))


def _of_seed(made: Sequence[Shot], entry: ShotState, seed: object) -> list[Shot]:
    """Takes of a seed, those that perform as the shot does now first."""
    same = [one for one in made if one.seed == seed and not isinstance(seed, bool)]
    return sorted(same, key=lambda one: one.performance != entry.shot.performance)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _problem(
    column: str, message: str, *, expected: str | None = None, near: str | None = None
) -> Problem:
    return Problem(
        file="decision", column=column or None, message=message, expected=expected, nearest=near
    )
