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
  #probabilities;
  #shares;

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
    // One row's, made once.
    this.#probabilities = new Float64Array(this.worths.length);
    this.#shares = new Float64Array(this.worths.length);
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
  observe(numbers, places, from = 0) {
    const size = places.length - 1;
    const predicted = numbers[from + places[0]];
    let valid = isClass(predicted, size);
    for (let rival = 0; rival < size; rival += 1) {
      const probability = numbers[from + places[rival + 1]];
      valid &&= probability >= 0 && probability <= 1.0001;
      this.#probabilities[rival] = probability;
    }
    if (!valid) {
      this.invalid += 1;
      return;
    }
    this.#share();
    this.rows += 1;
    this.right[predicted] += this.#shares[predicted];
    for (let rival = 0; rival < size; rival += 1) {
      this.expected[rival] += this.#shares[rival];
      if (rival === predicted) continue;
      increment(this.rivals[rival], fineBin(Math.min(this.#probabilities[rival], 1)));
    }
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

  /** Share out what a row is worth among its classes. */
  #share() {
    const { worths } = this;
    const shares = this.#shares;
    let total = 0;
    for (let index = 0; index < worths.length; index += 1) {
      shares[index] = worths[index][worthBin(this.#probabilities[index])];
      total += shares[index];
    }
    for (let index = 0; index < worths.length; index += 1) {
      shares[index] = total
        ? Math.floor((shares[index] * SHARES + Math.floor(total / 2)) / total)
        : Math.floor(SHARES / worths.length);
    }
  }
}
