// SPDX-License-Identifier: Apache-2.0
// The timeline: the drawing, the playhead on it, and what pointer, wheel and keys do there.
import { clock, onClock, seek, step, target } from "./clock.js";
import { draw, heightFor, layout, readTheme } from "./draw.js";
import { stepShot } from "./moves.js";
import { shotAt } from "./shots.js";
import { get, use } from "./store.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./toolkit.js";
import { perSecond, timecode } from "./words.js";
import * as zoom from "./zoom.js";

const MOST_PEAKS = 60000;

export function Timeline({ narrow }) {
  const doc = use((state) => state.doc);
  const [under, setUnder] = useState("");
  useEffect(zoom.whole, [doc.frames]);
  return html`<section class="timeline" id="timeline" aria-label="Timeline" tabindex="-1">
    <div class="timeline-bar"><h2>Timeline</h2><span class="under">${under}</span>
      <div class="zooms" role="group" aria-label="Zoom">
        <button type="button" aria-label="Zoom out" title="Zoom out" aria-keyshortcuts="-" onClick=${() => zoom.by(2)}>−</button>
        <button type="button" aria-label="Zoom in" title="Zoom in" aria-keyshortcuts="+" onClick=${() => zoom.by(0.5)}>+</button>
        <button type="button" aria-keyshortcuts="0" onClick=${zoom.whole}>All</button>
      </div></div>
    <${Tracks} doc=${doc} narrow=${narrow} tell=${setUnder} />
  </section>`;
}

function Tracks({ doc, narrow, tell }) {
  const place = useRef();
  const canvas = useRef();
  const head = useRef();
  const size = useSize(place);
  const peaks = usePeaks(doc);
  const view = use((state) => state.view);
  const selected = use((state) => state.selected);
  const marked = use((state) => state.marked);
  const theme = useTheme();
  const { gutter } = layout({ speakers: doc.speakers, height: size.height, narrow });

  useEffect(() => {
    const pixels = window.devicePixelRatio || 1;
    canvas.current.width = Math.round(size.width * pixels);
    canvas.current.height = Math.round(size.height * pixels);
    const context = canvas.current.getContext("2d");
    context.setTransform(pixels, 0, 0, pixels, 0, 0);
    draw(context, { doc, view, ...size, selected, marked, peaks, theme: readTheme(canvas.current), narrow });
  }, [doc, view, size, selected, marked, peaks, theme, narrow]);

  usePlayhead({ place, head, doc, view, gutter, width: size.width });

  const frameAt = (event) => {
    const box = place.current.getBoundingClientRect();
    return Math.floor(view.first + ((event.clientX - box.left - gutter) / (size.width - gutter)) * view.span);
  };
  const pointed = (event) => {
    const frame = frameAt(event);
    if (event.buttons & 1) seek(frame);
    tell(described(doc, frame));
  };
  return html`<div class="tracks" ref=${place} style=${narrow ? {} : { height: `${heightFor(doc.speakers.length)}px` }} role="slider" tabindex="0" aria-label="Playhead" aria-valuemin="0" aria-valuemax=${doc.frames - 1}
      onPointerDown=${(event) => { place.current.setPointerCapture(event.pointerId); pointed(event); }} onPointerMove=${pointed} onPointerLeave=${() => tell("")}
      onWheel=${(event) => wheel(event, frameAt(event), size.width)} onKeyDown=${arrows}>
    <canvas ref=${canvas} aria-hidden="true"></canvas><div class="playhead" ref=${head}></div>
  </div>`;
}

function described(doc, frame) {
  if (frame < 0 || frame >= doc.frames) return "";
  const shot = shotAt(doc, frame);
  return `${timecode(frame, doc.rate)}  ${shot ? `${shot.number}  ${shot.character}  ${shot.emotion}` : ""}`;
}

// The wheel moves along; with Ctrl (and as two fingers that spread) it comes closer.
function wheel(event, frame, width) {
  event.preventDefault();
  if (event.ctrlKey || event.altKey) zoom.by(Math.exp(event.deltaY / 200), frame);
  else zoom.scroll(((event.deltaX || event.deltaY) / width) * get().view.span);
}

function arrows(event) {
  const second = Math.round(perSecond(get().doc.rate));
  const acts = {
    ArrowLeft: () => step(event.shiftKey ? -second : -1), ArrowRight: () => step(event.shiftKey ? second : 1), PageUp: () => stepShot(-1),
    PageDown: () => stepShot(1), Home: () => seek(0), End: () => seek(get().doc.frames - 1),
  };
  if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  acts[event.key]();
}

// The playhead is moved without drawing anything anew. Screen readers hear of it when it stands.
function usePlayhead({ place, head, doc, view, gutter, width }) {
  useLayoutEffect(() => {
    const move = () => {
      const frame = clock.playing ? clock.frame : target();
      if (clock.playing) zoom.keepInView(frame);
      const x = gutter + ((frame - view.first) / view.span) * (width - gutter);
      head.current.style.transform = `translateX(${x}px)`;
      head.current.hidden = x < gutter || x > width;
      if (clock.playing) return;
      const shot = shotAt(doc, frame, get().selected);
      place.current.setAttribute("aria-valuenow", String(frame));
      place.current.setAttribute("aria-valuetext", `frame ${frame}, ${timecode(frame, doc.rate)}, ${shot?.number ?? ""} ${shot?.character ?? ""}`);
    };
    move();
    return onClock(move);
  }, [doc, view, gutter, width]);
}

function useSize(place) {
  const [size, setSize] = useState({ width: 300, height: 150 });
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => setSize({ width: contentRect.width, height: contentRect.height }));
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return size;
}

function usePeaks(doc) {
  const [peaks, setPeaks] = useState([]);
  useEffect(() => {
    if (Array.isArray(doc.peaks)) setPeaks(doc.peaks);
    else if (doc.peaks) loadPeaks(doc).then(setPeaks);
  }, [doc.peaks, doc.frames]);
  return peaks;
}

async function loadPeaks(doc) {
  const url = new URL(doc.peaks, document.baseURI);
  url.searchParams.set("width", String(Math.min(doc.frames, MOST_PEAKS)));
  const answer = await fetch(url).catch(() => null);
  const said = answer?.ok ? await answer.json() : [];
  return said.peaks ?? said;
}

// Which of the two sets of colours holds; the drawing is made anew when it changes.
function useTheme() {
  const query = window.matchMedia("(prefers-color-scheme: light)");
  const [light, setLight] = useState(query.matches);
  useEffect(() => {
    const changed = () => setLight(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return light;
}
