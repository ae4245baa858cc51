/**
 * A small model in the page's own thread, where an answer costs no way to a worker and back.
 *
 * Its worker says whether it is quick enough, and goes on counting: what was seen here is handed to it
 * in blocks. Calls of many rows go to the worker, and all of them while a version is on trial or
 * shadowed.
 */
import { Engine } from "./engine.js";
import { loaded } from "./loading.js";
import { joinedRows } from "./recorder.js";

/**
 * @typedef {import("./server.js").Answer} Answer
 * @typedef {import("./remote.js").Remote} Remote
 *
 * @typedef {object} Offer What a page needs to run a version in its own thread.
 * @property {import("./manifest.js").Package} pack With its model and its golden vectors.
 * @property {import("./manifest.js").Layouts} layouts
 * @property {number} rowUs What a row takes.
 */

/** So long may a call hold up the page. */
const LONGEST_CALL_US = 500;
/** Rows wait so long, or until so many calls have waited, to be counted in the worker. */
const WAIT_MS = 25;
const MOST_CALLS = 64;

/** One for a page: onnxruntime-web has one memory for all models of a thread. @type {Promise<Engine> | undefined} */
let engine;

/** One version in this thread. */
export class Near {
  #servable;
  #rows;
  #mostRows;
  #underWay = 0;
  #isOver = false;

  /**
   * @param {import("./servable.js").Servable} servable
   * @param {Rows} rows
   * @param {number} rowUs
   */
  constructor(servable, rows, rowUs) {
    this.#servable = servable;
    this.#rows = rows;
    this.#mostRows = Math.floor(LONGEST_CALL_US / rowUs);
  }

  /**
   * @param {Offer} offer
   * @param {import("./options.js").Settled} options
   * @param {Promise<WebAssembly.Module | undefined>} module Of onnxruntime-web, by `compiledModule`.
   * @param {Remote} worker Counts what is seen here.
   */
  static async start({ pack, layouts, rowUs }, { assets, salt }, module, worker) {
    engine ??= Engine.start({ assets, threads: 1 }, module);
    const rows = new Rows(worker);
    const servable = await loaded(pack, layouts, { engine: await engine, recorder: rows, salt });
    return new Near(servable, rows, rowUs);
  }

  /**
   * Predict, unless that takes long or this has ended: then nothing comes back.
   * @param {import("./inputs.js").Rows} rows
   * @returns {Promise<Answer | undefined>}
   */
  async predict(rows) {
    // Before anything is waited for, since the caller's array may change then.
    const encoded = this.#servable.encode(ArrayBuffer.isView(rows) ? /** @type {any} */ (rows).slice() : rows);
    if (this.#isOver || encoded.count > this.#mostRows) return undefined;
    this.#underWay += 1;
    try {
      const { decoded } = await this.#servable.serve(encoded);
      return this.#servable.answer(decoded);
    } finally {
      this.#underWay -= 1;
      if (globalThis.document?.hidden) this.flush(); // its timers are late
    }
  }

  /** Hand on what was seen. */
  flush() {
    this.#rows.flush();
  }

  /** Let go as soon as every call has been answered. */
  async end() {
    this.#isOver = true;
    while (this.#underWay) await new Promise((resolve) => setTimeout(resolve, 5));
    this.flush();
    await this.#servable.session.release();
  }
}

/** The recorder of this thread: a worker counts. */
class Rows {
  #worker;
  /** @type {Float32Array[]} */
  #waiting = [];
  #count = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Remote} worker */
  constructor(worker) {
    this.#worker = worker;
  }

  knows() {
    // The worker does.
  }

  /**
   * @param {string} _digest
   * @param {string} _role
   * @param {Float32Array} rows
   * @param {number} count
   */
  observe(_digest, _role, rows, count) {
    this.#waiting.push(rows);
    this.#count += count;
    if (this.#waiting.length >= MOST_CALLS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WAIT_MS);
  }

  count() {
    // Of all counts, only a failure can come from here.
    this.#worker.call("countFailure").catch(() => undefined); // the worker is gone, and with it its counts
  }

  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#waiting.length) return;
    const calls = this.#waiting.length;
    const rows = joinedRows(this.#waiting.splice(0));
    const seen = this.#worker.give([rows.buffer], "observed", rows, this.#count, calls);
    seen.catch(() => undefined); // as above
    this.#count = 0;
  }
}
