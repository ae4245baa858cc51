/**
 * Single-precision arithmetic, bit for bit as `edge_contract/stats/float32.py` and numpy do it.
 */

export const MAX_FLOAT32 = 3.4028234663852886e38;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The nearest single-precision number; too large a value becomes an infinity.
 * @type {(value: number) => number}
 */
export const rounded = Math.fround;

/**
 * The 32 bits of a single-precision number.
 * @param {number} value
 */
export function bitsOf(value) {
  float[0] = value;
  return bits[0];
}

/**
 * The single-precision number of 32 bits.
 * @param {number} pattern
 */
export function floatOf(pattern) {
  bits[0] = pattern;
  return float[0];
}
