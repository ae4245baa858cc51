/**
 * edgefleet in a web page: predict, label, and never think of the rest.
 *
 *     import { createAgent } from "./edgefleet.js";
 *
 *     const agent = await createAgent({ model: "digits", cloud: "wss://cloud.example:8443/mqtt" });
 *     const { labels, probabilities, id } = await agent.predict(rows);
 *     await agent.label(id, truth);
 */
import { PackageError, UnavailableError, UsageError } from "./errors.js";

export { PackageError, UnavailableError, UsageError };

/**
 * @typedef {Omit<import("./agent.js").AgentOptions, "assets"> & {assets?: string}} Options
 * @typedef {import("./agent.js").Answer} Prediction
 */

const ERRORS = { PackageError, UnavailableError, UsageError };

/**
 * Start an agent; it predicts as soon as a model is in this browser.
 * @param {Options} options
 * @returns {Promise<PageAgent>}
 */
export async function createAgent(options) {
  const assets = new URL(options.assets ?? "../vendor/", import.meta.url).href;
  const agent = new PageAgent();
  await agent.start({ ...options, assets });
  return agent;
}

/** The page's side of an agent; the work is done in a worker. */
export class PageAgent extends EventTarget {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  #calls = 0;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
  #open = new Map();
  /** Name of this device in the fleet. */
  device = "";

  constructor() {
    super();
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => this.#fail(new UnavailableError(event.message));
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) void this.#call("flush");
    });
  }

  /** @param {import("./agent.js").AgentOptions} options */
  async start(options) {
    this.device = (await this.#call("start", options)).device;
  }

  /**
   * Predict some rows and observe them.
   *
   * @param {import("./inputs.js").Rows} rows One row or many: typed or nested arrays, or objects by
   *   the names of features.
   * @returns {Promise<Prediction>}
   * @throws {UsageError} The rows do not fit the model.
   * @throws {UnavailableError} No model is here yet, or the model failed.
   */
  predict(rows) {
    return this.#call("predict", rows);
  }

  /**
   * Tell what came true; days later is fine.
   * @param {string} id Of a prediction.
   * @param {unknown} truth The class or number, or one for each row.
   * @returns {Promise<number>} How many rows were labelled that were not before.
   */
  label(id, truth) {
    return this.#call("label", id, truth);
  }

  /** What serves, and what waits to be sent. */
  status() {
    return this.#call("status");
  }

  /**
   * What the model takes and gives: its features and classes; waits until there is a model.
   * @returns {Promise<{features: import("./manifest.js").Feature[], classes: (string | number)[]}>}
   */
  describe() {
    return this.#call("describe");
  }

  /**
   * Leave the cloud alone, or go back to it; predictions go on.
   * @param {boolean} offline
   */
  goOffline(offline) {
    return this.#call("goOffline", offline);
  }

  /** Save what was counted, and send it if the cloud is there. */
  flush() {
    return this.#call("flush");
  }

  /** Save everything, say farewell, and stop. */
  async close() {
    await this.#call("close");
    this.#worker.terminate();
    this.#fail(new UsageError("the agent is closed"));
  }

  /**
   * @param {string} method
   * @param {unknown[]} given
   * @returns {Promise<any>}
   */
  #call(method, ...given) {
    this.#calls += 1;
    const call = this.#calls;
    return new Promise((resolve, reject) => {
      this.#open.set(call, { resolve, reject });
      this.#worker.postMessage({ call, method, given });
    });
  }

  /** @param {any} data */
  #hear({ call, result, error, kind, body }) {
    if (kind) {
      this.dispatchEvent(new CustomEvent(kind, { detail: body }));
      return;
    }
    const open = this.#open.get(call);
    this.#open.delete(call);
    if (error) {
      const Kind = ERRORS[/** @type {keyof typeof ERRORS} */ (error.name)] ?? Error;
      open?.reject(new Kind(error.message));
    } else {
      open?.resolve(result);
    }
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}
