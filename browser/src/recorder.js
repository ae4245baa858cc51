/**
 * The recorder: counts the rows of every package and role at once, and gives windows.
 *
 * Mirrors `edge_agent/adapters/recorder.py`; a tab needs no ring, because counting a row costs less
 * here than handing it on.
 */
import { Profile } from "./statistics/profile.js";

/**
 * @typedef {object} WindowEntry The statistics of one package in one role over one window.
 * @property {string} package
 * @property {string} role
 * @property {number} start_unix_s
 * @property {number} end_unix_s
 * @property {[number, number, number, number]} counters Rows, calls, failures, drops.
 * @property {[number, unknown][]} profile
 */

const nowUnixS = () => Date.now() / 1000;

/** What one package counts in one role. */
class Stream {
  /** @param {import("./manifest.js").Layout} layout */
  constructor(layout) {
    this.profile = new Profile(layout.columns, layout.sources, layout.width);
    this.startUnixS = nowUnixS();
    /** @type {[number, number, number, number]} */
    this.counters = [0, 0, 0, 0];
  }

  get isEmpty() {
    return this.counters.every((count) => count === 0);
  }
}

/** All streams of a tab. */
export class Recorder {
  /** @type {Map<string, import("./manifest.js").Layouts>} */
  #layouts = new Map();
  /** @type {Map<string, Stream>} */
  #streams = new Map();
  rowsObserved = 0;
  /** Rises with everything that is counted. */
  changes = 0;

  /**
   * Note how a package counts.
   * @param {string} digest
   * @param {import("./manifest.js").Layouts} layouts
   */
  knows(digest, layouts) {
    this.#layouts.set(digest, layouts);
  }

  /**
   * Count the rows of one call.
   * @param {string} digest
   * @param {string} role
   * @param {Float32Array} rows
   * @param {number} count How many rows they are.
   * @param {number} [calls]
   */
  observe(digest, role, rows, count, calls = 1) {
    const stream = this.#stream(digest, role);
    stream.profile.observe(rows);
    stream.counters[0] += count;
    stream.counters[1] += calls;
    if (role === "primary") this.rowsObserved += count;
  }

  /**
   * Count what has no row.
   * @param {string} digest
   * @param {string} role
   * @param {{failures?: number, dropped?: number}} counts
   */
  count(digest, role, { failures = 0, dropped = 0 }) {
    const stream = this.#stream(digest, role);
    stream.counters[2] += failures;
    stream.counters[3] += dropped;
  }

  /** @returns {WindowEntry[]} What was counted so far; it stays. */
  entries() {
    return [...this.#streams]
      .filter(([, stream]) => !stream.isEmpty)
      .map(([key, stream]) => {
        const [digest, role] = key.split("|");
        return {
          package: digest,
          role,
          start_unix_s: stream.startUnixS,
          end_unix_s: Math.max(nowUnixS(), stream.startUnixS),
          counters: stream.counters,
          profile: stream.profile.state(),
        };
      });
  }

  /** @returns {WindowEntry[]} What was counted so far; it begins anew. */
  take() {
    const entries = this.entries();
    this.#streams.clear();
    return entries;
  }

  /**
   * The stream that is about to count something.
   * @param {string} digest
   * @param {string} role
   */
  #stream(digest, role) {
    const key = `${digest}|${role}`;
    let stream = this.#streams.get(key);
    if (!stream) {
      const layouts = this.#layouts.get(digest);
      if (!layouts) throw new Error(`package ${digest} is not known to the recorder`);
      this.#streams.set(key, (stream = new Stream(layouts[role])));
    }
    this.changes += 1;
    return stream;
  }
}
