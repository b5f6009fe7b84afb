// SPDX-License-Identifier: Apache-2.0
// Dialogs of decisions that need more than a key. The browser's own <dialog> keeps the focus inside, closes with Escape and hides the rest.
import { takeName } from "./compare.js";
import { decide } from "./decide.js";
import { FixCue } from "./fixcue.js";
import { Form, values } from "./form.js";
import { GROUPS, nameOf, setSingleKeys } from "./keys.js";
import { asFile, save, takeBack } from "./notes.js";
import { Retake } from "./retake.js";
import { shotOf, takeInUse } from "./shots.js";
import { get, set, use } from "./store.js";
import { html } from "./toolkit.js";
import { allMeasured, count, did, said } from "./words.js";

const DIALOGS = { retake: Retake, fix: FixCue, note: Note, priority: Priority, circle: Circle, waive: Waive, keys: Keys, notes: Notes };

export function Dialogs({ written }) {
  const dialog = use((state) => state.dialog);
  const doc = use((state) => state.doc);
  if (!dialog) return null;
  return html`<${DIALOGS[dialog.name]} ...${dialog} doc=${doc} written=${written} />`;
}

const idsOf = (doc, numbers) => numbers.map((number) => shotOf(doc, number)?.shot_id).filter(Boolean);

function about(numbers) {
  return numbers.length === 1 ? numbers[0] : count(numbers.length, "shot");
}

function Note({ doc, numbers }) {
  const send = (form) => decide({ name: "note", shots: idsOf(doc, numbers), words: { text: values(form).text } });
  return html`<${Form} title=${`Note on ${about(numbers)}`} verb="Add note" send=${send}>
    <label>Note <textarea name="text" rows="4" required maxlength="2000" autofocus></textarea></label>
  <//>`;
}

function Priority({ doc, numbers }) {
  const now = shotOf(doc, numbers[0])?.priority ?? 0;
  const send = (form) => decide({ name: "priority", shots: idsOf(doc, numbers), words: { priority: Number(values(form).priority) } });
  return html`<${Form} title=${`Priority of ${about(numbers)}`} verb="Set" send=${send}>
    <label>Priority <input name="priority" type="number" min="-1000" max="1000" step="1" required value=${now || 10} autofocus /></label>
    <p class="hint">Higher is rendered first; 0 is film order.</p>
  <//>`;
}

function Circle({ doc, number }) {
  const shot = shotOf(doc, number);
  const used = takeInUse(shot);
  const send = (form) => decide({ name: "circle", shots: [shot.shot_id], words: { take_id: values(form).take } });
  return html`<${Form} title=${`Circle a take of ${number}`} verb="Circle" send=${send}>
    <fieldset><legend>Take</legend>${shot.takes.map((take) => html`<label class="radio"><input type="radio" name="take" value=${take.take_id} checked=${take === used} autofocus=${take === used} />
      <span>${takeName(shot, take)} <span class="hint">${allMeasured(take.measures)}</span></span></label>`)}</fieldset>
  <//>`;
}

function Waive({ doc, check }) {
  const chosen = doc.checks.find((one) => one.id === check);
  const failed = doc.checks.filter((one) => one.state === "failed");
  const send = (form) => decide({ name: "waive", words: { check: values(form).check, reason: values(form).reason } });
  return html`<${Form} title="Waive a check" verb="Waive" send=${send}>
    <label>Check <select name="check">${failed.map((one) => html`<option value=${one.id} selected=${one === chosen}>${one.id}</option>`)}</select></label>
    ${chosen && html`<p class="hint">${chosen.says || `${chosen.value} (limit ${chosen.limit})`}</p>`}
    <label>Reason <textarea name="reason" rows="3" required maxlength="500" autofocus></textarea></label>
    <p class="hint">The version is published although this check failed. Your name and the reason stay on record.</p>
  <//>`;
}

function Keys() {
  const on = use((state) => state.singleKeys);
  return html`<${Form} title="Keys" wide>
    <div class="keys">${GROUPS.map(([group, rows]) => html`<section><h3>${group}</h3><dl>${rows.map(([key, what]) => html`<div><dt><kbd>${nameOf(key)}</kbd></dt><dd>${what}</dd></div>`)}</dl></section>`)}</div>
    <p class="hint">In lists: arrows, Page Up and Down, Home, End; with Shift they select several shots for one decision. On the timeline: arrows move one frame, with Shift one second; Ctrl and wheel zoom.</p>
    <label class="check"><input type="checkbox" checked=${on} onChange=${(event) => setSingleKeys(event.target.checked)} /> Single keys (space, arrows and this dialog's ? always work)</label>
  <//>`;
}

function Notes({ doc, written }) {
  const notes = use((state) => state.notes);
  const subject = (one) => one.line_id || one.words?.check || about(doc.shots.filter((shot) => one.shots?.includes(shot.shot_id)).map((shot) => shot.number));
  const more = html`<button type="button" disabled=${!notes.length} onClick=${() => takeBack(written)}>Undo the last one</button>`;
  return html`<${Form} title="Notes" verb="Save notes.json" more=${more} send=${notes.length ? () => { save(); set({ dialog: null, status: "notes.json saved" }); } : null}>
    <p>This page has no server. Your decisions are kept in this browser. Save them as a file and send it to the person who renders: <code>callsheet review PRODUCTION --import notes.json</code>.</p>
    <label>Your name <input value=${get().reviewer || doc.reviewer} onInput=${(event) => set({ reviewer: event.target.value })} autocomplete="name" /></label>
    <ol class="notes">${notes.map((one) => html`<li>${did(one.name)} <b>${subject(one)}</b> ${said(one.words)}</li>`)}</ol>
    ${!notes.length && html`<p class="hint">No decisions yet.</p>`}
    <details><summary>As text, if you cannot save files</summary><textarea readonly rows="5" aria-label="notes.json as text" value=${asFile()}></textarea></details>
  <//>`;
}

