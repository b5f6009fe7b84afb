// SPDX-License-Identifier: Apache-2.0
// Questions about shots of the document: which one is where, what it still needs, which ones a filter leaves. Pure.

const indexes = new WeakMap();

function indexed(rows, key) {
  const known = indexes.get(rows);
  if (known) return known;
  const index = new Map(rows.map((row) => [row[key], row]));
  indexes.set(rows, index);
  return index;
}

export function shotOf(doc, number) {
  return indexed(doc.shots, "number").get(number);
}

export function cueOf(doc, line) {
  return indexed(doc.cues, "line_id").get(line);
}

// The shot that is seen at a frame. Of two that share the picture it is the one that was chosen, else the one below.
export function shotAt(doc, frame, chosen) {
  const same = chosen && shotOf(doc, chosen);
  if (same && covers(same, frame)) return same;
  let low = 0;
  let high = doc.shots.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (doc.shots[middle].first_frame <= frame) low = middle;
    else high = middle - 1;
  }
  while (low > 0 && doc.shots[low - 1].first_frame === doc.shots[low].first_frame) low -= 1;
  return doc.shots[low];
}

export function covers(shot, frame) {
  return frame >= shot.first_frame && frame < shot.first_frame + shot.frames;
}

export function isApproved(shot) {
  return shot.states.includes("approved");
}

// Whether somebody should still look at it.
export function isOpen(shot) {
  return !isApproved(shot) && shot.state !== "held" && shot.state !== "skipped";
}

export function isTroubled(shot) {
  return shot.state === "failed" || shot.warnings.length > 0 || shot.checks.some((check) => !check.ok);
}

// What is said of a shot in one word; approval comes before "done", trouble before everything.
export function standing(shot) {
  if (shot.state === "done" && isApproved(shot)) return "approved";
  return shot.state;
}

export const FILTERS = [
  ["all", "All shots", () => true],
  ["open", "To review", isOpen],
  ["approved", "Approved", isApproved],
  ["troubled", "With warnings", isTroubled],
  ["held", "Held or skipped", (shot) => shot.state === "held" || shot.state === "skipped"],
  ["unmade", "Not rendered yet", (shot) => !["done", "held", "skipped"].includes(shot.state)],
];

// The shots that hold every word of the text (number, character, actor, line, emotion, state) and pass the named filter.
export function filtered(shots, { text, only }) {
  const passes = FILTERS.find(([name]) => name === only)?.[2] ?? (() => true);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return shots.filter((shot) => passes(shot) && holds(shot, words));
}

function holds(shot, words) {
  if (!words.length) return true;
  const said = `${shot.number} ${shot.character} ${shot.actor ?? ""} ${shot.text} ${shot.emotion} ${shot.state} ${shot.states.join(" ")}`.toLowerCase();
  return words.every((word) => said.includes(word));
}

// The take that is used, and the one that a person would compare it with: the newest other.
export function takeInUse(shot) {
  return shot.takes.find((take) => take.current) ?? shot.takes.find((take) => take.circled) ?? shot.takes[0];
}

export function otherTake(shot) {
  const used = takeInUse(shot);
  return shot.takes.findLast((take) => take !== used);
}
