/**
 * SHA-256 (FIPS 180-4), at once: the browser's own takes a turn of the event loop, and works in
 * secure contexts only.
 */

/** @type {Uint32Array} the first 32 bits of the fractions of cube roots of the first 64 primes */
const ROUNDS = new Uint32Array(64);
/** @type {Uint32Array} the same of the square roots of the first 8 */
const START = new Uint32Array(8);

for (let count = 0, number = 2; count < 64; number++) {
  let isPrime = true;
  for (let factor = 2; factor * factor <= number; factor++) isPrime &&= number % factor !== 0;
  if (!isPrime) continue;
  if (count < 8) START[count] = fraction(Math.sqrt(number));
  ROUNDS[count++] = fraction(Math.cbrt(number));
}

/** @param {number} root */
function fraction(root) {
  return (root - Math.floor(root)) * 2 ** 32;
}

/**
 * The digest of some bytes.
 * @param {ArrayLike<number>} bytes
 * @returns {Uint8Array<ArrayBuffer>} 32 bytes
 */
export function sha256(bytes) {
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, bytes.length / 2 ** 29);
  view.setUint32(padded.length - 4, bytes.length << 3);
  const state = Uint32Array.from(START);
  for (let place = 0; place < padded.length; place += 64) addBlock(state, view, place);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setUint32(4 * index, word));
  return new Uint8Array(digest.buffer);
}

const words = new Uint32Array(64);

/**
 * @param {Uint32Array} state is changed
 * @param {DataView} view
 * @param {number} place of the block in it
 */
function addBlock(state, view, place) {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(place + 4 * i);
  for (let i = 16; i < 64; i++) {
    const [early, late] = [words[i - 15] ?? 0, words[i - 2] ?? 0];
    const small = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const large = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    words[i] = (words[i - 16] ?? 0) + small + (words[i - 7] ?? 0) + large;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i++) {
    const high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const first = h + high + ((e & f) ^ (~e & g)) + (ROUNDS[i] ?? 0) + (words[i] ?? 0);
    const low = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const second = low + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] = (state[index] ?? 0) + word));
}

/**
 * @param {number} word
 * @param {number} bits
 */
function turned(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}
