/**
 * Counts of a categorical column: the reference's categories by index, all others together.
 *
 * Mirrors `edge_contract/stats/categories.py`.
 */
import { bitsOf } from "./float32.js";
import { increment, sparseState } from "./sparse.js";
import { HASH_BITS } from "./text_hash.js";

const KEPT_HASHES = 32;
const HASHES = 2 ** HASH_BITS;

/**
 * The hash that an unknown category's code carries; any other number is hashed.
 * @param {number} code
 */
export function hashOfCode(code) {
  if (code >= -HASHES && code < 0 && code === Math.trunc(code)) return -1 - code;
  return Math.imul(bitsOf(code), 0x9e3779b1) >>> (32 - HASH_BITS);
}

/** Counts by category. */
export class Categories {
  /** @param {{size: number}} spec */
  constructor(spec) {
    this.size = spec.size;
    this.count = 0;
    this.missing = 0;
    this.other = 0;
    /** @type {Map<number, number>} */
    this.counts = new Map();
    /** @type {number[]} the smallest hashes of other categories, rising */
    this.hashes = [];
  }

  /**
   * Add one code.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, [place], from = 0) {
    const code = numbers[from + place];
    this.count += 1;
    if (Number.isNaN(code)) {
      this.missing += 1;
    } else if (code >= 0 && code < this.size && code === Math.trunc(code)) {
      increment(this.counts, code);
    } else {
      this.other += 1;
      this.#keep(hashOfCode(code));
    }
  }

  state() {
    return [this.missing, this.other, sparseState(this.counts), [...this.hashes]];
  }

  /** @param {number} hash */
  #keep(hash) {
    const full = this.hashes.length === KEPT_HASHES;
    if (this.hashes.includes(hash) || (full && hash > this.hashes[KEPT_HASHES - 1])) return;
    this.hashes.push(hash);
    this.hashes.sort((a, b) => a - b);
    this.hashes.length = Math.min(this.hashes.length, KEPT_HASHES);
  }
}
