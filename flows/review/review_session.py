# SPDX-License-Identifier: Apache-2.0
"""The desk of a review: the newest document, made once a revision, and what changed since an older
one.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from flows.project import Project
from flows.review import decide, decision_requests
from flows.review.document import Changes, DecisionReply, Document
from flows.review.payload import build_document, describe_decisions
from flows.review.snapshot import Snapshot, read_revision, read_snapshot
from manifests.run_rows import Event

KEPT = 8  # documents of earlier revisions, to say what changed since
FRESH_SECONDS = 0.4  # so long a look at the record is good for everybody who asks,
# or so many times what reading it took: a run that says much does not keep a processor busy here
PATIENCE = 4
BEFORE_ALL = "2000"  # a moment before any decision
SAME_CUT = ("version", "frames", "cuts", "captions_text", "title", "speakers", "characters")


class ReviewSession:
    """One production under review by one server. Threads may ask at once."""

    def __init__(self, project: Project, *, reviewer: str) -> None:
        """Nothing is read until somebody asks."""
        self.project = project
        self.reviewer = reviewer
        self._lock = threading.Lock()
        self._deciding = threading.Lock()
        self._moments: dict[str, str] = {}
        self._looked = 0.0
        self._fresh = FRESH_SECONDS
        self._reading: Snapshot | None = None
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._text = b""

    def read_snapshot(self, *, now: bool = False) -> Snapshot:
        """What the record says, a moment old at most; with `now`, as it is."""
        with self._lock:
            if self._reading is None:
                return self._read()
            if now or time.monotonic() - self._looked > self._fresh:
                revision = read_revision(self.project)
                self._looked = time.monotonic()
                if revision != self._reading.revision:
                    return self._read()
            return self._reading

    def read_document(self) -> Document:
        """The newest document."""
        self.read_snapshot()
        with self._lock:
            return next(reversed(self._documents.values()))

    def encode_document(self) -> bytes:
        """The newest document as JSON."""
        self.read_snapshot()
        return self._text

    def read_revision(self) -> str:
        """The newest revision."""
        return self.read_snapshot().revision

    def find_changes(self, since: str) -> Changes:
        """What differs between an earlier revision and now."""
        now = self.read_document()
        before = self._documents.get(since)
        if before is None or any(before[name] != now[name] for name in SAME_CUT):  # type: ignore[literal-required]
            return Changes(revision=now["revision"], reload=True, shots=[], cues=[], decisions=[])
        if [shot["shot_id"] for shot in before["shots"]] != [
            shot["shot_id"] for shot in now["shots"]
        ]:
            return Changes(revision=now["revision"], reload=True, shots=[], cues=[], decisions=[])
        known = {one["event_id"] for one in before["decisions"]}
        changed = Changes(
            revision=now["revision"],
            reload=False,
            shots=_differing(before["shots"], now["shots"], lambda one: one["number"]),
            cues=_differing(before["cues"], now["cues"], lambda one: one["line_id"]),
            decisions=[one for one in now["decisions"] if one["event_id"] not in known],
        )
        if before["checks"] != now["checks"]:
            changed["checks"] = now["checks"]
        return changed

    def decide(self, body: object) -> DecisionReply:
        """Carry out a decision. Raises InputError with every problem, having written nothing, and
        ToolError.
        """
        with self._deciding:
            before = self.read_snapshot(now=True)
            wish = decision_requests.read_request(body, before)
            drawn = decide.draft_decision(wish, before, who=self.reviewer)
            ids, says = decide.commit_drafts([drawn], before, who=self.reviewer)
            after = self.read_snapshot(now=True)
        follows = [
            one
            for one in self.find_later_decisions(wish.seen, after)
            if one.subject in wish.subjects and one.event_id not in ids
        ]
        return DecisionReply(
            event_ids=ids,
            revision=after.revision,
            follows=describe_decisions(after, follows),
            says=says,
        )

    def find_later_decisions(self, seen: str, reading: Snapshot) -> list[Event]:
        """The decisions that were made after a revision, or after a moment (UTC, ISO 8601); none
        when it is not known.
        """
        moment = self._moments.get(seen, seen if seen[:2] == "20" else "")
        return [one for one in reading.events if one.happened_at > moment] if moment else []

    def _read(self) -> Snapshot:
        began = time.monotonic()
        self._reading = reading = read_snapshot(self.project)
        self._moments[reading.revision] = (
            reading.events[-1].happened_at if reading.events else BEFORE_ALL
        )
        made = build_document(reading, reviewer=self.reviewer)
        self._documents[reading.revision] = made
        while len(self._documents) > KEPT:
            self._documents.popitem(last=False)
        self._text = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
        self._looked = time.monotonic()
        self._fresh = max(FRESH_SECONDS, PATIENCE * (self._looked - began))
        return reading


def _differing(
    before: Sequence[Any], now: Sequence[Any], key: Callable[[Any], object]
) -> list[Any]:
    """The entries of now that were not like that before."""
    known = {key(one): one for one in before}
    return [one for one in now if known.get(key(one)) != one]
