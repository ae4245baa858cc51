/** Pixels of a canvas become what the package says, as Pillow and numpy make it on devices. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { isPixels, valuesOf } from "../../browser/src/pictures.js";

const RED_GREEN = {
  data: new Uint8ClampedArray([255, 0, 0, 255, 0, 255, 51, 255]),
  width: 2,
  height: 1,
};
const image = { tensor: "x", height: 1, width: 2, layout: "chw", scale: 1 / 255, mean: [], std: [] };
const manifest = (more, shape = ["N", 3, 1, 2]) => ({
  name: "gate",
  version: "1.0.0",
  inputs: [{ name: "x", element_type: "float32", shape }],
  ...more,
});

describe("pictures", () => {
  test("channels stand before pixels, or after them, in the order that the package says", () => {
    const chw = manifest({ image: { ...image, colour: "rgb" } });
    const hwc = manifest({ image: { ...image, colour: "bgr", layout: "hwc", scale: 1 } });

    assert.deepEqual([...valuesOf([RED_GREEN], chw)], [1, 0, 0, 1, 0, 0.20000001788139343]);
    assert.deepEqual([...valuesOf([RED_GREEN], hwc)], [0, 0, 255, 51, 255, 0]);
  });

  test("grey is the luma that Pillow computes, scaled, shifted and divided", () => {
    const grey = { ...image, colour: "grey", scale: 1, mean: [6], std: [2] };

    assert.deepEqual([...valuesOf([RED_GREEN, RED_GREEN], manifest({ image: grey }))], [35, 75, 35, 75]);
  });

  test("without a word in the package the shape of the input says it", () => {
    assert.deepEqual([...valuesOf([RED_GREEN], manifest({}, ["N", 1, 2]))], [76, 156]);
    assert.deepEqual([...valuesOf([RED_GREEN], manifest({}, ["N", 3, 1, 2]))], [255, 0, 0, 255, 0, 51]);
    assert.throws(() => valuesOf([RED_GREEN], manifest({}, ["N", 64])), {
      name: "UsageError",
      message: "model gate@1.0.0 takes no pictures: its input is N,64",
    });
  });

  test("a picture of another size is refused with what to do", () => {
    const large = { ...RED_GREEN, width: 1, height: 2 };

    assert.ok(isPixels(large));
    assert.ok(!isPixels({ data: [1, 2], width: 1, height: 1 }));
    assert.throws(() => valuesOf([RED_GREEN, large], manifest({ image: { ...image, colour: "rgb" } })), {
      message:
        "model gate@1.0.0 takes pictures of 2 x 1 pixels, row 1 has 1 x 2: " +
        "draw it into a canvas of that size first",
    });
  });
});
