// SPDX-License-Identifier: Apache-2.0
// Reads WebVTT (its times are those of the film's file) and finds what is said at a moment. Drawn by the page, because a page opened from disk may not load tracks. Pure but for `load`.

const TIMES = /^(?:(\d+):)?(\d\d):(\d\d)\.(\d{3})\s+-->\s+(?:(\d+):)?(\d\d):(\d\d)\.(\d{3})/;

export function parse(text) {
  const found = [];
  for (const block of text.replaceAll("\r", "").split(/\n{2,}/)) {
    const lines = block.split("\n");
    const at = lines.findIndex((line) => TIMES.test(line));
    if (at < 0) continue;
    const [, ...parts] = TIMES.exec(lines[at]);
    found.push({ start: inSeconds(parts.slice(0, 4)), end: inSeconds(parts.slice(4)), text: lines.slice(at + 1).map(unmarked).join("\n") });
  }
  return found;
}

function inSeconds([hours, minutes, seconds, thousandths]) {
  return Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(seconds) + Number(thousandths) / 1000;
}

// Voice and style tags go; the three characters that WebVTT escapes come back.
function unmarked(line) {
  return line.replaceAll(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&nbsp;", " ").replaceAll("&amp;", "&");
}

export function captionAt(captions, seconds) {
  return captions.filter((one) => one.start <= seconds && seconds < one.end).map((one) => one.text).join("\n");
}

export async function load(doc) {
  if (doc.captions_text) return parse(doc.captions_text);
  if (!doc.captions || doc.exported) return [];
  const answer = await fetch(doc.captions).catch(() => null);
  return answer?.ok ? parse(await answer.text()) : [];
}
