// SPDX-License-Identifier: Apache-2.0
// A list of any length of which only the visible rows exist. It is a listbox: one stop for Tab, arrows inside, its size told to
// screen readers although most of its rows are not there.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./toolkit.js";

const SPARE = 4; // rows kept ready above and below what is seen
const NONE = new Set();

// `rows` of `height` pixels each; `keyOf` names a row, `active` is the name of the one that is looked at, `marked` those chosen with it.
// `onActive(row, { extend })` is called when another one is; `draw(row)` says what is in it, `classOf(row)` how it looks.
export function List({ id, label, rows, height, keyOf, active, marked = NONE, onActive, draw, classOf = () => "", empty }) {
  const place = useRef();
  const [seen, setSeen] = useState({ top: 0, height: 400 });
  const at = rows.findIndex((row) => keyOf(row) === active);

  const look = () => {
    const list = place.current; // gone when the list has just been put away
    if (list) setSeen({ top: list.scrollTop, height: list.clientHeight });
  };

  useEffect(() => {
    const observer = new ResizeObserver(look);
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (at < 0) return;
    const list = place.current;
    if (at * height < list.scrollTop) list.scrollTop = at * height;
    else if ((at + 1) * height > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * height - list.clientHeight;
    setSeen((now) => (now.top === list.scrollTop ? now : { ...now, top: list.scrollTop }));
  }, [at, rows, height]);

  const first = Math.max(0, Math.floor(seen.top / height) - SPARE);
  const last = Math.min(rows.length, Math.ceil((seen.top + seen.height) / height) + SPARE);
  const idOf = (row) => `${id}-${keyOf(row)}`.replaceAll(/[^\w-]/g, "_");
  const option = (row, index) => html`<div key=${keyOf(row)} id=${idOf(row)} role="option" class=${`row ${classOf(row)}`}
    aria-selected=${String(index === at || marked.has(keyOf(row)))} aria-setsize=${rows.length} aria-posinset=${index + 1} data-active=${String(index === at)}
    style=${{ transform: `translateY(${index * height}px)`, height: `${height}px` }}
    onClick=${(event) => onActive(row, { extend: event.shiftKey, toggle: event.ctrlKey || event.metaKey })}>${draw(row)}</div>`;
  const move = (event) => {
    const goal = goalOf(event.key, { at, count: rows.length, page: Math.max(1, Math.floor(seen.height / height) - 1) });
    if (goal === null || !rows.length || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    onActive(rows[Math.min(Math.max(0, goal), rows.length - 1)], { extend: event.shiftKey });
  };
  const activeDescendant = at >= first && at < last ? idOf(rows[at]) : undefined;
  return html`<div class="list" id=${id} ref=${place} role="listbox" tabindex="0" aria-label=${label} aria-multiselectable=${marked === NONE ? undefined : "true"} style=${{ "--all": `${Math.max(2, rows.length) * height}px` }}
      aria-activedescendant=${activeDescendant} onKeyDown=${move} onScroll=${look}>
    ${rows.length ? html`<div class="rows" role="presentation" style=${{ height: `${rows.length * height}px` }}>${rows.slice(first, last).map((row, index) => option(row, first + index))}</div>`
      : html`<div class="empty" role="option" aria-selected="false">${empty}</div>`}
  </div>`;
}

function goalOf(key, { at, count, page }) {
  const goals = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - page, PageDown: at + page, Home: 0, End: count - 1 };
  return goals[key] ?? null;
}
