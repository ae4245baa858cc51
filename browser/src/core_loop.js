/** The core's loop: takes inputs and hands them to the core one at a time; mirrors `core_loop.py`. */
import { saying } from "./errors.js";

/**
 * @typedef {import("./python.js").Answer | undefined} Output
 * @typedef {(nowS: number) => Output | Promise<Output>} Input
 */

const WATCH_MS = 250;
const LONGEST_WAIT_MS = 60_000;

/** Monotonic seconds. */
export const nowS = () => performance.now() / 1000;

/** Runs one core. */
export class CoreLoop {
  #core;
  #carryOut;
  #watch;
  /** @type {Promise<void>} */
  #last = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #open = true;

  /**
   * @param {import("./python.js").Core} core
   * @param {object} parts
   * @param {(answer: import("./python.js").Answer) => Promise<void>} parts.carryOut
   * @param {Input} parts.watch Is an input whenever anything happens.
   */
  constructor(core, { carryOut, watch }) {
    this.#core = core;
    this.#carryOut = carryOut;
    this.#watch = watch;
  }

  /**
   * Hand the core an input soon; resolves when its effects are carried out.
   * @param {Input} input
   * @returns {Promise<void>}
   */
  put(input) {
    if (!this.#open) return Promise.resolve();
    this.#last = this.#last.then(async () => {
      await this.#attempt(input);
      await this.#attempt(this.#watch);
      if (nowS() >= this.#core.wakeAtS) {
        await this.#attempt((now) => this.#core.call("on_timer", now, Date.now() / 1000));
      }
      this.#schedule();
    });
    return this.#last;
  }

  async close() {
    this.#open = false;
    clearTimeout(this.#timer);
    await this.#last;
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (!this.#open) return;
    const longest = this.#core.onTrial ? WATCH_MS : LONGEST_WAIT_MS;
    const waitMs = Math.min(Math.max((this.#core.wakeAtS - nowS()) * 1000, 1), longest);
    this.#timer = setTimeout(() => this.put(() => undefined), waitMs);
  }

  /** @param {Input} input */
  async #attempt(input) {
    try {
      const answer = await input(nowS());
      if (answer) await this.#carryOut(answer);
    } catch (error) {
      // Python is no more, as for want of memory: the page hears of it so, and starts it anew.
      if (/** @type {any} */ (error).pyodide_fatal_error) reportError(error);
      console.error(`a defect in the agent: this input is lost, predictions go on: ${saying(error)}`);
    }
  }
}
