// SPDX-License-Identifier: Apache-2.0
// Begins: the document comes from the server, or lies beside the page (data.js) when it was opened from disk.
import { App } from "./app.js";
import { read } from "./document.js";
import { listenToKeys } from "./keys.js";
import { followPlayhead } from "./moves.js";
import { restored } from "./notes.js";
import { listen, loadDocument } from "./server.js";
import { get, set } from "./store.js";
import { html, render } from "./toolkit.js";

async function begin() {
  const page = document.getElementById("page");
  try {
    const written = window.CALLSHEET ? read(window.CALLSHEET) : await loadDocument();
    const doc = written.exported ? restored(written) : written;
    document.title = `${doc.title} dailies`;
    set({ doc, selected: doc.shots[0]?.number ?? "" });
    followPlayhead();
    listenToKeys();
    page.replaceChildren();
    render(html`<${App} written=${written} />`, page);
    document.documentElement.dataset.ready = "yes";
    performance.mark("ready");
    if (!get().doc.exported) listen();
  } catch (error) {
    page.textContent = error.message;
    page.className = "begin";
    page.setAttribute("role", "alert");
  }
}

begin();
