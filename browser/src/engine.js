/** Runs models with onnxruntime-web. */
import { PackageError, saying, UnavailableError } from "./errors.js";
import { fileOf, reference } from "./manifest.js";

/**
 * @typedef {typeof import("onnxruntime-web")} Ort
 * @typedef {import("onnxruntime-web").Tensor} Tensor
 * @typedef {Record<string, Tensor>} Tensors
 */

/** One loaded model. */
export class Session {
  #session;
  #outputs;

  /**
   * @param {import("onnxruntime-web").InferenceSession} session
   * @param {string[]} outputs Their names, in the manifest's order.
   * @param {string} provider
   * @param {string} fallback Why no provider that was preferred is used; empty if there was none.
   */
  constructor(session, outputs, provider, fallback) {
    this.#session = session;
    this.#outputs = outputs;
    this.provider = provider;
    this.fallback = fallback;
  }

  /**
   * Run the model once.
   * @param {Tensors} feeds
   * @returns {Promise<Tensor[]>}
   */
  async run(feeds) {
    try {
      const found = await this.#session.run(feeds, this.#outputs);
      return this.#outputs.map((name) => found[name]);
    } catch (error) {
      throw new UnavailableError(`the model failed: ${saying(error)}`);
    }
  }

  async release() {
    await this.#session.release();
  }
}

/** Makes sessions, one after another: onnxruntime-web cannot make two at once. */
export class Engine {
  #ort;
  #providers;
  #missing;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @param {Ort} ort
   * @param {{assets: string, providers?: string[], threads?: number}} options `assets` is the URL
   *   of the folder with onnxruntime-web's files.
   */
  constructor(ort, { assets, providers = ["wasm"], threads = 1 }) {
    this.#ort = ort;
    ort.env.wasm.wasmPaths = assets;
    ort.env.wasm.numThreads = self.crossOriginIsolated ? threads : 1;
    ort.env.logLevel = "error";
    this.#missing =
      threads > 1 && !self.crossOriginIsolated
        ? "one thread, because the page is not cross-origin isolated"
        : "";
    this.#providers = providers;
  }

  get ort() {
    return this.#ort;
  }

  /**
   * A session of a package's model.
   * @param {import("./manifest.js").Package} pack
   * @returns {Promise<Session>}
   */
  load(pack) {
    const loading = this.#last.then(() => this.#load(pack));
    this.#last = loading.catch(() => undefined);
    return loading;
  }

  /** @param {import("./manifest.js").Package} pack */
  async #load(pack) {
    const name = reference(pack.manifest);
    const reasons = this.#missing ? [this.#missing] : [];
    const outputs = pack.manifest.outputs.map((output) => output.name);
    for (const provider of this.#providers) {
      try {
        const session = await this.#ort.InferenceSession.create(fileOf(pack, "model"), {
          executionProviders: [provider],
          graphOptimizationLevel: "all",
        });
        const expected = pack.manifest.inputs.map((input) => input.name).sort();
        if ([...session.inputNames].sort().join() !== expected.join()) {
          throw new PackageError(
            `model of ${name} has inputs ${session.inputNames}, its manifest says ${expected}`,
          );
        }
        return new Session(session, outputs, provider, reasons.join("; "));
      } catch (error) {
        if (error instanceof PackageError) throw error;
        reasons.push(`${provider}: ${saying(error)}`);
      }
    }
    throw new PackageError(`model of ${name} cannot run here: ${reasons.join("; ")}`);
  }
}
