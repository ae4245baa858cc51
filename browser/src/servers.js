/**
 * The page's side of its servers: which version answers calls, turned in one step.
 *
 * Mirrors `edge_agent/switch.py`. A new version is loaded by a worker of its own while the old one
 * goes on serving; the old worker ends when its last call has been answered.
 */
import { UnavailableError, UsageError } from "./errors.js";
import { Remote } from "./remote.js";

/**
 * @typedef {import("./server.js").Version} Version
 * @typedef {import("./server.js").Answer} Answer
 * @typedef {{serve: string, shadow: string, fallback: string}} Digests
 * @typedef {{serve: Running, shadow?: Running, fallback?: Running}} Routing
 */

/** How long a version may take to load, or to answer its golden vectors. */
const LONGEST_LOAD_MS = 60_000;

/** One worker and its version. */
export class Running {
  #worker = new Worker(new URL("./serving_worker.js", import.meta.url), { type: "module" });
  /** @type {Version | undefined} */
  version;

  /**
   * @param {import("./options.js").Settled} options
   * @param {import("./remote.js").Hear} hear
   */
  constructor(options, hear) {
    this.remote = new Remote(this.#worker, hear);
    this.#worker.onerror = (event) => {
      this.end(new UnavailableError(`the worker of a version failed: ${event.message}`));
    };
    this.started = this.remote.call("start", options);
    this.started.catch(() => undefined); // whoever loads hears of it
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
    this.#worker.terminate();
    this.remote.fail(error);
  }
}

/** All servers of a page. */
export class Servers {
  #options;
  #hear;
  #changed;
  /** @type {Map<string, Running>} */
  #running = new Map();
  /** @type {Map<string, Version>} versions that were here, for labels that come late */
  #known = new Map();
  /** @type {((routing: Routing) => void)[]} */
  #waiting = [];
  /** @type {Routing | undefined} */
  routing;
  /** @type {Set<string>} those that the core asked for */
  #asked = new Set();
  #retiredRows = 0;
  /** Resolves when what was here serves, or nothing was. @type {Promise<void>} */
  early;

  /**
   * @param {import("./options.js").Settled} options
   * @param {import("./remote.js").Hear} hear Hears what servers log.
   * @param {() => void} changed Hears that another version answers.
   */
  constructor(options, hear, changed) {
    this.#options = options;
    this.#hear = hear;
    this.#changed = changed;
    this.early = options.isEarly ? this.#beginEarly() : Promise.resolve();
  }

  /** Serve what is here, before the core has a word. */
  async #beginEarly() {
    const running = new Running(this.#options, this.#hear);
    try {
      const version = await running.load();
      if (version) {
        this.#add(version.digest, running);
        if (!this.routing) this.#turn({ serve: running });
        return;
      }
    } catch (error) {
      this.#hear("log", { level: "warning", text: /** @type {Error} */ (error).message });
    }
    running.end(new UnavailableError("there was nothing to serve"));
  }

  /**
   * Load a version beside those that serve; a port to its server comes back.
   * @param {string} digest
   * @returns {Promise<{port: MessagePort, version: Version}>}
   */
  async load(digest) {
    await this.early;
    this.#asked.add(digest);
    let running = this.#running.get(digest);
    if (!running) {
      running = new Running(this.#options, this.#hear);
      try {
        await running.load(digest);
      } catch (error) {
        running.end(/** @type {Error} */ (error));
        throw error;
      }
      this.#add(digest, running);
    }
    return { port: running.port(), version: /** @type {Version} */ (running.version) };
  }

  /**
   * Turn the switch.
   * @param {Digests} digests
   */
  route({ serve, shadow, fallback }) {
    const found = this.#running.get(serve);
    if (!found) return;
    const shadowing = this.#running.get(shadow);
    if (shadowing) {
      const { port1, port2 } = new MessageChannel();
      void shadowing.remote.give([port1], "shadows", port1);
      void found.remote.give([port2], "shadowedBy", port2);
    } else void found.remote.call("shadowedBy");
    this.#turn({ serve: found, shadow: shadowing, fallback: this.#running.get(fallback) });
    for (const digest of this.#running.keys()) {
      if (digest !== serve && !this.#asked.has(digest)) void this.unload(digest);
    }
  }

  /**
   * Let go of a version.
   * @param {string} digest
   */
  async unload(digest) {
    const running = this.#running.get(digest);
    this.#running.delete(digest);
    this.#asked.delete(digest);
    if (running) this.#retiredRows += await running.retire();
  }

  /**
   * @param {import("./inputs.js").Rows} rows
   * @returns {Promise<Answer>}
   */
  async predict(rows) {
    const { serve, fallback } = this.routing ?? (await this.#first());
    try {
      return await serve.remote.call("predict", rows);
    } catch (error) {
      if (!fallback) throw error;
      const answer = await fallback.remote.call("predict", rows);
      // The rows are right, since the good version takes them: the one on trial has failed.
      if (error instanceof UsageError) void serve.remote.call("countFailure");
      return answer;
    }
  }

  /** @returns {Promise<Version>} What serves, as soon as something does. */
  async serving() {
    const { serve } = this.routing ?? (await this.#first());
    return /** @type {Version} */ (serve.version);
  }

  /** What the version that serves says of the rows that it was trained on. */
  async reference() {
    return (this.routing ?? (await this.#first())).serve.remote.call("reference");
  }

  /**
   * A version that is here or was, by the first digits of its digest.
   * @param {string} prefix
   */
  version(prefix) {
    return [...this.#known.values()].find(({ digest }) => digest.startsWith(`sha256:${prefix}`));
  }

  /**
   * Count truths.
   * @param {string} digest
   * @param {Float32Array} rows
   * @param {number} count
   */
  async observeLabels(digest, rows, count) {
    const running = this.#running.get(digest) ?? (this.routing ?? (await this.#first())).serve;
    await running.remote.call("observeLabels", digest, rows, count);
  }

  /** Leave what was counted to the tab with the core. */
  async handOn() {
    await Promise.all([...this.#running.values()].map((running) => running.remote.call("handOn")));
  }

  /** How many rows this page has predicted. */
  async rowsObserved() {
    const found = [...this.#running.values()].map(async ({ remote }) => (await remote.call("counts")).rows);
    return (await Promise.all(found)).reduce((sum, rows) => sum + rows, this.#retiredRows);
  }

  async close() {
    await Promise.all([...this.#running.keys()].map((digest) => this.unload(digest)));
  }

  /**
   * @param {string} digest
   * @param {Running} running
   */
  #add(digest, running) {
    this.#running.set(digest, running);
    this.#known.set(digest, /** @type {Version} */ (running.version));
  }

  /** @param {Routing} routing */
  #turn(routing) {
    this.routing = routing;
    for (const resolve of this.#waiting.splice(0)) resolve(routing);
    this.#changed();
  }

  /** @returns {Promise<Routing>} */
  #first() {
    const { model, readyTimeoutS = 60 } = this.#options;
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      setTimeout(
        () =>
          reject(
            new UnavailableError(
              `no version of model ${model} is in this browser after ${readyTimeoutS} s: ` +
                "check that the cloud is reachable and has one",
            ),
          ),
        readyTimeoutS * 1000,
      );
    });
  }
}
