// SPDX-License-Identifier: Apache-2.0
// The emotion curve of one shot: what is felt how strongly, from its first frame to its last, and where the playhead is.
import { clock, onClock, target } from "./clock.js";
import { html, useLayoutEffect, useRef } from "./toolkit.js";

const WIDTH = 300;
const HEIGHT = 64;
const DASHES = ["", "5 3", "2 2", "8 3 2 3"]; // lines differ in their pattern, so that no colour is needed to tell them apart

export function Curve({ shot, limit }) {
  const head = useRef();
  useLayoutEffect(() => {
    const move = () => {
      const at = ((clock.playing ? clock.frame : target()) - shot.first_frame) / shot.frames;
      head.current.setAttribute("transform", `translate(${Math.min(Math.max(0, at), 1) * WIDTH} 0)`);
    };
    move();
    return onClock(move);
  }, [shot]);
  const all = [...new Set(shot.curve.flatMap(([, weights]) => Object.keys(weights)))];
  const moods = (all.length > 1 ? all.filter((mood) => mood !== "neutral") : all).slice(0, DASHES.length);
  const words = moods.map((mood) => `${mood} ${range(shot.curve, mood)}`).join(", ") || "neutral";
  return html`<figure class="curve"><svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${`Emotion curve: ${words}`}>
      <path class="ground" d=${`M0 ${HEIGHT - 0.5}H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
      ${moods.map((mood, at) => html`<path class="mood" d=${line(shot, mood, limit)} stroke-dasharray=${DASHES[at]} />`)}
      <path class="now" ref=${head} d=${`M0 0V${HEIGHT}`} />
    </svg>
    <figcaption>${moods.map((mood, at) => html`<span><svg class="key" viewBox="0 0 22 6" aria-hidden="true"><path class="mood" d="M0 3H22" stroke-dasharray=${DASHES[at]} /></svg>${mood} ${range(shot.curve, mood)}</span>`)}</figcaption>
  </figure>`;
}

function range(curve, mood) {
  const weights = curve.map(([, one]) => one[mood] ?? 0);
  const [low, high] = [Math.min(...weights), Math.max(...weights)];
  return low === high ? high.toFixed(2) : `${low.toFixed(2)} to ${high.toFixed(2)}`;
}

// Linear between keys, held before the first and after the last.
function line(shot, mood, limit) {
  const y = (weights) => HEIGHT - 2 - Math.min(1, (weights[mood] ?? 0) / (limit || 1)) * (HEIGHT - 6);
  const points = shot.curve.map(([frame, weights]) => [Math.min(1, frame / shot.frames) * WIDTH, y(weights)]);
  const all = [[0, points[0][1]], ...points, [WIDTH, points[points.length - 1][1]]];
  return `M${all.map(([x, height]) => `${x.toFixed(1)} ${height.toFixed(1)}`).join("L")}`;
}
