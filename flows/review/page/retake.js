// SPDX-License-Identifier: Apache-2.0
// Ask for a retake: why, and with which seed, emotion and intensity.
import { decide } from "./decide.js";
import { Form, values } from "./form.js";
import { shotOf } from "./shots.js";
import { html, useState } from "./toolkit.js";
import { count } from "./words.js";

export function Retake({ doc, numbers }) {
  const shots = numbers.map((number) => shotOf(doc, number)).filter(Boolean);
  const one = shots.length === 1 ? shots[0] : null;
  const [seed, setSeed] = useState("new");
  const [louder, setLouder] = useState(1);
  const send = (form) => {
    const { note, emotion, number } = values(form);
    const words = { note: note.trim(), emotion: emotion.trim(), intensity: louder === 1 ? null : louder, seed: seed === "this" ? Number(number) : seed };
    return decide({ name: "retry", shots: shots.map((shot) => shot.shot_id), words });
  };
  const pick = (value, label) => html`<label class="radio"><input type="radio" name="seed" value=${value} checked=${seed === value} onChange=${() => setSeed(value)} /> ${label}</label>`;
  return html`<${Form} title=${one ? `Retake of ${one.number}` : `Retake of ${count(shots.length, "shot")}`} verb="Send back" send=${send}>
    ${one && html`<blockquote>${one.text || "Listens."}</blockquote>`}
    <label>What is wrong <textarea name="note" rows="3" maxlength="2000" autofocus placeholder="subtler: he has not understood yet"></textarea></label>
    <label>Emotion <input name="emotion" list="emotions" placeholder=${one ? one.emotion : "unchanged"} autocomplete="off" /></label>
    <datalist id="emotions">${doc.emotions.map((name) => html`<option value=${name}></option>`)}<option value="as written"></option></datalist>
    <p class="hint">An emotion with an intensity ("angry 0.8"), a change ("neutral -> sad"), or "as written"; leave empty to keep it.</p>
    <label>Intensity <span class="range"><input type="range" name="intensity" min="0.25" max="2" step="0.05" value=${louder} onInput=${(event) => setLouder(Number(event.target.value))} /><output>${louder === 1 ? "unchanged" : `× ${louder.toFixed(2)}`}</output></span></label>
    <fieldset><legend>Seed</legend>${pick("new", "new")}${pick("same", `same${one ? ` (${one.seed})` : ""}`)}
      <div class="radio">${pick("this", "this number")}<input name="number" type="number" min="0" step="1" aria-label="Seed" value=${one ? one.seed + 1 : 1} disabled=${seed !== "this"} required=${seed === "this"} /></div></fieldset>
  <//>`;
}
