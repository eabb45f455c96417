// What the filters make of one frame, at once: whenever a knob turns, and for the newest turn only.

import { picture } from "./api.js";
import { Compare } from "./compare.js";

const PREVIEW = "/api/v1/preview";
const PAUSE_MS = 80; // of turning, before anything is asked for
const WIDEST = 1280;
const LATER = new Set([425, 429, 503]); // there will be one: the film is not read yet, or others are served first
const LATER_MS = 1000;

export class Preview {
  /** `failed` hears what is wrong with what is asked for, and null when it is right again. */
  constructor(failed) {
    this.compare = new Compare("One moment …");
    this.element = this.compare.element;
    this.failed = failed;
    this.film = null;
    this.wanted = { frame: 0, filters: [], output: {} };
    this.shown = -1; // the frame whose picture from before the filters is there
    this.asking = new AbortController();
    this.timer = 0;
  }

  /** Of another film from now on. */
  open(film) {
    this.film = film;
    this.shown = -1;
  }

  /** Show another `frame`, or other `filters`, or as it is in another format of `output`. */
  want(change) {
    Object.assign(this.wanted, change);
    clearTimeout(this.timer);
    if (this.film) this.timer = setTimeout(() => this.#show(), PAUSE_MS);
  }

  async #show() {
    this.asking.abort();
    const { signal } = (this.asking = new AbortController());
    const { frame } = this.wanted;
    this.compare.loading(true);
    try {
      const [before, after] = await Promise.all([
        frame === this.shown ? null : this.#picture("source", signal),
        this.#picture("result", signal),
      ]);
      await this.compare.show(before, after);
      this.shown = frame;
      this.failed(null);
    } catch (error) {
      if (error.name === "AbortError") return; // a newer one is under way
      if (LATER.has(error.status)) this.timer = setTimeout(() => this.#show(), LATER_MS);
      else this.failed(error);
    }
    this.compare.loading(false);
  }

  #picture(side, signal) {
    const { frame, filters, output } = this.wanted;
    const width = Math.min(WIDEST, this.film.width, Math.ceil(this.element.clientWidth * devicePixelRatio));
    return picture(PREVIEW, { body: { ...output, source: this.film.source, frame, filters, side, width }, signal });
  }
}
