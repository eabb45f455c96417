// The chunks of a film in their order: whose they are as colour, how far they are as shape. Two thousand of them change
// several times a second, so they are drawn and not elements; what is drawn is told in words as well.

import { h, keyed, say } from "./dom.js";
import { several } from "./format.js";

const COLOURS = 8;
const STATES = {
  done: "done",
  leased: "at work",
  ahead: "waiting at a worker",
  retrying: "to be tried again",
  waiting: "waiting",
};
const GAP = 3;
const [SMALLEST, LARGEST, HIGHEST] = [8, 30, 260];

export class ChunkMap {
  /** `canvas` to draw on, `legend` a list, `text` for the summary, `said` for the chunk that the keys lead to. */
  constructor(canvas, legend, text, said) {
    Object.assign(this, { canvas, legend, text, said });
    this.chunks = [];
    this.workers = new Map(); // their numbers in the order they were first seen
    this.at = -1; // the chunk that is looked at
    this.tip = h("div", { class: "tip", hidden: true });
    canvas.after(this.tip);
    new ResizeObserver(() => this.#draw()).observe(canvas);
    addEventListener("themechange", () => this.#draw());
    canvas.addEventListener("pointermove", (event) => this.#look(this.#under(event)));
    canvas.addEventListener("pointerleave", () => this.#look(-1));
    canvas.addEventListener("blur", () => this.#look(-1));
    canvas.addEventListener("keydown", (event) => this.#byKey(event));
  }

  /** All chunks, from now on. */
  show(chunks) {
    this.chunks = chunks;
    for (const { worker } of chunks) {
      if (worker && !this.workers.has(worker)) this.workers.set(worker, this.workers.size % COLOURS);
    }
    this.#draw();
    this.#tell();
    this.#look(this.at);
  }

  /** The colour of a worker, as CSS knows it. */
  colour(worker) {
    return `var(--worker-${this.workers.get(worker) ?? 0})`;
  }

  #tell() {
    const found = Map.groupBy(this.chunks, (chunk) => chunk.state);
    const states = Object.entries(STATES).filter(([state]) => found.has(state));
    const parts = states.map(([state, words]) => `${found.get(state).length} ${words}`);
    say(this.text, `${several(this.chunks.length, "chunk")}: ${parts.join(", ")}.`);
    const entries = [
      ...[...this.workers.keys()].map((worker) => ["done", worker, worker]),
      ...Object.entries(STATES).map(([state, words]) => [state, "", words]),
    ];
    keyed(
      this.legend,
      entries,
      (entry) => entry[2],
      ([state, worker, words]) => this.#entry(state, worker, words),
    );
  }

  #entry(state, worker, words) {
    const canvas = h("canvas", { width: 32, height: 32, "aria-hidden": "true", class: "swatch" });
    const item = h("li", {}, canvas, words);
    const draw = () => {
      const pen = canvas.getContext("2d");
      pen.setTransform(2, 0, 0, 2, 0, 0);
      pen.clearRect(0, 0, 16, 16);
      this.#cell(pen, this.#style(), { state, worker, frames_done: 1, start: 0, stop: 2 }, 1, 1, 14, 14);
    };
    addEventListener("themechange", draw);
    draw();
    return item;
  }

  #style() {
    const style = getComputedStyle(this.canvas);
    // custom properties keep light-dark() as it is written, so the colour is read off a real one
    const probe = h("span");
    this.canvas.after(probe);
    const read = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    const made = {
      line: read("--edge"),
      warn: read("--warn"),
      none: read("--muted"),
      ground: read("--surface"),
      text: style.color,
      workers: [],
    };
    for (let number = 0; number < COLOURS; number += 1) made.workers.push(read(`--worker-${number}`));
    probe.remove();
    return made;
  }

  #grid() {
    const width = this.canvas.clientWidth;
    const number = Math.max(1, this.chunks.length);
    const side = Math.max(SMALLEST, Math.min(LARGEST, Math.floor(Math.sqrt((width * HIGHEST) / number))));
    const columns = Math.min(number, Math.max(1, Math.floor(width / side)));
    return { columns, wide: width / columns, high: side, rows: Math.ceil(number / columns), width };
  }

  #draw() {
    const { columns, wide, high, rows, width } = this.#grid();
    const scale = devicePixelRatio;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(rows * high * scale);
    this.canvas.style.aspectRatio = `${width} / ${rows * high}`;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = this.#style();
    this.chunks.forEach((chunk, number) => {
      const [x, y] = [(number % columns) * wide, Math.floor(number / columns) * high];
      this.#cell(pen, style, chunk, x, y, wide - GAP, high - GAP);
      if (number === this.at) frame(pen, style.text, x - 1, y - 1, wide - 1, high - 1, 2);
    });
  }

  #cell(pen, style, chunk, x, y, width, height) {
    const colour = chunk.worker ? style.workers[this.workers.get(chunk.worker) ?? 0] : style.none;
    pen.fillStyle = colour;
    switch (chunk.state) {
      case "done":
        pen.fillRect(x, y, width, height);
        break;
      case "leased":
        frame(pen, colour, x, y, width, height, 1.5);
        pen.globalAlpha = 0.6;
        pen.fillRect(x, y, (width * chunk.frames_done) / (chunk.stop - chunk.start), height);
        pen.globalAlpha = 1;
        break;
      case "ahead":
        frame(pen, colour, x, y, width, height, 1.5);
        break;
      case "retrying":
        frame(pen, style.warn, x, y, width, height, 1.5);
        hatch(pen, style.warn, x, y, width, height);
        break;
      default:
        frame(pen, style.line, x, y, width, height, 1);
    }
  }

