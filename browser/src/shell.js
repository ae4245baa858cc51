/**
 * The shell of a tab: carries out the core's effects with real stores, links and sessions.
 *
 * Mirrors `edge_agent/shell.py` name for name. It decides nothing: whatever is decided about
 * telemetry or deployment is decided in `edge_agent.core`, which runs here in Pyodide.
 */
import { CoreLoop, nowS } from "./core_loop.js";
import { PackageError, saying } from "./errors.js";
import { fileOf, reference } from "./manifest.js";
import { ended } from "./snapshots.js";

/**
 * @typedef {import("./python.js").Effect} Effect
 * @typedef {import("./python.js").Answer} Answer
 *
 * @typedef {object} Parts
 * @property {import("./python.js").Python} python
 * @property {import("./python.js").Core} core
 * @property {import("./store.js").Store} store
 * @property {import("./package_source.js").PackageSource} source
 * @property {import("./server_ports.js").ServerPorts} servers
 * @property {(line: {level: string, text: string}) => void} log
 * @property {(report: unknown) => void} onReport
 * @property {(batch: {bytes: number, batch: unknown}) => void} onBatch Hears what is sent.
 * @property {() => void} onChange Hears that the link is up or down, and that batches come or go.
 * @property {(digests: import("./servers.js").Digests) => void} onRoute
 */

