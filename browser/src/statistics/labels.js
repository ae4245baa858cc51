/** What came true: confusion counts and calibration; mirrors `labels.py`. */
import { pairKey } from "./pairs.js";
import { increment, sparseState } from "./sparse.js";

const CALIBRATION_BINS = 16;

/** Counts of (predicted class, true class, probability of the predicted class). */
export class Labels {
  /** @param {{classes: number}} spec */
  constructor(spec) {
    this.classes = spec.classes;
    this.count = 0;
    this.unknown = 0;
    /** @type {Map<number, number>} */
    this.confusion = new Map();
    /** @type {Map<number, {count: number, sum: number, correct: number}>} */
    this.calibration = new Map();
  }

  /**
   * Add one (predicted class, true class, probability or NaN).
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, [predictedPlace, truthPlace, scorePlace], from = 0) {
    const predicted = numbers[from + predictedPlace];
    const truth = numbers[from + truthPlace];
    const probability = numbers[from + scorePlace];
    const key = pairKey(predicted, truth, this.classes);
    this.count += 1;
    if (key < 0) {
      this.unknown += 1;
      return;
    }
    increment(this.confusion, key);
    if (!(probability >= 0 && probability <= 1.0001)) return;
    const bin = Math.min(Math.trunc(probability * CALIBRATION_BINS), CALIBRATION_BINS - 1);
    const found = this.calibration.get(bin) ?? { count: 0, sum: 0, correct: 0 };
    this.calibration.set(bin, {
      count: found.count + 1,
      sum: found.sum + Math.min(probability, 1),
      correct: found.correct + (predicted === truth ? 1 : 0),
    });
  }

  state() {
    const rising = [...this.calibration].sort(([a], [b]) => a - b);
    return [
      this.unknown,
      sparseState(this.confusion),
      rising.map(([bin, { count, sum, correct }]) => [bin, count, sum, correct]),
    ];
  }
}
