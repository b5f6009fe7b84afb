// SPDX-License-Identifier: Apache-2.0
// Draws the timeline: ruler, a lane for each speaker with shots and emotion curves, the waveform with cuts and cues, marks of checks.
// A canvas, because a thousand shots with their curves are redrawn at every turn of the wheel; the list of shots says the same in words.
import { isTroubled, standing } from "./shots.js";
import { perSecond, timecode } from "./words.js";

const RULER = 22;
const TICK = 74; // pixels between two times on the ruler, at least
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800]; // seconds

// How high the timeline wants to be for so many lanes, in pixels. More lanes share the height that there is.
export function heightFor(lanes) {
  return RULER + Math.min(5, Math.max(2, lanes)) * 40 + 54;
}

// Where the lanes and the waveform lie, top to bottom, in pixels.
export function layout({ speakers, height, narrow }) {
  const wave = narrow ? 26 : 50;
  const lane = Math.max(6, (height - RULER - wave - 4) / Math.max(1, speakers.length));
  return { gutter: narrow ? 0 : 92, lane, top: RULER, wave: { top: height - wave, height: wave } };
}

export function draw(context, { doc, view, width, height, selected, marked, peaks, theme, narrow }) {
  const place = layout({ speakers: doc.speakers, height, narrow });
  const scale = { ...place, x: (frame) => place.gutter + ((frame - view.first) / view.span) * (width - place.gutter), width, height, view };
  context.clearRect(0, 0, width, height);
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  context.save();
  context.beginPath();
  context.rect(place.gutter, 0, width - place.gutter, height);
  context.clip();
  drawRuler(context, scale, doc, theme);
  drawWave(context, scale, peaks, doc.frames, theme);
  drawCues(context, scale, doc, theme);
  drawShots(context, scale, doc, { selected, marked: new Set(marked), theme });
  drawChecks(context, scale, doc, theme);
  context.restore();
  drawNames(context, scale, doc.speakers, theme);
}

function drawRuler(context, scale, doc, theme) {
  const rate = perSecond(doc.rate);
  const perPixel = scale.view.span / (scale.width - scale.gutter);
  const step = (STEPS.find((seconds) => (seconds * rate) / perPixel >= TICK) ?? 3600) * rate;
  context.fillStyle = theme.dim;
  context.strokeStyle = theme.line;
  context.beginPath();
  for (let frame = Math.floor(scale.view.first / step) * step; frame < scale.view.first + scale.view.span; frame += step) {
    const x = Math.round(scale.x(frame)) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, RULER - 4);
    context.fillText(timecode(Math.round(frame), doc.rate).slice(step < 3600 * rate ? 3 : 0, 8), x + 5, 9);
  }
  context.stroke();
}

function drawNames(context, scale, speakers, theme) {
  if (!scale.gutter) return;
  speakers.forEach((speaker, at) => {
    const y = scale.top + (at + 0.5) * scale.lane;
    context.fillStyle = speaker.color;
    context.fillRect(8, y - 4, 3, 8);
    context.fillStyle = theme.ink;
    context.fillText(shortened(context, speaker.character, scale.gutter - 26), 18, y);
  });
  context.fillStyle = theme.dim;
  context.fillText("Sound", 18, scale.wave.top + scale.wave.height / 2);
}

function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

function drawShots(context, scale, doc, { selected, marked, theme }) {
  const lanes = new Map(doc.speakers.map((speaker, at) => [speaker.character, { at, color: speaker.color }]));
  for (const shot of doc.shots) {
    const left = scale.x(shot.first_frame);
    const right = scale.x(shot.first_frame + shot.frames);
    if (right < scale.gutter || left > scale.width) continue;
    const { at, color } = lanes.get(shot.character) ?? { at: 0, color: theme.dim };
    const box = { left, top: scale.top + at * scale.lane + 1, width: Math.max(1, right - left - 1), height: scale.lane - 2 };
    drawShot(context, box, shot, { color, theme, chosen: shot.number === selected, marked: marked.has(shot.number) });
    if (box.width > 4) drawCurve(context, box, shot, doc.intensity_limit, theme);
    if (box.width > 34 && box.height > 13) drawLabel(context, box, shot, theme);
  }
}

function drawShot(context, box, shot, { color, theme, chosen, marked }) {
  const state = standing(shot);
  context.fillStyle = chosen || marked ? theme.chosen : state === "new" || state === "queued" ? theme.empty : theme.block;
  context.fillRect(box.left, box.top, box.width, box.height);
  if (state === "held" || state === "skipped") drawHatch(context, box, theme);
  context.fillStyle = color;
  if (box.width > 6) context.fillRect(box.left, box.top, 2, box.height);
  context.fillStyle = isTroubled(shot) ? theme.warn : state === "approved" ? theme.approved : "transparent";
  context.fillRect(box.left, box.top + box.height - 2, box.width, 2);
  if (!chosen && !marked) return;
  context.strokeStyle = theme.accent;
  context.lineWidth = chosen ? 2 : 1;
  context.strokeRect(box.left + 1, box.top + 1, Math.max(1, box.width - 2), box.height - 2);
  context.lineWidth = 1;
}

