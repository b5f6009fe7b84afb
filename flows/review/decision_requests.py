# SPDX-License-Identifier: Apache-2.0
"""Read the body of a decision from the review page, and check it against the snapshot.

Pure. A body becomes a `DecisionRequest` about things that exist; otherwise every problem is
reported with its field, what was expected and the nearest valid word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.ledger.shot_state import ShotState
from flows.review.request_fields import FieldChecker, is_number, make_problem
from flows.review.snapshot import Snapshot
from flows.trust.waivers import LONGEST_REASON
from manifests.errors import InputError, find_nearest
from manifests.rows import Shot
from manifests.timebase import MASTER_HZ, format_clock
from pipeline.checks import qc

OF_SHOTS = ("approve", "retry", "hold", "release", "skip", "circle", "note", "priority")
REQUEST_NAMES = (*OF_SHOTS, "cue", "waive")
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
    """A decision that makes sense.

    `shots` in film order; `takes`: by place, the take that is meant; `words`: checked, None left
    out. `cue`: for a cue, the fields that change, with values as `CueOverride` writes them.
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
        """The subjects of its events: places, a line, or a version."""
        return frozenset(
            [entry.place for entry in self.shots]
            or [self.line_id or str(self.words.get("version", ""))]
        )


def read_request(body: object, snapshot: Snapshot) -> DecisionRequest:
    """Read the request in a body.

    Raises:
        InputError: Every problem at once; `column` of each is the field.
    """
    if not isinstance(body, dict):
        example = '{"name": "approve", "shots": ["..."]}'
        raise InputError(make_problem("", "a decision must be an object", expected=example))
    reader = _RequestReader(body, snapshot)
    request = reader.read_request()
    if reader.problems:
        raise InputError(reader.problems)
    return request


