/**
 * Turns text into the numbers that statistics of categories count; the text itself never leaves.
 *
 * Mirrors `edge_contract/stats/text_hash.py`.
 */
export const HASH_BITS = 23;

/**
 * A 23-bit hash of a salt and a text.
 * @param {string} text
 * @param {string} [salt]
 */
export function textHash(text, salt = "") {
  let value = 0x811c9dc5;
  for (const byte of utf8(`${salt}\0${text}`)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b) >>> 0;
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35) >>> 0;
  return (value ^ (value >>> 16)) >>> (32 - HASH_BITS);
}

/**
 * The index of a known category, or `-1 - hash` of another one.
 * @param {string} text
 * @param {ReadonlyMap<string, number>} known
 * @param {string} [salt]
 */
export function categoryCode(text, known, salt = "") {
  return known.get(text) ?? -1 - textHash(text, salt);
}

/**
 * The bytes of a text. A half of a surrogate pair that stands alone is encoded as it is, as Python
 * does it here, and not replaced, as TextEncoder would.
 * @param {string} text
 */
function* utf8(text) {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) {
      yield code;
    } else if (code < 0x800) {
      yield 0xc0 | (code >> 6);
      yield 0x80 | (code & 0x3f);
    } else if (code < 0x10000) {
      yield 0xe0 | (code >> 12);
      yield 0x80 | ((code >> 6) & 0x3f);
      yield 0x80 | (code & 0x3f);
    } else {
      yield 0xf0 | (code >> 18);
      yield 0x80 | ((code >> 12) & 0x3f);
      yield 0x80 | ((code >> 6) & 0x3f);
      yield 0x80 | (code & 0x3f);
    }
  }
}
