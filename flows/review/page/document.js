// SPDX-License-Identifier: Apache-2.0
// The document that the page shows: read in with defaults for what may be missing, and joined with what changed since. Pure.

const SHOT = {
  character: "", actor: "", line_id: "", text: "", layer: 0, video_frame: null, emotion: "", curve: [], seed: 0, talker: "", state: "new",
  states: [], withdrawn: [], pending: [], reason: "", worker: "", seconds: 0, measures: {}, warnings: [], checks: [], takes: [], thumb: "",
  before: "", notes: [], note: "", priority: 0, log: null,
};
const CUE = { character: "", text: "", start: null, end: null, confidence: 0, state: "", reasons: [], needs_ear: false, pending: false, shots: [] };
const DOCUMENT = {
  title: "", episode: "", rate: [25, 1], size: [16, 9], version: null, label: "", exported: false, reviewer: "", speakers: [], shots: [], cues: [],
  sound: "", peaks: "", cuts: [], captions: "", captions_text: "", video: "", checks: [], decisions: [], revision: "", digest: "",
  programme_starts: 0, emotions: [], characters: [], intensity_limit: 1,
};

function filled(row, defaults) {
  const known = Object.entries(row).filter(([, value]) => value !== null && value !== undefined);
  return { ...defaults, ...Object.fromEntries(known) };
}

const shotRow = (row) => filled(row, SHOT);
const cueRow = (row) => filled(row, CUE);

export function read(raw) {
  const doc = filled(raw, DOCUMENT);
  doc.shots = doc.shots.map(shotRow);
  doc.cues = doc.cues.map(cueRow);
  doc.frames = Math.max(1, raw.frames ?? 0, ...doc.shots.slice(-2).map((shot) => shot.first_frame + shot.frames));
  return doc;
}

// The document after changes that somebody made: rows that changed take the place of those with the same name.
export function joined(doc, change) {
  const result = { ...doc, revision: change.revision ?? doc.revision };
  if (change.shots?.length) result.shots = replaced(doc.shots, change.shots.map(shotRow), "number");
  if (change.cues?.length) result.cues = replaced(doc.cues, change.cues.map(cueRow), "line_id");
  if (change.checks) result.checks = change.checks;
  if (change.decisions?.length) result.decisions = [...doc.decisions, ...change.decisions];
  return result;
}

function replaced(rows, changed, key) {
  const fresh = new Map(changed.map((row) => [row[key], row]));
  return rows.map((row) => fresh.get(row[key]) ?? row);
}