class _RequestReader(FieldChecker):
    """Reads one body."""

    def __init__(self, body: Mapping[Any, Any], snapshot: Snapshot) -> None:
        super().__init__()
        self._body = body
        self._snapshot = snapshot
        self._words: Mapping[str, Any] = {}

    def read_request(self) -> DecisionRequest:
        name = self._body.get("name")
        if name not in REQUEST_NAMES:
            self.complain(
                "name",
                f"unknown decision {str(name)!r}",
                expected=", ".join(REQUEST_NAMES),
                near=find_nearest(str(name), REQUEST_NAMES),
            )
            return DecisionRequest(name="")
        self.check_names(self._body, KEYS, "")
        self._words = self._read_words(name)
        seen, at = (self.read_text(self._body, key, LONGEST_TEXT) for key in ("seen", "at"))
        if name == "cue":
            return self._read_cue(seen, at)
        if name == "waive":
            return self._read_waiver(seen, at)
        shots = self._read_shots()
        takes = self._read_takes(name, shots)
        words = self._read_shot_words(name)
        return DecisionRequest(name=name, shots=shots, takes=takes, words=words, seen=seen, at=at)

    def _read_words(self, name: str) -> Mapping[str, Any]:
        words = self._body.get("words", {})
        if not isinstance(words, dict):
            self.complain("words", "words must be an object")
            return {}
        self.check_names(words, WORDS[name], f" of {name}")
        return {key: value for key, value in words.items() if value is not None or name == "cue"}

    def _read_shots(self) -> list[ShotState]:
        keys = self._body.get("shots")
        if not (isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys)):
            expected = "a list of shot ids or numbers"
            self.complain("shots", "name at least one shot", expected=expected)
            return []
        if len(keys) > MOST_SHOTS:
            message = f"too many shots ({len(keys)})"
            self.complain("shots", message, expected=f"at most {MOST_SHOTS}")
            return []
        places = self._find_places(keys)
        return [entry for entry in self._snapshot.states if entry.place in places]

    def _find_places(self, keys: Sequence[str]) -> set[str]:
        """Find the places of shots by their ids or numbers."""
        places = dict[str, str]()
        for entry in self._snapshot.states:
            places |= dict.fromkeys((entry.shot.shot_id, entry.shot.number.casefold()), entry.place)
        for key in keys:
            if key.casefold() not in places:
                near = find_nearest(key, [entry.shot.number for entry in self._snapshot.states])
                self.complain("shots", f"the recorded cut has no shot {key[:80]!r}", near=near)
        return {places[key.casefold()] for key in keys if key.casefold() in places}

    def _read_takes(self, name: str, shots: Sequence[ShotState]) -> dict[str, Shot]:
        """Read the takes that are meant, if any is named."""
        take_id, seed = self._words.get("take_id"), self._words.get("seed")
        if name == "circle" and take_id is None and seed is None:
            expected = "take_id, or the seed of a take"
            self.complain("take_id", "name the take to circle", expected=expected)
            return {}
        if name != "circle" and (name != "approve" or take_id is None):
            return {}
        found = {}
        for entry in shots:
            variants = [
                variant
                for variant in self._snapshot.variants[entry.place]
                if variant.shot_id in self._snapshot.takes
            ]
            chosen = _choose_variants(variants, entry, take_id=take_id, seed=seed)
            if chosen:
                found[entry.place] = chosen[0]
            else:
                self._complain_of_take("seed" if take_id is None else "take_id", entry, variants)
        return found

    def _complain_of_take(self, column: str, entry: ShotState, variants: Sequence[Shot]) -> None:
        known = ", ".join(f"seed {variant.seed} ({variant.shot_id})" for variant in variants)
        message = f"{entry.shot.number} has no such take"
        self.complain(column, message, expected=known or "no take has been made yet")

    def _read_shot_words(self, name: str) -> dict[str, Any]:
        """Read the words of a decision about shots."""
        words = self._words
        match name:
            case "note":
                return {"text": self.read_text(words, "text", LONGEST_NOTE, needed=True)}
            case "priority":
                urgency = self.read_integer(words, "priority", -MOST_URGENT, MOST_URGENT)
                return {"priority": urgency}
            case "retry":
                seed = words.get("seed", "same")
                if seed not in ("same", "new"):
                    seed = self.read_integer(
                        words, "seed", 0, LARGEST_SEED, or_else=', "new" or "same"'
                    )
                return {
                    "seed": seed,
                    "emotion": self.read_text(words, "emotion", LONGEST_TEXT),
                    "intensity": self.read_amount(words, "intensity", 10.0, default=1.0),
                    "note": self.read_text(words, "note", LONGEST_NOTE),
                }
        return {}

    def _read_cue(self, seen: str, at: str) -> DecisionRequest:
        line_id = self._body.get("line_id")
        known = {cue.line_id: cue for cue in self._snapshot.cues}
        if not isinstance(line_id, str) or line_id not in known:
            near = find_nearest(str(line_id), known)
            self.complain("line_id", f"there is no line {str(line_id)[:80]!r}", near=near)
            return DecisionRequest(name="cue")
        values = self._read_cue_values()
        self._check_span(known[line_id].start, known[line_id].end, values)
        return DecisionRequest(name="cue", line_id=line_id, cue=values, seen=seen, at=at)

    def _read_cue_values(self) -> dict[str, str]:
        values = {key: self._read_sample(key) for key in ("start", "end") if key in self._words}
        if "character" in self._words:
            values["character"] = self._read_character()
        if "ignore" in self._words:
            if not isinstance(self._words["ignore"], bool):
                self.complain("ignore", "must be true or false")
            values["ignore"] = "yes" if self._words["ignore"] else ""
        if not values and not self.problems:
            self.complain("words", "nothing to change", expected=", ".join(WORDS["cue"]))
        return values

    def _check_span(self, start: int, end: int, values: Mapping[str, str]) -> None:
        if self.problems or values.get("ignore"):
            return
        first, last = (int(values.get(key) or now) for key, now in (("start", start), ("end", end)))
        if ("start" in values or "end" in values) and not 0 <= first < last:
            span = f"{format_clock(first / MASTER_HZ)} to {format_clock(last / MASTER_HZ)}"
            self.complain(
                "start" if "start" in values else "end",
                f"the line would run from {span}"
                if first >= 0 <= last
                else "the line was not found in the recordings",
                expected="a start before the end; both if the line was not found",
            )

    def _read_sample(self, key: str) -> str:
        """Read seconds as samples at 48 kHz; "" for null, which withdraws a decision."""
        value = self._words[key]
        if value is None:
            return ""
        longest = max(
            (row.offset_samples + row.samples for row in self._snapshot.recordings),
            default=SAMPLES_OF_A_DAY,
        )
        if not is_number(value) or not 0 <= value <= longest / MASTER_HZ:
            self.complain(
                key,
                f"not a time in the recordings: {str(value)[:40]}",
                expected=f"seconds, 0 to {longest / MASTER_HZ:.3f}",
            )
            return ""
        return str(round(value * MASTER_HZ))

    def _read_character(self) -> str:
        value = self._words["character"]
        names = {actor.character.casefold(): actor.character for actor in self._snapshot.actors}
        if value is None:
            return ""
        if str(value).casefold() not in names:
            near = find_nearest(str(value), names.values())
            self.complain("character", f"unknown character {str(value)[:80]!r}", near=near)
        return names.get(str(value).casefold(), "")

    def _read_waiver(self, seen: str, at: str) -> DecisionRequest:
        newest = self._snapshot.version
        version = self._words.get("version", newest)
        if version is None or version != newest:
            self.complain(
                "version",
                f"{version} is not the newest version",
                expected=newest or "there is no version yet",
            )
            return DecisionRequest(name="waive")
        check = self._read_failed_check(version)
        reason = self.read_text(self._words, "reason", LONGEST_REASON, needed=True)
        words = {"check": check, "reason": reason, "version": version}
        return DecisionRequest(name="waive", words=words, seen=seen, at=at)

    def _read_failed_check(self, version: str) -> str:
        failed = qc.select_failures(self._snapshot.checks)
        names = [name for row in failed for name in (row.name, f"{row.profile}: {row.name}")]
        check = self.read_text(self._words, "check", LONGEST_TEXT, needed=True)
        if check and check not in names:
            self.complain(
                "check",
                f"{version} has no failed check {check!r}",
                expected="; ".join(dict.fromkeys(names)) or "no check failed",
                near=find_nearest(check, names),
            )
        return check


def _choose_variants(
    variants: Sequence[Shot], entry: ShotState, *, take_id: object, seed: object
) -> list[Shot]:
    """Choose the variant with this take, or all with this seed, those that perform as now first."""
    if take_id is not None:
        return [variant for variant in variants if variant.shot_id == take_id]
    same = [variant for variant in variants if variant.seed == seed and not isinstance(seed, bool)]
    return sorted(same, key=lambda variant: variant.performance != entry.shot.performance)
