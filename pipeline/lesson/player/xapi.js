// SPDX-License-Identifier: Apache-2.0
// Learning systems that speak xAPI 1.0.3 and begin the lesson as "Tin Can" packages are begun: with the record store's address, its
// authorization, the learner and the activity in the page's own address. Statements follow the xAPI Video Profile 1.0; where the learner
// stopped is kept as a state of the activity.
"use strict";

const VIDEO = "https://w3id.org/xapi/video";
const VERBS = {
  initialized: "http://adlnet.gov/expapi/verbs/initialized",
  played: `${VIDEO}/verbs/played`,
  paused: `${VIDEO}/verbs/paused`,
  seeked: `${VIDEO}/verbs/seeked`,
  completed: "http://adlnet.gov/expapi/verbs/completed",
  terminated: "http://adlnet.gov/expapi/verbs/terminated",
};
const PATIENCE = 8000; // milliseconds for a record store to answer
const KEPT_ALIVE = 60000; // characters: what browsers still send when the page is gone

function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID exists in secure contexts only, and not every system is one
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

// Some systems still send each property of the learner as a list of one, and an account under its names of 2011.
function learner(text) {
  const given = parsed(text, null);
  if (!given) return null;
  const agent = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]));
  const { accountServiceHomePage, accountName } = agent.account || {};
  if (accountServiceHomePage) agent.account = { homePage: accountServiceHomePage, name: accountName };
  return { ...agent, objectType: "Agent" };
}

const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

async function xapi() {
  const given = new URLSearchParams(location.search);
  const actor = learner(given.get("actor"));
  if (!given.get("endpoint") || !actor) return null;
  const endpoint = given.get("endpoint").replace(/\/?$/, "/");
  const activity = given.get("activity_id") || document.body.dataset.activity;
  const registration = given.get("registration");
  const headers = { "X-Experience-API-Version": "1.0.3", "Content-Type": "application/json" };
  if (given.get("auth")) headers.Authorization = given.get("auth");
  const place = new URLSearchParams({ stateId: "progress", activityId: activity, agent: JSON.stringify(actor) });
  if (registration) place.set("registration", registration);
  const ask = (path, options = {}) => fetch(endpoint + path, { headers, keepalive: (options.body || "").length < KEPT_ALIVE, ...options });

  let before;
  try {
    const answer = await ask(`activities/state?${place}`, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (!answer.ok && answer.status !== 404) return null;
    before = answer.ok ? parsed(await answer.text(), {}) : {};
  } catch {
    return null; // the record store does not answer: the browser keeps the place
  }

  const session = uuid();
  const segments = Array.isArray(before.segments) ? before.segments : []; // what was played, in the order in which it was played
  const waiting = [];
  const sending = new Set(); // those that are on their way
  let from = null; // where playing began

  function statement(verb, { extensions, ...result }, length) {
    return {
      id: verb === "initialized" ? session : uuid(),
      timestamp: new Date().toISOString(),
      actor,
      verb: { id: VERBS[verb], display: { en: verb } },
      object: {
        objectType: "Activity",
        id: activity,
        definition: { type: `${VIDEO}/activity-type/video`, name: { [document.documentElement.lang || "und"]: document.title } },
      },
      ...(extensions || Object.keys(result).length ? { result: { ...result, ...(extensions ? { extensions } : {}) } } : {}),
      context: {
        ...(registration ? { registration } : {}),
        language: document.documentElement.lang || "und",
        contextActivities: { category: [{ objectType: "Activity", id: VIDEO }] },
        extensions: {
          [`${VIDEO}/extensions/session-id`]: session,
          [`${VIDEO}/extensions/length`]: rounded(length),
          [`${VIDEO}/extensions/completion-threshold`]: String(WATCHED_SHARE),
        },
      },
    };
  }

  // Statements go one batch after the other; those that did not arrive go with the next, under the same ids.
  async function flush(last) {
    const batch = waiting.filter((one) => !sending.has(one));
    if (!batch.length || (sending.size && !last)) return;
    batch.forEach((one) => sending.add(one));
    let arrived = false;
    try {
      const answer = await ask("statements", { method: "POST", body: JSON.stringify(batch) });
      arrived = answer.ok || answer.status === 409; // 409: the store has one of that id
    } catch {
      // not now
    }
    batch.forEach((one) => sending.delete(one));
    if (!arrived) return;
    batch.forEach((one) => waiting.splice(waiting.indexOf(one), 1));
    flush(last);
  }

  const played = () => segments.map(([start, end]) => `${start.toFixed(3)}[.]${end.toFixed(3)}`).join("[,]");
  const far = ({ time, share }) => ({
    [`${VIDEO}/extensions/time`]: rounded(time),
    [`${VIDEO}/extensions/progress`]: share,
    [`${VIDEO}/extensions/played-segments`]: played(),
  });

  function stop(time) {
    if (from !== null && time > from) segments.push([rounded(from), rounded(time)]);
    from = null;
  }

  const results = {
    initialized: () => ({}),
    played: ({ time }) => {
      from = time;
      return { extensions: { [`${VIDEO}/extensions/time`]: rounded(time) } };
    },
    paused: (facts) => {
      stop(facts.time);
      return { extensions: far(facts) };
    },
    seeked: ({ start, time, playing }) => {
      stop(start);
      from = playing ? time : null;
      return { extensions: { [`${VIDEO}/extensions/time-from`]: rounded(start), [`${VIDEO}/extensions/time-to`]: rounded(time) } };
    },
    completed: (facts) => {
      const spent = segments.reduce((sum, [start, end]) => sum + end - start, 0) + (from === null ? 0 : Math.max(0, facts.time - from));
      return { completion: true, duration: `PT${rounded(spent)}S`, extensions: far(facts) };
    },
    terminated: (facts) => ({ extensions: far(facts) }),
  };

  function tell(verb, facts) {
    waiting.push(statement(verb, results[verb](facts), facts.length));
    flush(verb === "terminated");
  }

  return {
    read: () => ({ position: Number(before.position) || 0, watched: Array.isArray(before.watched) ? before.watched : [], completed: before.completed === true }),
    write: (state) => {
      const body = JSON.stringify({ ...state, segments });
      ask(`activities/state?${place}`, { method: "PUT", body }).catch(() => {}); // the next one holds all that this did
    },
    tell,
    finish: () => {},
  };
}
