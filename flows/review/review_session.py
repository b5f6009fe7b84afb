# SPDX-License-Identifier: Apache-2.0
"""Keep the newest document of a review, and find what changed since an older one."""

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

MOST_DOCUMENTS = 8  # of earlier revisions, to find what changed since
FRESH_SECONDS = 0.4  # a snapshot is good this long for everybody who asks,
# or this many times what reading it took: a busy run does not keep a processor busy here
PATIENCE = 4
BEFORE_ALL = "2000"  # a moment before any decision
SAME_CUT = ("version", "frames", "cuts", "captions_text", "title", "speakers", "characters")


class ReviewSession:
    """One production under review by one server. Threads may call it at once."""

    def __init__(self, project: Project, *, reviewer: str) -> None:
        """Read nothing until somebody asks."""
        self.project = project
        self.reviewer = reviewer
        self._lock = threading.Lock()
        self._deciding = threading.Lock()
        self._moments: dict[str, str] = {}
        self._checked_at = 0.0
        self._fresh_seconds = FRESH_SECONDS
        self._snapshot: Snapshot | None = None
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._encoded = b""

    def read_snapshot(self, *, now: bool = False) -> Snapshot:
        """Return the snapshot, a moment old at most; with `now`, check the record first."""
        with self._lock:
            if self._snapshot is None:
                return self._refresh()
            if now or time.monotonic() - self._checked_at > self._fresh_seconds:
                revision = read_revision(self.project)
                self._checked_at = time.monotonic()
                if revision != self._snapshot.revision:
                    return self._refresh()
            return self._snapshot

    def read_document(self) -> Document:
        """Return the newest document."""
        self.read_snapshot()
        with self._lock:
            return next(reversed(self._documents.values()))

    def encode_document(self) -> bytes:
        """Return the newest document as JSON."""
        self.read_snapshot()
        return self._encoded

    def read_revision(self) -> str:
        """Return the newest revision."""
        return self.read_snapshot().revision

    def find_changes(self, since: str) -> Changes:
        """Find what differs between an earlier revision and now."""
        now = self.read_document()
        before = self._documents.get(since)
        if before is None or not _is_same_cut(before, now):
            return Changes(revision=now["revision"], reload=True, shots=[], cues=[], decisions=[])
        known = {entry["event_id"] for entry in before["decisions"]}
        changes = Changes(
            revision=now["revision"],
            reload=False,
            shots=_list_changed(before["shots"], now["shots"], lambda entry: entry["number"]),
            cues=_list_changed(before["cues"], now["cues"], lambda entry: entry["line_id"]),
            decisions=[entry for entry in now["decisions"] if entry["event_id"] not in known],
        )
        if before["checks"] != now["checks"]:
            changes["checks"] = now["checks"]
        return changes

    def decide(self, body: object) -> DecisionReply:
        """Carry out a decision.

        Raises InputError with every problem, having written nothing, and ToolError.
        """
        with self._deciding:
            before = self.read_snapshot(now=True)
            request = decision_requests.read_request(body, before)
            draft = decide.draft_request(request, before, by=self.reviewer)
            ids, says = decide.commit_drafts([draft], before, by=self.reviewer)
            after = self.read_snapshot(now=True)
        follows = [
            event
            for event in self._find_later_decisions(request.seen, after)
            if event.subject in request.subjects and event.event_id not in ids
        ]
        return DecisionReply(
            event_ids=ids,
            revision=after.revision,
            follows=describe_decisions(after, follows),
            says=says,
        )

    def _find_later_decisions(self, seen: str, snapshot: Snapshot) -> list[Event]:
        """Find the decisions after a revision or a moment (UTC, ISO 8601); none if unknown."""
        moment = self._moments.get(seen, seen if seen[:2] == "20" else "")
        return [event for event in snapshot.events if event.happened_at > moment] if moment else []

    def _refresh(self) -> Snapshot:
        began = time.monotonic()
        self._snapshot = snapshot = read_snapshot(self.project)
        self._moments[snapshot.revision] = (
            snapshot.events[-1].happened_at if snapshot.events else BEFORE_ALL
        )
        document = build_document(snapshot, reviewer=self.reviewer)
        self._documents[snapshot.revision] = document
        while len(self._documents) > MOST_DOCUMENTS:
            self._documents.popitem(last=False)
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        self._encoded = text.encode()
        self._checked_at = time.monotonic()
        self._fresh_seconds = max(FRESH_SECONDS, PATIENCE * (self._checked_at - began))
        return snapshot


def _is_same_cut(before: Document, now: Document) -> bool:
    """Tell whether the differences can be sent entry by entry."""
    if any(before[name] != now[name] for name in SAME_CUT):  # type: ignore[literal-required]
        return False
    before_ids = [shot["shot_id"] for shot in before["shots"]]
    return before_ids == [shot["shot_id"] for shot in now["shots"]]


def _list_changed(
    before: Sequence[Any], now: Sequence[Any], key: Callable[[Any], object]
) -> list[Any]:
    """List the entries of now that were not like that before."""
    known = {key(entry): entry for entry in before}
    return [entry for entry in now if known.get(key(entry)) != entry]
