// SPDX-License-Identifier: Apache-2.0
// Decisions in a page that was opened from disk: kept in the browser, shown at once, and saved as notes.json for `callsheet review --import`.
import { get, set } from "./store.js";

const FORMAT = 1;

function place(doc) {
  return `callsheet-notes:${doc.digest}`;
}

function kept(doc) {
  try {
    return JSON.parse(localStorage.getItem(place(doc))) ?? [];
  } catch {
    return []; // storage may be forbidden, or hold something else: then there are no notes yet
  }
}

function keep(decisions) {
  try {
    localStorage.setItem(place(get().doc), JSON.stringify(decisions));
    return true;
  } catch {
    return false;
  }
}

export function record(body) {
  const decision = { ...body, at: new Date().toISOString() };
  delete decision.seen;
  const decisions = [...get().notes, decision];
  set({ notes: decisions, doc: applied(get().doc, decision) });
  if (keep(decisions)) return { done: { event_ids: [], follows: [], says: [] } };
  return { done: { event_ids: [], follows: [], says: ["This browser does not store decisions for pages from disk. Save notes.json before you close the page."] } };
}

// Undo the newest note: compute the document again from the one that was written.
export function takeBack(written) {
  const decisions = get().notes.slice(0, -1);
  keep(decisions);
  set({ notes: decisions, doc: decisions.reduce(applied, written) });
}

export function restored(doc) {
  const decisions = kept(doc);
  set({ notes: decisions });
  return decisions.reduce(applied, doc);
}

export function asFile() {
  const { doc, notes } = get();
  const reviewer = get().reviewer || doc.reviewer;
  return JSON.stringify({ format: FORMAT, digest: doc.digest, reviewer, decisions: notes }, null, 1);
}

export function save() {
  const url = URL.createObjectURL(new Blob([asFile()], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "notes.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// Apply a decision to the document, as far as that is possible without the server. Pure.
export function applied(doc, { name, shots = [], line_id: line, words = {}, at }) {
  const about = new Set(shots);
  const entries = (shots.length ? shots : [""]).map((shot) => ({
    at, who: doc.reviewer || "you", name, shot: doc.shots.find((one) => one.shot_id === shot)?.number ?? "", line: line ?? "", check: words.check ?? "", words,
  }));
  return {
    ...doc,
    shots: about.size ? doc.shots.map((shot) => (about.has(shot.shot_id) ? decided(shot, name, words) : shot)) : doc.shots,
    cues: name === "cue" ? doc.cues.map((cue) => (cue.line_id === line ? { ...cue, ...corrected(words), pending: true, needs_ear: false } : cue)) : doc.cues,
    checks: name === "waive" ? doc.checks.map((check) => (check.id === words.check ? { ...check, state: "waived" } : check)) : doc.checks,
    decisions: [...doc.decisions, ...entries],
  };
}

function corrected(words) {
  return Object.fromEntries(Object.entries(words).filter(([name]) => ["start", "end", "character"].includes(name)));
}

function decided(shot, name, words) {
  const without = (mark) => shot.states.filter((state) => state !== mark);
  switch (name) {
    case "approve": return { ...shot, states: [...without("approved"), "approved"] };
    case "hold": return { ...shot, state: "held" };
    case "skip": return { ...shot, state: "skipped" };
    case "release": return { ...shot, state: shot.takes.length ? "done" : "new" };
    case "circle": return { ...shot, states: [...without("circled"), "circled"], takes: shot.takes.map((take) => ({ ...take, circled: take.take_id === words.take_id })) };
    case "retry": return { ...shot, states: without("approved"), pending: ["another take"], note: words.note || shot.note };
    case "note": return { ...shot, note: words.text, notes: [...shot.notes, words.text] };
    case "priority": return { ...shot, priority: words.priority };
    default: return shot;
  }
}
