/**
 * Turns text into the numbers that statistics of categories count; the text itself never leaves.
 *
 * Mirrors `edge_contract/stats/text_hash.py`.
 */
import { sha256 } from "./sha256.js";

export const HASH_BITS = 23;

/**
 * The first 23 bits of SHA-256 over the salt's own SHA-256 and the text.
 * @param {string} text
 * @param {string} [salt] the secret; whoever has none cannot try which texts have that hash
 */
export function textHash(text, salt = "") {
  const digest = sha256([...keyOf(salt), ...utf8(text)]);
  return new DataView(digest.buffer).getUint32(0) >>> (32 - HASH_BITS);
}

/** @type {Map<string, Uint8Array>} */
const keys = new Map();

/** @param {string} salt */
function keyOf(salt) {
  let key = keys.get(salt);
  if (key === undefined) {
    key = sha256([...utf8(salt)]);
    keys.set(salt, key);
  }
  return key;
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
