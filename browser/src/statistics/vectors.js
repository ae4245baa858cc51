/** Where the cloud of embeddings lies, component by component; mirrors `vectors.py`. */
import { factorOf, quantised } from "./quantised.js";

/** Sums of standardised components. */
export class Vectors {
  /** @param {{centers: number[], scales: number[]}} spec */
  constructor(spec) {
    this.centers = spec.centers;
    this.factors = spec.scales.map(factorOf);
    const none = () => new Array(this.centers.length).fill(0);
    this.count = 0;
    this.missing = 0;
    /** @type {number[]} */
    this.totals = none();
    /** @type {number[]} */
    this.squares = none();
  }

  /**
   * Add one vector.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, places, from = 0) {
    const found = places.map((place, index) =>
      quantised(numbers[from + place], this.centers[index], this.factors[index]),
    );
    this.count += 1;
    if (found.some(Number.isNaN)) {
      this.missing += 1;
      return;
    }
    found.forEach((number, index) => {
      this.totals[index] += number;
      this.squares[index] += number * number;
    });
  }

  state() {
    return [this.count, this.missing, [...this.totals], [...this.squares]];
  }
}
