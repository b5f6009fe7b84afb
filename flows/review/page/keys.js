// SPDX-License-Identifier: Apache-2.0
// All keys of the page in one table, which both runs them and shows them in the help. Single letters can be switched off (WCAG 2.1.4).
import { step, toggle } from "./clock.js";
import * as decisions from "./decide.js";
import * as moves from "./moves.js";
import { get, say, set } from "./store.js";
import * as zoom from "./zoom.js";

const KEPT = "callsheet-keys";

export const GROUPS = [
  ["Play", [
    [" ", "play, pause", toggle],
    [",", "one frame back", () => step(-1)],
    [".", "one frame forward", () => step(1)],
    ["<", "ten frames back (Shift)", () => step(-10)],
    [">", "ten frames forward (Shift)", () => step(10)],
    ["ArrowUp", "previous shot", () => moves.stepShot(-1)],
    ["ArrowDown", "next shot", () => moves.stepShot(1)],
    ["u", "next undecided shot", moves.goToOpen],
    ["l", "loop the shot", moves.toggleLoop],
  ]],
  ["View", [
    ["c", "captions", moves.toggleCaptions],
    ["b", "before and after colour", () => moves.compareAs("before")],
    ["s", "takes side by side", () => moves.compareAs("side")],
    ["w", "takes as a wipe", () => moves.compareAs("wipe")],
    ["+", "zoom in", () => zoom.by(0.5)],
    ["-", "zoom out", () => zoom.by(2)],
    ["0", "whole timeline", zoom.whole],
  ]],
  ["Decide", [
    ["a", "approve", () => decisions.approve()],
    ["A", "approve, next undecided (Shift)", () => decisions.approve({ onward: true })],
    ["r", "retake", decisions.retake],
    ["h", "hold, release", decisions.hold],
    ["t", "circle a take", () => decisions.circle()],
    ["f", "fix the in and out of a cue", decisions.fixCue],
    ["v", "waive a check", () => decisions.waive()],
    ["n", "note", decisions.note],
    ["x", "skip: a slate replaces it", decisions.skip],
    ["p", "priority", decisions.priority],
  ]],
  ["Go", [
    ["1", "shots", () => moves.show("shots")],
    ["2", "cues", () => moves.show("cues")],
    ["3", "checks", () => moves.show("checks")],
    ["4", "decisions", () => moves.show("decisions")],
    ["e", "play the cue", moves.playCue],
    ["/", "find", () => document.getElementById("find")?.focus()],
    ["?", "this list of keys", () => moves.openDialog("keys")],
  ]],
];

const TABLE = new Map(GROUPS.flatMap(([, rows]) => rows.map(([key, , act]) => [key, act])));
const NAMES = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓" };

export function nameOf(key) {
  return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

export function singleKeys() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

export function setSingleKeys(on) {
  try {
    localStorage.setItem(KEPT, on ? "on" : "off");
  } catch { /* not kept: they are on again next time */ }
  set({ singleKeys: on });
  say(on ? "Single keys on" : "Single keys off");
}

let byPointer = false; // what has the focus got it from a click: then letters and space are meant for the page

// Whether what has the focus needs this key itself.
function isTaken({ target, key }) {
  const field = target.closest?.("input, textarea, select, button, a, summary");
  if (!field) return false;
  const kind = field.type;
  const isWritten = field.matches("textarea, input:not([type=checkbox], [type=radio], [type=range])");
  if (isWritten) return true;
  if (byPointer && key.length === 1) return false;
  if (kind === "range") return !/^[a-z]$/i.test(key);
  if (field.matches("select, [type=radio]")) return true;
  return key === " " || key === "Enter";
}

// Capital letters are those with Shift, whatever Caps Lock says.
function keyOf(event) {
  if (!/^[a-z]$/i.test(event.key)) return event.key;
  return event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase();
}

export function listenToKeys() {
  set({ singleKeys: singleKeys() });
  document.addEventListener("pointerdown", () => { byPointer = true; }, true);
  document.addEventListener("keydown", (event) => { if (event.key === "Tab") byPointer = false; }, true);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || get().dialog || isTaken(event)) return;
    const act = TABLE.get(keyOf(event));
    if (!act || (event.key.length === 1 && event.key !== " " && event.key !== "?" && !get().singleKeys)) return;
    event.preventDefault();
    act();
  });
}
