/**
 * The recorder: counts the rows of every package and role at once, and gives windows.
 *
 * Mirrors `edge_agent/adapters/recorder.py`; a tab needs no ring, because counting a row costs less
 * here than handing it on.
 */
import { saying } from "./errors.js";
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

/** Calls that may wait to be counted. */
const MOST_WAITING = 64;

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
  #rowsObserved = 0;
  #changes = 0;
  /** @type {(() => void)[]} */
  #waiting = [];
  /** @type {MessageChannel | undefined} */
  #turn;

  /** Rows of the role that serves. */
  get rowsObserved() {
    this.#catchUp();
    return this.#rowsObserved;
  }

  /** Rises with everything that is counted. */
  get changes() {
    this.#catchUp();
    return this.#changes;
  }

  /**
   * Note how a package counts.
   * @param {string} digest
   * @param {import("./manifest.js").Layouts} layouts
   */
  knows(digest, layouts) {
    this.#layouts.set(digest, layouts);
  }

  /**
   * Count something in a moment, when the answer to a call is under way; at the latest when somebody
   * asks what was counted.
   * @param {() => void} count
   */
  later(count) {
    this.#waiting.push(count);
    if (this.#waiting.length >= MOST_WAITING) this.#catchUp();
    if (!this.#turn) {
      this.#turn = new MessageChannel();
      this.#turn.port2.onmessage = () => this.#catchUp();
    }
    this.#turn.port1.postMessage(0);
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
    if (role === "primary") this.#rowsObserved += count;
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
    this.#catchUp();
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

  #catchUp() {
    for (const count of this.#waiting.splice(0)) {
      try {
        count();
      } catch (error) {
        console.error(`a defect in the agent: this call is not counted: ${saying(error)}`);
      }
    }
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
    this.#changes += 1;
    return stream;
  }
}
