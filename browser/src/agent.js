/**
 * The agent of one tab, in its worker: has the core, or follows the tab that has it.
 *
 * Of several tabs of one device one has the core (the one that holds a lock); the others predict,
 * hand on what they count, and follow its switch. Predictions are made by servers beside it, which
 * begin before Python has loaded.
 */
import { saying } from "./errors.js";
import { Link } from "./link.js";
import { opening } from "./opened_link.js";
import { PackageSource, resolved } from "./package_source.js";
import { loadPython } from "./python.js";
import { ServerPorts } from "./server_ports.js";
import { Shell } from "./shell.js";
import { SmallerWays } from "./smaller_ways.js";
import { Store } from "./store.js";
import { Trust } from "./trust.js";
import { wayToCloud } from "./way_to_cloud.js";

/**
 * @typedef {import("./options.js").Settled} Settled
 * @typedef {import("./servers.js").Digests} Digests
 */

const VERSION = "0.1.0";

/** Keeps the model up to date, and tells the cloud. */
export class Agent {
  #options;
  #store;
  #tell;
  #early;
  #channel;
  /** @type {Shell | undefined} */
  #shell;
  /** @type {Digests} */
  #followed = { serve: "", shadow: "", fallback: "" };
  /** @type {Promise<void>} */
  #following = Promise.resolve();
  /** @type {(nothing?: undefined) => void} */
  #end = () => undefined;
  #over = new Promise((resolve) => {
    this.#end = resolve;
  });
  #isClosed = false;

  /**
   * @param {Settled} options
   * @param {Store} store
   * @param {(kind: string, body: unknown) => void} tell Tells the page what happens, and to do.
   * @param {Promise<void>} early Resolves when what came with the page is in the store.
   */
  constructor(options, store, tell, early) {
    this.#options = options;
    this.#store = store;
    this.#tell = tell;
    this.#early = early;
    this.#channel = new BroadcastChannel(this.#name);
    this.servers = new ServerPorts(tell);
  }

  /**
   * @param {Settled} options
   * @param {(kind: string, body: unknown) => void} tell
   * @param {Promise<void>} early
   */
  static async start(options, tell, early) {
    const agent = new Agent(options, await Store.open(options.store), tell, early);
    agent.#begin();
    return agent;
  }

  /**
   * Leave the cloud alone, or go back to it.
   * @param {boolean} offline
   */
  async goOffline(offline) {
    await this.#shell?.goOffline(offline);
    this.#tellStatus();
  }

  /** Make batches of what was handed on, and send them. */
  async flush() {
    await this.#shell?.collectSoon();
  }

  async close() {
    this.#isClosed = true;
    await this.#shell?.close();
    this.#channel.close();
    this.#end();
    this.#store.close();
  }

  get #name() {
    return `edgefleet ${this.#options.device} ${this.#options.model}`;
  }

  #begin() {
    this.#channel.onmessage = ({ data }) => {
      this.#following = this.#following.then(() => this.#follow(data));
    };
    void navigator.locks.request(this.#name, async () => {
      if (this.#isClosed) return;
      try {
        await this.#lead();
      } catch (error) {
        this.#log("warning", `the agent's core cannot start: ${saying(error)}`);
      }
      await this.#over;
    });
  }

  /** Run the core. */
  async #lead() {
    const { assets, bundled, model } = this.#options;
    const [python, way] = await Promise.all([
      loadPython({ pyodide: `${assets}pyodide/`, core: `${assets}core.zip` }),
      wayToCloud(this.#options, {
        store: this.#store,
        warn: (text) => this.#log("warning", text),
        isOver: () => this.#isClosed,
      }),
    ]);
    if (this.#isClosed) return;
    const core = python.core(
      this.#config(),
      await this.#store.nextBoot(),
      (await this.#store.fact("state")) ?? "",
      await this.#store.batches(),
    );
    const host = new URL(way.url).hostname;
    const trust = await this.#trust(python, host, way.trustedRoot);
    const ways = new SmallerWays(python.smallerWays(), this.#store, (text) => this.#log("info", text));
    const shell = new Shell({
      python,
      core,
      store: this.#store,
      source: new PackageSource(this.#store, host, { trust, ways }),
      servers: this.servers,
      log: ({ level, text }) => this.#log(level, text),
      onReport: (report) => this.#tell("report", report),
      onBatch: (batch) => this.#tell("batch", batch),
      onChange: () => this.#tellStatus(),
      onRoute: (digests) => {
        this.#channel.postMessage(digests);
        this.#tellStatus();
      },
    });
    this.servers.lead();
    await shell.start();
    await this.#early;
    if (bundled) await shell.adopt(model, bundled.version, bundled.digest);
    this.#shell = shell;
    await this.#connect(shell, core, way, trust);
    this.#tellStatus();
  }

  /**
   * @param {import("./python.js").Python} python
   * @param {string} host Of the broker.
   * @param {string} [trustedRoot]
   */
  async #trust(python, host, trustedRoot) {
    if (!trustedRoot) return undefined;
    const known = (await this.#store.fact("trust")) ?? "";
    return new Trust(python.verifying(trustedRoot, known), this.#store, (url) => resolved(url, host));
  }

  /**
   * @param {Shell} shell
   * @param {import("./python.js").Core} core
   * @param {import("./way_to_cloud.js").Way} way
   * @param {Trust | undefined} trust
   */
  async #connect(shell, core, { url, username, password, newPassword }, trust) {
    const { assets, device } = this.#options;
    const { default: mqtt } = await import(/* @vite-ignore */ `${assets}mqtt/mqtt.esm.js`);
    const { events, sealed, subscriptions } = core.topics();
    const options = {
      url,
      clientId: device,
      username,
      password,
      newPassword,
      willTopic: events,
      willPayload: core.lastWill(),
      subscriptions,
    };
    const log = (/** @type {string} */ text) => this.#log("warning", text);
    shell.connect(
      (handler) => new Link(mqtt, options, trust ? opening(handler, { trust, sealed, log }) : handler),
    );
  }

  #config() {
    const { fleet, device, model, tags = {}, intervalS = 60 } = this.#options;
    return {
      fleet,
      device,
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
   * @param {Digests} digests
   */
  async #follow(digests) {
    if (this.#shell) return;
    try {
      const wanted = Object.values(digests).filter(Boolean);
      for (const digest of wanted) await this.servers.load(digest);
      this.servers.route(digests);
      const before = new Set(Object.values(this.#followed).filter(Boolean));
      for (const digest of before) if (!wanted.includes(digest)) this.servers.unload(digest);
      this.#followed = digests;
    } catch (error) {
      this.#log("warning", saying(error));
    }
  }

  #tellStatus() {
    this.#tell("core", {
      hasCore: this.#shell !== undefined,
      link: this.#shell?.isOnline ? "up" : "down",
      waitingBatches: this.#shell?.waitingBatches ?? 0,
    });
  }

  /**
   * @param {string} level
   * @param {string} text
   */
  #log(level, text) {
    this.#tell("log", { level, text });
  }
}
