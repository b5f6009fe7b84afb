// SPDX-License-Identifier: Apache-2.0
// What goes over the wire: the document, decisions, and what others decided meanwhile. Nothing else leaves the page.
import { joined, read } from "./document.js";
import { get, say, set } from "./store.js";
import { did } from "./words.js";

const PAUSE = 2000; // milliseconds before asking again a server that did not answer
const FRESH = 4000; // milliseconds for which what others decided is marked
const OVER = "This session is over. Press Enter in the terminal and open the new link.";

export async function loadDocument() {
  const answer = await fetch("api/production");
  if (answer.status === 401 || answer.status === 403) throw new Error(OVER);
  if (!answer.ok) throw new Error(await told(answer));
  return read(await answer.json());
}

// Send a decision. Resolves to { done } with the server's answer, or { problems } that say what to change.
export async function post(body) {
  const answer = await fetch("api/decisions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).catch(() => null);
  if (!answer) return { problems: [{ field: "", message: "The server does not answer. The decision was not recorded.", expected: "callsheet review is running" }] };
  if (answer.ok) return { done: await answer.json() };
  if (answer.status === 401 || answer.status === 403) return { problems: [{ field: "", message: OVER }] };
  const said = await answer.json().catch(() => ({}));
  return { problems: said.problems ?? [{ field: "", message: `The server answered ${answer.status}. The decision was not recorded.` }] };
}

export async function loadLog(shot) {
  const answer = await fetch(`api/log/${encodeURIComponent(shot)}`).catch(() => null);
  return answer?.ok ? (await answer.json()).log : "The log is not available now.";
}

async function told(answer) {
  const said = await answer.json().catch(() => ({}));
  return said.problems?.map((problem) => problem.message).join(" ") || `The server answered ${answer.status}.`;
}

// Ask again and again what has changed. The server answers as soon as there is something, so two pages show each other's decisions at once.
export async function listen() {
  for (;;) {
    const answer = await fetch(`api/changes?since=${encodeURIComponent(get().doc.revision)}`).catch(() => null);
    if (answer?.status === 401 || answer?.status === 403) {
      set({ trouble: OVER });
      return;
    }
    if (answer?.ok) await take(await answer.json());
    else await lost();
  }
}

async function lost() {
  set({ trouble: "No connection to callsheet review. This page may be out of date." });
  await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
}

async function take(change) {
  if (get().trouble) set({ trouble: "" });
  if (change.reload) {
    const doc = await loadDocument().catch(() => null);
    if (!doc) return lost();
    set({ doc });
    say("The cut has changed; this page shows the new one.");
  } else if (change.revision !== get().doc.revision) {
    set({ doc: joined(get().doc, change) });
    announce(change.decisions ?? []);
  }
  return undefined;
}

function announce(decisions) {
  const others = decisions.filter((one) => one.who !== get().doc.reviewer);
  if (!others.length) return;
  const fresh = new Set(others.flatMap((one) => [one.shot, one.line, one.check]).filter(Boolean));
  set({ fresh });
  setTimeout(() => { if (get().fresh === fresh) set({ fresh: new Set() }); }, FRESH);
  const last = others[others.length - 1];
  const more = others.length > 1 ? ` and ${others.length - 1} more` : "";
  say(`${last.who} ${did(last.name)} ${last.shot || last.line || last.check}${more}`);
}
