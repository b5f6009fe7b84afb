// SPDX-License-Identifier: Apache-2.0
// The frame of every dialog: a form with a title and its problems. It returns the focus to where it came from.
import { get, set, use } from "./store.js";
import { html, useEffect, useLayoutEffect, useRef } from "./toolkit.js";

// What stands in a form's fields, by name. Unchecked boxes and radios are left out.
export function values(form) {
  return Object.fromEntries(new FormData(form));
}

function close() {
  set({ dialog: null, problems: [] });
}

export function Form({ title, verb = "", send = null, more = null, wide = false, children }) {
  const dialog = useRef();
  const sending = use((state) => state.sending);
  useLayoutEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current;
    shown.showModal();
    return () => {
      shown.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const submit = (event) => {
    event.preventDefault();
    if (send) send(event.target);
    else close();
  };
  // A click on the dialog itself is one on what lies around the form.
  const outside = (event) => event.target === dialog.current && !get().sending && close();
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${(event) => { event.preventDefault(); close(); }} onMouseDown=${outside}>
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      <div class="fields">${children}</div>
      <${Problems} />
      <div class="buttons">${more}<button type="button" onClick=${close}>${send ? "Cancel" : "Close"}</button>
        ${send && html`<button type="submit" class="first" disabled=${sending}>${verb}</button>`}</div>
    </form>
  </dialog>`;
}

// What the server refused, and why. The focus goes to the first field that it names.
export function Problems() {
  const problems = use((state) => state.problems);
  useEffect(() => {
    const field = problems.map((one) => one.field).find(Boolean);
    if (field) document.querySelector(`dialog [name="${CSS.escape(field)}"]`)?.focus();
  }, [problems]);
  return html`<div role="alert" class="problems">${problems.map((one) => html`<p>${one.field && html`<b>${one.field}: </b>`}${one.message}${one.expected ? `; expected: ${one.expected}` : ""}${one.nearest ? `; did you mean ${one.nearest}?` : ""}</p>`)}</div>`;
}
