// Sliders for the numbers that a JSON Schema allows.

const FINE = 200;

/** What a whole number goes by: 2 where it has to be odd. */
export const stepOf = (rule) => rule.not?.multipleOf ?? 1;

/** How the places of a slider and the values of a number belong together. */
export function scale(rule) {
  const width = rule.maximum - rule.minimum;
  return rule.type === "integer" && width / stepOf(rule) <= FINE ? whole(rule, width) : graded(rule, width);
}

/** A place for each value. */
function whole(rule, width) {
  const [least, step] = [rule.minimum, stepOf(rule)];
  return {
    steps: Math.floor(width / step),
    at: (place) => least + step * place,
    place: (value) => (value - least) / step,
  };
}

/** Where the usual value is near one end of a wide range, as 1 is from 0 to 100, it is put at a third of the way, and the
 * slider goes faster behind it. */
function graded(rule, width) {
  const { minimum: least, maximum: most } = rule;
  const usual = (rule.default - least) / width;
  const power = usual > 0 && usual < 0.15 ? Math.log(usual) / Math.log(1 / 3) : usual === 0 && width > 1000 ? 3 : 1;
  const step = rule.type === "integer" ? stepOf(rule) : 0;
  const fine = step || 10 ** Math.floor(Math.log10(width / FINE));
  const at = (place) => {
    if (place >= FINE) return most;
    const raw = width * (place / FINE) ** power;
    const digits = 10 ** Math.floor(Math.log10(Math.max(raw, fine)) - 1); // two that count, where it goes faster
    const grain = power === 1 ? fine : Math.max(step, digits);
    return Number((least + Math.round(raw / grain) * grain).toPrecision(6));
  };
  return { steps: FINE, at, place: (value) => Math.round(FINE * ((value - least) / width) ** (1 / power)) };
}
