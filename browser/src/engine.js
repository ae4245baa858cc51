/** Runs models with onnxruntime-web. */
import { withModule } from "./compiled.js";
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
      if (error instanceof WebAssembly.RuntimeError) return ended(error);
      throw new UnavailableError(`the model failed: ${saying(error)}`);
    }
  }

  /** Give back what it holds; no call may be under way. */
  async release() {
    await this.#session.release();
  }
}

/** Makes sessions, one after another: onnxruntime-web cannot make two at once. */
export class Engine {
  #ort;
  #providers;
  #reasons;
  /** @type {Promise<WebAssembly.Module | undefined> | undefined} */
  #module;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @param {Ort} ort
   * @param {string[]} providers That are there, by preference.
   * @param {string[]} reasons Why one that was preferred is not, and why there are no threads.
   * @param {Promise<WebAssembly.Module | undefined>} [module] What `ort` consists of, if somebody
   *   compiles it already.
   */
  constructor(ort, providers, reasons, module) {
    this.#ort = ort;
    this.#providers = providers;
    this.#reasons = reasons;
    this.#module = module;
  }

  /**
   * Load onnxruntime-web, with WebGPU if that is preferred and there.
   * @param {{assets: string, providers?: string[], threads?: number}} options `assets` is the URL of
   *   the folder with the libraries.
   * @param {Promise<WebAssembly.Module | undefined>} [module] Of WebAssembly, by `compiledModule`.
   */
  static async start({ assets, providers = ["wasm"], threads }, module) {
    const reasons = [];
    let left = [...providers];
    let ort;
    if (left.includes("webgpu")) {
      try {
        await requireGpu();
        ort = await import(/* @vite-ignore */ `${assets}ort/ort.webgpu.min.mjs`);
      } catch (error) {
        reasons.push(`webgpu: ${whyNot(error)}`);
        left = left.filter((name) => name !== "webgpu");
      }
    }
    ort ??= await import(/* @vite-ignore */ `${assets}ort/ort.wasm.min.mjs`);
    const { count, reason } = threadsOf(threads);
    if (reason) reasons.push(reason);
    ort.env.wasm.wasmPaths = `${assets}ort/`;
    ort.env.wasm.numThreads = count;
    ort.env.logLevel = "error";
    const isPlain = !left.includes("webgpu");
    return new Engine(ort, left.length ? left : ["wasm"], reasons, isPlain ? module : undefined);
  }

  get ort() {
    return this.#ort;
  }

  /**
   * A session of a package's model.
   * @param {import("./manifest.js").Package} pack
   * @param {(session: Session) => Promise<void>} check Throws `PackageError` where the model does
   *   not do what it should; then the next provider is tried.
   * @returns {Promise<Session>}
   */
  load(pack, check) {
    const loading = this.#last.then(() => this.#load(pack, check));
    this.#last = loading.catch(() => undefined);
    return loading;
  }

  /**
   * @param {import("./manifest.js").Package} pack
   * @param {(session: Session) => Promise<void>} check
   */
  async #load(pack, check) {
    const reasons = [...this.#reasons];
    for (const [place, provider] of this.#providers.entries()) {
      const isLast = place === this.#providers.length - 1;
      try {
        const session = await this.#made(pack, provider, reasons.join("; "));
        await check(session);
        return session;
      } catch (error) {
        if (isLast && error instanceof PackageError) throw error;
        reasons.push(`${provider}: ${saying(error)}`);
      }
    }
    const name = reference(pack.manifest);
    throw new PackageError(`model of ${name} cannot run here: ${reasons.join("; ")}`);
  }

  /**
   * @param {import("./manifest.js").Package} pack
   * @param {string} provider
   * @param {string} fallback
   */
  async #made(pack, provider, fallback) {
    const session = await withModule(await this.#module, this.#ort, () =>
      this.#ort.InferenceSession.create(fileOf(pack, "model"), {
        executionProviders: [provider],
        graphOptimizationLevel: "all",
      }),
    );
    const expected = pack.manifest.inputs.map((input) => input.name).sort();
    if ([...session.inputNames].sort().join() !== expected.join()) {
      throw new PackageError(
        `model of ${reference(pack.manifest)} has inputs ${session.inputNames}, its manifest says ` +
          `${expected}`,
      );
    }
    const outputs = pack.manifest.outputs.map((output) => output.name);
    return new Session(session, outputs, provider, fallback);
  }
}

/**
 * A runtime that was trapped, as for want of memory, answers nothing right any more: the page, which
 * hears of it so, ends this worker and starts another one.
 * @param {WebAssembly.RuntimeError} error
 * @returns {Promise<never>}
 */
function ended(error) {
  reportError(error);
  return new Promise(() => undefined);
}

async function requireGpu() {
  const { gpu } = /** @type {any} */ (navigator);
  if (!gpu) throw new UnavailableError("this browser has none");
  if (!(await gpu.requestAdapter())) throw new UnavailableError("this browser finds no adapter");
}

/** @param {unknown} error */
function whyNot(error) {
  return error instanceof UnavailableError
    ? error.message
    : "the page was built without it (edgefleet browser build --webgpu)";
}

/**
 * How many threads a prediction takes.
 * @param {number} [wanted] By default half of the cores, if there are four.
 */
function threadsOf(wanted) {
  const cores = navigator.hardwareConcurrency;
  const count = wanted ?? (cores >= 4 ? Math.floor(cores / 2) : 1);
  if (count > 1 && !self.crossOriginIsolated) {
    return { count: 1, reason: "one thread, because the page is not cross-origin isolated" };
  }
  return { count, reason: "" };
}