/** Runs one core. */
export class Shell {
  #parts;
  #core;
  #loop;
  #topics;
  /** @type {import("./link.js").Link | undefined} */
  #link;
  /** @type {string[]} snapshots whose rows are in batches that no store has confirmed */
  #covered = [];
  #watched = { digest: "", calls: 0, failures: 0 };
  isOnline = false;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#core = parts.core;
    this.#topics = parts.core.topics();
    this.#loop = new CoreLoop(parts.core, {
      carryOut: (answer) => this.#carryOut(answer),
      watch: (now) => this.#watch(now),
    });
  }

  /** Begin the core's life. */
  async start() {
    await this.#loop.put((now) => this.#core.call("on_start", now, Date.now() / 1000));
  }

  /**
   * Serve a package that was handed over with the page, unless one serves already.
   * @param {string} model
   * @param {string} version
   * @param {string} digest
   */
  async adopt(model, version, digest) {
    await this.#loop.put(() => this.#core.call("adopt", model, version, digest));
  }

  /**
   * Connect; `make` gets this shell as the link's handler.
   * @param {(handler: import("./link.js").LinkHandler) => import("./link.js").Link} make
   */
  connect(make) {
    this.#link = make({
      onConnected: () => {
        this.isOnline = true;
        this.#parts.onChange();
        void this.#loop.put((now) => this.#core.call("on_connected", now));
      },
      onDisconnected: (reason) => {
        this.isOnline = false;
        this.#parts.onChange();
        this.#parts.log({ level: "info", text: `disconnected: ${reason}` });
        void this.#loop.put(() => this.#core.call("on_disconnected"));
      },
      onMessage: (topic, payload) =>
        void this.#loop.put((now) =>
          this.#core.input("on_message", topic, payload, now, Date.now() / 1000),
        ),
    });
  }

  /**
   * Leave the cloud alone, or go back to it.
   * @param {boolean} offline
   */
  async goOffline(offline) {
    const farewell = { topic: this.#topics.events, payload: this.#core.farewell() };
    if (offline) await this.#link?.pause(farewell);
    else this.#link?.resume();
  }

  /** Count and save what there is, as before a tab is hidden. */
  async collect() {
    await this.#loop.put(() => ({ effects: [{ effect: "CollectWindows" }], blobs: [] }));
  }

  get waitingBatches() {
    return this.#core.waitingBatches;
  }

  /** Save everything, and leave in order. */
  async close() {
    await this.#loop.put(() => this.#core.call("on_close"));
    await this.#loop.close();
    await this.#link?.close({ topic: this.#topics.events, payload: this.#core.farewell() });
  }

  /** @param {Answer} answer */
  async #carryOut({ effects, blobs }) {
    for (const effect of effects) {
      try {
        await this.#carryOutOne(effect, blobs);
      } catch (error) {
        this.#parts.log({ level: "warning", text: saying(error) });
      }
    }
  }

  /**
   * @param {Effect} effect
   * @param {Uint8Array[]} blobs
   */
  async #carryOutOne(effect, blobs) {
    const { store, log, onReport, onChange } = this.#parts;
    switch (effect.effect) {
      case "CollectWindows":
        return this.#collect();
      case "SaveBatches":
        await this.#save(effect, blobs);
        return onChange();
      case "DeleteBatches":
        await store.delete(effect.ids);
        return onChange();
      case "PublishBatch":
        if (this.#link?.publish(this.#topics.telemetry, blobs[effect.payload])) {
          this.#parts.onBatch({ bytes: blobs[effect.payload].length, batch: effect.batch });
        }
        return undefined;
      case "SendEvent":
        this.#link?.publish(this.#topics.events, blobs[effect.payload]);
        if (effect.report) onReport(effect.report);
        return undefined;
      case "SaveState":
        return this.#saveState(effect.state);
      case "FetchPackage":
        return void this.#fetch(effect.digest, effect.url);
      case "LoadPackage":
        return void this.#load(effect.digest);
      case "UnloadPackage":
        return this.#parts.servers.unload(effect.digest);
      case "Route":
        return this.#route(effect);
      case "DeletePackages":
        return store.prune(effect.keep);
      case "Log":
        return log({ level: effect.level, text: effect.text });
      default:
        throw new Error(`effect ${effect.effect} is unknown here: update edgefleet`);
    }
  }

  async #collect() {
    const { servers, store } = this.#parts;
    await servers.handOn();
    const left = (await ended(store)).filter(([found]) => !this.#covered.includes(found));
    this.#covered.push(...left.map(([found]) => found));
    const entries = left.flatMap(([, found]) => found);
    await this.#carryOut(this.#core.input("on_windows", JSON.stringify(entries), nowS()));
  }

  /**
   * @param {Effect} effect
   * @param {Uint8Array[]} blobs
   */
  async #save({ ask, batches, replaces }, blobs) {
    const covered = [...this.#covered];
    try {
      await this.#parts.store.save(
        batches.map((/** @type {any} */ batch) => ({ id: batch.id, payload: blobs[batch.payload] })),
        replaces,
        covered,
      );
    } catch (error) {
      await this.#carryOut(this.#core.input("on_save_failed", ask, saying(error), nowS()));
      return;
    }
    this.#covered = this.#covered.filter((key) => !covered.includes(key));
    await this.#carryOut(this.#core.input("on_saved", ask, nowS()));
  }

  /** @param {string} state */
  async #saveState(state) {
    try {
      await this.#parts.store.putFact("state", state);
    } catch (error) {
      await this.#carryOut(this.#core.call("on_state_save_failed", saying(error), nowS()));
    }
  }

  /**
   * @param {string} digest
   * @param {string} url
   */
  async #fetch(digest, url) {
    try {
      await this.#parts.source.fetch(digest, url);
      await this.#loop.put((now) => this.#core.call("on_fetched", digest, now));
    } catch (error) {
      const permanent = error instanceof PackageError;
      await this.#loop.put((now) =>
        this.#core.input("on_fetch_failed", digest, saying(error), now, permanent),
      );
    }
  }

  /** @param {string} digest */
  async #load(digest) {
    const { servers } = this.#parts;
    try {
      const pack = await this.#admitted(digest);
      const { provider, fallback } = await servers.load(digest);
      await this.#loop.put((now) => {
        this.#core.knows(digest, pack.manifestBytes, fileOf(pack, "reference"));
        return this.#core.input("on_loaded", digest, provider, now, fallback);
      });
    } catch (error) {
      await this.#loop.put((now) => this.#core.call("on_load_failed", digest, saying(error), now));
    }
  }

  /**
   * A package of the store that may reach the runtime, and how its rows are counted beside it.
   * @param {string} digest
   */
  async #admitted(digest) {
    const { store, python } = this.#parts;
    const pack = await store.package(digest);
    if (!pack) throw new PackageError(`package ${digest} is not in this browser`);
    const refusal = python.refusal(fileOf(pack, "model"), `model of ${reference(pack.manifest)}`);
    if (refusal) throw new PackageError(refusal);
    const layouts = python.layouts(pack.manifestBytes, fileOf(pack, "reference"));
    await store.putFact(`layouts ${digest}`, layouts);
    return pack;
  }

  /** @param {Effect} effect */
  async #route({ serve, shadow, fallback }) {
    const { servers, store, onRoute } = this.#parts;
    const { calls = 0, failures = 0 } = (await servers.counts(serve)) ?? {};
    this.#watched = { digest: serve, calls, failures };
    servers.route({ serve, shadow, fallback });
    // A version on trial has a fallback, which is the one to begin with after a reload.
    if (serve) await store.putFact("last_good", fallback || serve);
    onRoute({ serve, shadow, fallback });
  }

  /**
   * Tell the core how many calls the serving version has answered since the last time.
   * @param {number} now
   */
  async #watch(now) {
    const { digest, calls, failures } = this.#watched;
    const found = await this.#parts.servers.counts(digest);
    if (!found || (found.calls === calls && found.failures === failures)) return undefined;
    this.#watched = { digest, calls: found.calls, failures: found.failures };
    return this.#core.call("on_calls", digest, found.calls - calls, found.failures - failures, now);
  }
}
