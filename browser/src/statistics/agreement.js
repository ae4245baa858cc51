/** How a candidate in the shadow agrees with the version that serves; mirrors `agreement.py`. */
import { Moments } from "./moments.js";
import { pairKey } from "./pairs.js";
import { increment, sparseState } from "./sparse.js";

/** Counts of (serving class, its score, candidate's class, its score). */
export class Agreement {
  /** @param {{classes: number}} spec */
  constructor(spec) {
    this.classes = spec.classes;
    this.count = 0;
    this.unknown = 0;
    /** @type {Map<number, number>} */
    this.pairs = new Map();
    this.gap = new Moments();
  }

  /**
   * Add one row of four numbers.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, [servingPlace, servingScorePlace, candidatePlace, candidateScorePlace], from = 0) {
    this.count += 1;
    if (this.classes) {
      const key = pairKey(
        numbers[from + servingPlace],
        numbers[from + candidatePlace],
        this.classes,
      );
      if (key < 0) {
        this.unknown += 1;
        return;
      }
      increment(this.pairs, key);
    }
    this.gap.add(numbers[from + candidateScorePlace] - numbers[from + servingScorePlace]);
  }

  state() {
    return [this.unknown, sparseState(this.pairs), this.gap.state()];
  }
}
