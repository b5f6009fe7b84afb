// SPDX-License-Identifier: Apache-2.0
// Which part of the timeline is seen.
import { target } from "./clock.js";
import { get, set } from "./store.js";

const CLOSEST = 25; // frames that fill the timeline at least

function see(first, span) {
  const { frames } = get().doc;
  const width = Math.min(Math.max(CLOSEST, span), Math.max(frames, CLOSEST));
  set({ view: { first: Math.min(Math.max(0, first), Math.max(0, frames - width)), span: width } });
}

export function whole() {
  see(0, get().doc.frames);
}

// Make what is seen `factor` times as long; the frame `around` (the playhead) stays where it is.
export function by(factor, around = target()) {
  const { first, span } = get().view;
  const next = Math.min(Math.max(CLOSEST, span * factor), Math.max(get().doc.frames, CLOSEST));
  see(around - ((around - first) / span) * next, next);
}

export function scroll(frames) {
  const { first, span } = get().view;
  see(first + frames, span);
}

// Turn the page when the playhead has left it.
export function keepInView(frame) {
  const { first, span } = get().view;
  if (frame < first || frame >= first + span) see(frame - span * 0.1, span);
}
