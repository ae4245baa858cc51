/** Digests and joined bytes. */

/**
 * `sha256:` and 64 hexadecimal digits.
 * @param {Uint8Array<ArrayBuffer>} data
 */
export async function digestOf(data) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return `sha256:${[...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * @param {Uint8Array[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

/** The beginning of a digest, for people. @param {string} digest */
export function short(digest) {
  return digest.replace("sha256:", "").slice(0, 12);
}
