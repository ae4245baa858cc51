/** Whether numbers still move together as they did; mirrors `joint.py`. */
import { factorOf, quantised } from "./quantised.js";

/** Sums of products of standardised values, by pair. */
export class Joint {
  /** @param {{centers: number[], scales: number[], pairs: [number, number][]}} spec */
  constructor(spec) {
    this.centers = spec.centers;
    this.factors = spec.scales.map(factorOf);
    this.pairs = spec.pairs;
    const none = () => new Array(this.pairs.length).fill(0);
    this.found = new Float64Array(this.centers.length);
    this.count = 0;
    /** @type {number[]} */
    this.missing = none();
    /** @type {number[]} */
    this.totals = none();
    /** @type {number[]} */
    this.squares = none();
  }

  /**
   * Add one number per feature.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, places, from = 0) {
    const { found, pairs } = this;
    for (let index = 0; index < places.length; index += 1) {
      const value = numbers[from + places[index]];
      found[index] = quantised(value, this.centers[index], this.factors[index]);
    }
    this.count += 1;
    for (let index = 0; index < pairs.length; index += 1) {
      const product = found[pairs[index][0]] * found[pairs[index][1]];
      if (product !== product) {
        this.missing[index] += 1;
        continue;
      }
      this.totals[index] += product;
      this.squares[index] += product * product;
    }
  }

  state() {
    return [this.count, [...this.missing], this.totals.map(plain), [...this.squares]];
  }
}

/**
 * Zero without its sign: JSON would lose it, comparisons would not.
 * @param {number} number
 */
function plain(number) {
  return number === 0 ? 0 : number;
}
