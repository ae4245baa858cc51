/** Count, mean, variance and range of a number; mirrors `edge_contract/stats/moments.py`. */
import { decimalOf, MAX_FLOAT32, rounded } from "./float32.js";

const ALL_DIGITS = 17;

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

  /** `[finite, nonfinite, mean, m2, low, high]`, in as few digits as they deserve. */
  state() {
    const m2 = withDigits(this.m2, 7);
    const deviation = this.finite ? Math.sqrt(m2 / this.finite) : 0;
    let mean = this.mean;
    if (mean && deviation) {
      mean = withDigits(mean, exponent(mean) - exponent(deviation) + 7);
      mean = Math.min(Math.max(mean, -MAX_FLOAT32), MAX_FLOAT32);
    }
    return [this.finite, this.nonfinite, mean, m2, decimalOf(this.low), decimalOf(this.high)];
  }
}

/**
 * The number rounded to so many significant digits; 0 for none.
 * @param {number} number
 * @param {number} digits
 */
function withDigits(number, digits) {
  if (digits < 1) return 0;
  return digits < ALL_DIGITS ? Number(number.toExponential(digits - 1)) : number;
}

/**
 * The power of ten of the first digit of a number that is not 0.
 * @param {number} number
 */
function exponent(number) {
  return Math.floor(Math.log10(Math.abs(number)));
}
