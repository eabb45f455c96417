// A form made of the JSON Schema of a filter's parameters. What a filter takes is known to its schema alone.

import { h } from "./dom.js";
import { scale, stepOf } from "./scale.js";
import { upload } from "./upload.js";

const MOST_MS = 60_000; // for a file that goes with a job

/** The knobs of a filter. `params` are the values to begin with; `changed` hears of every turn of a knob.
 * Gives the element and `value()`: the parameters that are not what they are by themselves. */
export function fields(schema, params, changed) {
  const kinds = schema.oneOf;
  const element = h("div", { class: "knobs" });
  let chosen = kinds?.find((kind) => kind.title === params.kind) ?? kinds?.[0] ?? schema;
  let knobs = {};

  function fill(values) {
    const made = Object.entries(chosen.properties ?? {}).filter(([, rule]) => !("const" in rule));
    knobs = Object.fromEntries(
      made.map(([name, rule]) => [name, knob(name, rule, values[name] ?? rule.default, changed)]),
    );
    const before = kinds ? [choiceOfKind(kinds, chosen, change)] : [];
    element.replaceChildren(...before, ...Object.values(knobs).map((each) => each.element));
  }

  function change(kind) {
    const kept = value();
    chosen = kinds.find((each) => each.title === kind);
    fill(kept);
    element.querySelector("select").focus();
    changed();
  }

  function value() {
    const read = Object.entries(knobs).map(([name, each]) => [name, each.value()]);
    const set = read.filter(([name, now]) => now !== undefined && now !== chosen.properties[name].default);
    const kind = kinds && chosen !== kinds[0] ? [["kind", chosen.title]] : [];
    return Object.fromEntries([...kind, ...set]);
  }

  fill(params);
  return { element, value };
}

function choiceOfKind(kinds, chosen, change) {
  const rule = chosen.properties.kind;
  const select = choice(
    kinds.map((kind) => kind.title),
    chosen.title,
    (event) => change(event.target.value),
  );
  select.classList.add("wide");
  return labelled("kind", select, `${rule.description}. ${chosen.description ?? ""}`);
}

let made = 0;

function labelled(name, control, help, ...more) {
  const id = `knob-${(made += 1)}`;
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-hint`);
  const words = name.replaceAll("_", " ");
  for (const each of more) each.setAttribute("aria-label", words);
  return h(
    "div",
    { class: "knob", "data-name": name },
    h("label", { for: id }, words),
    ...more.filter((it) => it.type === "number"),
    control,
    h("span", { class: "hint", id: `${id}-hint` }, help),
  );
}

const choice = (values, now, onchange) =>
  h("select", { onchange }, ...values.map((value) => h("option", { value, selected: value === now }, value)));

function knob(name, rule, now, changed) {
  if (rule.contentEncoding === "base64") return file(name, rule, now, changed);
  if (rule.enum) {
    const select = choice(rule.enum, now, changed);
    select.classList.add("wide");
    return { element: labelled(name, select, rule.description), value: () => select.value };
  }
  if (rule.type === "boolean") {
    const box = h("input", { type: "checkbox", checked: now, onchange: changed });
    return { element: labelled(name, box, rule.description), value: () => box.checked };
  }
  if (rule.type === "integer" || rule.type === "number") return number(name, rule, now, changed);
  const line = h("input", { type: "text", class: "wide", value: now, oninput: changed, autocomplete: "off" });
  return { element: labelled(name, line, rule.description), value: () => line.value };
}

function file(name, rule, now, changed) {
  let content = now;
  const types = (rule.anyOf ?? [rule]).map((each) => each.contentMediaType);
  const input = h("input", {
    type: "file",
    class: "wide",
    required: now === undefined,
    accept: types.includes("text/plain") ? ".cube,text/plain" : types.join(","),
    async onchange() {
      input.setCustomValidity("");
      content = undefined;
      if (input.files.length) {
        content = await upload(input.files[0], () => {}, AbortSignal.timeout(MOST_MS)).catch((error) =>
          input.setCustomValidity(error.message),
        );
      }
      input.reportValidity();
      changed();
    },
  });
  return { element: labelled(name, input, rule.description), value: () => content };
}

/** A slider beside the number itself. */
function number(name, rule, now, changed) {
  const exact = h("input", {
    type: "number",
    value: now,
    min: rule.minimum,
    max: rule.maximum,
    step: rule.type === "integer" ? stepOf(rule) : "any",
    required: true,
  });
  const value = () => (exact.value === "" || !exact.validity.valid ? undefined : Number(exact.value));
  if (rule.maximum === undefined) {
    exact.addEventListener("input", changed);
    return { element: labelled(name, exact, rule.description), value };
  }
  const way = scale(rule);
  const slider = h("input", {
    type: "range",
    min: 0,
    max: way.steps,
    step: 1,
    value: way.place(now),
    "aria-valuetext": now,
  });
  slider.addEventListener("input", () => {
    exact.value = way.at(Number(slider.value));
    slider.setAttribute("aria-valuetext", exact.value);
    changed();
  });
  exact.addEventListener("input", () => {
    if (value() === undefined) return;
    slider.value = way.place(value());
    slider.setAttribute("aria-valuetext", exact.value);
    changed();
  });
  return { element: labelled(name, slider, rule.description, exact), value };
}
