// Numbers as people read them.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (number) => plain.format(number);

/** Three digits, so that a figure that changes keeps its width. */
export function figure(number) {
  const size = Math.abs(number);
  return number.toLocaleString("en", { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 });
}

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${figure(bytes)} ${units[unit]}`;
}

/** A length of time. */
export function span(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours} h ${pad(minutes)} min` : `${minutes} min ${pad(rest)} s`;
}

/** A place in a film, such as 1:02.40. */
export function timecode(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

export const percent = (part) => `${Math.floor(100 * part)} %`;

const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** When it was, from seconds since 1970: the time alone if that was today. */
export function when(seconds) {
  const date = new Date(1000 * seconds);
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : day.format(date);
}

/** `1 frame`, `2 frames`. */
export const several = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** What a job is called: its film's name, if there is anything to see in that. */
export const title = ({ name, id }) => (/[^\s\p{C}]/u.test(name) ? name : id);

const pad = (number) => String(number).padStart(2, "0");
