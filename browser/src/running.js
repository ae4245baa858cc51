/** One worker and its version, as the page sees them. */
import { UnavailableError, UsageError } from "./errors.js";
import { Life } from "./life.js";
import { reference } from "./manifest.js";
import { Remote } from "./remote.js";

/** How long a version may take to load, or to answer its golden vectors. */
const LONGEST_LOAD_MS = 60_000;

/**
 * @typedef {import("./server.js").Version} Version
 */

/** One worker and its version. */
export class Running {
  #worker = new Worker(new URL("./serving_worker.js", import.meta.url), { type: "module" });
  #life;
  /** @type {Version | undefined} */
  version;
  /** @type {Promise<Running> | undefined} Takes its place, if it is gone and nobody wanted that. */
  successor;

  /**
   * @param {import("./options.js").Settled} options
   * @param {import("./remote.js").Hear} hear
   * @param {(lost: Running, reason: string) => void} onLost Hears if the worker is gone by itself.
   * @param {Promise<WebAssembly.Module | undefined>} module Of onnxruntime-web, by `compiledModule`.
   */
  constructor(options, hear, onLost, module) {
    this.remote = new Remote(this.#worker, hear);
    this.#life = new Life(this.#worker, (reason) => {
      if (this.version) onLost(this, reason);
      this.end(new UnavailableError(`the worker of ${this.name} is gone: ${reason}`));
    });
    this.started = this.#life.watch((life) => this.remote.call("start", options, life));
    this.started.catch(() => undefined); // whoever loads hears of it
    void module.then((found) => this.remote.call("module", found)).catch(() => undefined); // it is gone
  }

  /** What it serves, for people. */
  get name() {
    return this.version ? reference(this.version.manifest) : "a version that loads";
  }

  /**
   * Load a version, or what served here before if none is named.
   * @param {string} [digest]
   * @returns {Promise<Version | undefined>}
   */
  async load(digest) {
    const late = setTimeout(
      () => this.end(new UnavailableError(`it did not load within ${LONGEST_LOAD_MS / 1000} s`)),
      LONGEST_LOAD_MS,
    );
    try {
      await this.started;
      this.version = await (digest ? this.remote.call("load", digest) : this.remote.call("loadEarly"));
      return this.version;
    } finally {
      clearTimeout(late);
    }
  }

  /** A port on which somebody else calls the same methods. */
  port() {
    const { port1, port2 } = new MessageChannel();
    void this.remote.give([port1], "meet", port1);
    return port2;
  }

  /** Let go as soon as every call has been answered, and what was counted is kept. */
  async retire() {
    while (this.remote.waiting) await new Promise((resolve) => setTimeout(resolve, 20));
    await this.remote.call("handOn").catch(() => undefined);
    const rows = await this.remote.call("counts").then((found) => found.rows, () => 0);
    this.end(new UsageError("this version is no longer here"));
    return rows;
  }

  /** @param {Error} error */
  end(error) {
    this.#life.expect();
    this.#worker.terminate();
    this.remote.fail(error);
  }
}

