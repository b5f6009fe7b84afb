// SPDX-License-Identifier: Apache-2.0
// The page as a whole: header, player, timeline, lists, the selected shot, and announcements.
import { Dialogs } from "./dialogs.js";
import { Actions, Inspector } from "./inspector.js";
import { openDialog } from "./moves.js";
import { Player } from "./player.js";
import { isApproved, isOpen } from "./shots.js";
import { set, use } from "./store.js";
import { Tabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { html, useEffect, useState } from "./toolkit.js";

const NARROW = "(max-width: 720px)";
const SHOWN = 5000; // milliseconds for which what was said is to be read

export function App({ written }) {
  const doc = use((state) => state.doc);
  const narrow = useNarrow();
  return html`<a class="skip" href="#lists">Skip to the lists</a><a class="skip" href="#shot">Skip to the shot</a>
    <${Header} doc=${doc} />
    <main>
      <${Player} />
      <${Timeline} narrow=${narrow} />
      <${Tabs} narrow=${narrow} />
      ${!narrow && html`<section class="panel" id="shot" aria-label="Selected shot" tabindex="-1"><${Inspector} doc=${doc} /></section>`}
      ${narrow && html`<section class="bar" id="shot" aria-label="Decide about the shot" tabindex="-1"><${Actions} /></section>`}
    </main>
    <${Status} />
    <${Dialogs} written=${written} />`;
}

function Header({ doc }) {
  const trouble = use((state) => state.trouble);
  const notes = use((state) => state.notes.length);
  const approved = doc.shots.filter(isApproved).length;
  const open = doc.shots.filter(isOpen).length;
  const name = [doc.version, doc.label].filter(Boolean).join(", ") || "no version yet";
  return html`<header class="top">
    <h1>${doc.title}${doc.episode && html` <span class="aside">${doc.episode}</span>`}</h1>
    <p class="version">${name}</p>
    <p class="progress"><meter min="0" max=${Math.max(1, doc.shots.length)} value=${approved} aria-label="Approved shots"></meter> ${approved.toLocaleString("en")} of ${doc.shots.length.toLocaleString("en")} approved${open ? `, ${open.toLocaleString("en")} to review` : ""}</p>
    ${trouble && html`<p class="trouble" role="alert">${trouble}</p>`}
    <p class="who">${doc.reviewer}</p>
    ${doc.exported && html`<button type="button" onClick=${() => openDialog("notes")}>Notes${notes ? ` (${notes})` : ""}</button>`}
    <button type="button" aria-keyshortcuts="?" onClick=${() => openDialog("keys")}>Keys <kbd aria-hidden="true">?</kbd></button>
  </header>`;
}

// The live region is always there, else screen readers would not notice that something was put into it.
function Status() {
  const status = use((state) => state.status);
  const announced = use((state) => state.announced);
  useEffect(() => {
    if (!status) return undefined;
    const timer = setTimeout(() => set({ status: "" }), SHOWN);
    return () => clearTimeout(timer);
  }, [status, announced]);
  return html`<div role="status" class="status" data-shown=${String(Boolean(status))}><span key=${announced}>${status}</span></div>`;
}

function useNarrow() {
  const query = window.matchMedia(NARROW);
  const [narrow, setNarrow] = useState(query.matches);
  useEffect(() => {
    const changed = () => setNarrow(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return narrow;
}
