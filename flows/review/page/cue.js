// SPDX-License-Identifier: Apache-2.0
// Cues: where each line is in the sound, what makes it doubtful, and how to listen to it and fix it.
import { playSpan, seconds } from "./clock.js";
import { fixCue } from "./decide.js";
import { Icon } from "./icons.js";
import { goToShot, openDialog, playCue, stepCue } from "./moves.js";
import { html } from "./toolkit.js";
import { measured, plain } from "./words.js";

const ROLL = 1; // seconds before and after a line, to hear what it was cut from

export function cueRows(doc, earsOnly) {
  return earsOnly ? doc.cues.filter((cue) => cue.needs_ear) : doc.cues;
}

export function span(cue) {
  return cue.start === null ? "not found" : `${cue.start.toFixed(2)} to ${cue.end.toFixed(2)} s`;
}

export function CueRow({ cue }) {
  return html`<span class=${`sign ${cue.needs_ear ? "warn" : ""}`}>${cue.needs_ear && html`<${Icon} name="ear" label="check by ear" />`}</span>
    <span class="about"><span class="first"><b>${cue.character}</b> <span class="who">${span(cue)}</span></span>
    <span class="line">${cue.text}</span>
    <span class="felt">${[cue.state, cue.pending ? "corrected in the next plan" : "", ...cue.reasons.map(plain)].filter(Boolean).join(", ")}</span></span>`;
}

export function CuePanel({ cue, doc }) {
  const heard = cue.start !== null;
  const acts = [
    ["Play", "E", playCue, !heard, "first"], ["Play with a second around", "", () => playSpan(Math.max(0, cue.start - ROLL), cue.end + ROLL), !heard],
    ["Fix in and out", "F", fixCue, false], ["In at the playhead", "", () => openDialog("fix", { line: cue.line_id, start: seconds() }), false],
    ["Out at the playhead", "", () => openDialog("fix", { line: cue.line_id, end: seconds() }), false],
    ["Previous", "", () => stepCue(-1), false], ["Next", "", () => stepCue(1), false],
  ];
  const facts = [["line", cue.line_id], ["in and out", span(cue)], ["confidence", measured(cue.confidence)], ["state", cue.state]];
  return html`<div class="inspector">
    <header class="heading"><h2>${cue.character}</h2><p>${cue.line_id}</p><p class=${`state ${cue.needs_ear ? "failed" : ""}`}>${cue.needs_ear ? "check by ear" : plain(cue.state)}</p></header>
    <div class="actions" role="group" aria-label="Cue">${acts.map(([name, key, act, off, look = ""]) => html`<button type="button" class=${`act ${look}`} disabled=${off} aria-keyshortcuts=${key || undefined} onClick=${act}>${name} ${key && html`<kbd aria-hidden="true">${key}</kbd>`}</button>`)}</div>
    <blockquote>${cue.text}</blockquote>
    ${(cue.reasons.length > 0 || cue.pending) && html`<ul class="standing">${cue.pending && html`<li>Corrected; the next plan applies it.</li>`}${cue.reasons.map((reason) => html`<li class=${cue.needs_ear ? "warn" : ""}>${plain(reason)}</li>`)}</ul>`}
    <h3>Measurements</h3><dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${cue.shots.length > 0 && html`<h3>Heard in</h3><p class="shots">${cue.shots.map((number) => html`<button type="button" onClick=${() => goToShot(number)}>${number}</button>`)}</p>`}
  </div>`;
}
