// SPDX-License-Identifier: Apache-2.0
// Learning systems that speak SCORM: 1.2 (an object named API) and 2004 (API_1484_11), in a page around the lesson or one that opened it.
"use strict";

function findApi(name) {
  const inParents = (start) => {
    let place = start;
    for (let steps = 0; place && steps < 12; steps += 1) {
      try {
        if (place[name]) return place[name];
      } catch {
        return null; // a page of another origin
      }
      if (place.parent === place) return null;
      place = place.parent;
    }
    return null;
  };
  return inParents(window) || (window.opener ? inParents(window.opener) : null);
}

// The watched spans as JSON of at most `most` characters; the shortest are left out first.
function fitting(spans, most) {
  const kept = [...spans];
  while (kept.length && JSON.stringify(kept).length > most) {
    const lengths = kept.map(([start, end]) => end - start);
    kept.splice(lengths.indexOf(Math.min(...lengths)), 1);
  }
  return JSON.stringify(kept);
}

function scorm12() {
  const api = findApi("API");
  if (!api || String(api.LMSInitialize("")) !== "true") return null;
  const status = api.LMSGetValue("cmi.core.lesson_status");
  if (status === "" || status === "not attempted") api.LMSSetValue("cmi.core.lesson_status", "incomplete");
  const begun = Date.now();
  const timespan = () => {
    const whole = Math.floor((Date.now() - begun) / 1000);
    const two = (value) => String(value).padStart(2, "0");
    return `${String(Math.floor(whole / 3600)).padStart(4, "0")}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.00`;
  };
  return {
    read: () => ({ position: Number(api.LMSGetValue("cmi.core.lesson_location")) || 0, watched: parsed(api.LMSGetValue("cmi.suspend_data")) }),
    write: (state) => {
      api.LMSSetValue("cmi.core.lesson_location", state.position.toFixed(1));
      api.LMSSetValue("cmi.suspend_data", fitting(state.watched, 4000)); // 4096 characters are promised
      api.LMSSetValue("cmi.core.session_time", timespan());
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

function scorm2004() {
  const api = findApi("API_1484_11");
  if (!api || String(api.Initialize("")) !== "true") return null;
  if (api.GetValue("cmi.completion_status") !== "completed") api.SetValue("cmi.completion_status", "incomplete");
  const begun = Date.now();
  return {
    read: () => ({ position: Number(api.GetValue("cmi.location")) || 0, watched: parsed(api.GetValue("cmi.suspend_data")) }),
    write: (state) => {
      api.SetValue("cmi.location", state.position.toFixed(1));
      api.SetValue("cmi.suspend_data", fitting(state.watched, 60000)); // 64000 characters are promised
      api.SetValue("cmi.progress_measure", String(state.share));
      api.SetValue("cmi.session_time", `PT${Math.floor((Date.now() - begun) / 1000)}S`);
      if (state.completed) api.SetValue("cmi.completion_status", "completed");
      api.Commit("");
    },
    finish: (state) => {
      api.SetValue("cmi.exit", state.completed ? "normal" : "suspend");
      api.Commit("");
      api.Terminate("");
    },
  };
}
