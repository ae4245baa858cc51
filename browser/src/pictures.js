/** Pixels of a canvas into the tensor that a model takes; mirrors `edge_agent/adapters/pictures.py`. */
import { UsageError } from "./errors.js";
import { reference } from "./manifest.js";

/**
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {{tensor: string, height: number, width: number, colour: "rgb" | "bgr" | "grey",
 *   layout: "chw" | "hwc", scale: number, mean: number[], std: number[]}} Picture How a package says
 *   that pixels become numbers.
 * @typedef {{data: Uint8ClampedArray, width: number, height: number}} Pixels `ImageData`.
 */

/**
 * Whether something holds the pixels of a canvas.
 * @param {any} given
 * @returns {given is Pixels}
 */
export function isPixels(given) {
  return given?.data instanceof Uint8ClampedArray && given.width > 0 && given.height > 0;
}

/**
 * The values of an input, row after row.
 * @param {Pixels[]} pictures
 * @param {Manifest} manifest
 * @returns {Float32Array}
 */
export function valuesOf(pictures, manifest) {
  const picture = manifest.image ?? inferred(manifest);
  const { width, height } = picture;
  for (const [row, found] of pictures.entries()) {
    if (found.width !== width || found.height !== height) {
      throw new UsageError(
        `model ${reference(manifest)} takes pictures of ${width} x ${height} pixels, row ${row} has ` +
          `${found.width} x ${found.height}: draw it into a canvas of that size first`,
      );
    }
  }
  const channels = picture.colour === "grey" ? 1 : 3;
  const size = width * height * channels;
  const values = new Float32Array(pictures.length * size);
  pictures.forEach(({ data }, row) => put(data, picture, values.subarray(row * size, (row + 1) * size)));
  return values;
}

/**
 * @param {Uint8ClampedArray} data Red, green, blue and opacity of each pixel.
 * @param {Picture} picture
 * @param {Float32Array} values
 */
function put(data, { width, height, colour, layout, scale, mean, std }, values) {
  const pixels = width * height;
  const channels = colour === "grey" ? 1 : 3;
  const { fround } = Math;
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const [red, green, blue] = [data[4 * pixel], data[4 * pixel + 1], data[4 * pixel + 2]];
    // As Pillow does it: the luma of ITU-R 601 in whole numbers.
    const grey = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    const parts = colour === "grey" ? [grey] : colour === "bgr" ? [blue, green, red] : [red, green, blue];
    for (let channel = 0; channel < channels; channel += 1) {
      const scaled = fround(parts[channel] * fround(scale));
      const value = fround(fround(scaled - fround(mean[channel] ?? 0)) / fround(std[channel] ?? 1));
      values[layout === "chw" ? channel * pixels + pixel : pixel * channels + channel] = value;
    }
  }
}

/**
 * What the shape of a model's input says of pictures.
 * @param {Manifest} manifest
 * @returns {Picture}
 */
function inferred(manifest) {
  const [input] = manifest.inputs;
  const [, ...shape] = input.shape.map(Number);
  const plain = { tensor: input.name, scale: 1, mean: [], std: [] };
  if (shape.length === 2) {
    return { ...plain, height: shape[0], width: shape[1], colour: "grey", layout: "hwc" };
  }
  const colour = (/** @type {number} */ channels) => (channels === 1 ? "grey" : "rgb");
  if (shape.length === 3 && [1, 3].includes(shape[0])) {
    return { ...plain, height: shape[1], width: shape[2], colour: colour(shape[0]), layout: "chw" };
  }
  if (shape.length === 3 && [1, 3].includes(shape[2])) {
    return { ...plain, height: shape[0], width: shape[1], colour: colour(shape[2]), layout: "hwc" };
  }
  throw new UsageError(`model ${reference(manifest)} takes no pictures: its input is ${input.shape}`);
}
