/**
 * The identifiers by which truths find their predictions; mirrors `edge_agent/prediction.py`.
 *
 * An identifier carries what a label needs to be counted, so nothing has to be kept here.
 */
import { UsageError } from "./errors.js";

const PREFIX_CHARACTERS = 12;
const NUMBER_BITS = 56;
const HEAD_BYTES = 16;
const MOST_ARGUMENTS = 4096;

/**
 * @typedef {object} PredictionId
 * @property {string} prefix First digits of the package's digest.
 * @property {bigint} number Of the first row; the others follow.
 * @property {Float32Array} classes
 * @property {Float32Array} scores
 */

/** Numbers are drawn by so many: a draw takes longer than a small model. */
const drawn = new BigUint64Array(128);
let unused = 0;

/** A number that no other call has. */
export function drawNumber() {
  if (!unused) {
    crypto.getRandomValues(drawn);
    unused = drawn.length;
  }
  unused -= 1;
  return BigInt.asUintN(NUMBER_BITS, drawn[unused]);
}

/**
 * @param {string} digest Of the package.
 * @param {bigint} number
 * @param {Float32Array} classes
 * @param {Float32Array} scores
 */
export function makeId(digest, number, classes, scores) {
  const prefix = digest.replace("sha256:", "").slice(0, PREFIX_CHARACTERS);
  const rows = classes.length;
  const data = new Uint8Array(HEAD_BYTES + 8 * rows);
  const view = new DataView(data.buffer);
  for (let row = 0; row < rows; row += 1) {
    view.setFloat32(HEAD_BYTES + 4 * row, classes[row], true);
    view.setFloat32(HEAD_BYTES + 4 * (rows + row), scores[row], true);
  }
  view.setUint32(0, checksum(prefix, number, data.subarray(HEAD_BYTES)), true);
  view.setBigUint64(4, number, true);
  view.setUint32(12, rows, true);
  let text = "";
  for (let from = 0; from < data.length; from += MOST_ARGUMENTS) {
    text += String.fromCharCode(...data.subarray(from, from + MOST_ARGUMENTS));
  }
  return `${prefix}.${btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")}`;
}

/**
 * Read an identifier; throws `UsageError` if it is none that `predict` made.
 * @param {string} text
 * @returns {PredictionId}
 */
export function parseId(text) {
  const shown = String(text).slice(0, 60);
  if (typeof text !== "string") throw new UsageError(`${shown} is no prediction id`);
  const [prefix, packed = ""] = text.split(".");
  let data;
  try {
    const plain = atob(packed.replace(/-/g, "+").replace(/_/g, "/"));
    data = Uint8Array.from(plain, (character) => character.charCodeAt(0));
  } catch {
    throw new UsageError(`"${shown}" is no prediction id`);
  }
  const view = new DataView(data.buffer);
  const rows = data.length >= HEAD_BYTES ? view.getUint32(12, true) : 0;
  const number = data.length >= HEAD_BYTES ? view.getBigUint64(4, true) : 0n;
  const body = data.subarray(HEAD_BYTES);
  if (
    !rows ||
    body.length !== 8 * rows ||
    view.getUint32(0, true) !== checksum(prefix, number, body)
  ) {
    throw new UsageError(`"${shown}" is no prediction id: it is cut off or changed`);
  }
  const numbers = new Float32Array(data.slice(HEAD_BYTES).buffer);
  return { prefix, number, classes: numbers.slice(0, rows), scores: numbers.slice(rows) };
}

/**
 * @param {string} prefix
 * @param {bigint} number
 * @param {Uint8Array} body
 */
function checksum(prefix, number, body) {
  return crc32(body, crc32(ENCODER.encode(`${prefix}/${number}/`), 0));
}

const ENCODER = new TextEncoder();

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  let rest = value;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/**
 * @param {Uint8Array} data
 * @param {number} before
 */
function crc32(data, before) {
  let value = ~before >>> 0;
  for (const byte of data) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}
