// The jobs that go on, in a line each.

import { follow } from "./api.js";
import { $, bar, h, keyed, say } from "./dom.js";
import { count, figure, percent } from "./format.js";
import { connected } from "./page.js";

/** Show them, as long as the page is there. */
export const followJobs = () => follow("/events", { cluster }, connected);

function cluster({ jobs }) {
  $("#going").hidden = jobs.length === 0;
  keyed($("#going-list"), jobs, (job) => job.id, row, update);
}

const row = (job) =>
  h(
    "div",
    {},
    h(
      "div",
      { class: "row apart" },
      h("a", { href: `/jobs/${job.id}` }, job.name),
      h("span", { class: "state muted small" }),
    ),
    h(
      "div",
      { class: "bar", role: "progressbar", "aria-label": job.name, "aria-valuemin": 0, "aria-valuemax": 100 },
      h("span"),
    ),
  );

function update(row, { state, frames_done: done, frames_total: total, fps }) {
  const part = total ? done / total : 0;
  bar($(".bar", row), part);
  const told = [state, total ? percent(part) : count(done), fps && `${figure(fps)} frames/s`];
  say($(".state", row), told.filter(Boolean).join(" · "));
}
