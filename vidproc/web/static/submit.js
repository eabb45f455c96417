// A new job: a film is dropped and sent; a frame of it shows what the filters do; then it starts.

import { call } from "./api.js";
import { Chain } from "./chain.js";
import { $, bar, h, say } from "./dom.js";
import { figure, several, size, span, timecode } from "./format.js";
import { followJobs } from "./going.js";
import { action, notice, sentence } from "./page.js";
import { Preview } from "./preview.js";
import { upload } from "./upload.js";

const AS_IT_WAS = "chain"; // of the session: what was put together is there again after a reload

const CONTAINERS = { mov: "MP4, MOV", matroska: "Matroska, WebM", mpegts: "MPEG-TS" }; // by FFmpeg's first name of them

let film = null; // its facts, with `source`, once it is here
let chain = null;
const preview = new Preview(notice);

async function begin() {
  $("#view").append(preview.element);
  chain = new Chain($("#chain"), await call("/filters"), changed, (what) => say($("#said"), what));
  for (const [name, schema] of Object.entries(chain.schemas)) {
    $("#add").append(
      h("option", { value: name, title: schema.description }, `${name} – ${schema.description.replace(/\.$/, "")}`),
    );
  }
  const asked = new URLSearchParams(location.search);
  for (const step of await steps(asked.get("job"))) if (step.name in chain.schemas) chain.add(step.name, step.params);
  changed();
  if (asked.get("film")) await open(asked.get("film"), asked.get("name"));
}

/** Those of a job that is to be run with changes, or those of before the reload. */
async function steps(job) {
  if (!job) return JSON.parse(sessionStorage.getItem(AS_IT_WAS) ?? "[]");
  const { job: asked } = await call(`/jobs/${job}`);
  for (const [name, value] of Object.entries(asked)) {
    const control = $("#output").elements[name];
    if (control && value !== null) control.value = value;
  }
  const own = asked.filters.filter(({ name }) => !(name in chain.schemas)).map(({ name }) => name);
  if (own.length) notice(`Filters that came as code can't be changed here: ${own.join(", ")}`);
  return asked.filters;
}

// Films

async function take(file) {
  notice(file.size ? null : `${file.name} is empty`);
  if (!file.size) return;
  const stopping = new AbortController();
  stage("upload");
  say($("#upload-name"), file.name);
  $("#stop").onclick = () => stopping.abort();
  try {
    const source = await upload(file, told, stopping.signal);
    history.replaceState(null, "", `/?${new URLSearchParams({ film: source, name: file.name })}`);
    await open(source, file.name);
  } catch (error) {
    if (!stopping.signal.aborted) notice(error);
    stage("drop");
  }
}

function told(sent, total, pace) {
  bar($("#upload-bar"), sent / total);
  const words = pace > 0 ? `${size(pace)}/s, ${span((total - sent) / pace)} left` : pace;
  say($("#upload-text"), `${size(sent)} of ${size(total)} · ${words}`);
}

async function open(source, name) {
  stage("upload");
  say($("#upload-name"), name ?? "The film");
  say($("#upload-text"), "Looking at it …");
  try {
    film = { ...(await call(`/films/${source}`)), source, name };
  } catch (error) {
    notice(error.message.replace(source, name ?? "the film"));
    history.replaceState(null, "", "/");
    stage("drop");
    return;
  }
  say($("#title"), name ?? "New job");
  facts();
  for (const input of [$("#frame"), $("#frame-number")]) input.max = Math.max(0, film.frames - 1);
  $("#output").elements.start.max = Math.floor(1000 * film.last_s) / 1000; // as it is shown where it is too much
  stage("studio");
  preview.open(film);
  scrub(Math.floor(film.frames / 3));
}

function facts() {
  const told = {
    Picture: `${film.width} × ${film.height}`,
    Codec: [film.codec, film.pix_fmt].filter(Boolean).join(", "),
    Container: CONTAINERS[film.container.split(",")[0]] ?? film.container,
    Length: `${several(film.frames, "frame")}, ${span(film.duration_s)}`,
    "Frames/s": figure(film.fps),
    Size: size(film.size),
    Streams: film.streams.map(({ type, codec }) => [type, codec].filter(Boolean).join(" ")).join(", "),
  };
  const shown = Object.entries(told).filter(([, text]) => text);
  say($("#film-losses"), film.losses.map(sentence).join(" "));
  $("#facts").replaceChildren(...shown.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))));
}

function scrub(frame) {
  frame = Math.max(0, Math.min(Number($("#frame").max), Math.round(frame) || 0));
  $("#frame").value = $("#frame-number").value = frame;
  const at = timecode(frame / film.fps);
  $("#frame").setAttribute("aria-valuetext", `${frame}, at ${at}`);
  say($("#time"), at);
  preview.want({ frame });
}

/** Show one of the three steps: to drop, to upload, to choose. */
function stage(which) {
  for (const each of ["drop", "upload", "studio"]) $(`#${each}`).hidden = each !== which;
  $("#another").hidden = which !== "studio";
  if (which === "drop") {
    say($("#title"), "New job");
    bar($("#upload-bar"), 0);
  }
}

// What is asked for

function changed() {
  const filters = chain.value();
  sessionStorage.setItem(AS_IT_WAS, JSON.stringify(filters));
  $("#no-filters").hidden = filters.length > 0;
  $("#start").disabled = filters.length === 0; // a job without filters would get the coordinator's usual one
  if (chain.valid()) preview.want({ filters });
}

function output() {
  const given = Object.fromEntries(new FormData($("#output")));
  for (const name of ["crf", "start", "duration"]) given[name] = given[name] === "" ? null : Number(given[name]);
  return given;
}

/** The output's format decides on what filters work, and whether it can be at all. */
function asked() {
  const { container, codec, pix_fmt } = output();
  preview.want({ output: { container, codec, pix_fmt } });
}

function summary() {
  const { container, codec, crf } = $("#output").elements;
  const words = [container, codec].map((each) => each.selectedOptions[0].text);
  say(
    $("#output-text"),
    [...words.slice(0, codec.value ? 2 : 1), crf.value && `CRF ${crf.value}`].filter(Boolean).join(", "),
  );
}

async function start() {
  if (!chain.valid(true)) return;
  $("#options").open ||= !$("#output").checkValidity(); // what is folded away can't be pointed at
  if (!$("#output").reportValidity()) return;
  const made = await call("/jobs", {
    method: "POST",
    body: { source: film.source, name: film.name ?? undefined, filters: chain.value(), ...output() },
  });
  sessionStorage.removeItem(AS_IT_WAS);
  location.assign(`/jobs/${made.id}`);
}

// Hands

$("#file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (file) take(file);
});
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("#drop").classList.add("over");
  });
}
addEventListener("dragleave", (event) => event.relatedTarget ?? $("#drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("#drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file && $("#upload").hidden) take(file);
});
$("#frame").addEventListener("input", (event) => scrub(Number(event.target.value)));
$("#frame-number").addEventListener("change", (event) => scrub(Number(event.target.value)));
$("#add").addEventListener("change", (event) => {
  if (!event.target.value) return;
  const item = chain.add(event.target.value);
  event.target.value = "";
  item.scrollIntoView({ block: "nearest" });
  ($(".knobs :is(select, input)", item) ?? $(".handle", item)).focus();
});
$("#another").addEventListener("click", () => {
  history.replaceState(null, "", "/");
  stage("drop");
});
$("#output").addEventListener("input", () => {
  summary();
  asked();
});
$("#output").addEventListener("submit", (event) => event.preventDefault());
action($("#start"), start);
summary();
asked();
followJobs();
begin().catch(notice);