function drawHatch(context, box, theme) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.strokeStyle = theme.line;
  context.beginPath();
  for (let x = box.left - box.height; x < box.left + box.width; x += 5) {
    context.moveTo(x, box.top + box.height);
    context.lineTo(x + box.height, box.top);
  }
  context.stroke();
  context.restore();
}

// How strongly something is felt: the largest weight that is not neutral, as a share of the production's limit.
function strength(weights, limit) {
  const felt = Object.entries(weights).filter(([mood]) => mood !== "neutral").map(([, weight]) => weight);
  return Math.min(1, Math.max(0, ...felt) / (limit || 1));
}

function drawCurve(context, box, shot, limit, theme) {
  if (!shot.curve.length) return;
  const top = box.height > 26 ? 17 : 3; // below the label
  const y = (key) => box.top + box.height - 4 - strength(key[1], limit) * (box.height - 4 - top);
  const x = (key) => box.left + 2 + (Math.min(key[0], shot.frames) / shot.frames) * (box.width - 2);
  context.strokeStyle = theme.curve;
  context.beginPath();
  context.moveTo(box.left + 2, y(shot.curve[0]));
  for (const key of shot.curve) context.lineTo(x(key), y(key));
  context.lineTo(box.left + box.width, y(shot.curve[shot.curve.length - 1]));
  context.stroke();
  context.lineTo(box.left + box.width, box.top + box.height - 2);
  context.lineTo(box.left + 2, box.top + box.height - 2);
  context.globalAlpha = 0.16;
  context.fillStyle = theme.curve;
  context.fill();
  context.globalAlpha = 1;
}

function drawLabel(context, box, shot, theme) {
  context.fillStyle = theme.ink;
  const text = box.width > 120 ? `${shot.number.replace(/^.*_/, "")}  ${shot.emotion}` : shot.number.replace(/^.*_/, "");
  context.fillText(shortened(context, text, box.width - 10), box.left + 6, box.top + Math.min(box.height / 2, 9));
}

function drawWave(context, scale, peaks, frames, theme) {
  const { top, height } = scale.wave;
  const middle = top + height / 2;
  context.fillStyle = theme.empty;
  context.fillRect(scale.gutter, top, scale.width - scale.gutter, height);
  context.fillStyle = theme.wave;
  const loudest = peaks.reduce((most, [low, high]) => Math.max(most, high, -low), 0.05);
  for (let x = scale.gutter; peaks.length && x < scale.width; x += 1) {
    const [low, high] = between(peaks, frames, frameAt(scale, x), frameAt(scale, x + 1));
    context.fillRect(x, middle - (high / loudest) * (height / 2 - 4), 1, Math.max(1, ((high - low) / loudest) * (height / 2 - 4)));
  }
}

function frameAt(scale, x) {
  return scale.view.first + ((x - scale.gutter) / (scale.width - scale.gutter)) * scale.view.span;
}

// The lowest and highest sample between two frames.
function between(peaks, frames, from, to) {
  const first = Math.max(0, Math.floor((from / frames) * peaks.length));
  const last = Math.min(peaks.length, Math.max(first + 1, Math.ceil((to / frames) * peaks.length)));
  let low = 0;
  let high = 0;
  for (let at = first; at < last; at += 1) {
    low = Math.min(low, peaks[at][0]);
    high = Math.max(high, peaks[at][1]);
  }
  return [low, high];
}

// Cuts are hairlines over the sound, lines that were found bars under it; those that need an ear stand out.
function drawCues(context, scale, doc, theme) {
  const { top, height } = scale.wave;
  const rate = perSecond(doc.rate);
  context.fillStyle = theme.line;
  if (scale.view.span / Math.max(1, doc.cuts.length) / (scale.view.span / scale.width) > 0.5) {
    for (const cut of doc.cuts) context.fillRect(Math.round(scale.x(cut)), top, 1, height);
  }
  for (const cue of doc.cues) {
    if (cue.start === null) continue;
    const left = scale.x(cue.start * rate);
    const right = scale.x(cue.end * rate);
    if (right < scale.gutter || left > scale.width) continue;
    context.fillStyle = cue.needs_ear ? theme.warn : theme.dim;
    context.fillRect(left, top + height - (cue.needs_ear ? 4 : 2), Math.max(1, right - left - 1), cue.needs_ear ? 4 : 2);
  }
}

function drawChecks(context, scale, doc, theme) {
  context.fillStyle = theme.failed;
  for (const check of doc.checks) {
    if (check.frame === null || check.frame === undefined || check.state === "ok" || check.state === "waived") continue;
    const x = scale.x(check.frame);
    context.fillStyle = check.state === "failed" ? theme.failed : theme.warn;
    context.beginPath();
    context.moveTo(x - 5, RULER - 10);
    context.lineTo(x + 5, RULER - 10);
    context.lineTo(x, RULER - 1);
    context.fill();
  }
}

// The colours of the page's style sheet, as a canvas needs them.
export function readTheme(element) {
  const style = getComputedStyle(element);
  const names = ["ink", "dim", "line", "block", "empty", "chosen", "accent", "approved", "warn", "failed", "wave", "curve"];
  return { ...Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])), font: style.fontFamily };
}
