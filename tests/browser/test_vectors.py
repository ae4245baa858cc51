"""The counting kernel counts in Chromium what Python's vectors say, bucket by bucket."""

import json
from collections.abc import Callable
from typing import Any

from tests.architecture.sources import ROOT
from tests.browser.sites import Site
from tests.browser.tabs import Tab

VECTORS = ROOT / "tests" / "vectors"
COUNT = """async (text) => {
  const { sketches, quantised, hashes, profile } = JSON.parse(text);
  const names = ["categories", "float32", "profile", "quantised", "sketch", "text_hash"];
  const files = await Promise.all(names.map((name) => import(`/src/statistics/${name}.js`)));
  const { hashOfCode, floatOf, Profile, factorOf, quantised: inUnits, edgesOf, Sketch, textHash,
    categoryCode } = Object.assign({}, ...files);
  const counted = (spec, value) => {
    const sketch = new Sketch(spec);
    sketch.observe(new Float32Array([value]), [0]);
    if (sketch.counts.size) return [...sketch.counts.keys()][0];
    if (sketch.zero) return "zero";
    if (sketch.missing) return "missing";
    return sketch.positiveInfinity ? "positive_infinity" : "negative_infinity";
  };
  const known = new Map(Object.entries(hashes.known));
  const seen = new Profile(profile.columns, profile.sources, profile.width);
  seen.observe(new Float32Array(new Uint32Array(profile.rows.flat()).buffer));
  return JSON.stringify({
    sketches: sketches.map(({ spec, bits, buckets }) => ({
      codes: bits.map((pattern) => counted(spec, floatOf(pattern))),
      edges: buckets.map((code) => edgesOf(spec, code)),
    })),
    quantised: quantised.map(({ center, scale, bits }) => bits.map((pattern) => {
      const number = inUnits(floatOf(pattern), center, factorOf(scale));
      return Number.isNaN(number) ? null : number + 0;
    })),
    texts: hashes.texts.map(({ text, salt }) => [
      textHash(text, salt), categoryCode(text, known, salt),
    ]),
    codes: hashes.codes.map(({ bits }) => hashOfCode(floatOf(bits))),
    profile: seen.state(),
  });
}"""


def read(name: str) -> Any:  # noqa: ANN401  what the file holds
    return json.loads((VECTORS / f"{name}.json").read_text())


def test_counts_in_chromium_equal_the_vectors(site: Site, open_tab: Callable[[], Tab]) -> None:
    vectors = {name: read(name) for name in ("sketches", "quantised", "hashes", "profile")}
    page = open_tab().page
    page.goto(f"{site.url}/tests.html")

    text = page.evaluate(COUNT, json.dumps(vectors))
    found = json.loads(text, parse_int=float)  # as JavaScript has numbers

    expected = [{"codes": it["codes"], "edges": it["edges"]} for it in vectors["sketches"]]
    assert found["sketches"] == expected
    assert found["quantised"] == [it["numbers"] for it in vectors["quantised"]]
    assert found["texts"] == [[it["hash"], it["code"]] for it in vectors["hashes"]["texts"]]
    assert found["codes"] == [it["hash"] for it in vectors["hashes"]["codes"]]
    assert found["profile"] == vectors["profile"]["state"]
