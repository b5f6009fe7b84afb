// SPDX-License-Identifier: Apache-2.0
// Which pictures are on the stage: the version's film, a take before its colour, or two of them beside each other. Pure.
import { otherTake, takeInUse } from "./shots.js";

export const FILM = "film";

export function keyOf(take) {
  return `take:${take.take_id}`;
}

// What can be put on the stage for a shot, with names for people.
export function choices(doc, shot) {
  const takes = shot.takes.filter((take) => take.url).map((take) => ({ key: keyOf(take), name: takeName(shot, take), ...source(shot, take) }));
  return doc.video ? [{ key: FILM, name: `Film ${doc.version ?? ""}`.trim(), url: doc.video }, ...takes] : takes;
}

// Takes differ in their seed, and sometimes in what is felt.
export function takeName(shot, take) {
  const marks = [take.circled ? "circled" : "", take === takeInUse(shot) ? "in use" : ""].filter(Boolean);
  const felt = take.emotion && take.emotion !== shot.emotion ? `, ${take.emotion}` : "";
  return `Take, seed ${take.seed}${felt}${marks.length ? ` (${marks.join(", ")})` : ""}`;
}

function source(shot, take) {
  return { url: take.url, first: take.first_frame ?? shot.first_frame, frames: take.frames ?? shot.frames };
}

// The two sides of a comparison: what was chosen, else the two newest takes, else the take beside the finished film.
export function sides(doc, shot, { left, right }) {
  const known = choices(doc, shot);
  const named = (key) => known.find((choice) => choice.key === key);
  const used = takeInUse(shot);
  const other = otherTake(shot);
  const first = named(left) ?? named(used && keyOf(used)) ?? known[0];
  const second = named(right) ?? named(other && keyOf(other)) ?? named(FILM) ?? known[known.length - 1];
  return [first, second];
}

// The panes of the stage in a mode; each has a role that says where it is. The film leads and is therefore always there.
export function panes(doc, shot, { mode, left, right }) {
  const used = takeInUse(shot);
  if (mode === "before" && used?.url) return arranged(doc, [{ ...before(shot, used), role: "whole" }]);
  if (mode === "side" || mode === "wipe") {
    const [first, second] = sides(doc, shot, { left, right });
    if (first && second) return arranged(doc, [{ ...first, role: mode === "side" ? "left" : "under" }, { ...second, role: mode === "side" ? "right" : "over" }]);
  }
  if (doc.video) return arranged(doc, [{ key: FILM, name: "", url: doc.video, role: "whole" }]);
  return used?.url ? arranged(doc, [{ key: keyOf(used), name: takeName(shot, used), ...source(shot, used), role: "whole" }]) : [];
}

function before(shot, take) {
  return { key: "before", name: "Before colour", ...source(shot, take), url: shot.before || take.url };
}

function arranged(doc, shown) {
  if (!doc.video || shown.some((pane) => pane.key === FILM)) return shown;
  return [{ key: FILM, name: "", url: doc.video, role: "away" }, ...shown];
}
