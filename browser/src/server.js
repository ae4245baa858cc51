/**
 * Serves one version in a worker of its own: predicts, counts, and keeps what it has counted.
 *
 * One version, one worker: the next one is loaded beside it, so that no call waits for that, and a
 * model that never ends is ended with its worker.
 */
import { bundledPackage } from "./bundled.js";
import { Engine } from "./engine.js";
import { PackageError, saying, UnavailableError } from "./errors.js";
import { loaded } from "./loading.js";
import { fileOf } from "./manifest.js";
import { Recorder } from "./recorder.js";
import { Shadowed } from "./shadowed.js";
import { Snapshots } from "./snapshots.js";
import { Store } from "./store.js";

/**
 * @typedef {import("./options.js").ServerOptions} ServerOptions
 *
 * @typedef {object} Version What the page knows of a version that is served.
 * @property {string} digest
 * @property {string} provider
 * @property {string} fallback Why no provider that was preferred is used.
 * @property {import("./manifest.js").Manifest} manifest
 *
 * @typedef {object} Answer What `predict` returns.
 * @property {(string | number)[] | null} labels
 * @property {Float32Array | null} probabilities
 * @property {Float32Array | null} values
 * @property {string} id Give it to `label` with one truth per row.
 * @property {string} model Which version answered.
 * @property {string} digest
 */

/** What a crash, or leaving the page, may cost: the rows of so much time. */
const SNAPSHOT_MS = 200;
/** What a page may run in its own thread: loading it takes some milliseconds, a row less than one. */
const NEAR_BYTES = 150_000;
const NEAR_ROW_US = 300;
/** How long a tab without the core counts before it hands its counts on. */
const HAND_ON_S = 5;

/** One version. */
export class Server {
  #options;
  #store;
  #engine;
  #tell;
  #recorder = new Recorder();
  #snapshots;
  /** @type {import("./servable.js").Servable | undefined} */
  #servable;
  /** @type {Shadowed | undefined} */
  #shadowed;
  /** @type {Promise<void> | undefined} */
  #keeping;
  /** Resolves when the package that came with the page is kept. @type {Promise<void>} */
  #kept = Promise.resolve();
  #reference = "";
  #handedOnS = 0;
  #isLed = false;

  /**
   * @param {ServerOptions} options
   * @param {Store} store
   * @param {Engine} engine
   * @param {(kind: string, body: unknown) => void} tell
   */
  constructor(options, store, engine, tell) {
    this.#options = options;
    this.#store = store;
    this.#engine = engine;
    this.#tell = tell;
    this.#snapshots = new Snapshots(store, this.#recorder);
  }

  /**
   * @param {ServerOptions} options
   * @param {(kind: string, body: unknown) => void} tell
   * @param {Promise<WebAssembly.Module | undefined>} module Of onnxruntime-web, by `compiledModule`.
   */
  static async start(options, tell, module) {
    const [engine, store] = await Promise.all([
      Engine.start(options, module),
      Store.open(options.store),
    ]);
    const server = new Server(options, store, engine, tell);
    if (options.cloud) server.#keepCounts();
    return server;
  }

  /**
   * Load a version that the store has.
   * @param {string} digest
   * @returns {Promise<Version>}
   */
  async load(digest) {
    const layouts = await this.#store.fact(`layouts ${digest}`);
    const pack = await this.#store.package(digest);
    if (!pack || !layouts) throw new PackageError(`package ${digest} is not in this browser`);
    return this.#load(pack, layouts);
  }

