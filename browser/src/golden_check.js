/** Runs a package's golden vectors: does the model do here what its author saw it do? */
import { PackageError, UnavailableError } from "./errors.js";
import { fileOf, reference } from "./manifest.js";

/**
 * @typedef {{element_type: string, shape: number[], values: any[]}} GoldenTensor
 * @typedef {{inputs: Record<string, GoldenTensor>, outputs: Record<string, GoldenTensor>,
 *   relative: number, absolute: number}} Golden
 */

/**
 * Throw `PackageError` if an output is not what the package says it must be.
 * @param {import("./manifest.js").Package} pack
 * @param {import("./engine.js").Session} session
 * @param {import("./engine.js").Ort} ort
 */
export async function checkGolden(pack, session, ort) {
  const name = reference(pack.manifest);
  /** @type {Golden} */
  const golden = JSON.parse(new TextDecoder().decode(fileOf(pack, "golden")));
  const feeds = Object.fromEntries(
    Object.entries(golden.inputs).map(([input, tensor]) => [input, tensorOf(tensor, ort)]),
  );
  let outputs;
  try {
    outputs = await session.run(feeds);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    throw new PackageError(`${name} cannot run its golden vectors: ${error.message}`);
  }
  pack.manifest.outputs.forEach((output, index) => {
    const wanted = golden.outputs[output.name];
    const what = `output ${output.name} of ${name}`;
    if (!wanted) throw new PackageError(`${what} has no golden vector; convert it again`);
    compare(outputs[index], wanted, golden, what);
  });
}

/**
 * @param {import("./engine.js").Tensor} found
 * @param {GoldenTensor} wanted
 * @param {Golden} golden
 * @param {string} what
 */
function compare(found, wanted, { relative, absolute }, what) {
  if (found.dims.join() !== wanted.shape.join()) {
    throw new PackageError(
      `${what} has shape [${found.dims}] on its golden vectors, its author measured ` +
        `[${wanted.shape}]`,
    );
  }
  const data = /** @type {ArrayLike<any>} */ (found.data);
  wanted.values.forEach((raw, place) => {
    const expected = wanted.element_type === "string" ? raw : Number(named(raw));
    const value = wanted.element_type === "string" ? data[place] : Number(data[place]);
    const isFloat = wanted.element_type.startsWith("float");
    const isRight =
      Object.is(value, expected) ||
      value === expected ||
      (isFloat && Math.abs(value - expected) <= absolute + relative * Math.abs(expected));
    if (!isRight) {
      throw new PackageError(
        `${what} fails its golden vectors in this browser: value ${place} is ${value}, ` +
          `its author measured ${expected}`,
      );
    }
  });
}

/**
 * @param {GoldenTensor} tensor
 * @param {import("./engine.js").Ort} ort
 */
function tensorOf({ element_type: type, shape, values }, ort) {
  if (type === "string") return new ort.Tensor("string", values, shape);
  const data = values.map((value) => (type.endsWith("int64") ? BigInt(value) : Number(named(value))));
  return new ort.Tensor(/** @type {any} */ (type), /** @type {any} */ (data), shape);
}

/** NaN and infinities stand as texts. @param {any} value */
function named(value) {
  return { nan: NaN, inf: Infinity, "-inf": -Infinity }[/** @type {string} */ (value)] ?? value;
}
