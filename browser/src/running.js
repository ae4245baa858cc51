/** One worker and its version, as the page sees them. */
import { saying, UnavailableError, UsageError } from "./errors.js";
import { Life } from "./life.js";
import { reference } from "./manifest.js";
import { Near } from "./near.js";
import { Remote } from "./remote.js";

/** How long a version may take to load, or to answer its golden vectors. */
const LONGEST_LOAD_MS = 60_000;
/** After so many calls a version is looked at, whether it belongs into the page's own thread. */
const CALLS_BETWEEN = 64;
const MOST_LOOKS = 8;

/**
 * @typedef {import("./server.js").Version} Version
 */

/** One worker and its version. */
export class Running {
  #worker = new Worker(new URL("./serving_worker.js", import.meta.url), { type: "module" });
  #options;
  #hear;
  #module;
  #life;
  #calls = 0;
  #isOver = false;
  /** @type {Near | undefined} The same version in this thread, where it is quick. */
  near;
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
    this.#options = options;
    this.#hear = hear;
    this.#module = module;
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

  /** Told of every call that a version which has settled answered: one that is quick comes near. */
  cameBy() {
    this.#calls += 1;
    const isDue = this.#calls % CALLS_BETWEEN === 0 && this.#calls <= CALLS_BETWEEN * MOST_LOOKS;
    if (!isDue || this.near || this.#options.inPage === false) return;
    this.#comeNear().catch((error) => {
      const text = `${this.name} stays in its worker: ${saying(error)}`;
      if (!this.#isOver) this.#hear("log", { level: "info", text });
    });
  }

  async #comeNear() {
    const offer = await this.remote.call("offer");
    if (!offer || this.near || this.#isOver) return;
    await idle();
    const near = await Near.start(offer, this.#options, this.#module, this.remote);
    if (this.near || this.#isOver) await near.end();
    else {
      this.near = near;
      this.#hear("near", undefined);
    }
  }

  /** Calls, failures and rows so far. */
  counts() {
    this.near?.flush();
    return this.remote.call("counts");
  }

  /** Leave what was counted to the tab with the core. */
  handOn() {
    this.near?.flush();
    return this.remote.call("handOn");
  }

  /** Let go as soon as every call has been answered, and what was counted is kept. */
  async retire() {
    this.#isOver = true;
    const { near } = this;
    this.near = undefined;
    if (near) {
      await near.end();
      await new Promise((resolve) => setTimeout(resolve)); // a call that it left to the worker is there now
    }
    while (this.remote.waiting) await new Promise((resolve) => setTimeout(resolve, 20));
    await this.remote.call("handOn").catch(() => undefined);
    const rows = await this.remote.call("counts").then((found) => found.rows, () => 0);
    this.end(new UsageError("this version is no longer here"));
    return rows;
  }

  /** @param {Error} error */
  end(error) {
    this.#isOver = true;
    void this.near?.end();
    this.near = undefined;
    this.#life.expect();
    this.#worker.terminate();
    this.remote.fail(error);
  }
}

/** Resolves when the page has nothing else to do, or after a second. */
function idle() {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === "undefined") setTimeout(resolve);
    else requestIdleCallback(resolve, { timeout: 1000 });
  });
}
