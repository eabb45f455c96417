// What came of a job's chunks, told by who had them and how that ended: of jobs that ended before anybody looked.

import { call } from "./api.js";

const [MOST, MOST_TROUBLES] = [2000, 100]; // as many as are told of while a job goes on
const TROUBLE = new Set(["failed", "lost"]);

/** Its `chunks`, as a map shows them but for their frames, and the `log` of its troubles. */
export async function past(id) {
  const attempts = await all(id);
  const troubles = attempts.filter(({ outcome }) => TROUBLE.has(outcome));
  return { chunks: chunks(attempts), log: troubles.slice(-MOST_TROUBLES).map(trouble) };
}

async function all(id) {
  const found = [];
  for (let total = 1; found.length < Math.min(total, MOST); ) {
    const page = await call(`/jobs/${id}/attempts?offset=${found.length}`);
    if (!page.attempts.length) break;
    found.push(...page.attempts);
    total = page.total;
  }
  return found;
}

function chunks(attempts) {
  const length = Math.max(-1, ...attempts.map(({ chunk }) => chunk)) + 1;
  const made = Array.from({ length }, () => ({ state: "waiting" }));
  for (const { kind, chunk, outcome, worker, slot, attempt } of attempts) {
    if (kind !== "stage" && outcome === "done") made[chunk] = { state: outcome, worker, slot, attempt };
  }
  return made;
}

const trouble = ({ ended_at: at, outcome: what, chunk, attempt, worker, message: reason }) => ({
  at,
  what,
  chunk,
  attempt,
  worker,
  reason,
});
