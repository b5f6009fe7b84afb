// SPDX-License-Identifier: Apache-2.0
// The stage with its pictures, and the controls under it.
import { captionAt, load } from "./captions.js";
import { clock, join, lead, onClock, seconds, seek, setSpeed, step, target, toggle, watchFrames } from "./clock.js";
import { FILM, choices, panes, sides } from "./compare.js";
import { Icon } from "./icons.js";
import { compareAs, setCompared, stepShot, toggleCaptions, toggleLoop } from "./moves.js";
import { currentShot, set, use } from "./store.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./toolkit.js";
import { perSecond, timecode } from "./words.js";

export function Player() {
  const doc = use((state) => state.doc);
  const shot = use(currentShot);
  const mode = use((state) => state.mode);
  const left = use((state) => state.left);
  const right = use((state) => state.right);
  const shown = shot ? panes(doc, shot, { mode, left, right }) : [];
  const compared = shown.length > 1 && (mode === "side" || mode === "wipe");
  return html`<section class="player" id="player" aria-label="Player" tabindex="-1">
    <${Stage} doc=${doc} shown=${shown} mode=${mode} />
    ${compared && html`<${Compared} doc=${doc} shot=${shot} mode=${mode} />`}
    <${Transport} doc=${doc} mode=${mode} />
  </section>`;
}

function Stage({ doc, shown, mode }) {
  const split = use((state) => state.split);
  const stage = useRef();
  // A wipe is drawn with the pointer on the picture itself; the slider below is the same for the keyboard.
  const wipe = (event) => {
    if (mode !== "wipe" || !(event.buttons & 1)) return;
    const box = stage.current.getBoundingClientRect();
    set({ split: Math.round(Math.min(Math.max(0, ((event.clientX - box.left) / box.width) * 100), 100)) });
  };
  return html`<div class="room"><div class=${`stage ${mode}`} ref=${stage} style=${{ "--ratio": doc.size[0] / doc.size[1] }}
      onPointerDown=${wipe} onPointerMove=${wipe} onClick=${mode === "wipe" ? undefined : toggle}>
    ${shown.map((pane) => html`<${Pane} key=${pane.key === FILM ? FILM : pane.url} pane=${pane} doc=${doc} split=${split} />`)}
    ${!doc.video && doc.sound && html`<${Sound} url=${doc.sound} />`}
    ${!shown.length && html`<p class="nothing">This shot has no picture yet.</p>`}
    ${mode === "wipe" && html`<div class="seam" style=${{ left: `${split}%` }}></div>`}
    <${Caption} doc=${doc} />
  </div></div>`;
}

// One picture. The film leads the clock; takes follow it and are silent, so that nothing is heard twice.
function Pane({ pane, doc, split }) {
  const video = useRef();
  const film = pane.key === FILM;
  useLayoutEffect(() => (film ? lead(video.current) : join(video.current, pane)), [film, pane.url, pane.first, pane.frames]);
  const clip = pane.role === "over" ? { clipPath: `inset(0 0 0 ${split}%)` } : {};
  return html`<figure class=${`pane ${pane.role}`} style=${clip} data-key=${pane.key}>
    <video ref=${video} src=${pane.url} preload="auto" playsinline muted=${!film} tabindex="-1" disablepictureinpicture
      aria-label=${pane.name || `Film of ${doc.title}`}></video>
    ${pane.name && html`<figcaption>${pane.name} <${Decoded} video=${video} first=${film ? -doc.programme_starts : pane.first} url=${pane.url} /></figcaption>`}
  </figure>`;
}

// The number of the picture that this very video shows, counted on the timeline.
function Decoded({ video, first, url }) {
  const place = useRef();
  useLayoutEffect(() => {
    if (first <= 0 && !clock.playing) place.current.textContent = String(clock.frame); // the film is there already
    return watchFrames(video.current, (frame) => { place.current.textContent = String(frame + first); });
  }, [url, first]);
  return html`<span class="decoded" ref=${place}></span>`;
}

function Sound({ url }) {
  const sound = useRef();
  useLayoutEffect(() => lead(sound.current), [url]);
  return html`<audio ref=${sound} src=${url} preload="auto"></audio>`;
}

function Caption({ doc }) {
  const on = use((state) => state.captions);
  const place = useRef();
  useLayoutEffect(() => {
    let known = [];
    const draw = () => {
      const text = on ? captionAt(known, seconds() + doc.programme_starts / perSecond(doc.rate)) : "";
      if (place.current.textContent !== text) place.current.textContent = text;
    };
    load(doc).then((captions) => { known = captions; if (place.current) draw(); }); // it may be gone by then
    return onClock(draw);
  }, [doc.captions, doc.captions_text, on]);
  return html`<p class="caption" ref=${place}></p>`;
}

