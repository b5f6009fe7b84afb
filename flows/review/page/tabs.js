// SPDX-License-Identifier: Apache-2.0
// The tabs beside the player: shots, cues, checks, decisions; on a narrow screen the shot itself is one of them.
import { CueRow, cueRows } from "./cue.js";
import { Icon } from "./icons.js";
import { Inspector } from "./inspector.js";
import { List } from "./list.js";
import { goToCheck, goToCue, goToShot } from "./moves.js";
import { FILTERS, isApproved, isTroubled, shotOf, standing } from "./shots.js";
import { get, set, use, visibleShots } from "./store.js";
import { html, useEffect, useMemo } from "./toolkit.js";
import { count, did, moment, said } from "./words.js";

const TABS = [["shots", "Shots"], ["cues", "Cues"], ["checks", "Checks"], ["decisions", "Decisions"]];

export function Tabs({ narrow }) {
  const tab = use((state) => state.tab);
  const doc = use((state) => state.doc);
  const tabs = narrow ? [["shot", "Shot"], ...TABS] : TABS;
  const shown = tabs.some(([name]) => name === tab) ? tab : "shots";
  const counts = {
    shots: doc.shots.length, cues: doc.cues.filter((cue) => cue.needs_ear).length, checks: doc.checks.filter((check) => check.state === "failed").length,
    decisions: doc.decisions.length,
  };
  const move = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const at = tabs.findIndex(([name]) => name === shown);
    const next = tabs[(at + by + tabs.length) % tabs.length][0];
    set({ tab: next });
    document.getElementById(`tab-${next}`)?.focus();
  };
  const titles = { cues: "to check by ear", checks: "failed" };
  return html`<section class="panel lists" id="lists" aria-label="Lists" tabindex="-1">
    <div class="tabs" role="tablist" aria-label="Lists" onKeyDown=${move}>${tabs.map(([name, label], at) => html`<button type="button" role="tab" id=${`tab-${name}`}
      aria-selected=${String(name === shown)} aria-controls="tab-panel" tabindex=${name === shown ? 0 : -1} aria-keyshortcuts=${narrow ? undefined : String(at + 1)}
      onClick=${() => set({ tab: name })}>${label}${counts[name] ? html` <span class="count">${counts[name].toLocaleString("en")}${titles[name] && html`<span class="unseen"> ${titles[name]}</span>`}</span>` : ""}</button>`)}</div>
    <div class="tab-panel" role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${shown}`}><${PANELS[shown]} doc=${doc} narrow=${narrow} /></div>
  </section>`;
}

const PANELS = { shot: Inspector, shots: Shots, cues: Cues, checks: Checks, decisions: Decisions };

function Shots({ doc, narrow }) {
  const filter = use((state) => state.filter);
  const rows = use(visibleShots);
  const selected = use((state) => state.selected);
  const marked = use((state) => state.marked);
  const fresh = use((state) => state.fresh);
  const marks = useMemo(() => new Set(marked), [marked]);
  const pick = (shot, how) => {
    const extended = how.extend ? reach(rows, get(), shot.number) : how.toggle ? flipped(get(), shot.number) : null;
    if (extended) set({ marked: extended });
    goToShot(shot.number, { keep: Boolean(extended) });
    if (narrow && !extended) set({ tab: "shot" });
  };
  const find = (change) => set({ filter: { ...get().filter, ...change } });
  return html`<div class="finding">
      <input id="find" type="search" placeholder="Find a shot" aria-label="Find shots by number, character, line or emotion" value=${filter.text}
        onInput=${(event) => find({ text: event.target.value })} onKeyDown=${(event) => event.key === "Escape" && (find({ text: "" }), document.getElementById("shots").focus())} />
      <select aria-label="Which shots" onChange=${(event) => find({ only: event.target.value })}>${FILTERS.map(([name, label]) => html`<option value=${name} selected=${name === filter.only}>${label}</option>`)}</select>
    </div>
    <${List} id="shots" label="Shots" rows=${rows} height=${64} keyOf=${(shot) => shot.number} active=${selected} marked=${marks} onActive=${pick}
      classOf=${(shot) => `${standing(shot)} ${fresh.has(shot.number) ? "fresh" : ""}`} draw=${(shot) => html`<${ShotRow} shot=${shot} doc=${doc} />`} empty="No shot matches." />
    <p class="foot">${rows.length === doc.shots.length ? count(rows.length, "shot") : `${rows.length.toLocaleString("en")} of ${count(doc.shots.length, "shot")}`}${marked.length ? `, ${marked.length} selected` : ""}</p>`;
}

// The rows between the shot that is looked at and another one.
function reach(rows, { selected, marked }, number) {
  const at = (name) => rows.findIndex((shot) => shot.number === name);
  const anchor = marked.length ? at(marked[0]) : at(selected);
  const [from, to] = [anchor, at(number)].sort((one, other) => one - other);
  const numbers = rows.slice(Math.max(0, from), to + 1).map((shot) => shot.number);
  return anchor > from ? numbers.reverse() : numbers;
}

function flipped({ selected, marked }, number) {
  const now = marked.length ? marked : [selected];
  return now.includes(number) ? now.filter((one) => one !== number) : [...now, number];
}

function ShotRow({ shot, doc }) {
  const color = doc.speakers.find((speaker) => speaker.character === shot.character)?.color;
  const state = standing(shot);
  return html`<span class="thumb">${shot.thumb && html`<img key=${shot.thumb} src=${shot.thumb} alt="" loading="lazy" decoding="async" onError=${(event) => { event.target.hidden = true; }} />`}</span>
    <span class="about"><span class="first"><b>${shot.number}</b> <i class="swatch" style=${{ background: color }}></i> <span class="who">${shot.character}</span></span>
      <span class="line">${shot.text}</span>
      <span class="felt">${shot.emotion}${shot.pending.length ? `, ${shot.pending.join(", ")} in the next render` : ""}</span></span>
    <span class="signs">${shot.layer > 0 && html`<span class="unseen">shares the picture</span>`}
      ${isTroubled(shot) && state !== "failed" && html`<span class="sign warn"><${Icon} name="failed" label="has warnings" /></span>`}
      ${shot.states.includes("circled") && html`<span class="sign"><${Icon} name="circled" label="take circled" /></span>`}
      <span class=${`sign ${state}`}>${state === "done" || state === "new" ? html`<span class="unseen">${state === "done" ? "to review" : "not rendered yet"}</span>` : html`<${Icon} name=${state} label=${state} />`}</span>
      ${state !== "approved" && isApproved(shot) && html`<span class="sign approved"><${Icon} name="approved" label="approved" /></span>`}</span>`;
}

function Cues({ doc, narrow }) {
  const earsOnly = use((state) => state.earsOnly);
  const active = use((state) => state.cue);
  const fresh = use((state) => state.fresh);
  const rows = useMemo(() => cueRows(doc, earsOnly), [doc.cues, earsOnly]);
  const ears = doc.cues.filter((cue) => cue.needs_ear).length;
  useEffect(() => { // the tab opens at what is heard in the shot that is looked at
    const { selected, cue } = get();
    const here = doc.cues.find((one) => one.line_id === cue)?.shots.includes(selected);
    if (!here) set({ cue: (doc.cues.find((one) => one.shots.includes(selected)) ?? rows[0])?.line_id ?? "" });
  }, []);
  return html`<div class="finding"><label class="check"><input type="checkbox" checked=${earsOnly} onChange=${(event) => set({ earsOnly: event.target.checked })} /> Only lines to check by ear (${ears})</label></div>
    <${List} id="cues" label="Cues" rows=${rows} height=${64} keyOf=${(cue) => cue.line_id} active=${active} onActive=${(cue) => goToCue(cue.line_id)}
      classOf=${(cue) => `${cue.needs_ear ? "ear" : ""} ${fresh.has(cue.line_id) ? "fresh" : ""}`} draw=${(cue) => html`<${CueRow} cue=${cue} />`} empty="No lines to check by ear." />
    ${narrow && html`<${Inspector} doc=${doc} />`}`;
}

const ORDER = ["failed", "warn", "waived", "ok"];

function Checks({ doc }) {
  const active = use((state) => state.check);
  const rows = useMemo(() => [...doc.checks].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state)), [doc.checks]);
  const failed = rows.filter((check) => check.state === "failed").length;
  return html`<${List} id="checks" label="Checks of the version" rows=${rows} height=${58} keyOf=${(check) => check.id} active=${active} onActive=${goToCheck}
      classOf=${(check) => check.state} draw=${(check) => html`<${CheckRow} check=${check} />`} empty="There is no version yet, so there are no checks." />
    <p class="foot">${failed ? `${count(failed, "check")} failed. V waives one.` : `${count(rows.length, "check")}, none failed`}</p>`;
}

const CHECK_ICONS = { failed: "failed", warn: "failed", waived: "skipped", ok: "approved" };

function CheckRow({ check }) {
  const limit = check.limit ? ` (limit ${check.limit})` : "";
  return html`<span class=${`sign ${check.state}`}><${Icon} name=${CHECK_ICONS[check.state]} label=${check.state} /></span>
    <span class="about"><span class="first"><b>${check.id}</b> ${check.shot && html`<span class="who">${check.shot}</span>`}</span>
    <span class="line">${check.says || `${check.value}${limit}`}</span>
    ${check.waived && html`<span class="felt">waived by ${check.waived.who}: ${check.waived.why}</span>`}</span>`;
}

function Decisions({ doc }) {
  const rows = useMemo(() => doc.decisions.map((one, at) => ({ ...one, key: one.event_id ?? `own-${at}` })).reverse(), [doc.decisions]);
  const active = use((state) => state.decision);
  const go = (one) => {
    set({ decision: one.key });
    if (shotOf(doc, one.shot)) goToShot(one.shot);
  };
  return html`<${List} id="decisions" label="Decisions, newest first" rows=${rows} height=${50} keyOf=${(one) => one.key} active=${active} onActive=${go}
    draw=${(one) => html`<span class="about"><span class="first"><b>${one.who}</b> ${did(one.name)} <b>${one.shot || one.line || one.check}</b><time class="who">${moment(one.at)}</time></span><span class="line">${said(one.words)}</span></span>`}
    empty="No decisions yet." />`;
}
