/** Sparse counts: whole-number keys to positive counts, and their compact wire form. */

/**
 * Add to the count of a key.
 * @param {Map<number, number>} counts
 * @param {number} key
 */
export function increment(counts, key) {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/**
 * `[first key and gaps to the next ones, counts]`: small numbers compress well.
 * @param {Map<number, number>} counts
 * @returns {[number[], number[]]}
 */
export function sparseState(counts) {
  const keys = [...counts.keys()].sort((a, b) => a - b);
  const gaps = keys.map((key, place) => (place ? key - keys[place - 1] : key));
  return [gaps, keys.map((key) => counts.get(key) ?? 0)];
}
