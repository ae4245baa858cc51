/**
 * The page's side of its servers: which version answers calls, turned in one step.
 *
 * Mirrors `edge_agent/switch.py`. A new version is loaded by a worker of its own while the old one
 * goes on serving; the old worker ends when its last call has been answered.
 */
import { saying, UnavailableError, UsageError } from "./errors.js";
import { Restarts } from "./restarts.js";
import { Running } from "./running.js";

/**
 * @typedef {import("./server.js").Version} Version
 * @typedef {import("./server.js").Answer} Answer
 * @typedef {{serve: string, shadow: string, fallback: string}} Digests
 * @typedef {{serve: Running, shadow?: Running, fallback?: Running}} Routing
 */

const READY_TIMEOUT_S = 60;

/** All servers of a page. */
export class Servers {
  #options;
  #module;
  #hear;
  #news;
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
  #restarts = new Restarts();
  /** Resolves when what was here serves and is kept, or nothing was. @type {Promise<void>} */
  early;

  /**
   * @param {import("./options.js").Settled} options
   * @param {Promise<WebAssembly.Module | undefined>} module Of onnxruntime-web, by `compiledModule`.
   * @param {import("./remote.js").Hear} hear Hears what servers log.
   * @param {object} news
   * @param {() => void} news.onChange Hears that another version answers.
   * @param {(digest: string, port: MessagePort) => void} news.onReplaced Hears that a version has
   *   another worker, as the one before is gone.
   */
  constructor(options, module, hear, news) {
    this.#options = options;
    this.#module = module;
    this.#hear = hear;
    this.#news = news;
    this.early = options.isEarly ? this.#beginEarly() : Promise.resolve();
  }

  /** Serve what is here, before the core has a word. */
  async #beginEarly() {
    const running = this.#run();
    try {
      const version = await running.load();
      if (version) {
        this.#add(version.digest, running);
        if (!this.routing) this.#turn({ serve: running });
        return void (await running.remote.call("kept"));
      }
    } catch (error) {
      this.#warn(saying(error));
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
    if (running?.successor) running = await this.#succeeded(running);
    if (!running) {
      running = this.#run();
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
    this.#beside(found, shadowing);
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
    const { serve, shadow, fallback } = this.routing ?? (await this.#first());
    if (serve.successor && !fallback) return (await this.#succeeded(serve)).remote.call("predict", rows);
    const hasSettled = !shadow && !fallback && !serve.successor;
    const near = hasSettled && serve.near && (await serve.near.predict(rows));
    if (near) return near;
    try {
      const answer = await serve.remote.call("predict", rows);
      if (hasSettled) serve.cameBy();
      return answer;
    } catch (error) {
      // A worker that is gone has counted nothing of this call.
      if (serve.successor) void serve.successor.then(({ remote }) => remote.call("countFailure"));
      if (!fallback) throw error;
      const answer = await fallback.remote.call("predict", rows);
      // The rows are right, since the good version takes them: the one on trial has failed.
      if (error instanceof UsageError) void serve.remote.call("countFailure");
      return answer;
    }
  }

  /**
   * Who serves in the place of a worker that is gone.
   * @param {Running} lost
   * @returns {Promise<Running>}
   */
  #succeeded(lost) {
    const late = new Promise((_, reject) => {
      const error = new UnavailableError(`the worker of ${lost.name} is gone, and is being started again`);
      setTimeout(() => reject(error), 1000 * (this.#options.readyTimeoutS ?? READY_TIMEOUT_S));
    });
    return Promise.race([/** @type {Promise<Running>} */ (lost.successor), late]);
  }

  /** Whether calls of few rows are answered in this thread. */
  get isNear() {
    const { serve, shadow, fallback } = this.routing ?? {};
    return Boolean(serve?.near && !shadow && !fallback);
  }

  /** @returns {Promise<Version>} What serves, as soon as something does. */
  async serving() {
    return /** @type {Version} */ ((await this.#present()).version);
  }

  /** What the version that serves says of the rows that it was trained on. */
  async reference() {
    return (await this.#present()).remote.call("reference");
  }

  /** Who answers now, or as soon as somebody does. */
  async #present() {
    const { serve } = this.routing ?? (await this.#first());
    return serve.successor ? this.#succeeded(serve) : serve;
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
    const known = this.#running.get(digest);
    const running = known && !known.successor ? known : await this.#present();
    await running.remote.call("observeLabels", digest, rows, count);
  }

  /** Leave what was counted to the tab with the core. */
  async handOn() {
    // What a worker has counted that is gone is kept already.
    const present = [...this.#running.values()].filter(({ successor }) => !successor);
    await Promise.all(present.map((running) => running.handOn()));
  }

  /** How many rows this page has predicted. */
  async rowsObserved() {
    const found = [...this.#running.values()].map((running) =>
      running.counts().then(
        ({ rows }) => rows,
        () => 0, // its worker is gone
      ),
    );
    return (await Promise.all(found)).reduce((sum, rows) => sum + rows, this.#retiredRows);
  }

  async close() {
    await Promise.all([...this.#running.keys()].map((digest) => this.unload(digest)));
  }

  #run() {
    const onLost = (/** @type {Running} */ lost, /** @type {string} */ reason) => this.#lost(lost, reason);
    return new Running(this.#options, this.#hear, onLost, this.#module);
  }

  /**
   * Put another worker in the place of one that is gone; its version is here, and goes on.
   * @param {Running} lost
   * @param {string} reason
   */
  #lost(lost, reason) {
    const { digest } = /** @type {Version} */ (lost.version);
    if (this.#running.get(digest) !== lost) return;
    this.#warn(`the worker of ${lost.name} is gone: ${reason}; another one is started`);
    lost.successor = this.#again(digest, lost);
    lost.successor.catch(() => undefined); // calls that wait for it hear it
  }

  /**
   * @param {string} digest
   * @param {Running} lost
   */
  async #again(digest, lost) {
    const running = await this.#restarts.another(digest, {
      make: () => this.#run(),
      isWanted: () => this.#running.get(digest) === lost,
      warn: (text) => this.#warn(`${lost.name} cannot be loaded again: ${text}`),
    });
    this.#add(digest, running);
    this.#replace(lost, running);
    this.#news.onReplaced(digest, running.port());
    return running;
  }

  /**
   * @param {Running} lost
   * @param {Running} running
   */
  #replace(lost, running) {
    if (!this.routing) return;
    const { serve, shadow, fallback } = this.routing;
    const now = (/** @type {Running | undefined} */ one) => (one === lost ? running : one);
    const served = now(serve) ?? serve;
    if (served === running || now(shadow) === running) this.#beside(served, now(shadow));
    this.#turn({ serve: served, shadow: now(shadow), fallback: now(fallback) });
  }

  /**
   * Have one version repeat the calls of another, or nobody.
   * @param {Running} serve
   * @param {Running} [shadow]
   */
  #beside(serve, shadow) {
    const { port1, port2 } = new MessageChannel();
    const calls = shadow
      ? [shadow.remote.give([port1], "shadows", port1), serve.remote.give([port2], "shadowedBy", port2)]
      : [serve.remote.call("shadowedBy")];
    for (const call of calls) call.catch(() => undefined); // it is gone: whoever takes its place is told
  }

  /** @param {string} text */
  #warn(text) {
    this.#hear("log", { level: "warning", text });
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
    this.#news.onChange();
  }

  /** @returns {Promise<Routing>} */
  #first() {
    const { model, readyTimeoutS = READY_TIMEOUT_S } = this.#options;
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