  #under({ offsetX, offsetY }) {
    const { columns, wide, high } = this.#grid();
    const number = Math.floor(offsetY / high) * columns + Math.floor(offsetX / wide);
    return number < this.chunks.length ? number : -1;
  }

  #byKey(event) {
    const { columns } = this.#grid();
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (event.key === "Escape") this.#look(-1);
    if (step === undefined) return;
    event.preventDefault();
    this.#look(Math.max(0, Math.min(this.chunks.length - 1, this.at + step)));
    say(this.said, this.tip.textContent);
  }

  #look(number) {
    const moved = number !== this.at;
    this.at = number;
    const chunk = this.chunks[number];
    this.tip.hidden = !chunk;
    if (moved) this.#draw();
    if (!chunk) return;
    say(this.tip, words(chunk, number));
    const { columns, wide, high } = this.#grid();
    const { left, top } = this.canvas.getBoundingClientRect();
    const x = left + ((number % columns) + 0.5) * wide;
    const room = innerWidth - this.tip.offsetWidth - 4;
    this.tip.style.left = `${Math.max(4, Math.min(room, x - this.tip.offsetWidth / 2))}px`;
    this.tip.style.top = `${top + (Math.floor(number / columns) + 1) * high + 4}px`;
  }
}

function words({ start, stop, state, worker, slot, attempt, frames_done: done }, number) {
  const who = worker && `${worker}, slot ${slot}`;
  const far = state === "leased" && `${done} of ${stop - start} frames`;
  const again = attempt > 1 && `attempt ${attempt}`;
  const frames = start === undefined ? "" : `: frames ${start} to ${stop - 1}`; // unknown of jobs of long ago
  return [`Chunk ${number}${frames}`, STATES[state], far, who, again].filter(Boolean).join(" · ");
}

function frame(pen, colour, x, y, width, height, line) {
  pen.strokeStyle = colour;
  pen.lineWidth = line;
  pen.strokeRect(x + line / 2, y + line / 2, width - line, height - line);
}

function hatch(pen, colour, x, y, width, height) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, width, height);
  pen.clip();
  pen.beginPath();
  for (let at = x - height; at < x + width; at += 5) {
    pen.moveTo(at, y + height);
    pen.lineTo(at + height, y);
  }
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.stroke();
  pen.restore();
}
