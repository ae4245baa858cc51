/** What all probabilities of a row are worth; mirrors `class_probabilities.py`. */
import { isClass } from "./pairs.js";
import { BINS, fineBin } from "./probabilities.js";
import { increment, sparseState } from "./sparse.js";

const SHARES = 1 << 16;
const WORTH_BINS = 2 * BINS;

/**
 * The bin of a table, 0 to 127, of a probability; narrow near 0 and near 1.
 * @param {number} probability
 */
function worthBin(probability) {
  if (probability < 0.5) return fineBin(2 * probability);
  return WORTH_BINS - 1 - fineBin(Math.max(2 * (1 - probability), 0));
}

/** Sums over rows of (predicted class, probability of each class). */
export class ClassProbabilities {
  /** @param {{worths: number[][]}} spec */
  constructor(spec) {
    this.worths = spec.worths;
    const none = () => new Array(this.worths.length).fill(0);
    this.invalid = 0;
    this.rows = 0;
    /** @type {number[]} */
    this.right = none();
    /** @type {number[]} */
    this.expected = none();
    /** @type {Map<number, number>[]} */
    this.rivals = this.worths.map(() => new Map());
  }

  get count() {
    return this.invalid + this.rows;
  }

  /**
   * Add one row; rounding errors above 1 are forgiven.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, [classPlace, ...scorePlaces], from = 0) {
    const predicted = numbers[from + classPlace];
    const probabilities = scorePlaces.map((place) => numbers[from + place]);
    const valid = probabilities.every((p) => p >= 0 && p <= 1.0001);
    if (!isClass(predicted, probabilities.length) || !valid) {
      this.invalid += 1;
      return;
    }
    const shares = this.#shares(probabilities.map(worthBin));
    this.rows += 1;
    this.right[predicted] += shares[predicted];
    probabilities.forEach((p, rival) => {
      this.expected[rival] += shares[rival];
      if (rival !== predicted) increment(this.rivals[rival], fineBin(Math.min(p, 1)));
    });
  }

  state() {
    const rivals = [...this.rivals.entries()].filter(([, counts]) => counts.size);
    return [
      this.invalid,
      this.rows,
      [...this.right],
      [...this.expected],
      rivals.map(([rival, counts]) => [rival, sparseState(counts)]),
    ];
  }

  /** @param {number[]} bins */
  #shares(bins) {
    const worths = bins.map((bin, index) => this.worths[index][bin]);
    const total = worths.reduce((a, b) => a + b, 0);
    if (!total) return worths.map(() => Math.floor(SHARES / worths.length));
    return worths.map((worth) => Math.floor((worth * SHARES + Math.floor(total / 2)) / total));
  }
}