  /**
   * Load what served here before, or came with the page; undefined if there is neither.
   * @returns {Promise<Version | undefined>}
   */
  async loadEarly() {
    const { bundled } = this.#options;
    const digest = await this.#store.fact("last_good");
    if (digest && (await this.#store.fact(`layouts ${digest}`))) return this.load(digest);
    if (!bundled) return undefined;
    const known = await this.#store.package(bundled.digest).catch(() => undefined); // damaged: it comes anew
    const pack = known ?? (await bundledPackage(bundled));
    const version = await this.#load(pack, bundled.layouts);
    this.#kept = this.#keepBundled(pack, bundled.layouts);
    return version;
  }

  /** Resolves when what was loaded early is in the store. */
  kept() {
    return this.#kept;
  }

  /**
   * @param {import("./manifest.js").Package} pack
   * @param {import("./manifest.js").Layouts} layouts
   * @returns {Promise<Version>}
   */
  async #load(pack, layouts) {
    const { salt } = this.#options;
    const parts = { engine: this.#engine, recorder: this.#recorder, salt };
    this.#servable = await loaded(pack, layouts, parts);
    this.#reference = new TextDecoder().decode(fileOf(pack, "reference"));
    const { provider, fallback } = this.#servable.session;
    return { digest: pack.digest, provider, fallback, manifest: this.#servable.manifest };
  }

  /**
   * @param {import("./manifest.js").Package} pack
   * @param {import("./manifest.js").Layouts} layouts
   */
  async #keepBundled(pack, layouts) {
    try {
      await this.#store.addPackage(pack);
      await this.#store.putFact(`layouts ${pack.digest}`, layouts);
    } catch (error) {
      this.#tell("log", { level: "warning", text: saying(error) });
    }
  }

  /**
   * Predict some rows and observe them.
   * @param {import("./inputs.js").Rows} rows
   * @returns {Promise<Answer>}
   */
  async predict(rows) {
    const servable = this.#loaded;
    const served = await servable.serve(servable.encode(rows));
    this.#shadowed?.send(served);
    return servable.answer(served.decoded);
  }

  /**
   * What the page needs to run this version in its own thread; undefined where that would hold it up.
   * @returns {Promise<import("./near.js").Offer | undefined>}
   */
  async offer() {
    const { digest, session, rowUs } = this.#loaded;
    if (session.provider !== "wasm" || rowUs > NEAR_ROW_US) return undefined;
    await this.#kept;
    const layouts = await this.#store.fact(`layouts ${digest}`);
    const pack = layouts && (await this.#store.package(digest));
    const model = pack && fileOf(pack, "model");
    if (!model || model.length > NEAR_BYTES || hasLoops(model)) return undefined;
    return { pack, layouts, rowUs };
  }

  /**
   * Count calls that the page has answered in its own thread.
   * @param {Float32Array} rows
   * @param {number} count
   * @param {number} calls
   */
  observed(rows, count, calls) {
    this.#loaded.calls += calls;
    this.#recorder.observe(this.#loaded.digest, "primary", rows, count, calls);
  }

  /**
   * Count truths of a version, this one or one that was here before.
   * @param {string} digest
   * @param {Float32Array} rows
   * @param {number} count
   */
  async observeLabels(digest, rows, count) {
    if (this.#servable?.digest !== digest) {
      const layouts = await this.#store.fact(`layouts ${digest}`);
      if (!layouts) throw new UnavailableError(`nothing is known here of package ${digest}`);
      this.#recorder.knows(digest, layouts);
    }
    this.#recorder.observe(digest, "labels", rows, count, 0);
  }

  /** What the package says of the rows that it was trained on. */
  reference() {
    return JSON.parse(this.#reference);
  }

  /** Count a call that this version should have answered and did not. */
  countFailure() {
    this.#loaded.countFailure();
  }

  /**
   * Have another version repeat every call, until told otherwise.
   * @param {MessagePort | undefined} port To its server.
   */
  shadowedBy(port) {
    this.#shadowed?.close();
    this.#shadowed = port && new Shadowed(port);
  }

  /**
   * Repeat what another version has served.
   * @param {MessagePort} port From its server.
   */
  shadows(port) {
    Shadowed.repeat(port, this.#engine.ort, this.#loaded);
  }

  /** What was served so far. */
  counts() {
    const { calls = 0, failures = 0 } = this.#servable ?? {};
    return { calls, failures, rows: this.#recorder.rowsObserved };
  }

  /**
   * Whether this tab has the core, which asks for counts by itself.
   * @param {boolean} isLed
   */
  lead(isLed) {
    this.#isLed = isLed;
  }

  /** Leave what was counted to the tab with the core. */
  async handOn() {
    if (!this.#options.cloud) return;
    await this.#keeping;
    this.#handedOnS = performance.now() / 1000;
    await this.#snapshots.handOn();
  }

  get #loaded() {
    if (!this.#servable) throw new UnavailableError("no version is loaded here");
    return this.#servable;
  }

  #keepCounts() {
    // Held as long as this worker lives, so that its snapshot can be taken over afterwards.
    void navigator.locks.request(this.#snapshots.lock, () => new Promise(() => undefined));
    setInterval(() => {
      if (!this.#keeping) this.#keeping = this.#keep().finally(() => (this.#keeping = undefined));
    }, SNAPSHOT_MS);
  }

  /** Keep what was counted; hand it on if another tab has the core. */
  async #keep() {
    const nowS = performance.now() / 1000;
    const due = nowS - this.#handedOnS > Math.min(this.#options.intervalS ?? 60, HAND_ON_S);
    try {
      if (!this.#isLed && due) {
        this.#handedOnS = nowS;
        await this.#snapshots.handOn();
      } else await this.#snapshots.keep();
    } catch (error) {
      this.#tell("log", { level: "warning", text: saying(error) });
    }
  }
}

/**
 * Whether a model can take as long as its input says: nodes of these kinds repeat parts of it.
 * @param {Uint8Array} model
 */
function hasLoops(model) {
  const text = new TextDecoder("latin1").decode(model);
  return text.includes('"\x04Loop') || text.includes('"\x04Scan');
}
