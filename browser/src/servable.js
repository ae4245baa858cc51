/** A loaded package: rows in, predictions out, everything observed; mirrors `servable.py`. */
import { InputEncoder } from "./inputs.js";
import { reference } from "./manifest.js";
import { OutputDecoder } from "./outputs.js";
import { drawNumber, makeId } from "./prediction_id.js";

/**
 * @typedef {{encoded: import("./inputs.js").Encoded, decoded: import("./outputs.js").Decoded}} Served
 * @typedef {{classes: Float32Array, scores: Float32Array}} Primary
 * @typedef {Pick<import("./recorder.js").Recorder, "knows" | "observe" | "count">} Counting
 */

/** Calls whose times are remembered. */
const REMEMBERED = 31;

/** One package with its session. */
export class Servable {
  #layouts;
  #encoder;
  #decoder;
  #recorder;
  /** @type {number[]} */
  #rowUs = [];
  calls = 0;
  failures = 0;

  /**
   * @param {import("./manifest.js").Package} pack
   * @param {import("./engine.js").Session} session
   * @param {object} parts
   * @param {import("./engine.js").Ort} parts.ort
   * @param {import("./manifest.js").Layouts} parts.layouts
   * @param {Counting} parts.recorder
   * @param {string} parts.salt Of the fleet, for hashing unknown categories.
   */
  constructor(pack, session, { ort, layouts, recorder, salt }) {
    this.digest = pack.digest;
    this.manifest = pack.manifest;
    this.name = reference(pack.manifest);
    this.session = session;
    this.#layouts = layouts;
    this.#encoder = new InputEncoder(ort, pack.manifest, salt);
    this.#decoder = new OutputDecoder(pack.manifest);
    this.#recorder = recorder;
    recorder.knows(pack.digest, layouts);
  }

  /**
   * The model's inputs of some rows; throws `UsageError` if they do not fit.
   * @param {import("./inputs.js").Rows} rows
   */
  encode(rows) {
    return this.#encoder.encode(rows);
  }

  /**
   * Predict; what was seen is counted when the answer is under way.
   * @param {import("./inputs.js").Encoded} encoded
   * @returns {Promise<Served>}
   */
  async serve(encoded) {
    const began = performance.now();
    let decoded;
    try {
      decoded = this.#decoder.decode(await this.session.run(encoded.feeds), encoded.count);
    } catch (error) {
      this.countFailure();
      throw error;
    }
    const latencyUs = (performance.now() - began) * 1000;
    const seen = this.#primaryRows(encoded, decoded, latencyUs);
    this.#recorder.observe(this.digest, "primary", seen, encoded.count);
    this.calls += 1;
    this.#rowUs[this.calls % REMEMBERED] = latencyUs / encoded.count;
    return { encoded, decoded };
  }

  /** What a row of most of the last calls took at most; infinite before there were some. */
  get rowUs() {
    return [...this.#rowUs].sort((a, b) => a - b)[REMEMBERED >> 1] ?? Infinity;
  }

  /**
   * What callers get.
   * @param {import("./outputs.js").Decoded} decoded
   * @returns {import("./server.js").Answer}
   */
  answer({ labels, probabilities, values, classes, scores }) {
    const id = makeId(this.digest, drawNumber(), classes, scores);
    return { labels, probabilities, values, id, model: this.name, digest: this.digest };
  }

  /** Count a call that this package should have answered and did not. */
  countFailure() {
    this.failures += 1;
    this.#recorder.count(this.digest, "primary", { failures: 1 });
  }

  /**
   * Repeat a call that another version served; count how far this one agrees, or fails.
   * @param {import("./engine.js").Tensors} feeds
   * @param {number} count Rows.
   * @param {Primary} primary What the other version said.
   * @param {number} dropped Rows of calls that came while one was repeated: serving comes first.
   */
  async runShadow(feeds, count, primary, dropped) {
    if (dropped) this.#recorder.count(this.digest, "shadow", { dropped });
    const began = performance.now();
    let decoded;
    try {
      decoded = this.#decoder.decode(await this.session.run(feeds), count);
    } catch {
      this.#recorder.count(this.digest, "shadow", { failures: 1 });
      return;
    }
    const latencyUs = (performance.now() - began) * 1000;
    const { width, probabilities } = this.#layouts.shadow;
    const rows = new Float32Array(count * width);
    for (let row = 0; row < count; row += 1) {
      const from = row * width;
      rows[from] = decoded.classes[row];
      rows[from + 1] = decoded.scores[row];
      rows[from + 2] = row ? NaN : latencyUs;
      rows[from + 3] = primary.classes[row];
      rows[from + 4] = primary.scores[row];
      putProbabilities(rows, from + 5, decoded, row, probabilities);
    }
    this.#recorder.observe(this.digest, "shadow", rows, count);
  }

  /**
   * @param {import("./inputs.js").Encoded} encoded
   * @param {import("./outputs.js").Decoded} decoded
   * @param {number} latencyUs
   */
  #primaryRows({ observed, count }, decoded, latencyUs) {
    const { width, components, probabilities } = this.#layouts.primary;
    const features = this.manifest.features.length;
    const rows = new Float32Array(count * width);
    for (let row = 0; row < count; row += 1) {
      let place = row * width;
      rows.set(observed.subarray(row * features, (row + 1) * features), place);
      place += features;
      rows.set(decoded.embeddings.subarray(row * components, (row + 1) * components), place);
      place += components;
      rows[place] = decoded.classes[row];
      rows[place + 1] = decoded.scores[row];
      rows[place + 2] = row ? NaN : latencyUs;
      putProbabilities(rows, place + 3, decoded, row, probabilities);
    }
    return rows;
  }
}

/**
 * @param {Float32Array} rows
 * @param {number} place
 * @param {import("./outputs.js").Decoded} decoded
 * @param {number} row
 * @param {number} size
 */
function putProbabilities(rows, place, decoded, row, size) {
  if (size && decoded.probabilities) {
    rows.set(decoded.probabilities.subarray(row * size, (row + 1) * size), place);
  }
}
