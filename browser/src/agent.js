/**
 * The agent of one tab, in its worker.
 *
 * It predicts as soon as there is a session, with what this browser kept or the page brought along.
 * The core joins when Python has loaded; what was counted until then is handed over. Of several tabs
 * of one device one has the core (the one that holds a lock); the others predict, count into
 * snapshots that it collects, and follow its switch.
 */
import { Engine } from "./engine.js";
import { saying, UnavailableError, UsageError } from "./errors.js";
import { Labels } from "./labels.js";
import { Link } from "./link.js";
import { loaded } from "./loading.js";
import { PackageSource } from "./package_source.js";
import { drawNumber, makeId } from "./prediction_id.js";
import { loadPython } from "./python.js";
import { Recorder } from "./recorder.js";
import { Shell } from "./shell.js";
import { Snapshots } from "./snapshots.js";
import { Store } from "./store.js";
import { Switch } from "./switch.js";

/**
 * @typedef {object} AgentOptions
 * @property {string} model Name of a model of the fleet.
 * @property {string} [cloud] URL of the broker, `ws://` or `wss://`; without it the tab only predicts.
 * @property {string} [fleet]
 * @property {string} [salt] What unknown categories are hashed with, the same on all devices of the
 *   fleet; by default a secret that is drawn once and kept. Whoever reads the page reads it.
 * @property {string} [device] By default a name that is drawn once and kept.
 * @property {Record<string, string>} [tags]
 * @property {number} [intervalS] Length of a telemetry window, until the cloud says otherwise.
 * @property {string} [username]
 * @property {string} [password]
 * @property {string[]} [providers] Of onnxruntime-web: `webgpu`, `wasm`.
 * @property {number} [readyTimeoutS] How long `predict` waits for a first model.
 * @property {{digest: string, version: string, url: string,
 *   layouts: import("./manifest.js").Layouts}} [bundled] A package that comes with the page.
 * @property {string} assets URL of the folder with the libraries and the core.
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
/** How long a tab without the core counts before it hands its counts on. */
const HAND_ON_S = 5;
const VERSION = "0.1.0";

