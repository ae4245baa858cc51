/**
 * Tells when a worker is gone: one that runs out of memory is ended by the browser without a word.
 *
 * The worker holds a lock of a name of its own as long as it lives; whoever gets that lock knows.
 */

/** The life of one worker, for the side that made it. */
export class Life {
  #name = `edgefleet life ${crypto.randomUUID()}`;
  #hear;
  #over = new AbortController();

  /**
   * @param {Worker} worker
   * @param {(reason: string) => void} hear Hears once of an end that `expect` did not announce.
   */
  constructor(worker, hear) {
    this.#hear = hear;
    worker.onerror = (event) => this.#tell(event.message || "its script cannot be loaded");
  }

  /**
   * Begin to watch, with a call by which the worker holds the lock of this name.
   * @param {(name: string) => Promise<unknown>} begun
   */
  watch(begun) {
    const { signal } = this.#over;
    const started = begun(this.#name);
    started
      .then(() => navigator.locks.request(this.#name, { signal }, () => this.#tell("the browser has ended it")))
      .catch(() => undefined); // it never began, which whoever called hears; or nobody listens any more
    return started;
  }

  /** The worker is ended on purpose. */
  expect() {
    this.#over.abort();
  }

  /** @param {string} reason */
  #tell(reason) {
    if (this.#over.signal.aborted) return;
    this.expect();
    this.#hear(reason);
  }
}

/**
 * Hold a lock as long as this worker lives.
 * @param {string} name
 */
export function hold(name) {
  void navigator.locks.request(name, () => new Promise(() => undefined));
}
