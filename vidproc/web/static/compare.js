// Two pictures of one frame, before and after, with a divider between them that a slider moves: by pointer and by keys.

import { h, say } from "./dom.js";

export class Compare {
  constructor(empty) {
    this.before = h("img", { alt: "The frame before the filters" });
    this.after = h("img", { class: "after", alt: "The frame after the filters" });
    this.tag = h("span", { class: "tag right" }, "after");
    const slider = h("input", {
      type: "range",
      min: 0,
      max: 100,
      value: 50,
      step: 1,
      "aria-label": "Divider between before and after",
      oninput: () => this.element.style.setProperty("--split", `${slider.value}%`),
    });
    this.element = h(
      "figure",
      { class: "compare empty", "data-empty": empty },
      this.before,
      this.after,
      h("div", { class: "line" }),
      h("span", { class: "tag left" }, "before"),
      this.tag,
      h("div", { class: "wait" }),
      slider,
    );
  }

  /** Whether something newer is under way. */
  loading(is) {
    this.element.classList.toggle("loading", is);
    this.element.setAttribute("aria-busy", String(is));
  }

  /** Show two pictures, as `picture` gives them, at the same moment; that from before may be null to stay. */
  async show(before, after) {
    await Promise.all([before, after].map((each) => each && decoded(each.address)));
    if (before) put(this.before, before.address);
    put(this.after, after.address);
    say(this.tag, after.approximate ? "after, about" : "after");
    const { naturalWidth: width, naturalHeight: height } = this.before;
    if (width) this.element.style.aspectRatio = `${width} / ${height}`;
    this.element.classList.remove("empty");
  }
}

async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
}

function put(image, address) {
  const old = image.src;
  image.src = address;
  if (old.startsWith("blob:")) URL.revokeObjectURL(old);
}
