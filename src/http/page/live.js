// @ts-check
/** @typedef {import("./types.ts").Summary} Summary @typedef {import("./types.ts").EventRow} EventRow */

/** Summaries come every second; without one for this long, what is shown is called stale. */
const STALE_MS = 4_000;
/** A connection without a word for this long is dead, even if nobody has said so. */
const DEAD_MS = 8_000;
/** After an answer that is no stream, EventSource does not try again by itself. */
const RETRY_MS = 2_000;
/** A browser opens six connections to one host at most, so tabs that nobody looks at give theirs back after this long. */
const HIDDEN_MS = 30_000;

/**
 * What listens.
 * @typedef {object} LiveListener
 * @property {(summary: Summary) => void} summary
 * @property {(event: EventRow) => void} event
 * @property {() => void} reset events were missed: everything is to be loaded again
 * @property {(stale: boolean) => void} stale
 */

/** The stream of summaries and events. It finds its way back by itself and knows how old what is shown is. */
export class Live {
  #listener;
  /** @type {EventSource | undefined} */
  #source;
  #lastId = "";
  #heardMs = performance.now();
  #openedMs = performance.now();
  /** Wall-clock time of the last summary, ms. */
  #summaryAt = Date.now();
  #stale = false;
  #hiddenMs = Infinity;

  /** @param {LiveListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  start() {
    this.#open();
    setInterval(() => this.#check(), 500);
    document.addEventListener("visibilitychange", () => {
      this.#hiddenMs = document.hidden ? performance.now() : Infinity;
      this.#check();
    });
  }

  /** When what is shown was true, ms since the epoch, by the browser's clock. */
  get summaryAt() {
    return this.#summaryAt;
  }

  #open() {
    this.#source?.close();
    this.#openedMs = performance.now();
    const query = this.#lastId === "" ? "" : `?last_event_id=${encodeURIComponent(this.#lastId)}`;
    const source = this.#source = new EventSource(`/api/v1/stream${query}`);
    source.addEventListener("summary", (message) => this.#summary(JSON.parse(message.data)));
    source.addEventListener("event", (message) => {
      if (message.lastEventId !== "") this.#lastId = message.lastEventId;
      this.#listener.event(JSON.parse(message.data));
    });
    source.addEventListener("reset", () => {
      this.#lastId = "";
      this.#listener.reset();
    });
  }

  /** @param {Summary} summary */
  #summary(summary) {
    this.#heardMs = performance.now();
    this.#summaryAt = Date.now();
    this.#listener.summary(summary);
    this.#setStale(false);
  }

  #check() {
    const now = performance.now();
    if (now - this.#hiddenMs > HIDDEN_MS) {
      this.#source?.close();
      this.#source = undefined;
    } else if (this.#isLost(now)) this.#open();
    if (now - this.#heardMs > STALE_MS) this.#setStale(true);
  }

  /** @param {number} now @returns {boolean} */
  #isLost(now) {
    if (this.#source === undefined) return true;
    if (this.#source.readyState === EventSource.CLOSED) return now - this.#openedMs > RETRY_MS;
    return now - Math.max(this.#heardMs, this.#openedMs) > DEAD_MS;
  }

  /** @param {boolean} stale */
  #setStale(stale) {
    if (stale === this.#stale) return;
    this.#stale = stale;
    this.#listener.stale(stale);
  }
}
