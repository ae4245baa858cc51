/** How unlike the training data the last rows are: surprise in bits beyond what it has itself. */
import { codeOf } from "../src/statistics/sketch.js";

const REMEMBERED = 8;

/**
 * @typedef {{subject: string, kind: string} & import("../src/statistics/sketch.js").SketchSpec} Column
 * @typedef {{columns: Column[], state: [number, any][], rows: number}} Reference
 */

/** One numeric feature of the reference. */
class Known {
  #spec;
  /** @type {Map<number | string, number>} rows by bucket */
  #counts = new Map();
  #total;
  expectedBits;

  /**
   * @param {Column} spec
   * @param {[number, number, number, number, [number[], number[]]]} state
   */
  constructor(spec, [zero, missing, , , [gaps, counts]]) {
    this.#spec = spec;
    let key = 0;
    gaps.forEach((gap, place) => {
      key += gap;
      this.#counts.set(key, counts[place]);
    });
    if (zero) this.#counts.set("zero", zero);
    if (missing) this.#counts.set("missing", missing);
    // Half a row more for each bucket, and for the one that was never seen.
    const all = [...this.#counts.values()];
    this.#total = all.reduce((sum, count) => sum + count, (all.length + 1) / 2);
    this.expectedBits = all.reduce(
      (sum, count) => sum - ((count + 0.5) / this.#total) * Math.log2((count + 0.5) / this.#total),
      0,
    );
  }

  /** @param {number} value */
  bits(value) {
    const bucket = Number.isNaN(value) ? "missing" : value === 0 ? "zero" : codeOf(this.#spec, value);
    return -Math.log2(((this.#counts.get(bucket) ?? 0) + 0.5) / this.#total);
  }
}

/** Watches the rows of one page. */
export class DriftMeter {
  /** @type {(Known | undefined)[]} */
  #known;
  #expected;
  /** @type {number[]} */
  #past = [];
  #now = NaN;

  /**
   * @param {Reference} reference
   * @param {{name: string}[]} features
   */
  constructor(reference, features) {
    const states = new Map(reference.state);
    this.#known = features.map(({ name }) => {
      const index = reference.columns.findIndex(
        ({ subject, kind }) => subject === `feature:${name}` && kind === "sketch",
      );
      return index < 0 ? undefined : new Known(reference.columns[index], states.get(index));
    });
    const all = this.#known.filter((known) => known !== undefined);
    this.#expected = all.reduce((sum, known) => sum + known.expectedBits, 0) / Math.max(all.length, 1);
  }

  /** Look at a row, in place of the one before. @param {ArrayLike<number>} row */
  see(row) {
    let [sum, count] = [0, 0];
    this.#known.forEach((known, place) => {
      if (!known) return;
      sum += known.bits(row[place]);
      count += 1;
    });
    this.#now = count ? sum / count - this.#expected : NaN;
  }

  /** The row is finished: the next one is another. */
  next() {
    if (!Number.isNaN(this.#now)) this.#past = [...this.#past, this.#now].slice(1 - REMEMBERED);
    this.#now = NaN;
  }

  /** Bits a feature beyond what the training data has, over the last rows; 0 before any. */
  get excessBits() {
    const all = Number.isNaN(this.#now) ? this.#past : [...this.#past, this.#now];
    return all.length ? all.reduce((sum, bits) => sum + bits, 0) / all.length : 0;
  }
}
