/**
 * The shell of a tab: carries out the core's effects with real stores, links and sessions.
 *
 * Mirrors `edge_agent/shell.py` name for name. It decides nothing: whatever is decided about
 * telemetry or deployment is decided in `edge_agent.core`, which runs here in Pyodide.
 */
import { CoreLoop, nowS } from "./core_loop.js";
import { PackageError, saying } from "./errors.js";
import { loaded } from "./loading.js";
import { fileOf, reference } from "./manifest.js";

/**
 * @typedef {import("./python.js").Effect} Effect
 * @typedef {import("./python.js").Answer} Answer
 *
 * @typedef {object} Parts
 * @property {import("./python.js").Python} python
 * @property {import("./python.js").Core} core
 * @property {import("./store.js").Store} store
 * @property {import("./package_source.js").PackageSource} source
 * @property {import("./engine.js").Engine} engine
 * @property {import("./recorder.js").Recorder} recorder
 * @property {import("./switch.js").Switch} switch
 * @property {string} salt
 * @property {import("./snapshots.js").Snapshots} snapshots
 * @property {(line: {level: string, text: string}) => void} log
 * @property {(report: unknown) => void} onReport
 * @property {(batch: {bytes: number, batch: unknown}) => void} onBatch Hears what is sent.
 * @property {() => void} onLink Hears that the link is up or down.
 * @property {(servable: import("./servable.js").Servable) => void} onLoaded
 * @property {(digests: {serve: string, shadow: string, fallback: string}) => void} onRoute
 */

/** Runs one core. */
export class Shell {
  #parts;
  #core;
  #loop;
  #topics;
  /** @type {import("./link.js").Link | undefined} */
  #link;
  /** @type {Map<string, import("./servable.js").Servable>} */
  #loaded = new Map();
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
        this.#parts.onLink();
        void this.#loop.put((now) => this.#core.call("on_connected", now));
      },
      onDisconnected: (reason) => {
        this.isOnline = false;
        this.#parts.onLink();
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

  get servable() {
    return this.#parts.switch.routing?.serve;
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
        return this.#save(effect, blobs);
      case "DeleteBatches":
        return store.delete(effect.ids);
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
        return this.#unload(effect.digest);
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
    const { recorder, snapshots } = this.#parts;
    const own = recorder.take();
    const key = snapshots.end();
    const left = (await snapshots.ended()).filter(([found]) => !this.#covered.includes(found));
    this.#covered.push(key, ...left.map(([found]) => found));
    const entries = [...own, ...left.flatMap(([, found]) => found)];
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
    try {
      const servable = await this.#servableOf(digest);
      await this.#loop.put((now) => {
        const { session } = servable;
        this.#loaded.set(digest, servable);
        this.#parts.onLoaded(servable);
        this.#core.knows(digest, servable.manifestBytes, servable.referenceBytes);
        return this.#core.input("on_loaded", digest, session.provider, now, session.fallback);
      });
    } catch (error) {
      await this.#loop.put((now) => this.#core.call("on_load_failed", digest, saying(error), now));
    }
  }

  /** @param {string} digest */
  async #servableOf(digest) {
    const { store, engine, recorder, python, salt } = this.#parts;
    const early = this.#parts.switch.early;
    if (early?.digest === digest) return early;
    const pack = await store.package(digest);
    if (!pack) throw new PackageError(`package ${digest} is not in this browser`);
    const refusal = python.refusal(fileOf(pack, "model"), `model of ${reference(pack.manifest)}`);
    if (refusal) throw new PackageError(refusal);
    const layouts = python.layouts(pack.manifestBytes, fileOf(pack, "reference"));
    const servable = await loaded(pack, layouts, { engine, recorder, salt });
    await store.putFact(`layouts ${digest}`, layouts);
    return servable;
  }

  /** @param {string} digest */
  async #unload(digest) {
    const servable = this.#loaded.get(digest);
    this.#loaded.delete(digest);
    if (this.#parts.switch.early === servable) this.#parts.switch.early = undefined;
    await servable?.release();
  }

  /** @param {Effect} effect */
  async #route(effect) {
    const serve = this.#loaded.get(effect.serve);
    this.#watched = {
      digest: effect.serve,
      calls: serve?.calls ?? 0,
      failures: serve?.failures ?? 0,
    };
    this.#parts.switch.turn(
      serve && {
        serve,
        shadow: this.#loaded.get(effect.shadow),
        fallback: this.#loaded.get(effect.fallback),
      },
    );
    // A version on trial has a fallback, which is the one to begin with after a reload.
    if (serve) await this.#parts.store.putFact("last_good", effect.fallback || serve.digest);
    this.#parts.onRoute({ serve: effect.serve, shadow: effect.shadow, fallback: effect.fallback });
  }

  /**
   * Tell the core how many calls the serving version has answered since the last time.
   * @param {number} now
   */
  #watch(now) {
    const serve = this.#parts.switch.routing?.serve;
    const { digest, calls, failures } = this.#watched;
    if (!serve || serve.digest !== digest) return undefined;
    if (serve.calls === calls && serve.failures === failures) return undefined;
    this.#watched = { digest, calls: serve.calls, failures: serve.failures };
    return this.#core.call(
      "on_calls",
      digest,
      serve.calls - calls,
      serve.failures - failures,
      now,
    );
  }
}
