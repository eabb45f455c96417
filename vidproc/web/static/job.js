// One job: live as long as it goes on, then what came of it.

import { FINAL, call, follow } from "./api.js";
import { past } from "./attempts.js";
import { ChunkMap } from "./chunkmap.js";
import { $, bar, h, keyed, say } from "./dom.js";
import { count, figure, percent, several, size, span, title, when } from "./format.js";
import { action, connected, notice, sentence, sure } from "./page.js";
import { Pictures } from "./pictures.js";

const id = location.pathname.split("/").pop();
const map = new ChunkMap($("#map"), $("#legend"), $("#map-text"), $("#map-said"));
const pictures = new Pictures(id);
$("#view").append(pictures.element);

let chunks = [];
let log = [];
let spoken = -1; // percents that were said aloud
let stop = () => {};

async function begin() {
  shape(await call(`/jobs/${id}`));
  stop = follow(`/jobs/${id}/events`, { now: all, change: some, end: (details) => ended(details).catch(notice) }, connected);
}

// What holds whatever its state

function shape({ name, state, submitted_at: at, job }) {
  say($("#title"), title({ name, id }));
  badge(state);
  const filters = job.filters.map(written).join(" → ") || "no filters";
  say($("#asked"), `${filters} · ${job.codec || job.container} · ${when(at)}`);
  for (const [button, shown] of Object.entries({
    cancel: !FINAL.has(state),
    rerun: FINAL.has(state),
    remove: FINAL.has(state),
  })) {
    $(`#${button}`).hidden = !shown;
  }
}

function written({ name, params }) {
  const told = Object.entries(params).map(([key, value]) =>
    key === "kind" ? value : `${key} ${String(value).slice(0, 24)}`,
  );
  return told.length ? `${name} (${told.join(", ")})` : name;
}

function badge(state) {
  $("#state").className = `badge ${state}`;
  say($("#state"), state);
  $("#progress").className = `bar ${state}`;
}

function progress(done, total, state) {
  const part = total ? done / total : 0;
  bar($("#progress"), part);
  document.title = `${FINAL.has(state) ? state : percent(part)} · ${$("#title").textContent} · vidproc`;
  const tenth = Math.floor(10 * part) * 10;
  if (tenth === spoken) return;
  spoken = tenth;
  say($("#spoken"), `${tenth} percent`);
}

/** `{name: [figure, unit]}`; those without a figure are left out. */
function figures(told) {
  const shown = Object.entries(told).filter(([, [value]]) => value !== null && value !== undefined);
  keyed(
    $("#figures"),
    shown,
    ([name]) => name,
    ([name]) =>
      h(
        "div",
        { class: name.startsWith("Latency") && "wide" },
        h("dt", {}, name),
        h("dd", {}, h("span"), " ", h("small")),
      ),
    (element, [, [value, unit]]) => {
      say($("span", element), value);
      say($("small", element), unit ?? "");
    },
  );
}

function share(workers) {
  const entries = Object.entries(workers ?? {});
  $("#workers-card").hidden = entries.length === 0;
  keyed(
    $("#workers"),
    entries,
    ([name]) => name,
    ([name]) => h("tr", {}, h("td", {}, name), h("td", { class: "number" }), h("td", { class: "number" })),
    (row, [, { frames, fps }]) => {
      say(row.children[1], count(frames));
      say(row.children[2], figure(fps));
    },
  );
}

function fallbacks(total, byFrame) {
  const first = Object.entries(byFrame)
    .slice(0, 5)
    .map(([frame, reason]) => `frame ${frame}: ${reason}`);
  say($("#fallbacks"), total ? `${several(total, "frame")} could not be filtered. ${sentence(first.join("; "))}` : "");
}

const named = { decode: "decoding", filter: "filters", encode: "encoding" };
const neck = (it) => (it ? [named[it.part] ?? it.part, percent(it.share)] : [null]);
const latency = (it) => (it ? [`${figure(it.p50)} / ${figure(it.p95)} / ${figure(it.p99)}`, "ms"] : [null]);

// Live

function all(now) {
  ({ chunks } = now);
  live(now);
}

function some({ now, changed }) {
  for (const [number, chunk] of Object.entries(changed)) chunks[number] = chunk;
  live(now);
}

function live(now) {
  connected(true);
  badge(now.state);
  progress(now.frames_done, now.frames_total, now.state);
  figures({
    Frames: [count(now.frames_done), now.frames_total ? `of ${count(now.frames_total)}` : ""],
    "Frames/s": [figure(now.fps)],
    "Time left": now.seconds_left === null ? ["–", now.waiting] : [span(now.seconds_left)],
    "Latency, p50 / p95 / p99": latency(now.latency_ms),
    Retries: [count(now.retries)],
    Fallbacks: [count(now.fallback_frames)],
    Bottleneck: neck(now.bottleneck),
  });
  share(now.workers);
  strip();
  ({ log } = now);
  troubles(now.fallback_frames, now.fallbacks);
  if (now.newest_frame !== null && !FINAL.has(now.state)) pictures.newest(now.newest_frame);
}

