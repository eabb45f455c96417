// The daemons that are connected.

import { call, follow } from "./api.js";
import { $, h, keyed, say } from "./dom.js";
import { count, figure, several, size, when } from "./format.js";
import { action, connected, notice, sure } from "./page.js";

const COLUMNS = ["Name", "Slots", "Frames/s", "Frames", "CPU", "Memory", "Versions", "Since"];

function show({ workers }) {
  notice(null);
  $("#card").hidden = workers.length === 0;
  $("#none").hidden = workers.length > 0;
  const sum = (name) => workers.reduce((total, each) => total + each[name], 0);
  const slots = `${sum("busy")} of ${several(sum("slots"), "slot")} busy`;
  const told = [several(workers.length, "worker"), slots, `${figure(sum("fps"))} frames/s`];
  say($("#sum"), workers.length ? told.join(" · ") : "");
  keyed($("#workers"), workers, (worker) => worker.name, row, update);
}

function row(worker) {
  const drain = h("button", { type: "button", class: "quiet", "aria-label": `Drain ${worker.name}` }, "Drain");
  action(drain, async () => {
    const question = `Let ${worker.name} finish what it has in hand, and leave? Its work goes to others.`;
    if (await sure(question, "Drain it"))
      await call(`/workers/${encodeURIComponent(worker.name)}/drain`, { method: "POST" });
  });
  const cells = COLUMNS.map((label, place) =>
    h("td", { "data-label": place ? label : null, class: place > 1 && place < 6 ? "number" : place ? null : "whole" }),
  );
  cells[0].append(h("strong", {}, worker.name), " ", h("span", { class: "badge", hidden: true }));
  cells[1].append(h("span", { class: "meter bar", "aria-hidden": "true" }, h("span")), h("span"));
  cells[1].classList.add("still");
  cells[6].classList.add("small", "muted", "whole");
  return h("tr", {}, ...cells, h("td", { class: "number" }, drain));
}

function update(row, worker) {
  const [name, slots, ...rest] = row.children;
  const badge = $(".badge", name);
  badge.hidden = !worker.draining;
  badge.className = "badge draining";
  say(badge, worker.draining ? "leaving" : "");
  $(".meter", slots).style.setProperty("--part", worker.slots ? worker.busy / worker.slots : 0);
  say(slots.lastChild, `${worker.busy} of ${worker.slots}`);
  const limit = worker.rate_limit ? ` of ${figure(worker.rate_limit)}` : "";
  const told = [
    figure(worker.fps) + limit,
    count(worker.frames),
    worker.cpu_percent === null ? "–" : `${count(worker.cpu_percent)} %`,
    worker.memory_mb === null ? "–" : size(worker.memory_mb * 2 ** 20),
    versions(worker.versions),
    when(worker.joined_at),
  ];
  told.forEach((text, place) => say(rest[place], text));
  $("button", row).hidden = worker.draining;
}

const versions = (told) =>
  Object.entries(told)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");

say($("#command"), `vidproc-worker --host ${location.hostname}${document.body.dataset.workerOptions}`);
follow("/events", { cluster: show }, connected);
