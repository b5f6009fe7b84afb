// SPDX-License-Identifier: Apache-2.0
// The lesson's player: keys, chapters, captions, and where the learner stopped, told to the learning system for which the package was made
// (`scorm.js`, `xapi.js`) or kept in the browser.
"use strict";

const WATCHED_SHARE = 0.9; // of the lesson must have played for it to count as completed
const SAVE_EVERY = 5; // seconds of playing

function browser() {
  const key = `lesson:${document.body.dataset.lesson}`;
  return {
    read: () => {
      const state = parsed(kept(() => localStorage.getItem(key)), {});
      return { position: Number(state.position) || 0, watched: Array.isArray(state.watched) ? state.watched : [] };
    },
    write: (state) => kept(() => localStorage.setItem(key, JSON.stringify(state))),
    finish: () => {},
  };
}

function kept(action) {
  try {
    return action();
  } catch {
    return null; // storage may be forbidden: then the lesson begins at its beginning
  }
}

function parsed(text, otherwise = []) {
  try {
    return JSON.parse(text) || otherwise;
  } catch {
    return otherwise;
  }
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, "0")}`;
}

function joined(spans) {
  const sorted = spans.filter((span) => Array.isArray(span) && span[0] < span[1]).sort((a, b) => a[0] - b[0]);
  const result = [];
  for (const [start, end] of sorted) {
    const last = result[result.length - 1];
    if (last && start <= last[1] + 1) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}

async function begin() {
  const video = document.getElementById("video");
  const status = document.getElementById("status");
  const play = document.getElementById("play");
  const captions = document.getElementById("captions");
  const chapters = [...document.querySelectorAll("#chapters button")];
  const systems = { scorm12, scorm2004, xapi };
  const system = await systems[document.body.dataset.system]();
  const store = system || browser();
  const before = store.read();
  let saved = 0;
  let at = 0; // where the picture was when it last moved on by itself
  let resuming = false;
  let completed = before.completed === true;

  function watched() {
    const spans = [];
    for (let i = 0; i < video.played.length; i += 1) spans.push([Math.floor(video.played.start(i)), Math.ceil(video.played.end(i))]);
    return joined([...before.watched, ...spans]);
  }

  function shareOf(spans) {
    const seconds = spans.reduce((sum, [start, end]) => sum + end - start, 0);
    return video.duration > 0 ? Math.min(1, Math.round((1000 * seconds) / video.duration) / 1000) : 0;
  }

  function position() {
    if (!(video.duration > 0)) return before.position; // left before the video was there: the place is still the old one
    return video.currentTime > video.duration - 1 ? 0 : video.currentTime;
  }

  function save() {
    const spans = watched();
    const share = shareOf(spans);
    const wasCompleted = completed;
    completed = completed || share >= WATCHED_SHARE;
    const state = { position: position(), watched: spans, share, completed };
    if (completed && !wasCompleted) tell("completed");
    store.write(state);
    saved = video.currentTime;
    return state;
  }

  // Learning systems that want to know of every event are told; the others only where the learner stopped and whether that was all.
  function tell(verb, facts = {}) {
    if (!store.tell || !(video.duration > 0)) return;
    store.tell(verb, { time: video.currentTime, length: video.duration, share: shareOf(watched()), ...facts });
  }

  function resume() {
    tell("initialized");
    if (!video.paused) tell("played"); // begun while the learning system was asked
    if (before.position > 1 && before.position < video.duration - 1) {
      resuming = video.paused;
      video.currentTime = before.position;
      status.textContent = `Resumed at ${clock(before.position)}`;
    } else if (!system && window.location.search.includes("endpoint=")) {
      status.textContent = "The learning system does not answer: your place is kept in this browser.";
    }
  }

  function toggle() {
    if (video.paused) video.play().catch(() => {}); // paused again before it began: nothing is wrong
    else video.pause();
  }

  function seek(seconds) {
    video.currentTime = Math.min(Math.max(0, seconds), video.duration || 0);
  }

  function toggleCaptions() {
    const track = video.textTracks[0];
    const shown = track.mode === "showing";
    track.mode = shown ? "hidden" : "showing";
    captions.setAttribute("aria-pressed", String(!shown));
    status.textContent = shown ? "Captions off" : "Captions on";
  }

  function current() {
    let found = 0;
    chapters.forEach((button, index) => {
      if (Number(button.dataset.seconds) <= video.currentTime + 0.05) found = index;
    });
    return found;
  }

  function turnTo(index) {
    const button = chapters[Math.min(Math.max(0, index), chapters.length - 1)];
    if (button) seek(Number(button.dataset.seconds));
  }

  const keys = {
    " ": toggle, k: toggle, ArrowLeft: () => seek(video.currentTime - 5), ArrowRight: () => seek(video.currentTime + 5),
    n: () => turnTo(current() + 1), p: () => turnTo(current() - 1), c: toggleCaptions,
  };
  document.addEventListener("keydown", (event) => {
    const own = event.target.closest("button, select, summary, a, input");
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[key] || (own && (key === " " || own.matches("select")))) return;
    event.preventDefault();
    keys[key]();
  });
  play.addEventListener("click", toggle);
  captions.addEventListener("click", toggleCaptions);
  document.getElementById("back").addEventListener("click", () => seek(video.currentTime - 5));
  document.getElementById("forward").addEventListener("click", () => seek(video.currentTime + 5));
  document.getElementById("speed").addEventListener("change", (event) => { video.playbackRate = Number(event.target.value); });
  chapters.forEach((button, index) => button.addEventListener("click", () => turnTo(index)));
  for (const name of ["play", "pause"]) {
    video.addEventListener(name, () => {
      play.textContent = video.paused ? "Play" : "Pause";
    });
  }
  video.addEventListener("timeupdate", () => {
    const now = current();
    chapters.forEach((button, index) => button.setAttribute("aria-current", String(index === now)));
    if (!video.seeking) at = video.currentTime;
    if (Math.abs(video.currentTime - saved) >= SAVE_EVERY) save();
  });
  video.addEventListener("play", () => tell("played"));
  video.addEventListener("seeked", () => {
    if (!resuming) tell("seeked", { start: at, playing: !video.paused });
    resuming = false;
    at = video.currentTime;
  });
  video.addEventListener("pause", () => {
    tell("paused");
    save();
  });
  video.addEventListener("ended", () => save());
  let left = false;
  const leave = () => {
    if (left) return;
    left = true;
    if (!video.paused) tell("paused");
    const state = save();
    tell("terminated");
    store.finish(state);
  };
  window.addEventListener("pagehide", leave);
  window.addEventListener("beforeunload", leave);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload(); // back from the browser's cache: a new session
  });
  if (!video.paused) play.textContent = "Pause";
  if (video.readyState >= 1) resume();
  else video.addEventListener("loadedmetadata", resume, { once: true });
}

begin();
