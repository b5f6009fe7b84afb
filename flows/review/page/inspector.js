// SPDX-License-Identifier: Apache-2.0
// All about the selected shot, with the decisions on top; in the list of cues, about the selected cue.
import { keyOf, takeName } from "./compare.js";
import { CuePanel } from "./cue.js";
import { Curve } from "./curve.js";
import * as decisions from "./decide.js";
import { compareAs, setCompared } from "./moves.js";
import { loadLog } from "./server.js";
import { cueOf, isApproved, standing } from "./shots.js";
import { currentShot, targets, use } from "./store.js";
import { html, useEffect, useState } from "./toolkit.js";
import { count, measured, plain } from "./words.js";

export function Inspector({ doc, narrow }) {
  const shot = use(currentShot);
  const tab = use((state) => state.tab);
  const cue = use((state) => (state.tab === "cues" ? cueOf(state.doc, state.cue) : undefined));
  if (tab === "cues" && cue) return html`<${CuePanel} cue=${cue} doc=${doc} />`;
  if (!shot) return html`<p class="nothing">There are no shots yet. Run <code>callsheet render</code> first.</p>`;
  return html`<div class="inspector">
    <${Heading} shot=${shot} doc=${doc} />
    ${!narrow && html`<${Actions} />`}
    <blockquote>${shot.text || "Listens."}</blockquote>
    <${Standing} shot=${shot} doc=${doc} />
    ${shot.curve.length > 0 && html`<h3>Emotion <span class="aside">${shot.emotion}</span></h3><${Curve} shot=${shot} limit=${doc.intensity_limit} />`}
    <${Takes} shot=${shot} />
    <${ShotChecks} shot=${shot} />
    <${Facts} shot=${shot} />
    <${Log} shot=${shot} exported=${doc.exported} />
  </div>`;
}

function Heading({ shot, doc }) {
  const color = doc.speakers.find((speaker) => speaker.character === shot.character)?.color;
  const stands = standing(shot) === "done" ? "to review" : standing(shot);
  return html`<header class="heading"><h2>${shot.number}</h2><p><i class="swatch" style=${{ background: color }}></i> ${shot.character}${shot.actor ? `, ${shot.actor}` : ""}</p>
    <p class=${`state ${standing(shot)}`}>${plain(stands)}${shot.layer > 0 ? ", shares the picture" : ""}</p></header>`;
}

// What can be decided, each with its key. Several marked shots are decided about at once.
export function Actions() {
  const many = use((state) => state.marked.length);
  const kept = use((state) => targets(state).every((shot) => shot.state === "held" || shot.state === "skipped"));
  const acts = [
    ["Approve", "A", () => decisions.approve(), "first"], ["Retake", "R", decisions.retake], [kept ? "Release" : "Hold", "H", decisions.hold],
    ["Circle", "T", () => decisions.circle()], ["Note", "N", decisions.note], ["Skip", "X", decisions.skip], ["Priority", "P", decisions.priority],
  ];
  return html`<div class="actions" role="group" aria-label=${many > 1 ? `Decide about ${count(many, "selected shot")}` : "Decide"}>
    ${acts.map(([name, key, act, look = ""]) => html`<button type="button" class=${`act ${look}`} aria-keyshortcuts=${key} onClick=${act}>${name} <kbd aria-hidden="true">${key}</kbd></button>`)}
    ${many > 1 && html`<p class="many">${count(many, "shot")} selected</p>`}
  </div>`;
}

// Why it stands as it does, in as few lines as there are reasons.
function Standing({ shot, doc }) {
  const lines = [
    shot.reason && ["failed", shot.reason],
    shot.withdrawn.length > 0 && ["warn", `Approved before ${shot.withdrawn.join(", ")} changed; review it again.`],
    shot.pending.length > 0 && ["", `The next render changes: ${shot.pending.join(", ")}.`],
    doc.video && shot.video_frame === null && ["warn", `Version ${doc.version ?? ""} shows another take of this shot.`],
    !isApproved(shot) && shot.priority !== 0 && ["", `Priority ${shot.priority}`],
    ...shot.warnings.map((warning) => ["warn", warning]),
    ...shot.notes.map((note) => ["note", note]),
  ].filter(Boolean);
  return lines.length > 0 && html`<ul class="standing">${lines.map(([look, text]) => html`<li class=${look}>${text}</li>`)}</ul>`;
}

function Takes({ shot }) {
  if (!shot.takes.length) return html`<h3>Takes</h3><p class="nothing">None yet.</p>`;
  const names = [...new Set(shot.takes.flatMap((take) => Object.keys(take.measures ?? {})))].filter((name) => name !== "frames").slice(0, 3);
  const comparable = shot.takes.filter((take) => take.url).length > 1;
  const compare = (take) => {
    setCompared(1, keyOf(take));
    compareAs("side");
  };
  return html`<h3>Takes <span class="aside">${comparable ? "Press S or W to compare" : ""}</span></h3>
    <ul class="takes">${shot.takes.map((take) => html`<li class=${take.circled ? "circled" : ""}><span class="name">${takeName(shot, take)}</span>
      <span class="numbers">${names.map((name) => html`<span title=${plain(name)}>${plain(name)} <b>${measured(take.measures[name] ?? "")}</b></span>`)}</span>
      <span class="choose">${comparable && html`<button type="button" onClick=${() => compare(take)}>Compare<span class="unseen"> take, seed ${take.seed}</span></button>`}
      <button type="button" aria-pressed=${String(Boolean(take.circled))} onClick=${() => decisions.circle(take)}>Circle<span class="unseen"> take, seed ${take.seed}</span></button></span></li>`)}</ul>`;
}

function ShotChecks({ shot }) {
  const told = shot.checks.filter((check) => check.state !== "ok");
  return told.length > 0 && html`<h3>Checks</h3><ul class="standing">${told.map((check) => html`<li class=${check.state}>${check.says || `${check.name}: ${check.value}`}
    ${check.state === "failed" && html` <button type="button" onClick=${() => decisions.waive(check)}>Waive<span class="unseen"> ${check.id}</span></button>`}</li>`)}</ul>`;
}

function Facts({ shot }) {
  const facts = [
    ["seed", shot.seed], ["talker", shot.talker], ["frames", `${shot.frames} from ${shot.first_frame}`], ["worker", shot.worker],
    ["rendered in", shot.seconds ? `${measured(shot.seconds)} s` : ""], ["line", shot.line_id], ...Object.entries(shot.measures).filter(([name]) => name !== "frames").map(([name, value]) => [plain(name), measured(value)]),
  ].filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return html`<h3>Measurements</h3><dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

// Read when somebody opens it: a thousand logs are not worth loading.
function Log({ shot, exported }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  useEffect(() => {
    let left = false;
    setText(shot.log ?? "");
    if (open && shot.log === null && !exported) loadLog(shot.shot_id).then((log) => { if (!left) setText(log); });
    return () => { left = true; };
  }, [open, shot]);
  return html`<details onToggle=${(event) => setOpen(event.target.open)}><summary>Worker log</summary><pre tabindex="0">${text || "The log is empty."}</pre></details>`;
}
