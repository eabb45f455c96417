// Jobs of now and before, the newest first.

import { call } from "./api.js";
import { chart } from "./chart.js";
import { $, h, keyed, say } from "./dom.js";
import { count, figure, percent, several, span, when } from "./format.js";
import { action, notice } from "./page.js";

const PAGE = 50;
const AGAIN_MS = 4000;
const FINAL = new Set(["done", "failed", "cancelled"]);

let jobs = [];
let more = false;

async function load(older) {
  const asked = new URLSearchParams({ limit: PAGE });
  if ($("#state").value) asked.set("state", $("#state").value);
  if (older) asked.set("before", jobs.at(-1).id);
  const found = await call(`/jobs?${asked}`);
  jobs = older ? [...jobs, ...found.jobs] : found.jobs;
  more = found.more;
  notice(null);
  show();
}

/** What goes on, and what is new, without losing the older ones that were asked for. */
async function refresh() {
  if (document.hidden) return;
  const asked = new URLSearchParams({ limit: PAGE });
  if ($("#state").value) asked.set("state", $("#state").value);
  const newest = (await call(`/jobs?${asked}`)).jobs;
  const seen = new Set(newest.map((job) => job.id));
  const oldest = newest.at(-1)?.submitted_at ?? Infinity;
  jobs = [...newest, ...jobs.filter((job) => !seen.has(job.id) && job.submitted_at < oldest)];
  notice(null);
  show();
}

function show() {
  const words = $("#text").value.trim().toLowerCase();
  const found = jobs.filter((job) => !words || [job.name, job.id, job.message, ...job.filters].join(" ").toLowerCase().includes(words));
  $("#card").hidden = found.length === 0;
  $("#none").hidden = found.length > 0;
  say($("#none-text"), words || $("#state").value ? "No job is like that." : "No jobs yet.");
  $("#more").hidden = !more;
  say($("#shown"), words ? `${found.length} of ${several(jobs.length, "job")}` : several(jobs.length, "job"));
  keyed($("#jobs"), found, (job) => job.id, row, update);
  throughput(found);
}

const took = (job) => (job.ended_at ?? Date.now() / 1000) - job.submitted_at;

function throughput(found) {
  const points = found.filter((job) => job.state === "done" && job.ended_at > job.submitted_at).map((job) => ({
    x: job.ended_at, y: job.frames_done / took(job), href: `/jobs/${job.id}`, label: `${job.name}, ${when(job.ended_at)}`,
  }));
  $("#chart-card").hidden = points.length < 2;
  if (points.length > 1) $("#chart").replaceChildren(chart(points, when, "frames/s"));
}

const LABELS = [null, "Filters", "State", "Frames", "Frames/s", "Submitted", "Took"];

function row(job) {
  const cells = LABELS.map((label, place) => h("td", { "data-label": place > 2 ? label : null, class: [3, 4, 6].includes(place) ? "number" : place ? null : "whole" }));
  cells[0].append(h("a", { href: `/jobs/${job.id}` }, job.name || job.id));
  cells[1].append(job.filters.join(" → ") || "–");
  cells[2].append(h("span", { class: "badge" }));
  const again = h("button", { type: "button", class: "quiet", "aria-label": `Run ${job.name} again` }, "Run again");
  action(again, async () => location.assign(`/jobs/${(await call(`/jobs/${job.id}/rerun`, { method: "POST" })).id}`));
  return h("tr", {}, ...cells, h("td", { class: "number" }, again));
}

function update(row, job) {
  const badge = $(".badge", row);
  badge.className = `badge ${job.state}`;
  badge.title = job.message;
  const going = !FINAL.has(job.state) && job.frames_total > 0;
  say(badge, going ? `${job.state} ${percent(job.frames_done / job.frames_total)}` : job.state);
  const told = [count(job.frames_done), job.frames_done ? figure(job.frames_done / took(job)) : "–", when(job.submitted_at), span(took(job))];
  told.forEach((text, place) => say(row.children[place + 3], text));
  $("button", row).hidden = !FINAL.has(job.state);
}

$("#text").addEventListener("input", show);
$("#state").addEventListener("change", () => load(false).catch(notice));
$("#filter").addEventListener("submit", (event) => event.preventDefault());
action($("#more"), () => load(true));
load(false).catch(notice);
setInterval(() => refresh().catch(notice), AGAIN_MS);
