// SPDX-License-Identifier: Apache-2.0
// Set by ear where a line begins and ends: numbers, steps of a frame, and the line played.
import { playSpan } from "./clock.js";
import { decide } from "./decide.js";
import { Form, values } from "./form.js";
import { cueOf } from "./shots.js";
import { html, useState } from "./toolkit.js";
import { perSecond } from "./words.js";

const LISTEN = 0.8; // seconds that are played after an in, or before an out
const thousandths = (seconds) => Math.max(0, Math.round(seconds * 1000) / 1000);

// `start` and `end`: the playhead's moment where one of them was taken from it.
export function FixCue({ doc, line, start, end }) {
  const cue = cueOf(doc, line);
  const [from, setFrom] = useState(thousandths(start ?? cue.start ?? 0));
  const [to, setTo] = useState(thousandths(end ?? cue.end ?? 1));
  const frame = 1 / perSecond(doc.rate);
  const send = (form) => {
    const { character, ignore } = values(form);
    const words = { ...(from !== cue.start && { start: from }), ...(to !== cue.end && { end: to }), ...(character !== cue.character && { character }), ...(ignore && { ignore: true }) };
    return decide({ name: "cue", line_id: line, words });
  };
  const edge = (label, name, value, setValue, listen) => html`<div class="edge"><label>${label} <input name=${name} type="number" min="0" step="0.001" required value=${value} autofocus=${name === "start"}
      onInput=${(event) => setValue(thousandths(Number(event.target.value)))} /></label>
    <button type="button" aria-label=${`${label} a frame earlier`} title="A frame earlier" onClick=${() => setValue(thousandths(value - frame))}>−</button>
    <button type="button" aria-label=${`${label} a frame later`} title="A frame later" onClick=${() => setValue(thousandths(value + frame))}>+</button>
    <button type="button" onClick=${listen}>Listen</button></div>`;
  return html`<${Form} title="Fix a cue" verb="Set" send=${send} more=${html`<button type="button" onClick=${() => playSpan(from, to)}>Play the line</button>`}>
    <blockquote>${cue.text}</blockquote>
    ${edge("In", "start", from, setFrom, () => playSpan(from, from + LISTEN))}
    ${edge("Out", "end", to, setTo, () => playSpan(Math.max(0, to - LISTEN), to))}
    <p class="hint">Seconds. ${(to - from).toFixed(2)} s long${cue.start === null ? "" : `; before: ${cue.start.toFixed(3)} to ${cue.end.toFixed(3)}`}.</p>
    <label>Spoken by <select name="character">${[...new Set([cue.character, ...doc.characters])].map((name) => html`<option value=${name} selected=${name === cue.character}>${name}</option>`)}</select></label>
    <label class="check"><input type="checkbox" name="ignore" /> Leave out this line</label>
  <//>`;
}
