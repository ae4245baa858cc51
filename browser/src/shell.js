/**
 * The shell of a tab: carries out the core's effects with real stores, links and sessions.
 *
 * Mirrors `edge_agent/shell.py` name for name. It decides nothing: whatever is decided about
 * telemetry or deployment is decided in `edge_agent.core`, which runs here in Pyodide.
 */
import { CoreLoop, nowS } from "./core_loop.js";
import { saying } from "./errors.js";
import { fileOf } from "./manifest.js";
import { PackageWorker } from "./package_worker.js";
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
 * @property {(batch: {bytes: number, batch: unknown, windows: unknown}) => void} onBatch Hears what is
 *   sent: as it travels, and what it says.
 * @property {() => void} onChange Hears that the link is up or down, and that batches come or go.
 * @property {(digests: import("./servers.js").Digests) => void} onRoute
 */

/** Runs one core. */
export class Shell {
  #parts;
  #core;
  #loop;
  #topics;
  #worker;
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
    this.#worker = new PackageWorker(parts, this);
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
    this.#link = make(this);
  }

  /** The link is up. */
  onConnected() {
    this.isOnline = true;
    this.#tellStatus();
    void this.#loop.put((now) => this.#core.call("on_connected", now));
  }

  /**
   * The link is down.
   * @param {string} reason
   */
  onDisconnected(reason) {
    this.isOnline = false;
    this.#tellStatus();
    this.#parts.log({ level: "info", text: `disconnected: ${reason}` });
    void this.#loop.put(() => this.#core.call("on_disconnected"));
  }

  /**
   * A message came.
   * @param {string} topic
   * @param {Uint8Array} payload
   */
  onMessage(topic, payload) {
    void this.#loop.put((now) => this.#core.input("on_message", topic, payload, now, Date.now() / 1000));
  }

  /**
   * A package is in the store.
   * @param {string} digest
   */
  onFetched(digest) {
    return this.#loop.put((now) => this.#core.call("on_fetched", digest, now));
  }

  /**
   * A package could not be fetched.
   * @param {string} digest
   * @param {string} reason
   * @param {{permanent: boolean}} how
   */
  onFetchFailed(digest, reason, { permanent }) {
    return this.#loop.put((now) => this.#core.input("on_fetch_failed", digest, reason, now, permanent));
  }

  /**
   * A package can predict.
   * @param {import("./manifest.js").Package} pack
   * @param {import("./server.js").Version} version
   */
  onLoaded(pack, { digest, provider, fallback }) {
    return this.#loop.put((now) => {
      this.#core.knows(digest, pack.manifestBytes, fileOf(pack, "reference"));
      return this.#core.input("on_loaded", digest, provider, now, fallback);
    });
  }

  /**
   * A package cannot be used here.
   * @param {string} digest
   * @param {string} reason
   */
  onLoadFailed(digest, reason) {
    return this.#loop.put((now) => this.#core.call("on_load_failed", digest, reason, now));
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
  async collectSoon() {
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
    const { store, log, onReport } = this.#parts;
    switch (effect.effect) {
      case "CollectWindows":
        return this.#collect();
      case "SaveBatches":
        await this.#save(effect, blobs);
        return this.#tellStatus();
      case "DeleteBatches":
        await store.delete(effect.ids);
        return this.#tellStatus();
      case "PublishBatch":
        if (this.#publish(this.#topics.telemetry, blobs[effect.payload])) {
          const { batch, windows } = effect;
          this.#parts.onBatch({ bytes: blobs[effect.payload].length, batch, windows });
        }
        return undefined;
      case "SendEvent":
        this.#publish(this.#topics.events, blobs[effect.payload]);
        if (effect.report) onReport(effect.report);
        return undefined;
      case "SaveState":
        return this.#saveState(effect.state);
      case "FetchPackage":
        return void this.#worker.fetch(effect.digest, effect.url);
      case "LoadPackage":
        return void this.#worker.load(effect.digest);
      case "UnloadPackage":
        return this.#parts.servers.unload(effect.digest);
      case "Route":
        return this.#route(effect);
      case "DeletePackages":
        return this.#deletePackages(effect.keep);
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
   * Hand a message to the broker; return whether it is on its way.
   * @param {string} topic
   * @param {Uint8Array} payload
   */
  #publish(topic, payload) {
    return this.#link?.publish(topic, payload) ?? false;
  }

  /** @param {string[]} keep */
  #deletePackages(keep) {
    return this.#parts.store.prune(keep);
  }

  #tellStatus() {
    this.#parts.onChange();
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
    // A worker that took the place of one that is gone counts anew.
    const isAnew = found.calls < calls || found.failures < failures;
    const [more, failed] = isAnew
      ? [found.calls, found.failures]
      : [found.calls - calls, found.failures - failures];
    return this.#core.call("on_calls", digest, more, failed, now);
  }
}