function strip() {
  $("#map-card").hidden = chunks.length === 0;
  if (chunks.length) map.show(chunks);
}

function troubles(total = 0, byFrame = {}) {
  $("#log-card").hidden = log.length + total === 0;
  fallbacks(total, byFrame);
  keyed($("#log"), [...log].reverse(), (it) => `${it.at} ${it.chunk} ${it.attempt}`, trouble);
}

const trouble = ({ at, what, chunk, attempt, worker, reason }) =>
  h(
    "li",
    {},
    h("time", {}, when(at)),
    h("span", {}, `Chunk ${chunk}, attempt ${attempt}, ${what} on ${worker}${reason ? `: ${reason}` : ""}`),
  );

// At the end

async function ended(details) {
  stop();
  shape(details);
  progress(details.frames_done, details.frames_total, details.state);
  outcome(details, details.metrics);
  share(details.metrics.workers);
  failure(details);
  losses(details.metrics.losses ?? []);
  fallen(details.metrics);
  everything(details.metrics);
  change(details);
  if (details.result_held) result(details);
  else if (pictures.none()) $("#columns").classList.add("ended");
  if (chunks.length) return;
  ({ chunks, log } = await past(id));
  strip();
  fallen(details.metrics);
}

function outcome(
  details,
  { frames_out, processing_fps: fps, wall_s, latency_ms, retries, fallback_frames, bottleneck },
) {
  figures({
    Frames: [count(frames_out ?? details.frames_done), details.frames_total ? `of ${count(details.frames_total)}` : ""],
    "Frames/s": [fps === undefined ? null : figure(fps)],
    Took: [span(wall_s ?? details.ended_at - details.submitted_at)],
    Size: [details.result_size ? size(details.result_size) : null, `from ${size(details.size)}`],
    "Latency, p50 / p95 / p99": latency(latency_ms),
    Retries: [retries && count(retries.total)],
    Fallbacks: [fallback_frames && count(fallback_frames.total)],
    Bottleneck: neck(bottleneck),
  });
}

const fallen = ({ fallback_frames: told }) => troubles(told?.total, told?.by_frame);

function everything(metrics) {
  $("#metrics-card").hidden = Object.keys(metrics).length === 0;
  say($("#metrics"), JSON.stringify(metrics, null, 2));
}

function failure({ state, message, result_held: held }) {
  const gone = state === "done" && !held ? "The result has been cleared away: run the job again" : "";
  const told = state === "failed" ? message : gone;
  $("#failure").hidden = !told;
  say($("#failure"), told ? sentence(told) : "");
}

function losses(told) {
  $("#losses-card").hidden = told.length === 0;
  $("#losses").replaceChildren(...told.map((each) => h("li", {}, sentence(each))));
}

function result({ metrics, frames_total: total }) {
  const address = `/api/v1/jobs/${id}/result`;
  $("#download").href = address;
  $("#download").hidden = false;
  const video = h("video", {
    controls: true,
    preload: "metadata",
    src: `${address}?inline=1`,
    onerror: () => unable(video),
    onloadedmetadata: () => video.videoWidth || unable(video), // it would play the sound alone
  });
  $("#player").replaceChildren(video);
  $("#player").hidden = false;
  $("#columns").classList.add("ended");
  pictures.scrub(metrics.frames_out ?? total);
}

function unable(video) {
  video.replaceWith(h("p", { class: "card muted" }, "This browser can't play it: download it."));
}

function change({ source, name }) {
  if (!source) return;
  $("#change").href = `/?${new URLSearchParams({ film: source, name, job: id })}`;
  $("#change").hidden = false;
}

// Hands

action($("#cancel"), async () => {
  if (await sure("Stop this job? What it has done so far is thrown away.", "Stop it"))
    await call(`/jobs/${id}/cancel`, { method: "POST" });
});
action($("#rerun"), async () => {
  const again = await call(`/jobs/${id}/rerun`, { method: "POST" });
  location.assign(`/jobs/${again.id}`);
});
action($("#remove"), async () => {
  if (!(await sure("Forget this job, with its result?", "Remove it"))) return;
  await call(`/jobs/${id}`, { method: "DELETE" });
  location.assign("/history");
});
begin().catch((error) => {
  notice(error);
  for (const each of [$("#state"), $("#about")]) each.hidden = true; // nothing is known of it, nor will be
});
