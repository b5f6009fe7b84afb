// SPDX-License-Identifier: Apache-2.0
// The page's clock. One media element leads: the version's film, or the sound where no version stands yet. Pictures of takes follow it.
// The frame number is that of the picture that was decoded and put on the screen, never one that was merely asked for.
import { perSecond } from "./words.js";

const FAR = 0.06; // seconds that a follower may be off while playing; a frame and a half at 25
const listeners = new Set(); // told of every new frame, and of play and pause
const followers = new Map(); // video element -> { first, frames } on the timeline

export const clock = { frame: 0, playing: false, speed: 1 };

let rate = 25;
let frames = 1;
let starts = 0; // the leader's frame at which the timeline begins: a slate may come before it
let leader = null;
let goal = null; // the frame that was gone to last; null while the picture runs by itself
let seeking = false; // seeks wait for each other, and only the newest counts
let behind = false; // another frame was asked for meanwhile
let loop = null; // [first, end) in frames
let stopAt = null; // seconds of the timeline at which a line that is played on its own has ended

export function setTimeline(doc) {
  rate = perSecond(doc.rate);
  frames = doc.frames;
  starts = doc.video ? doc.programme_starts : 0;
}

// Components that touch an element of theirs listen in a layout effect: passive ones are let go of only after the element is gone.
export function onClock(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Call `tell(frame)` for each picture of a video that is put on the screen; frames count from the start of the file.
export function watchFrames(video, tell) {
  let handle = 0;
  const presented = (_now, { mediaTime }) => {
    tell(Math.round(mediaTime * rate));
    handle = video.requestVideoFrameCallback(presented);
  };
  handle = video.requestVideoFrameCallback(presented);
  return () => video.cancelVideoFrameCallback(handle);
}

// Make a media element the leader. Returns how to let go of it.
export function lead(element) {
  leader = element;
  const events = { play: changed, pause: changed, ended: changed, seeked: arrived, error: lost, loadedmetadata: restored };
  for (const [name, handler] of Object.entries(events)) element.addEventListener(name, handler);
  const quit = hasFilm() ? watchFrames(element, (frame) => show(frame - starts)) : () => {};
  return () => {
    quit();
    for (const [name, handler] of Object.entries(events)) element.removeEventListener(name, handler);
    if (leader === element) leader = null;
    seeking = behind = false;
  };
}

// Let the picture of a take follow: frame `first` of the timeline is its frame 0. Where sound leads, it is the take that knows the frame.
export function join(element, place) {
  followers.set(element, place);
  const ready = () => follow();
  const quit = watchFrames(element, (frame) => { if (!hasFilm() && !clock.playing) show(frame + place.first); });
  element.addEventListener("loadedmetadata", ready);
  follow();
  return () => {
    quit();
    element.removeEventListener("loadedmetadata", ready);
    followers.delete(element);
  };
}

function hasFilm() {
  return leader instanceof HTMLVideoElement;
}

// Whether a take shows the frame that was gone to.
function isPictured() {
  return [...followers.entries()].some(([element, place]) => !element.error && isInside(place, target()));
}

function isInside({ first, frames: length }, frame) {
  return frame >= first && frame < first + length;
}

// Where the playhead is going to be once all seeks are done and their picture is there.
export function target() {
  return goal ?? clock.frame;
}

// Go to a frame: into its middle, so that no rounding shows its neighbour.
export function seek(frame) {
  goal = Math.min(Math.max(0, Math.round(frame)), frames - 1);
  stopAt = null;
  behind = seeking;
  if (seeking) return;
  if (!leader || leader.error) {
    show(goal);
    return;
  }
  seeking = true;
  leader.currentTime = (goal + starts + 0.5) / rate;
  follow();
}

export function step(by) {
  pause();
  seek(target() + by);
}

export function play() {
  if (!leader) return;
  if (target() >= frames - 1) seek(0);
  leader.play().catch(() => {}); // paused again before it began: nothing is wrong
}

export function pause() {
  stopAt = null;
  if (leader) leader.pause();
}

export function toggle() {
  if (clock.playing) pause();
  else play();
}

export function setSpeed(speed) {
  clock.speed = speed;
  for (const element of [leader, ...followers.keys()]) if (element) element.playbackRate = speed;
  tell();
}

// Play frames [first, end) again and again; null plays on.
export function setLoop(range) {
  loop = range;
}

// Play from one moment to another, in seconds of the timeline, and stop.
export function playSpan(start, end) {
  if (!leader) return;
  pause();
  goal = null;
  leader.currentTime = start + starts / rate;
  leader.play().then(() => { stopAt = end; watchTime(); }).catch(() => {});
}

// The exact moment of the playhead, in seconds of the timeline.
export function seconds() {
  return leader && clock.playing ? leader.currentTime - starts / rate : target() / rate;
}

function arrived() {
  seeking = false;
  if (behind) seek(goal);
  else if (!hasFilm() && !isPictured()) show(Math.floor(leader.currentTime * rate));
}

function lost() {
  seeking = behind = false;
  show(target());
}

// Somebody may have asked for a frame before the file was there.
function restored() {
  if (target() > 0 && !seeking && leader.currentTime === 0) seek(target());
}

function changed() {
  clock.playing = Boolean(leader) && !leader.paused && !leader.ended;
  if (clock.playing) {
    leader.playbackRate = clock.speed;
    watchTime();
  }
  follow();
  tell();
}

// While it plays, sound has no frames to tell of, and lines end between frames: ask before every repaint.
let watching = false;

function watchTime() {
  if (watching) return;
  watching = true;
  const ask = () => {
    watching = clock.playing;
    if (!clock.playing) return;
    const now = leader.currentTime - starts / rate;
    if (stopAt !== null && now >= stopAt) pause();
    if (!hasFilm()) show(Math.floor(now * rate));
    requestAnimationFrame(ask);
  };
  requestAnimationFrame(ask);
}

function show(frame) {
  clock.frame = Math.min(Math.max(0, frame), frames - 1);
  if (clock.playing && !seeking) goal = null;
  if (clock.playing && loop && stopAt === null && (clock.frame >= loop[1] - 1 || clock.frame < loop[0])) seek(loop[0]);
  follow();
  tell();
}

function tell() {
  for (const listener of [...listeners]) listener(clock);
}

// Bring the takes' pictures to where the leader is: exactly when it stands, nearly while it plays.
function follow() {
  for (const [element, place] of followers) {
    const local = target() - place.first;
    const inside = isInside(place, target());
    element.dataset.outside = String(!inside);
    if (!inside || !clock.playing) element.pause();
    if (!inside) continue;
    if (clock.playing) run(element, place.first);
    else rest(element, (local + 0.5) / rate);
  }
}

function run(element, first) {
  const goal = leader.currentTime - (starts + first) / rate;
  element.playbackRate = clock.speed;
  if (Math.abs(element.currentTime - goal) > FAR && !element.seeking) element.currentTime = goal;
  if (element.paused) element.play().catch(() => {});
}

function rest(element, goal) {
  if (Math.abs(element.currentTime - goal) > 0.001) element.currentTime = goal;
}
