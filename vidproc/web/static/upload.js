// A film on its way to the coordinator, by tus 1.0 (https://tus.io/protocols/resumable-upload): in pieces, each with
// its SHA-256, going on where it broke off, be it the line, the page or the coordinator.

import { Problem, reach } from "./api.js";

const UPLOADS = "/api/v1/uploads";
const TUS = { "tus-resumable": "1.0.0" };
const SMALLEST = 2 ** 20;
const LARGEST = 2 ** 24;
const PIECE_S = 1; // about so long a piece takes: often enough to tell how far it is
const WAITS_S = [0.5, 1, 2, 4, 8];
const TAKEN = 409; // another request goes on with this upload, or has been at it
const LOOK_S = 1;
const PATIENCE = 5; // looks without news

/** Send `file`; gives the SHA-256 that it goes by from then on. `progress(sent, total, pace)` hears of every piece: the
 * pace in bytes a second or, where none goes out from here, in words. When `signal` says so it stops, and what came is
 * forgotten, but for what another page sends. */
export async function upload(file, progress, signal) {
  const key = keyOf(file);
  const begun = (await resumed(localStorage.getItem(key), file, signal)) ?? (await created(file, signal));
  localStorage.setItem(key, begun.address);
  const transfer = new Transfer(file, begun, progress, signal);
  try {
    await transfer.run();
  } catch (error) {
    if (signal.aborted && !transfer.looksOn) await forget(key, begun.address);
    throw error;
  }
  localStorage.removeItem(key);
  return (await factsOf(begun.address, signal)).sha256;
}

class Transfer {
  constructor(file, { address, offset }, progress, signal) {
    Object.assign(this, { file, address, offset, progress, signal });
    this.began = { at: performance.now(), offset };
    this.length = SMALLEST;
    this.failures = 0;
    this.patience = PATIENCE;
    this.looksOn = false; // as another page sends it
  }

  async run() {
    for (let step = this.#send; this.offset < this.file.size; ) {
      try {
        await step.call(this);
        step = this.#send;
      } catch (error) {
        if (!passing(error)) throw error;
        this.looksOn = error.status === TAKEN;
        step = this.looksOn ? this.#watch : this.#ask;
        if (!this.looksOn) await this.#pause();
      }
    }
  }

  async #send() {
    const since = performance.now();
    this.offset = await sent(this.address, this.file, this.offset, this.length, this.signal);
    this.length = fitted(this.length, (performance.now() - since) / 1000);
    this.failures = 0;
    this.#tell((1000 * (this.offset - this.began.offset)) / (performance.now() - this.began.at));
  }

  async #pause() {
    this.#tell("waiting for the coordinator …");
    await pause(WAITS_S[Math.min(this.failures++, WAITS_S.length - 1)], this.signal);
  }

  async #ask() {
    this.offset = await offsetOf(this.address, this.signal);
  }

  /** Look on as another page sends the same film, until that has done it or stands still; the more patiently, the more
   * often it came to that: two that are slow would else never let each other end a piece. */
  async #watch() {
    for (let still = 0; still < this.patience; still += 1) {
      const { offset, sha256 } = await factsOf(this.address, this.signal);
      if (offset !== this.offset) still = 0;
      this.offset = offset;
      this.#tell("another page sends it");
      if (sha256) return;
      await pause(LOOK_S, this.signal);
    }
    this.patience *= 2;
    this.looksOn = false;
    await this.#ask();
  }

  #tell(pace) {
    this.progress(this.offset, this.file.size, pace);
  }
}

async function forget(key, address) {
  localStorage.removeItem(key);
  await reach(address, { method: "DELETE", headers: TUS }).catch(() => {}); // it expires by itself
}

const keyOf = (file) => `upload ${file.name} ${file.size} ${file.lastModified}`;

async function resumed(address, file, signal) {
  if (!address) return null;
  const offset = await offsetOf(address, signal).catch((error) => {
    if (error.status === 0) throw error;
    return null; // it is known no more
  });
  return offset === null ? null : { address, offset };
}

async function created(file, signal) {
  const metadata = `filename ${base64(new TextEncoder().encode(file.name))}`;
  const headers = { ...TUS, "upload-length": String(file.size), "upload-metadata": metadata };
  const answer = await reach(UPLOADS, { method: "POST", headers, signal });
  return { address: new URL(answer.headers.get("location"), location.href).pathname, offset: 0 };
}

const factsOf = async (address, signal) => (await reach(address, { signal })).json();

async function offsetOf(address, signal) {
  const answer = await reach(address, { method: "HEAD", headers: TUS, signal });
  return Number(answer.headers.get("upload-offset"));
}

async function sent(address, file, offset, length, signal) {
  const piece = await file
    .slice(offset, offset + length)
    .arrayBuffer()
    .catch(() => {
      throw new Problem(400, "The film can't be read any more: choose it again");
    });
  const headers = { ...TUS, "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
  if (globalThis.crypto?.subtle) {
    // over plain HTTP only localhost has it
    headers["upload-checksum"] = `sha256 ${base64(new Uint8Array(await crypto.subtle.digest("SHA-256", piece)))}`;
  }
  const answer = await reach(address, { method: "PATCH", headers, body: piece, signal });
  return Number(answer.headers.get("upload-offset"));
}

/** Whether it is worth trying again: nobody there, another offset, a broken piece, or trouble that may pass. */
const passing = (error) =>
  error instanceof Problem && (error.status === 0 || [408, TAKEN, 423, 429, 460, 503].includes(error.status));

const fitted = (length, seconds) =>
  Math.round(
    Math.min(LARGEST, Math.max(SMALLEST, Math.min(2 * length, (length * PIECE_S) / Math.max(seconds, 0.001)))),
  );

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
