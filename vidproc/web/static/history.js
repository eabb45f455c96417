// Jobs of now and before, the newest first.

import { FINAL, call } from "./api.js";
import { chart } from "./chart.js";
import { $, h, keyed, say } from "./dom.js";
import { count, figure, percent, several, span, title, when } from "./format.js";
import { action, notice } from "./page.js";

const PAGE = 50;
const AGAIN_MS = 4000;

let jobs = [];
let more = false;
let drawn = ""; // what the chart shows

/** A page of them: those behind the last one, or the newest. */
async function page(before) {
  const asked = new URLSearchParams({ limit: PAGE, ...(before && { before }) });
  if ($("#state").value) asked.set("state", $("#state").value);
  const found = await call(`/jobs?${asked}`);
  notice(null);
  return found;
}

async function begin() {
  ({ jobs, more } = await page());
  show();
}

async function older() {
  const found = await page(jobs.at(-1).id);
  jobs = [...jobs, ...found.jobs];
  more = found.more;
  show();
}

/** What goes on, and what is new, without losing the older ones that were asked for. */
async function refresh() {
  if (document.hidden) return;
  const found = await page();
  const oldest = found.jobs.at(-1)?.submitted_at ?? Infinity;
  const behind = jobs.filter((job) => job.submitted_at < oldest);
  jobs = [...found.jobs, ...behind];
  if (!behind.length) more = found.more;
  show();
}

function show() {
  const words = $("#text").value.trim().toLowerCase();
  const found = jobs.filter(
    (job) => !words || [job.name, job.id, job.message, ...job.filters].join(" ").toLowerCase().includes(words),
  );
  $("#card").hidden = found.length === 0;
  $("#none").hidden = found.length > 0;
  const all = more ? `the newest ${several(jobs.length, "job")}` : several(jobs.length, "job");
  const like = more ? `None of ${all} is like that.` : "No job is like that.";
  say($("#none-text"), words || $("#state").value ? like : "No jobs yet.");
  $("#more").hidden = !more;
  const shown = words ? `${found.length} of ${all}` : all;
  say($("#shown"), jobs.length ? shown : "");
  keyed($("#jobs"), found, (job) => job.id, row, update);
  throughput(found);
}

const took = (job) => (job.ended_at ?? Date.now() / 1000) - job.submitted_at;

function throughput(found) {
  const points = found
    .filter((job) => job.state === "done" && job.ended_at > job.submitted_at)
    .map((job) => ({
      x: job.ended_at,
      y: job.frames_done / took(job),
      href: `/jobs/${job.id}`,
      label: `${title(job)}, ${when(job.ended_at)}`,
    }));
  $("#chart-card").hidden = points.length < 2;
  const width = $("#chart").clientWidth;
  const key = JSON.stringify([width, points]);
  if (points.length < 2 || key === drawn) return; // who has a finger on it is left in peace
  drawn = key;
  $("#chart").replaceChildren(chart(points, when, "frames/s", width));
}

const LABELS = [null, "Filters", "State", "Frames", "Frames/s", "Submitted", "Took"];

function row(job) {
  const cells = LABELS.map((label, place) =>
    h("td", {
      "data-label": place > 2 ? label : null,
      class: [3, 4, 6].includes(place) ? "number" : place ? null : "whole",
    }),
  );
  cells[0].append(h("a", { href: `/jobs/${job.id}` }, title(job)));
  cells[1].append(job.filters.join(" → ") || "–");
  cells[2].append(h("span", { class: "badge" }));
  const again = h("button", { type: "button", class: "quiet", "aria-label": `Run ${title(job)} again` }, "Run again");
  action(again, async () => location.assign(`/jobs/${(await call(`/jobs/${job.id}/rerun`, { method: "POST" })).id}`));
  return h("tr", {}, ...cells, h("td", { class: "number" }, again));
}

function update(row, job) {
  const badge = $(".badge", row);
  badge.className = `badge ${job.state}`;
  badge.title = job.message;
  const going = !FINAL.has(job.state) && job.frames_total > 0;
  say(badge, going ? `${job.state} ${percent(job.frames_done / job.frames_total)}` : job.state);
  const told = [
    count(job.frames_done),
    job.frames_done ? figure(job.frames_done / took(job)) : "–",
    when(job.submitted_at),
    span(took(job)),
  ];
  told.forEach((text, place) => say(row.children[place + 3], text));
  $("button", row).hidden = !FINAL.has(job.state);
}

$("#text").addEventListener("input", show);
$("#state").addEventListener("change", () => begin().catch(notice));
$("#filter").addEventListener("submit", (event) => event.preventDefault());
action($("#more"), older);
addEventListener("resize", show);
begin().catch(notice);
setInterval(() => refresh().catch(notice), AGAIN_MS);