function Compared({ doc, shot, mode }) {
  const state = { left: use((one) => one.left), right: use((one) => one.right) };
  const split = use((one) => one.split);
  const chosen = sides(doc, shot, state);
  const pick = (side, at) => html`<label>${side} <select value=${chosen[at].key} onChange=${(event) => setCompared(at, event.target.value)}>
    ${choices(doc, shot).map((choice) => html`<option value=${choice.key} selected=${choice.key === chosen[at].key}>${choice.name}</option>`)}
  </select></label>`;
  return html`<div class="compared">
    ${pick("Left", 0)}
    ${mode === "wipe" && html`<label class="wide">Wipe <input type="range" min="0" max="100" value=${split} onInput=${(event) => set({ split: Number(event.target.value) })} /></label>`}
    ${pick("Right", 1)}
  </div>`;
}

function Transport({ doc, mode }) {
  const loop = use((state) => state.loop);
  const captions = use((state) => state.captions);
  const switches = [
    ["Loop", "L", loop, toggleLoop], ["Captions", "C", captions, toggleCaptions], ["Before", "B", mode === "before", () => compareAs("before")],
    ["Side", "S", mode === "side", () => compareAs("side")], ["Wipe", "W", mode === "wipe", () => compareAs("wipe")],
  ];
  return html`<div class="transport" role="group" aria-label="Playback">
    <${Counter} doc=${doc} />
    <div class="moves">
      <${Move} name="Previous shot" icon="previous" keys="ArrowUp" act=${() => stepShot(-1)} />
      <${Move} name="Back one frame" icon="back" keys="," act=${() => step(-1)} />
      <${PlayButton} />
      <${Move} name="Forward one frame" icon="forward" keys="." act=${() => step(1)} />
      <${Move} name="Next shot" icon="next" keys="ArrowDown" act=${() => stepShot(1)} />
    </div>
    <div class="switches" role="group" aria-label="View">${switches.map(([name, key, on, act]) => html`<button type="button" class="switch" aria-pressed=${String(on)} aria-keyshortcuts=${key} onClick=${act}>${name} <kbd aria-hidden="true">${key}</kbd></button>`)}<${Speed} /></div>
  </div>`;
}

function Move({ name, icon, keys, act }) {
  return html`<button type="button" class="move" aria-label=${name} title=${name} aria-keyshortcuts=${keys} onClick=${act}><${Icon} name=${icon} /></button>`;
}

function PlayButton() {
  const [playing, setPlaying] = useState(clock.playing);
  useEffect(() => onClock(() => setPlaying(clock.playing)), []);
  const name = playing ? "Pause" : "Play";
  return html`<button type="button" class="move play" aria-label=${name} title=${name} aria-keyshortcuts="Space" onClick=${toggle}><${Icon} name=${playing ? "pause" : "play"} /></button>`;
}

// Timecode and frame. The number is written straight into the field: drawing the page anew for each frame would cost frames.
function Counter({ doc }) {
  const code = useRef();
  const field = useRef();
  useLayoutEffect(() => {
    const draw = () => {
      code.current.textContent = timecode(clock.frame, doc.rate);
      if (document.activeElement !== field.current) field.current.value = String(clock.frame);
      field.current.dataset.frame = String(clock.frame);
    };
    draw();
    return onClock(draw);
  }, [doc.rate]);
  const go = (event) => {
    const frame = Number.parseInt(event.target.value, 10);
    if (Number.isNaN(frame)) event.target.value = String(target());
    else seek(frame);
  };
  return html`<div class="counter"><span class="timecode" ref=${code}></span>
    <label class="frame"><span>Frame</span> <input ref=${field} id="frame" aria-label="Frame" inputmode="numeric" autocomplete="off" onChange=${go} onKeyDown=${(event) => event.key === "Enter" && event.target.blur()} /></label>
    <span class="of">of ${doc.frames}</span></div>`;
}

const SPEEDS = [0.25, 0.5, 1, 1.5, 2];

function Speed() {
  return html`<label class="speed"><span class="unseen">Speed</span><select onChange=${(event) => setSpeed(Number(event.target.value))}>
    ${SPEEDS.map((speed) => html`<option value=${speed} selected=${speed === clock.speed}>${speed}×</option>`)}
  </select></label>`;
}
