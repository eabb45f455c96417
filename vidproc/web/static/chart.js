// Points over time, as SVG.

import { svg } from "./dom.js";
import { figure } from "./format.js";

const HEIGHT = 220;
const [LEFT, RIGHT, TOP, BOTTOM] = [48, 12, 10, 26];

/** `points` are `{x, y, href, label}`; `date` writes an x, `unit` is that of y, `width` in pixels is that of all. */
export function chart(points, date, unit, width) {
  const [first, last] = [Math.min(...points.map((it) => it.x)), Math.max(...points.map((it) => it.x))];
  const steps = ticks(Math.max(...points.map((it) => it.y)));
  const x = (value) => LEFT + ((value - first) / (last - first || 1)) * (width - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value / steps.at(-1)) * (HEIGHT - TOP - BOTTOM);
  const median = points.map((it) => it.y).sort((a, b) => a - b)[Math.floor(points.length / 2)];
  return svg(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "group",
      "aria-label": `${points.length} jobs, ${date(first)} to ${date(last)}; the median is ${figure(median)} ${unit}`,
    },
    ...steps.flatMap((value) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, figure(value)),
    ]),
    svg("text", { x: LEFT, y: HEIGHT - 6 }, date(first)),
    svg("text", { x: width - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, date(last)),
    ...points.map((it) =>
      svg(
        "a",
        { href: it.href, "aria-label": `${it.label}: ${figure(it.y)} ${unit}` },
        svg("title", {}, `${it.label}: ${figure(it.y)} ${unit}`),
        svg("circle", { class: "dot", cx: x(it.x), cy: y(it.y), r: 5 }),
      ),
    ),
  );
}

/** Round values from 0 to at least `most`, at most six. */
function ticks(most) {
  const raw = most / 4 || 1;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= raw);
  return Array.from({ length: Math.ceil(most / step || 1) + 1 }, (_, number) => number * step);
}
