/** Class indices, and pairs of them. */

/**
 * Whether a number is the index of a class: whole and from 0 to `classes - 1`.
 * @param {number} number
 * @param {number} classes
 */
export function isClass(number, classes) {
  return number >= 0 && number < classes && number === Math.trunc(number);
}

/**
 * The key of a pair of class indices, or -1 if one of them is no class.
 * @param {number} row
 * @param {number} column
 * @param {number} classes
 */
export function pairKey(row, column, classes) {
  return isClass(row, classes) && isClass(column, classes) ? row * classes + column : -1;
}
