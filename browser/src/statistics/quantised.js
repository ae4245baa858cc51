/** Quantised numbers: small integers whose sums are exact; mirrors `quantised.py`. */
import { MAX_FLOAT32, rounded } from "./float32.js";

const STEPS = 16;
const LARGEST = 48;

/**
 * What offsets from the center are multiplied by, a float32 number.
 * @param {number} scale
 */
export function factorOf(scale) {
  return rounded(STEPS / scale);
}

/**
 * The integer of a float32 number; NaN if it is missing or infinite.
 * @param {number} value
 * @param {number} center
 * @param {number} factor
 */
export function quantised(value, center, factor) {
  if (!(Math.abs(value) <= MAX_FLOAT32)) return NaN;
  const steps = rounded(rounded(value - center) * factor);
  const bounded = Math.min(Math.max(steps, -LARGEST), LARGEST);
  return Math.floor(rounded(bounded + 0.5));
}
