/**
 * The *auto m4* sketch: counts of a number on about 6 % wide buckets, from float32 bits.
 *
 * Mirrors `edge_contract/stats/sketch.py`, where the two mappings are explained.
 */
import { bitsOf, floatOf, MAX_FLOAT32, rounded } from "./float32.js";
import { increment, sparseState } from "./sparse.js";

const SHIFT = 19;
const CENTRED_BASE = 127 << 4;
const CENTRED_BUCKETS = 24 << 4;

/** @typedef {{mapping: "float-bits" | "centred", center: number, scale: number}} SketchSpec */

/**
 * The bucket of a finite float32 number other than 0; codes rise with the value.
 * @param {SketchSpec} spec
 * @param {number} value
 */
export function codeOf(spec, value) {
  return bucketing(spec)(value);
}

/**
 * What finds buckets: one for each column, as it counts them all.
 * @param {SketchSpec} spec
 * @returns {(value: number) => number}
 */
function bucketing(spec) {
  if (spec.mapping === "float-bits") return floatBucket;
  const { center } = spec;
  const factor = rounded(1 / spec.scale);
  return (value) => {
    const offset = rounded(rounded(value - center) * factor);
    const size = Math.abs(offset);
    // Infinite or missing where the scale is too small for float32: the outermost bucket.
    const bucket =
      size < Infinity
        ? Math.min((bitsOf(rounded(1 + size)) >>> SHIFT) - CENTRED_BASE, CENTRED_BUCKETS - 1)
        : CENTRED_BUCKETS - 1;
    return offset < 0 || (offset === 0 && 1 / offset < 0) ? -1 - bucket : bucket;
  };
}

/** @param {number} value */
function floatBucket(value) {
  const bits = bitsOf(value);
  const magnitude = ((bits & 0x7fffffff) >>> SHIFT) + 1;
  return bits >>> 31 ? -magnitude : magnitude;
}

/**
 * The lower and the upper edge of a bucket, in the column's unit; the outermost centred ones are
 * open and end at the largest float32 number.
 * @param {SketchSpec} spec
 * @param {number} code
 * @returns {[number, number]}
 */
export function edgesOf(spec, code) {
  if (spec.mapping === "float-bits") {
    const bucket = Math.abs(code) - 1;
    const near = floatOf(bucket << SHIFT);
    const far = Math.min(floatOf((bucket + 1) << SHIFT), MAX_FLOAT32);
    return code > 0 ? [near, far] : [-far, -near];
  }
  const bucket = code >= 0 ? code : -1 - code;
  const near = (floatOf((bucket + CENTRED_BASE) << SHIFT) - 1) * spec.scale;
  const far = (floatOf((bucket + 1 + CENTRED_BASE) << SHIFT) - 1) * spec.scale;
  const isOpen = bucket === CENTRED_BUCKETS - 1;
  if (code >= 0) {
    const low = spec.center + near;
    return [low, isOpen ? Math.max(low, MAX_FLOAT32) : spec.center + far];
  }
  const high = spec.center - near;
  return [isOpen ? Math.min(-MAX_FLOAT32, high) : spec.center - far, high];
}

/** Codes lie between -LARGEST_CODE and LARGEST_CODE, whatever the mapping. */
const LARGEST_CODE = 1 << 12;
/** Counts of a block by code, all zero between blocks: adding there is quicker than to a map. */
const block = new Uint32Array(2 * LARGEST_CODE + 1);

/** Counts of one numeric column. */
export class Sketch {
  #bucketOf;

  /** @param {SketchSpec} spec */
  constructor(spec) {
    this.#bucketOf = bucketing(spec);
    this.count = 0;
    this.zero = 0;
    this.missing = 0;
    this.positiveInfinity = 0;
    this.negativeInfinity = 0;
    /** @type {Map<number, number>} */
    this.counts = new Map();
  }

  /**
   * Add one number.
   * @param {ArrayLike<number>} numbers
   * @param {number[]} places
   * @param {number} [from]
   */
  observe(numbers, [place], from = 0) {
    const value = numbers[from + place];
    this.count += 1;
    if (Number.isNaN(value)) this.missing += 1;
    else if (value === 0) this.zero += 1;
    else if (value > MAX_FLOAT32) this.positiveInfinity += 1;
    else if (value < -MAX_FLOAT32) this.negativeInfinity += 1;
    else increment(this.counts, this.#bucketOf(value));
  }

  /**
   * Add every number of a column.
   * @param {ArrayLike<number>} rows
   * @param {number} place Of the column in a row.
   * @param {number} width Of a row.
   * @param {boolean} skipsNan Whether missing numbers are left out, not counted.
   */
  observeColumn(rows, place, width, skipsNan) {
    const codes = [];
    const bucketOf = this.#bucketOf;
    for (let at = place; at < rows.length; at += width) {
      const value = rows[at];
      if (value !== value) {
        if (skipsNan) continue;
        this.missing += 1;
      } else if (value === 0) this.zero += 1;
      else if (value > MAX_FLOAT32) this.positiveInfinity += 1;
      else if (value < -MAX_FLOAT32) this.negativeInfinity += 1;
      else {
        const code = bucketOf(value);
        if (!block[code + LARGEST_CODE]) codes.push(code);
        block[code + LARGEST_CODE] += 1;
      }
      this.count += 1;
    }
    for (const code of codes) {
      this.counts.set(code, (this.counts.get(code) ?? 0) + block[code + LARGEST_CODE]);
      block[code + LARGEST_CODE] = 0;
    }
  }

  state() {
    return [
      this.zero,
      this.missing,
      this.positiveInfinity,
      this.negativeInfinity,
      sparseState(this.counts),
    ];
  }
}
