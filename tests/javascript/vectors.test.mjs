/** The JavaScript statistics agree with the contract's vectors, as CPython and Pyodide do. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import { hashOfCode } from "../../browser/src/statistics/categories.js";
import { bitsOf, floatOf } from "../../browser/src/statistics/float32.js";
import { KINDS } from "../../browser/src/statistics/kinds.js";
import { Profile } from "../../browser/src/statistics/profile.js";
import { factorOf, quantised } from "../../browser/src/statistics/quantised.js";
import { codeOf, edgesOf, Sketch } from "../../browser/src/statistics/sketch.js";
import { categoryCode, textHash } from "../../browser/src/statistics/text_hash.js";

const read = (name) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));

/** What a sketch of one number has counted it as. */
function counted(spec, value) {
  const sketch = new Sketch(spec);
  sketch.observe(new Float32Array([value]), [0]);
  if (sketch.counts.size) return [...sketch.counts.keys()][0];
  if (sketch.zero) return "zero";
  if (sketch.missing) return "missing";
  return sketch.positiveInfinity ? "positive_infinity" : "negative_infinity";
}

describe("sketches", () => {
  for (const { spec, bits, codes, buckets, edges } of read("sketches")) {
    const title = `${spec.mapping} around ${spec.center}, scale ${spec.scale}`;

    test(`every number falls into its bucket: ${title}`, () => {
      assert.deepEqual(
        bits.map((pattern) => counted(spec, floatOf(pattern))),
        codes,
      );
    });

    test(`buckets have their edges: ${title}`, () => {
      assert.deepEqual(
        buckets.map((code) => edgesOf(spec, code)),
        edges,
      );
    });
  }

  test("codes rise with the value", () => {
    const spec = { mapping: "centred", center: 10, scale: 2 };
    const codes = [-50, 0, 9.9, 10, 10.2, 50].map((value) => codeOf(spec, value));
    assert.deepEqual(codes, [...codes].sort((a, b) => a - b));
  });
});

test("standardised numbers are quantised alike", () => {
  for (const { center, scale, bits, numbers } of read("quantised")) {
    const found = bits.map((pattern) => quantised(floatOf(pattern), center, factorOf(scale)));
    assert.deepEqual(
      found.map((number) => (Number.isNaN(number) ? null : number + 0)),
      numbers,
    );
  }
});

describe("hashes", () => {
  const { known, texts, codes } = read("hashes");

  test("texts have theirs, with and without salt", () => {
    const categories = new Map(Object.entries(known));
    for (const { text, salt, hash, code } of texts) {
      assert.equal(textHash(text, salt), hash, JSON.stringify(text));
      assert.equal(categoryCode(text, categories, salt), code, JSON.stringify(text));
    }
  });

  test("codes carry theirs", () => {
    for (const { bits, hash } of codes) assert.equal(hashOfCode(floatOf(bits)), hash);
  });
});

describe("profiles", () => {
  const { columns, sources, width, rows, state } = read("profile");
  const numbers = (some) => new Float32Array(new Uint32Array(some.flat()).buffer);

  test("every kind of statistic is known", () => {
    assert.deepEqual([...new Set(columns.map(({ kind }) => kind))].sort(), Object.keys(KINDS).sort());
  });

  test("every kind of statistic counts the same", () => {
    const profile = new Profile(columns, sources, width);
    profile.observe(numbers(rows));
    assert.deepEqual(profile.state(), state);
  });

  test("taking the statistics begins anew", () => {
    const profile = new Profile(columns, sources, width);
    profile.observe(numbers(rows.slice(0, 7)));
    profile.take();
    assert.deepEqual(profile.take(), []);
    profile.observe(numbers(rows));
    assert.deepEqual(profile.state(), state);
  });

  test("a kind that is not known is refused", () => {
    assert.throws(() => new Profile([{ kind: "tea leaves", subject: "x" }], [], 1), /tea leaves/);
  });
});

test("bits survive the way there and back", () => {
  for (const pattern of [0, 1, 0x80000001, 0x7f7fffff, 0x3f800000]) {
    assert.equal(bitsOf(floatOf(pattern)), pattern);
  }
});
