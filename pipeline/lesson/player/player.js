// SPDX-License-Identifier: Apache-2.0
// The lesson's player: keys, chapters, captions, and where the learner stopped, told to a SCORM 1.2 learning system or kept in the browser.
"use strict";

const WATCHED_SHARE = 0.9; // of the lesson must have played for it to count as completed
const SAVE_EVERY = 5; // seconds of playing
const LONGEST_DATA = 4000; // characters of suspend_data: SCORM 1.2 promises 4096

function findApi(start) {
  let place = start;
  for (let steps = 0; place && steps < 12; steps += 1) {
    try {
      if (place.API) return place.API;
    } catch {
      return null; // a page of another origin
    }
    if (place.parent === place) return null;
    place = place.parent;
  }
  return null;
}

function learningSystem() {
  const api = findApi(window) || (window.opener ? findApi(window.opener) : null);
  if (!api || String(api.LMSInitialize("")) !== "true") return null;
  const status = api.LMSGetValue("cmi.core.lesson_status");
  if (status === "" || status === "not attempted") api.LMSSetValue("cmi.core.lesson_status", "incomplete");
  const begun = Date.now();
  return {
    read: () => ({ position: Number(api.LMSGetValue("cmi.core.lesson_location")) || 0, watched: parsed(api.LMSGetValue("cmi.suspend_data")) }),
    write: (state) => {
      api.LMSSetValue("cmi.core.lesson_location", state.position.toFixed(1));
      api.LMSSetValue("cmi.suspend_data", JSON.stringify(state.watched).slice(0, LONGEST_DATA));
      api.LMSSetValue("cmi.core.session_time", timespan((Date.now() - begun) / 1000));
      if (state.completed && !["passed", "failed"].includes(status)) api.LMSSetValue("cmi.core.lesson_status", "completed");
      api.LMSCommit("");
    },
    finish: (state) => {
      api.LMSSetValue("cmi.core.exit", state.completed ? "" : "suspend");
      api.LMSCommit("");
      api.LMSFinish("");
    },
  };
}

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

function timespan(seconds) {
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  return `${String(Math.floor(whole / 3600)).padStart(4, "0")}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.00`;
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

function begin() {
  const video = document.getElementById("video");
  const status = document.getElementById("status");
  const play = document.getElementById("play");
  const captions = document.getElementById("captions");
  const chapters = [...document.querySelectorAll("#chapters button")];
  const store = learningSystem() || browser();
  const before = store.read();
  let saved = 0;
  let completed = false;

  function watched() {
    const spans = [];
    for (let i = 0; i < video.played.length; i += 1) spans.push([Math.floor(video.played.start(i)), Math.ceil(video.played.end(i))]);
    return joined([...before.watched, ...spans]);
  }

  function save() {
    const spans = watched();
    const seconds = spans.reduce((sum, [start, end]) => sum + end - start, 0);
    completed = completed || (video.duration > 0 && seconds >= WATCHED_SHARE * video.duration);
    const atEnd = video.duration > 0 && video.currentTime > video.duration - 1;
    const state = { position: atEnd ? 0 : video.currentTime, watched: spans, completed };
    store.write(state);
    saved = video.currentTime;
    return state;
  }

  function resume() {
    if (before.position > 1 && before.position < video.duration - 1) {
      video.currentTime = before.position;
      status.textContent = `Resumed at ${clock(before.position)}`;
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
      play.setAttribute("aria-pressed", String(!video.paused));
    });
  }
  video.addEventListener("timeupdate", () => {
    const now = current();
    chapters.forEach((button, index) => button.setAttribute("aria-current", String(index === now)));
    if (Math.abs(video.currentTime - saved) >= SAVE_EVERY) save();
  });
  video.addEventListener("pause", save);
  video.addEventListener("ended", save);
  let left = false;
  const leave = () => {
    if (left) return;
    left = true;
    store.finish(save());
  };
  window.addEventListener("pagehide", leave);
  window.addEventListener("beforeunload", leave);
  if (video.readyState >= 1) resume();
  else video.addEventListener("loadedmetadata", resume, { once: true });
}

begin();
