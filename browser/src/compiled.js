/** onnxruntime-web's WebAssembly, compiled once for a page and all of its workers. */

/** @typedef {typeof import("onnxruntime-web")} Ort */

/** Stands in for the bytes of a module that is compiled already. */
const MARK = new ArrayBuffer(8);

/**
 * Begin to compile, while everything else is being loaded.
 * @param {string} assets URL of the folder with the libraries.
 * @returns {Promise<WebAssembly.Module | undefined>} None where that failed: then every worker
 *   compiles for itself, and says what is wrong.
 */
export async function compiledModule(assets) {
  try {
    return await WebAssembly.compileStreaming(fetch(`${assets}ort/ort-wasm-simd-threaded.wasm`));
  } catch {
    return undefined;
  }
}

/**
 * Have onnxruntime-web begin with a module that is compiled: it takes bytes only, by itself.
 * @template T
 * @param {WebAssembly.Module | undefined} module
 * @param {Ort} ort
 * @param {() => Promise<T>} begin
 * @returns {Promise<T>}
 */
export async function withModule(module, ort, begin) {
  if (!module) return begin();
  const { instantiate } = WebAssembly;
  const instead = async (/** @type {any} */ source, /** @type {any} */ imports) =>
    source?.buffer === MARK
      ? { module, instance: await instantiate(module, imports) }
      : instantiate(source, imports);
  ort.env.wasm.wasmBinary = MARK;
  WebAssembly.instantiate = /** @type {any} */ (instead);
  try {
    return await begin();
  } finally {
    WebAssembly.instantiate = instantiate;
    ort.env.wasm.wasmBinary = undefined;
  }
}
