/**
 * edgefleet in a web page: predict, label, and never think of the rest.
 *
 *     import { createAgent } from "./edgefleet.js";
 *
 *     const agent = await createAgent({ model: "digits", cloud: "wss://cloud.example:8443/mqtt" });
 *     const { labels, probabilities, id } = await agent.predict(rows);
 *     await agent.label(id, truth);
 */
import { compiledModule } from "./compiled.js";
import { PackageError, saying, UnavailableError, UsageError } from "./errors.js";
import { Labels } from "./labels.js";
import { Life } from "./life.js";
import { reference } from "./manifest.js";
import { settled } from "./options.js";
import { Remote } from "./remote.js";
import { Restarts } from "./restarts.js";
import { Servers } from "./servers.js";

export { PackageError, UnavailableError, UsageError };

/**
 * @typedef {Omit<import("./options.js").AgentOptions, "assets"> & {assets?: string}} Options
 * @typedef {import("./server.js").Answer} Prediction
 */

const NO_CORE = { hasCore: false, link: "down", waitingBatches: 0 };

/**
 * Start an agent; it predicts as soon as a model is in this browser.
 * @param {Options} options
 * @returns {Promise<PageAgent>}
 * @throws {UsageError} An option is missing, unknown or wrong.
 */
export async function createAgent(options) {
  const assets = new URL(options?.assets ?? "../vendor/", import.meta.url).href;
  // What takes longest begins first.
  const module = [options?.providers].flat().includes("webgpu") ? Promise.resolve(undefined) : compiledModule(assets);
  return new PageAgent(await settled({ ...options, assets }), module);
}

/** The page's side of an agent; the work is done in workers. */
export class PageAgent extends EventTarget {
  #options;
  #servers;
  #labels = new Labels();
  /** @type {Worker | undefined} */
  #worker;
  /** @type {Remote | undefined} */
  #core;
  /** @type {Life | undefined} */
  #life;
  #restarts = new Restarts();
  #coreStatus = NO_CORE;
  #isClosed = false;

