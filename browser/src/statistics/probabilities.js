/** Histogram of the predicted probability, per predicted class; mirrors `probabilities.py`. */
import { isClass } from "./pairs.js";
import { increment, sparseState } from "./sparse.js";

export const BINS = 64;

/**
 * The bin, 0 to 63, of a number from 0 to 1; bins are the narrower the nearer to 0.
 * @param {number} part
 */
export function fineBin(part) {
  const root = Math.sqrt(part);
  return Math.min(Math.trunc((root + Math.sqrt(root)) * (BINS / 2)), BINS - 1);
}

/** Counts of (predicted class, probability of that class). */
export class Probabilities {
  /** @param {{lows: number[]}} spec */
  constructor(spec) {
    this.lows = spec.lows;
    this.count = 0;
    this.invalid = 0;
    /** @type {Map<number, {sum: number, counts: Map<number, number>}>} */
    this.classes = new Map();
  }

  /**
   * Add one row; rounding errors above 1 are forgiven.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, [classPlace, scorePlace], from = 0) {
    const predicted = numbers[from + classPlace];
    const probability = numbers[from + scorePlace];
    this.count += 1;
    if (!isClass(predicted, this.lows.length) || !(probability >= 0 && probability <= 1.0001)) {
      this.invalid += 1;
      return;
    }
    const part = (1 - probability) / (1 - this.lows[predicted]);
    const bin = BINS - 1 - fineBin(Math.min(Math.max(part, 0), 1));
    let found = this.classes.get(predicted);
    if (!found) this.classes.set(predicted, (found = { sum: 0, counts: new Map() }));
    increment(found.counts, bin);
    found.sum += Math.min(probability, 1);
  }

  state() {
    const rising = [...this.classes].sort(([a], [b]) => a - b);
    return [
      this.invalid,
      rising.map(([predicted, { sum, counts }]) => [predicted, sum, sparseState(counts)]),
    ];
  }
}
