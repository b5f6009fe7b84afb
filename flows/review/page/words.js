// SPDX-License-Identifier: Apache-2.0
// Numbers and moments as people read them. Pure.

// Frames per second of a [numerator, denominator] pair.
export function perSecond(rate) {
  return rate[0] / rate[1];
}

// Hours, minutes, seconds and frames, counting frames and not dropping any.
export function timecode(frame, rate) {
  const nominal = Math.round(perSecond(rate));
  const seconds = Math.floor(frame / nominal);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60, frame % nominal];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

// A moment of the day for something of today, with the date for anything older.
export function moment(at, now = new Date()) {
  const then = new Date(at);
  if (Number.isNaN(then.getTime())) return at;
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return then.toDateString() === now.toDateString() ? time : `${then.toLocaleDateString()} ${time}`;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

// A measured value with as many digits as say something.
export function measured(value) {
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

// All that was measured of a take, in one line.
export function allMeasured(measures) {
  return Object.entries(measures ?? {}).map(([name, value]) => `${plain(name)} ${measured(value)}`).join(", ");
}

// "identity_share" reads as "identity share".
export function plain(name) {
  return String(name).replaceAll("_", " ");
}

// What somebody did, for the list of decisions and for announcements.
const DONE = {
  approve: "approved", approved: "approved", retry: "sent back", seed: "sent back with another seed", hold: "held", held: "held",
  release: "released", released: "released", circle: "circled a take of", circled: "circled a take of", note: "noted on", skip: "skipped",
  skipped: "skipped", waive: "waived", waived: "waived", cue: "moved the cue of", priority: "set the priority of", moved: "moved",
};

export function did(name) {
  return DONE[name] ?? plain(name);
}

// The words of a decision, whatever their shape.
export function said(words) {
  if (words === null || words === undefined) return "";
  if (typeof words === "string") return words;
  const parts = Object.entries(words).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return parts.map(([name, value]) => (name === "text" || name === "note" || name === "reason" ? String(value) : `${plain(name)} ${value}`)).join(", ");
}