  /**
   * @param {import("./options.js").Settled} options
   * @param {Promise<WebAssembly.Module | undefined>} module Of onnxruntime-web, by `compiledModule`.
   */
  constructor(options, module) {
    super();
    this.#options = options;
    const hear = (/** @type {string} */ kind, /** @type {any} */ body) => this.#hear(kind, body);
    this.#servers = new Servers(options, module, hear, {
      onChange: () => void this.#tellStatus(),
      onReplaced: (digest, port) => void this.#core?.give([port], "replaced", digest, port).catch(() => undefined),
    });
    if (!options.cloud) return;
    // Not before: Python is not to take from the first prediction what it needs.
    void this.#servers.early.then(() => this.#beginCore());
    this.#flushWhenHidden();
  }

  /** Name of this device in the fleet. */
  get device() {
    return this.#options.device;
  }

  /**
   * Predict some rows and observe them.
   *
   * @param {import("./inputs.js").Rows} rows One row or many: typed or nested arrays, objects by the
   *   names of features, or pictures as `ImageData`.
   * @returns {Promise<Prediction>}
   * @throws {UsageError} The rows do not fit the model.
   * @throws {UnavailableError} No model is here yet, or the model failed.
   */
  async predict(rows) {
    this.#require();
    return this.#servers.predict(rows);
  }

  /**
   * Tell what came true; days later is fine.
   * @param {string} id Of a prediction.
   * @param {unknown} truth The class or number, or one for each row.
   * @returns {Promise<number>} How many rows were labelled that were not before.
   */
  async label(id, truth) {
    this.#require();
    const { version, rows, count } = this.#labels.add(id, truth, (prefix) => this.#servers.version(prefix));
    if (count) await this.#servers.observeLabels(version.digest, rows, count);
    return count;
  }

  /** What serves, and what waits to be sent. */
  async status() {
    const version = this.#servers.routing?.serve.version;
    return {
      device: this.device,
      serving: name(this.#servers.routing?.serve),
      digest: version?.digest ?? "",
      provider: version?.provider ?? "",
      fallback: version?.fallback ?? "",
      inPage: this.#servers.isNear,
      standby: name(this.#servers.routing?.fallback),
      candidate: name(this.#servers.routing?.shadow),
      onTrial: this.#servers.routing?.fallback !== undefined,
      shadowed: this.#servers.routing?.shadow !== undefined,
      hasCloud: Boolean(this.#options.cloud),
      rowsObserved: await this.#servers.rowsObserved(),
      ...this.#coreStatus,
    };
  }

  /**
   * What the model takes and gives: its features and classes; waits until there is a model.
   * @returns {Promise<{name: string, task: string, features: import("./manifest.js").Feature[],
   *   classes: (string | number)[]}>}
   */
  async describe() {
    this.#require();
    const { manifest } = await this.#servers.serving();
    const { task, features, classes } = manifest;
    return { name: reference(manifest), task, features, classes };
  }

  /** What the model's package says of the rows that it was trained on: `reference.json`. */
  reference() {
    this.#require();
    return this.#servers.reference();
  }

  /**
   * Leave the cloud alone, or go back to it; predictions go on.
   * @param {boolean} offline
   */
  async goOffline(offline) {
    this.#require();
    await this.#core?.call("goOffline", offline);
  }

  /** Save what was counted, and send it if the cloud is there. */
  async flush() {
    this.#require();
    await this.#servers.handOn();
    await this.#core?.call("flush");
  }

  /** Save everything, say farewell, and stop. */
  async close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#core?.call("close").catch(() => undefined); // it never started
    await this.#servers.close();
    this.#endCore(new UsageError("the agent is closed"));
  }

  /** Have the core in a worker of its own; another one if that is gone. */
  #beginCore() {
    if (this.#isClosed || this.#worker || !this.#options.cloud) return;
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    const core = new Remote(worker, (kind, body) => this.#hear(kind, body));
    this.#life = new Life(worker, (reason) => void this.#beginAgain(reason));
    this.#worker = worker;
    this.#core = core;
    void this.#servers.early.then(() => core.call("earlyIsOver")).catch(() => undefined); // it is gone
    this.#life
      .watch((life) => core.call("start", this.#options, life))
      .catch((error) => this.#warn(error));
  }

  /** @param {string} reason */
  async #beginAgain(reason) {
    this.#endCore(new UnavailableError(`the worker of the agent's core is gone: ${reason}`));
    this.#coreStatus = NO_CORE;
    this.#warn(new Error(`the worker of the agent's core is gone: ${reason}; another one is started`));
    void this.#tellStatus();
    await this.#restarts.pause();
    this.#beginCore();
  }

  /** @param {Error} error What calls hear from now on. */
  #endCore(error) {
    this.#life?.expect();
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#core?.fail(error);
  }

  #flushWhenHidden() {
    if (typeof document === "undefined") return;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && !this.#isClosed) this.flush().catch((error) => this.#warn(error));
    });
  }

  /**
   * @param {string} kind
   * @param {any} body
   */
  #hear(kind, body) {
    switch (kind) {
      case "load":
        return void this.#load(body);
      case "unload":
        return void this.#servers.unload(body);
      case "route":
        return this.#servers.route(body);
      case "near":
        return void this.#tellStatus();
      case "core":
        this.#coreStatus = body;
        return void this.#tellStatus();
      default:
        return this.#tell(kind, body);
    }
  }

  /**
   * Load a version that the core asks for.
   * @param {{digest: string, ask: number}} order
   */
  async #load({ digest, ask }) {
    try {
      const { port, version } = await this.#servers.load(digest);
      await this.#core?.give([port], "loaded", ask, { port, version });
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      await this.#core?.call("loaded", ask, { error: { name, message } });
    }
  }

  async #tellStatus() {
    if (!this.#isClosed) this.#tell("status", await this.status());
  }

  /**
   * @param {string} kind
   * @param {unknown} body
   */
  #tell(kind, body) {
    this.dispatchEvent(new CustomEvent(kind, { detail: body }));
  }

  /** @param {unknown} error */
  #warn(error) {
    if (!this.#isClosed) this.#tell("log", { level: "warning", text: saying(error) });
  }

  #require() {
    if (this.#isClosed) throw new UsageError("the agent is closed");
  }
}

/**
 * What a server serves, as people write it; empty for none.
 * @param {import("./running.js").Running} [running]
 */
function name(running) {
  return running?.version ? reference(running.version.manifest) : "";
}
