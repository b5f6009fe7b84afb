// SPDX-License-Identifier: Apache-2.0
// Take decisions: which shots they are about, where they go, and what is announced. The server records them, or the notes of a page from disk.
import { goToOpen, openDialog } from "./moves.js";
import { record } from "./notes.js";
import { post } from "./server.js";
import { cueOf, takeInUse } from "./shots.js";
import { currentShot, get, say, set, targets } from "./store.js";
import { count, did } from "./words.js";

let before = Promise.resolve();

// Send one decision, after those before it: quick keys lose nothing. `seen` is what was looked at when the key was pressed.
// Resolves to whether it was recorded; what is wrong is shown in the open dialog, or told.
export function decide(body) {
  const full = { ...body, seen: get().doc.revision };
  before = before.then(() => send(full));
  return before;
}

async function send(body) {
  set({ sending: true, problems: [] });
  const { done, problems } = get().doc.exported ? record(body) : await post(body);
  set({ sending: false });
  if (problems) {
    set({ problems });
    if (!get().dialog) say(problems.map((one) => [one.message, one.expected].filter(Boolean).join("; ")).join(" "));
    return false;
  }
  set({ dialog: null, marked: [] });
  say([...(done.says?.length ? done.says : [`${subject(body)} ${did(body.name)}`]), ...(done.follows ?? []).map(overruled)].join(". "));
  return true;
}

function subject(body) {
  if (body.line_id) return body.line_id;
  if (body.words?.check) return body.words.check;
  const numbers = get().doc.shots.filter((shot) => body.shots?.includes(shot.shot_id)).map((shot) => shot.number);
  return numbers.length > 3 ? count(numbers.length, "shot") : numbers.join(", ");
}

// Two people decided at once. Both decisions are recorded; whoever came later should know.
function overruled(other) {
  return `${other.who} had just ${did(other.name)} ${other.shot || other.line || other.check}${other.words ? ` (${other.words})` : ""}`;
}

const ids = (shots) => shots.map((shot) => shot.shot_id);

// Approve several shots, or one together with the take on the screen.
export async function approve({ onward = false } = {}) {
  const shots = targets(get());
  const unmade = shots.filter((shot) => !shot.takes.length);
  if (unmade.length) {
    say(`${unmade[0].number} has no take yet; render first.`);
    return;
  }
  const used = shots.length === 1 ? takeInUse(shots[0]) : null;
  const words = used?.take_id ? { take_id: used.take_id } : {};
  if ((await decide({ name: "approve", shots: ids(shots), words })) && onward) goToOpen();
}

// Hold, or release what is held or skipped.
export function hold() {
  const shots = targets(get());
  const kept = shots.every((shot) => shot.state === "held" || shot.state === "skipped");
  return decide({ name: kept ? "release" : "hold", shots: ids(shots), words: {} });
}

export function skip() {
  return decide({ name: "skip", shots: ids(targets(get())), words: {} });
}

// Circle the take that was named; ask if there are several.
export function circle(take) {
  const state = get();
  const shot = currentShot(state);
  if (take) return decide({ name: "circle", shots: [shot.shot_id], words: { take_id: take.take_id } });
  if (shot.takes.length === 1) return circle(shot.takes[0]);
  if (shot.takes.length) return openDialog("circle", { number: shot.number });
  return say(`${shot.number} has no take yet.`);
}

export function retake() {
  openDialog("retake", { numbers: targets(get()).map((shot) => shot.number) });
}

export function note() {
  openDialog("note", { numbers: targets(get()).map((shot) => shot.number) });
}

export function priority() {
  openDialog("priority", { numbers: targets(get()).map((shot) => shot.number) });
}

// Fix the selected cue; outside the list of cues, that of the shot.
export function fixCue() {
  const state = get();
  const line = state.tab === "cues" && state.cue ? state.cue : currentShot(state)?.line_id;
  if (line && cueOf(state.doc, line)) openDialog("fix", { line });
  else say("This shot has no cue to fix.");
}

export function waive(check) {
  const { doc, check: looked, tab } = get();
  const shot = currentShot(get());
  const failed = doc.checks.filter((one) => one.state === "failed");
  const chosen = check ?? (tab === "checks" ? failed.find((one) => one.id === looked) : undefined) ?? failed.find((one) => one.shot === shot?.number) ?? failed[0];
  if (chosen) openDialog("waive", { check: chosen.id });
  else say("No check has failed.");
}
