// Frames of a job before and after: the newest while it goes on, any of them when it is done.

import { picture } from "./api.js";
import { Compare } from "./compare.js";
import { h, say } from "./dom.js";

const EVERY_MS = 2000;
const WIDEST = 960;

export class Pictures {
  /** Of the job `id`. */
  constructor(id) {
    this.id = id;
    this.caption = h("p", { class: "muted small still" });
    this.compare = new Compare("No frame is done yet");
    this.slider = h("input", {
      type: "range",
      min: 0,
      max: 0,
      value: 0,
      "aria-label": "Frame",
      oninput: () => this.#show(Number(this.slider.value)),
    });
    this.slider.hidden = true;
    this.element = h(
      "div",
      {},
      this.compare.element,
      h("div", { class: "row under" }, this.caption, h("div", { class: "grow" }, this.slider)),
    );
    this.busy = false;
    this.next = null;
    this.shownAt = -EVERY_MS;
  }

  /** A newer frame is done. It is shown if it is time for another one. */
  newest(frame) {
    if (this.busy || document.hidden || frame === this.shown || performance.now() - this.shownAt < EVERY_MS) return;
    this.#show(frame);
  }

  /** All of `frames` are there to be looked at. */
  scrub(frames) {
    this.slider.max = frames - 1;
    this.slider.hidden = false;
    this.slider.value = this.shown ?? Math.floor(frames / 3);
    this.#show(Number(this.slider.value));
  }

  /** There will be no more; whether there was none. */
  none() {
    this.element.hidden = this.shown === undefined;
    return this.element.hidden;
  }

  /** The last frame that is asked for while another is on its way follows it. */
  async #show(frame) {
    this.next = frame;
    if (this.busy) return;
    this.busy = true;
    this.compare.loading(true);
    while (this.next !== null) {
      const wanted = this.next;
      this.next = null;
      await this.#fetch(wanted).catch(() =>
        say(this.caption, this.slider.hidden ? "" : `Frame ${wanted} can't be shown`),
      );
    }
    this.compare.loading(false);
    this.busy = false;
    this.shownAt = performance.now();
  }

  async #fetch(frame) {
    const width = Math.min(WIDEST, Math.ceil(this.compare.element.clientWidth * devicePixelRatio));
    const address = (side) => `/frame/${frame}?${new URLSearchParams({ job: this.id, side, width })}`;
    const [before, after] = await Promise.all([picture(address("source")), picture(address("result"))]);
    await this.compare.show(before, after);
    this.shown = frame;
    say(this.caption, `Frame ${frame}`);
  }
}
