// The filters in their order, each with its knobs: added, removed, and moved by pointer or by keys.

import { $, h } from "./dom.js";
import { fields } from "./fields.js";

export class Chain {
  /** `list` is the element to fill; `schemas` are by name; `changed` hears of every change, `said` what was moved. */
  constructor(list, schemas, changed, said) {
    this.list = list;
    this.schemas = schemas;
    this.changed = changed;
    this.said = said;
    this.steps = new Map();
  }

  /** What the API takes: `[{name, params}]`. */
  value() {
    return [...this.list.children].map((item) => ({ name: item.dataset.name, params: this.steps.get(item).value() }));
  }

  /** Whether all knobs have values that can be. `aloud`: if not, show which. */
  valid(aloud = false) {
    const wrong = $(":invalid", this.list);
    if (aloud) wrong?.reportValidity();
    return wrong === null;
  }

  add(name, params = {}) {
    const form = fields(this.schemas[name], params, this.changed);
    const item = h(
      "li",
      { class: "filter", "data-name": name },
      this.#header(name, () => item),
      form.element,
    );
    this.steps.set(item, form);
    this.list.append(item);
    this.changed();
    return item;
  }

  #header(name, item) {
    const handle = h(
      "button",
      {
        type: "button",
        class: "icon handle",
        "aria-label": `Move ${name}: with the arrow keys, or drag`,
        title: "Drag, or press ↑ ↓",
        onkeydown: (event) => this.#byKey(event, item()),
        onpointerdown: (event) => this.#drag(event, item()),
      },
      "⠿",
    );
    const remove = () => this.#remove(item());
    return h(
      "header",
      {},
      handle,
      h("strong", { title: this.schemas[name].description }, name),
      h(
        "button",
        { type: "button", class: "icon", "aria-label": `Remove ${name}`, title: "Remove", onclick: remove },
        "✕",
      ),
    );
  }

  #remove(item) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    this.steps.delete(item);
    item.remove();
    this.said(`${item.dataset.name} removed`);
    (next ? $(".handle", next) : $("#add")).focus();
    this.changed();
  }

  #byKey(event, item) {
    const up = event.key === "ArrowUp";
    if (!up && event.key !== "ArrowDown") return;
    event.preventDefault();
    const other = up ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    other[up ? "before" : "after"](item);
    event.target.focus();
    this.#moved(item);
  }

  #drag(event, item) {
    const handle = event.target;
    handle.setPointerCapture(event.pointerId);
    item.classList.add("dragged");
    const before = this.#place(item);
    handle.onpointermove = ({ clientY }) => {
      const over = [...this.list.children].findIndex((other) => other !== item && within(clientY, other));
      if (over < 0) return;
      // the others go past it: an element that is moved itself loses the pointer
      while (this.#place(item) > over) item.after(item.previousElementSibling);
      while (this.#place(item) < over) item.before(item.nextElementSibling);
    };
    handle.onlostpointercapture = () => {
      handle.onpointermove = handle.onlostpointercapture = null;
      item.classList.remove("dragged");
      if (this.#place(item) !== before) this.#moved(item);
    };
  }

  #moved(item) {
    this.said(`${item.dataset.name} is now number ${this.#place(item) + 1} of ${this.list.children.length}`);
    this.changed();
  }

  #place(item) {
    return [...this.list.children].indexOf(item);
  }
}

function within(y, element) {
  const { top, bottom } = element.getBoundingClientRect();
  return y > top && y < bottom;
}
