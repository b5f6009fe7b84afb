// SPDX-License-Identifier: Apache-2.0
// The few signs of the page, drawn on a grid of 16. They never stand alone: a name for screen readers is always beside them.
import { html } from "./toolkit.js";

const PATHS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  back: "M11 3.5v9L5 8zM3 3.5h1.6v9H3z",
  forward: "M5 3.5v9L11 8zM11.4 3.5H13v9h-1.6z",
  previous: "M14 3.5v9L8.5 8zM8 3.5v9L2.5 8z",
  next: "M2 3.5v9L7.5 8zM8 3.5v9L13.5 8z",
  sound: "M2 6v4h2.5L8 13V3L4.5 6zM10 5.2l.9-.9a5.3 5.3 0 0 1 0 7.4l-.9-.9a4 4 0 0 0 0-5.6z",
  silent: "M2 6v4h2.5L8 13V3L4.5 6zM10 6.2l.9-.9 1.6 1.7 1.6-1.7.9.9L13.4 8 15 9.8l-.9.9-1.6-1.7-1.6 1.7-.9-.9L11.6 8z",
  approved: "M6.4 12.6 2.2 8.4l1.2-1.2 3 3 6.2-6.4 1.2 1.2z",
  held: "M4 3h2.6v10H4zM9.4 3H12v10H9.4z",
  skipped: "M3 4h10v8H3zM4.3 5.3v5.4h7.4V5.3z",
  failed: "M8 1.8 15 14H1zM7.2 6v4h1.6V6zM7.2 11.2v1.5h1.6v-1.5z",
  running: "M8 2a6 6 0 1 1-6 6h1.6A4.4 4.4 0 1 0 8 3.6z",
  queued: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 1.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM7.3 5h1.4v3l2 1.6-.9 1.1-2.5-2z",
  circled: "M8 2.2a5.8 5.8 0 1 1 0 11.6A5.8 5.8 0 0 1 8 2.2zm0 1.6a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4z",
  ear: "M8 2.2c2.6 0 4.2 1.8 4.2 4 0 2.7-2.6 3.2-2.6 5 0 1.5-1 2.6-2.3 2.6-1.2 0-2.1-.9-2.1-2h1.4c0 .4.3.7.7.7s.8-.4.8-1.1c0-2.6 2.7-2.9 2.7-5.2 0-1.6-1-2.7-2.6-2.7S5.400 4.600 5.400 6.200H4C4 4 5.500 2.200 8 2.200z",
  close: "M3.3 4.4 4.400 3.300 8 6.900l3.600-3.600 1.100 1.100L9.100 8l3.600 3.600-1.100 1.100L8 9.100l-3.600 3.600-1.100-1.100L6.900 8z",
};

export function Icon({ name, label }) {
  const path = html`<path d=${PATHS[name] ?? PATHS.queued} />`;
  if (!label) return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${path}</svg>`;
  return html`<svg class="icon" viewBox="0 0 16 16" role="img" aria-label=${label}>${path}</svg>`;
}