/** Predicts, counts, and keeps the model up to date. */
export class Agent {
  #options;
  #store;
  #engine;
  #recorder = new Recorder();
  #switch = new Switch();
  #labels = new Labels();
  #device;
  #snapshots;
  /** @type {Promise<void> | undefined} */
  #keeping;
  #tell;
  #channel;
  /** @type {Shell | undefined} */
  #shell;
  /** @type {Map<string, import("./servable.js").Servable>} */
  #servables = new Map();
  /** @type {(nothing?: undefined) => void} */
  #end = () => undefined;
  #over = new Promise((resolve) => {
    this.#end = resolve;
  });
  #closed = false;
  #handedOnS = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #keeper;

  /**
   * @param {AgentOptions} options
   * @param {Store} store
   * @param {Engine} engine
   * @param {string} device
   * @param {(kind: string, body: unknown) => void} tell Hears what happens: logs and reports.
   */
  constructor(options, store, engine, device, tell) {
    this.#options = options;
    this.#store = store;
    this.#engine = engine;
    this.#device = device;
    this.#snapshots = new Snapshots(store, this.#recorder);
    this.#tell = tell;
    this.#channel = new BroadcastChannel(`edgefleet ${device} ${options.model}`);
  }

  /**
   * Start; returns when the store is open, not when there is a model.
   * @param {AgentOptions} options
   * @param {(kind: string, body: unknown) => void} tell
   */
  static async start(options, tell) {
    const { fleet = "default", model, assets } = options;
    const ort = await import(/* @vite-ignore */ `${assets}ort/ort.wasm.min.mjs`);
    const engine = new Engine(ort, { assets: `${assets}ort/`, providers: options.providers });
    const store = await Store.open(`edgefleet ${fleet} ${options.device ?? ""} ${model}`);
    let device = options.device ?? (await store.fact("device"));
    if (!device) {
      device = `web-${crypto.randomUUID().slice(0, 13)}`;
      await store.putFact("device", device);
    }
    const agent = new Agent(options, store, engine, device, tell);
    agent.#begin();
    return agent;
  }

  get device() {
    return this.#device;
  }

  /** What people want to see. */
  status() {
    return {
      device: this.#device,
      serving: this.#switch.routing?.serve.name ?? "",
      digest: this.#switch.routing?.serve.digest ?? "",
      provider: this.#switch.routing?.serve.session.provider ?? "",
      fallback: this.#switch.routing?.serve.session.fallback ?? "",
      hasCore: this.#shell !== undefined,
      hasCloud: Boolean(this.#options.cloud),
      link: this.#shell?.isOnline ? "up" : "down",
      waitingBatches: this.#shell?.waitingBatches ?? 0,
      rowsObserved: this.#recorder.rowsObserved,
    };
  }

  /** What the model takes and gives. */
  async describe() {
    const { serve } = this.#switch.routing ?? (await this.#firstRouting());
    const { task, features, classes } = serve.manifest;
    return { name: serve.name, task, features, classes };
  }

  /**
   * Leave the cloud alone, or go back to it.
   * @param {boolean} offline
   */
  async goOffline(offline) {
    await this.#shell?.goOffline(offline);
    this.#tell("status", this.status());
  }

  /**
   * Predict some rows and observe them.
   * @param {import("./inputs.js").Rows} rows
   * @returns {Promise<Answer>}
   */
  async predict(rows) {
    const routing = this.#switch.routing ?? (await this.#firstRouting());
    let servable = routing.serve;
    let served;
    try {
      served = await servable.serve(rows);
    } catch (error) {
      if (!routing.fallback) throw error;
      served = await routing.fallback.serve(rows);
      // The rows are right, since the good version takes them: the one on trial has failed.
      if (error instanceof UsageError) servable.countFailure();
      servable = routing.fallback;
    }
    if (routing.shadow) void routing.shadow.runShadow(served);
    const { labels, probabilities, values, classes, scores } = served.decoded;
    const id = makeId(servable.digest, drawNumber(), classes, scores);
    return { labels, probabilities, values, id, model: servable.name, digest: servable.digest };
  }

  /**
   * Tell what came true; returns how many rows were labelled that were not before.
   * @param {string} id
   * @param {unknown} truth
   */
  label(id, truth) {
    return this.#labels.add(id, truth, (prefix) =>
      [...this.#servables.values()].find(({ digest }) => digest.startsWith(`sha256:${prefix}`)),
    );
  }

  /** Save what was counted, as before the tab is hidden or closed. */
  async flush() {
    if (this.#shell) await this.#shell.collect();
    else await this.#handOn();
  }

  async close() {
    this.#closed = true;
    clearInterval(this.#keeper);
    await this.#keeping;
    await this.#shell?.close();
    if (!this.#shell) await this.#handOn();
    this.#channel.close();
    this.#end();
    this.#store.close();
  }

  // Inside.

  #begin() {
    this.#beginEarly().catch((error) => this.#log("warning", saying(error)));
    this.#channel.onmessage = ({ data }) => void this.#follow(data);
    if (!this.#options.cloud) return; // nobody asks for statistics, and nothing is to be updated
    this.#keeper = setInterval(() => {
      if (!this.#keeping) this.#keeping = this.#keep().finally(() => (this.#keeping = undefined));
    }, SNAPSHOT_MS);
    // Held as long as this tab lives, so that its snapshot can be taken over afterwards.
    void navigator.locks.request(this.#snapshots.lock, () => this.#over);
    void navigator.locks.request(`edgefleet ${this.#device} ${this.#options.model}`, async () => {
      if (this.#closed) return;
      try {
        await this.#lead();
      } catch (error) {
        this.#log("warning", `the agent's core cannot start: ${saying(error)}`);
      }
      await this.#over;
    });
  }

  /** Serve what is here, before Python is. */
  async #beginEarly() {
    const { bundled } = this.#options;
    let digest = await this.#store.fact("last_good");
    let layouts = digest && (await this.#store.fact(`layouts ${digest}`));
    if (!layouts && bundled) {
      await new PackageSource(this.#store, location.hostname).fetch(bundled.digest, bundled.url);
      await this.#store.putFact(`layouts ${bundled.digest}`, bundled.layouts);
      ({ digest, layouts } = bundled);
    }
    if (!layouts || this.#switch.routing) return;
    const servable = await this.#servableOf(digest, layouts);
    if (!servable || this.#switch.routing) return;
    this.#switch.early = servable;
    this.#switch.turn({ serve: servable });
    this.#tell("status", this.status());
  }

  /** Run the core. */
  async #lead() {
    const { assets, bundled, cloud } = this.#options;
    const python = await loadPython({ pyodide: `${assets}pyodide/`, core: `${assets}core.zip` });
    const core = python.core(
      this.#config(),
      await this.#store.nextBoot(),
      (await this.#store.fact("state")) ?? "",
      await this.#store.batches(),
    );
    const host = cloud ? new URL(cloud).hostname : location.hostname;
    const shell = new Shell({
      python,
      core,
      store: this.#store,
      source: new PackageSource(this.#store, host),
      engine: this.#engine,
      recorder: this.#recorder,
      switch: this.#switch,
      salt: await this.#salt(),
      snapshots: this.#snapshots,
      log: ({ level, text }) => this.#log(level, text),
      onReport: (report) => this.#tell("report", report),
      onBatch: (batch) => this.#tell("batch", batch),
      onLink: () => this.#tell("status", this.status()),
      onLoaded: (servable) => void this.#servables.set(servable.digest, servable),
      onRoute: (digests) => {
        this.#channel.postMessage(digests);
        this.#tell("status", this.status());
      },
    });
    await shell.start();
    if (bundled) await shell.adopt(this.#options.model, bundled.version, bundled.digest);
    this.#shell = shell;
    if (cloud) await this.#connect(shell, core, cloud);
    this.#tell("status", this.status());
  }

  /**
   * @param {Shell} shell
   * @param {import("./python.js").Core} core
   * @param {string} cloud
   */
  async #connect(shell, core, cloud) {
    const { assets, username, password } = this.#options;
    const { default: mqtt } = await import(/* @vite-ignore */ `${assets}mqtt/mqtt.esm.js`);
    const { events, subscriptions } = core.topics();
    const options = {
      url: cloud,
      clientId: this.#device,
      username,
      password,
      willTopic: events,
      willPayload: core.lastWill(),
      subscriptions,
    };
    shell.connect((handler) => new Link(mqtt, options, handler));
  }

  /** What unknown categories are hashed with, as `AgentConfig.hash_salt` has it. */
  async #salt() {
    const { fleet = "default", salt } = this.#options;
    if (salt) return `fleet/${fleet}/${salt}`;
    let own = await this.#store.fact("salt");
    if (!own) {
      const words = crypto.getRandomValues(new Uint32Array(4));
      own = Array.from(words, (word) => word.toString(16)).join("");
      await this.#store.putFact("salt", own);
    }
    return `device/${own}`;
  }

  #config() {
    const { fleet = "default", model, tags = {}, intervalS = 60 } = this.#options;
    return {
      fleet,
      device: this.#device,
      models: [model],
      tags,
      interval_s: intervalS,
      agent_version: VERSION,
      facts: {
        system: "browser",
        cpus: navigator.hardwareConcurrency,
        isolated: self.crossOriginIsolated,
      },
    };
  }

  /**
   * Turn the switch as the tab with the core has turned its own.
   * @param {{serve: string, shadow: string, fallback: string}} digests
   */
  async #follow({ serve, shadow, fallback }) {
    if (this.#shell) return;
    try {
      const found = await Promise.all(
        [serve, shadow, fallback].map(async (digest) => {
          const layouts = digest && (await this.#store.fact(`layouts ${digest}`));
          return layouts ? this.#servableOf(digest, layouts) : undefined;
        }),
      );
      if (found[0]) this.#switch.turn({ serve: found[0], shadow: found[1], fallback: found[2] });
      this.#tell("status", this.status());
    } catch (error) {
      this.#log("warning", saying(error));
    }
  }

  /**
   * @param {string} digest
   * @param {import("./manifest.js").Layouts} layouts
   */
  async #servableOf(digest, layouts) {
    const known = this.#servables.get(digest);
    if (known) return known;
    const pack = await this.#store.package(digest);
    if (!pack) return undefined;
    const servable = await loaded(pack, layouts, {
      engine: this.#engine,
      recorder: this.#recorder,
      salt: await this.#salt(),
    });
    this.#servables.set(digest, servable);
    return servable;
  }

  async #firstRouting() {
    const { model, readyTimeoutS = 60 } = this.#options;
    const late = new Promise((_, reject) => {
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
    return Promise.race([this.#switch.ready(), /** @type {Promise<never>} */ (late)]);
  }

  /** Keep what was counted; hand it on if another tab has the core. */
  async #keep() {
    const nowS = performance.now() / 1000;
    const due = nowS - this.#handedOnS > Math.min(this.#options.intervalS ?? 60, HAND_ON_S);
    try {
      if (!this.#shell && due) await this.#handOn();
      else await this.#snapshots.keep();
    } catch (error) {
      this.#log("warning", saying(error));
    }
  }

  async #handOn() {
    if (!this.#options.cloud) return;
    this.#handedOnS = performance.now() / 1000;
    await this.#snapshots.handOn();
  }

  /**
   * @param {string} level
   * @param {string} text
   */
  #log(level, text) {
    this.#tell("log", { level, text });
  }
}
