// How pages speak with the coordinator. Whatever goes wrong is a Problem, whose message says what to do.

const API = "/api/v1";

/** The states of a job that has ended. */
export const FINAL = new Set(["done", "failed", "cancelled"]);

export class Problem extends Error {
  /** `status` is that of HTTP, 0 when nobody answered. */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Call the API; gives what it says, null where that is nothing. */
export async function call(path, { method = "GET", body, signal } = {}) {
  const answer = await reach(API + path, { method, signal, ...json(body) });
  return answer.status === 204 || answer.status === 202 ? null : answer.json();
}

/** A picture, as the address of a blob that the caller is to revoke, and whether it is `approximate`. */
export async function picture(path, { body, signal } = {}) {
  const answer = await reach(path, { method: body && "POST", signal, ...json(body) });
  return {
    address: URL.createObjectURL(await answer.blob()),
    approximate: answer.headers.has("x-vidproc-approximate"),
  };
}

const json = (body) =>
  body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };

/** `fetch`, but what is no success is thrown as a Problem. */
export async function reach(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem(0, "The coordinator does not answer: is it running?");
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function problemOf(answer) {
  const told = await answer.json().catch(() => ({}));
  return new Problem(answer.status, told.detail || told.title || `The coordinator answered with ${answer.status}.`);
}

const RETRY_MS = 1500;

/** Follow a stream of events, for ever: `handlers` by their names; `connected` hears whether it is there.
 *
 * A hidden page lets go of its stream, since a browser makes only six connections to a host, whatever pages are open.
 * Gives what ends it. */
export function follow(path, handlers, connected) {
  let source = null;
  let timer = 0;

  function open() {
    source = new EventSource(API + path);
    source.onopen = () => connected(true);
    source.onerror = () => {
      connected(false);
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      timer = setTimeout(open, RETRY_MS);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
  }

  function close() {
    clearTimeout(timer);
    source?.close();
  }

  function look() {
    close();
    if (!document.hidden) open();
  }

  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", close);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    close();
  };
}
