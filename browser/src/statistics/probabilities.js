/** Histogram of the predicted probability, per predicted class; mirrors `probabilities.py`. */
import { isClass } from "./pairs.js";
import { increment, sparseState } from "./sparse.js";

export const BINS = 64;

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
    const low = this.lows[predicted];
    const bin = Math.trunc(((probability - low) * BINS) / (1 - low));
    let found = this.classes.get(predicted);
    if (!found) this.classes.set(predicted, (found = { sum: 0, counts: new Map() }));
    increment(found.counts, Math.min(Math.max(bin, 0), BINS - 1));
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
