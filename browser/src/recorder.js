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

/** How long rows wait, to be counted together with others: a block takes little longer than a row. */
const WAIT_MS = 20;
/** From so many rows on they wait only until the answer is under way, or not at all. */
const BLOCK_ROWS = 256;
const MOST_WAITING_ROWS = 8192;

const nowUnixS = () => Date.now() / 1000;

/** What one package counts in one role. */
class Stream {
  /** @param {import("./manifest.js").Layout} layout */
  constructor(layout) {
    this.profile = new Profile(layout.columns, layout.sources, layout.width);
    this.startUnixS = nowUnixS();
    /** @type {[number, number, number, number]} */
    this.counters = [0, 0, 0, 0];
    /** @type {Float32Array[]} rows of calls that are not in the profile yet */
    this.waiting = [];
  }

  get isEmpty() {
    return this.counters.every((count) => count === 0);
  }

  /** Count what waits. */
  catchUp() {
    const waiting = this.waiting.splice(0);
    if (waiting.length) this.profile.observe(waiting.length > 1 ? joinedRows(waiting) : waiting[0]);
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
  #waitingRows = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** Rows of the role that serves. */
  get rowsObserved() {
    return this.#rowsObserved;
  }

  /** Rises with everything that is counted. */
  get changes() {
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
   * Count the rows of one call, or of some: soon, when the answer is under way, and at the latest when
   * somebody asks what was counted.
   * @param {string} digest
   * @param {string} role
   * @param {Float32Array} rows Not changed by anybody any more.
   * @param {number} count How many rows they are.
   * @param {number} [calls]
   */
  observe(digest, role, rows, count, calls = 1) {
    const stream = this.#stream(digest, role);
    stream.waiting.push(rows);
    stream.counters[0] += count;
    stream.counters[1] += calls;
    if (role === "primary") this.#rowsObserved += count;
    this.#waitingRows += count;
    if (this.#waitingRows > MOST_WAITING_ROWS) this.#catchUp();
    else if (this.#waitingRows >= BLOCK_ROWS) this.#countIn(0);
    else if (this.#timer === undefined) this.#countIn(WAIT_MS);
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

  /** @param {number} waitMs */
  #countIn(waitMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#catchUp(), waitMs);
  }

  #catchUp() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitingRows = 0;
    for (const stream of this.#streams.values()) {
      try {
        stream.catchUp();
      } catch (error) {
        console.error(`a defect in the agent: some rows are not counted: ${saying(error)}`);
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

/**
 * Rows of several calls in one block.
 * @param {Float32Array[]} parts
 */
export function joinedRows(parts) {
  const all = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}
