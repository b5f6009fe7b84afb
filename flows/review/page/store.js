// SPDX-License-Identifier: Apache-2.0
// What the page knows and shows, in one object. Parts of the page ask for what they need and are drawn anew when that changes.
// The running frame number is not in here: it changes too often (clock.js).
import { useLayoutEffect, useReducer, useRef } from "./toolkit.js";
import { filtered, shotOf } from "./shots.js";

const listeners = new Set();
let state = {
  doc: null,
  selected: "", // number of the shot under the playhead
  marked: [], // numbers of further shots that the next decision is about
  tab: "shots",
  decision: "", // key of the decision that is looked at
  cue: "", // line of the cue that is looked at
  check: "", // id of the check that is looked at
  filter: { text: "", only: "all" },
  earsOnly: false,
  mode: "film", // film, before, side, wipe
  left: "", // what is compared: "film" or "take:SEED"; "" is what suggests itself
  right: "",
  split: 50, // where the wipe stands, in percent
  loop: false,
  captions: true,
  dialog: null, // { name, ... } of the open dialog
  problems: [], // what the server refused in it
  sending: false,
  status: "", // announced to screen readers, shown for a moment
  announced: 0, // how often something was said: the same words twice are two announcements
  trouble: "", // stands until it is over: no connection, session over
  reviewer: "", // who saves notes, where that is somebody else than the one who exported the page
  notes: [], // decisions of a page from disk, until they are saved as notes.json
  singleKeys: true,
  view: { first: 0, span: 1 }, // frames that the timeline shows
  fresh: new Set(), // numbers and lines that somebody else just decided about
};

export function get() {
  return state;
}

export function set(patch) {
  state = { ...state, ...patch };
  for (const listener of [...listeners]) listener();
}

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Part of a component: what `pick` takes from the state; drawn anew when that is another value.
export function use(pick) {
  const [, redraw] = useReducer((times) => times + 1, 0);
  const shown = useRef();
  const latest = useRef();
  shown.current = pick(state);
  latest.current = pick;
  useLayoutEffect(() => {
    const check = () => {
      if (!Object.is(latest.current(state), shown.current)) redraw();
    };
    check();
    return subscribe(check);
  }, []);
  return shown.current;
}

// Tell people something, those who listen too.
export function say(words) {
  set({ status: words, announced: state.announced + 1 });
}

export function currentShot({ doc, selected }) {
  return shotOf(doc, selected) ?? doc.shots[0];
}

// The shots that the next decision is about: the marked ones, else the one that is looked at.
export function targets({ doc, marked, selected }) {
  const numbers = marked.length ? marked : [selected];
  return numbers.map((number) => shotOf(doc, number)).filter(Boolean);
}

let last = { shots: null, filter: null, rows: [] };

export function visibleShots({ doc, filter }) {
  if (last.shots !== doc.shots || last.filter !== filter) last = { shots: doc.shots, filter, rows: filtered(doc.shots, filter) };
  return last.rows;
}
