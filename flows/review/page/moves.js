// SPDX-License-Identifier: Apache-2.0
// What a key or a button does that changes only the view: which shot, which pictures, which tab.
import { clock, onClock, pause, playSpan, seek, setLoop, setTimeline, target } from "./clock.js";
import { cueOf, isOpen, shotAt, shotOf } from "./shots.js";
import { currentShot, get, say, set, subscribe, visibleShots } from "./store.js";
import { perSecond } from "./words.js";

// Look at a shot from its first frame. A shot that is marked stays marked only when `keep` says so.
export function goToShot(number, { keep = false } = {}) {
  const shot = shotOf(get().doc, number);
  if (!shot) return;
  set({ selected: number, ...(keep ? {} : { marked: [] }) });
  seek(shot.first_frame);
}

// The next or previous of the shots that the filter leaves.
export function stepShot(by) {
  const rows = visibleShots(get());
  if (!rows.length) return;
  const at = rows.findIndex((shot) => shot.number === get().selected);
  const from = at < 0 ? (by > 0 ? -1 : rows.length) : at;
  goToShot(rows[Math.min(Math.max(0, from + by), rows.length - 1)].number);
}

// The next shot that nobody has decided about, around the end of the film if need be.
export function goToOpen() {
  const { doc, selected } = get();
  const at = doc.shots.findIndex((shot) => shot.number === selected);
  const around = [...doc.shots.slice(at + 1), ...doc.shots.slice(0, at + 1)];
  const found = around.find(isOpen);
  if (found) goToShot(found.number);
  else say("Every shot has a decision.");
}

export function compareAs(mode) {
  const { mode: now } = get();
  const shot = currentShot(get());
  if (now !== mode && !shot?.takes.some((take) => take.url)) {
    say(shot?.takes.length ? "This report has no takes, only the film." : `${shot?.number ?? "It"} has no take yet.`);
    return;
  }
  const next = now === mode ? "film" : mode;
  const names = { film: "Film", before: "Before colour", side: "Side by side", wipe: "Wipe" };
  set({ mode: next });
  say(names[next]);
}

export function setCompared(at, key) {
  set(at === 0 ? { left: key } : { right: key });
}

export function toggleLoop() {
  set({ loop: !get().loop });
  say(get().loop ? `Looping ${get().selected}` : "Loop off");
}

export function toggleCaptions() {
  set({ captions: !get().captions });
  say(get().captions ? "Captions on" : "Captions off");
}

export function show(tab) {
  set({ tab });
}

export function goToCue(line) {
  const cue = cueOf(get().doc, line);
  if (!cue) return;
  set({ cue: line });
  if (cue.start !== null) seek(Math.round(cue.start * perSecond(get().doc.rate)));
}

export function stepCue(by) {
  const { doc, cue, earsOnly } = get();
  const rows = earsOnly ? doc.cues.filter((one) => one.needs_ear) : doc.cues;
  const at = rows.findIndex((one) => one.line_id === cue);
  const next = rows[Math.min(Math.max(0, at + by), rows.length - 1)];
  if (next) goToCue(next.line_id);
}

export function playCue() {
  const cue = cueOf(get().doc, get().cue);
  if (!cue || cue.start === null) say("This line was not found in the recordings.");
  else playSpan(cue.start, cue.end);
}

export function goToCheck(check) {
  set({ check: check.id });
  if (check.shot && shotOf(get().doc, check.shot)) goToShot(check.shot);
  else if (check.frame !== null && check.frame !== undefined) seek(check.frame);
}

// The shot under the playhead is the one that is looked at. Its decisions are those of the keys, so it changes with the picture.
export function followPlayhead() {
  let known = null;
  let looped = "";
  const follow = () => {
    const { doc, selected, loop } = get();
    if (loop && clock.playing) return;
    const shot = shotAt(doc, target(), selected);
    if (shot && shot.number !== selected) set({ selected: shot.number });
  };
  const loopShot = () => {
    const state = get();
    const shot = currentShot(state);
    const now = state.loop && shot ? `${shot.first_frame} ${shot.frames}` : "";
    if (now === looped) return;
    looped = now;
    setLoop(now ? [shot.first_frame, shot.first_frame + shot.frames] : null);
  };
  const readAnew = () => { // a render may have made the film another one
    const { doc } = get();
    if (doc === known) return;
    known = doc;
    setTimeline(doc);
    follow();
  };
  readAnew();
  onClock(follow);
  subscribe(readAnew);
  subscribe(loopShot);
}

// Nobody wants to miss what goes on behind an open dialog.
export function openDialog(name, more = {}) {
  pause();
  set({ dialog: { name, ...more }, problems: [] });
}
