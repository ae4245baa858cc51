/** Count, mean, variance and range of a number; mirrors `edge_contract/stats/moments.py`. */
import { MAX_FLOAT32, rounded } from "./float32.js";

/** Mean and variance in one pass (Welford). */
export class Moments {
  constructor() {
    this.finite = 0;
    this.nonfinite = 0;
    this.mean = 0;
    this.m2 = 0;
    this.low = 0;
    this.high = 0;
  }

  get count() {
    return this.finite + this.nonfinite;
  }

  /**
   * Add one number; what is not finite only raises `nonfinite`.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, [place], from = 0) {
    this.add(numbers[from + place]);
  }

  /** @param {number} value */
  add(value) {
    if (!(Math.abs(value) <= MAX_FLOAT32)) {
      this.nonfinite += 1;
      return;
    }
    const single = rounded(value);
    this.low = this.finite ? Math.min(this.low, single) : single;
    this.high = this.finite ? Math.max(this.high, single) : single;
    this.finite += 1;
    const delta = value - this.mean;
    this.mean += delta / this.finite;
    this.m2 += delta * (value - this.mean);
  }

  /**
   * Add every number of a column.
   * @param {ArrayLike<number>} rows
   * @param {number} place Of the column in a row.
   * @param {number} width Of a row.
   * @param {boolean} skipsNan Whether missing numbers are left out, not counted.
   */
  observeColumn(rows, place, width, skipsNan) {
    let { finite, nonfinite, mean, m2, low, high } = this; // fields would be written row by row
    for (let at = place; at < rows.length; at += width) {
      const value = rows[at];
      if (!(Math.abs(value) <= MAX_FLOAT32)) {
        if (!skipsNan || value === value) nonfinite += 1;
        continue;
      }
      const single = rounded(value);
      if (!finite || single < low) low = single;
      if (!finite || single > high) high = single;
      finite += 1;
      const delta = value - mean;
      mean += delta / finite;
      m2 += delta * (value - mean);
    }
    Object.assign(this, { finite, nonfinite, mean, m2, low, high });
  }

  /** `[finite, nonfinite, mean, m2, low, high]`. */
  state() {
    return [this.finite, this.nonfinite, this.mean, this.m2, this.low, this.high];
  }
}
