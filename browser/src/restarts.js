/** Starts workers again that are gone: at once at first, and ever later if it happens again and again. */
import { saying, UnavailableError } from "./errors.js";

const FIRST_MS = 500;
const LONGEST_MS = 60_000;

/** The restarts of one kind of worker. */
export class Restarts {
  #recent = 0;

  /** Wait before another restart: twice as long with each of the last minute. */
  async pause() {
    const pauseMs = this.#recent ? Math.min(FIRST_MS * 2 ** (this.#recent - 1), LONGEST_MS) : 0;
    this.#recent += 1;
    setTimeout(() => (this.#recent -= 1), LONGEST_MS);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }

  /**
   * Another worker with the same version, tried until it loads.
   * @param {string} digest
   * @param {object} parts
   * @param {() => import("./running.js").Running} parts.make
   * @param {() => boolean} parts.isWanted
   * @param {(text: string) => void} parts.warn Hears why it does not load.
   */
  async another(digest, { make, isWanted, warn }) {
    for (;;) {
      await this.pause();
      const running = make();
      try {
        await running.load(digest);
        if (isWanted()) return running;
      } catch (error) {
        warn(saying(error));
      }
      const over = new UnavailableError("this version is no longer wanted");
      running.end(over);
      if (!isWanted()) throw over;
    }
  }
}
