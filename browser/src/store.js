/**
 * What must survive a reload, a crash and days offline: in IndexedDB.
 *
 * Mirrors the ports `BatchStore` and `PackageStore` of `edge_agent/ports.py`. In place of rings there
 * are *snapshots*: what a tab has counted and not yet handed on. They are forgotten in the
 * transaction that keeps the batches made of them.
 */
import { UnavailableError, saying } from "./errors.js";
import { verified } from "./manifest.js";

/**
 * @typedef {[string, number, number]} BatchId
 * @typedef {{id: BatchId, payload: Uint8Array}} StoredBatch
 * @typedef {import("./manifest.js").Package} Package
 * @typedef {import("./recorder.js").WindowEntry} WindowEntry
 */

/** Keys of snapshots that their tab will not write again begin with this. */
export const HANDED_ON = "handed-on ";

const VERSION = 1;
const STORES = ["batches", "facts", "snapshots", "packages", "partial"];

/** Everything that one device keeps. */
export class Store {
  #db;

  /** @param {IDBDatabase} db */
  constructor(db) {
    this.#db = db;
  }

  /**
   * Open the store of a device, made if it is missing.
   * @param {string} name
   * @returns {Promise<Store>}
   */
  static open(name) {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store);
    };
    return answered(request).then((db) => new Store(db));
  }

  close() {
    this.#db.close();
  }

  // Batches, the journal, and the number of the life.

  /** A number for a new life that is greater than any given before. */
  async nextBoot(atUnixS = Date.now() / 1000) {
    return this.#write(["facts"], async (stores) => {
      const before = (await answered(stores.facts.get("boot"))) ?? 0;
      const boot = Math.max(before + 1, Math.floor(atUnixS));
      stores.facts.put(boot, "boot");
      return boot;
    });
  }

  /**
   * Keep batches, forget those that they replace and the snapshots that they cover, all or nothing.
   * @param {StoredBatch[]} batches
   * @param {BatchId[]} replaces
   * @param {string[]} snapshots
   */
  async save(batches, replaces, snapshots) {
    await this.#write(["batches", "snapshots"], async (stores) => {
      for (const id of replaces) stores.batches.delete(id);
      for (const { id, payload } of batches) stores.batches.put(payload, id);
      for (const key of snapshots) stores.snapshots.delete(key);
    });
  }

  /** @param {BatchId[]} ids */
  async delete(ids) {
    await this.#write(["batches"], async ({ batches }) => {
      for (const id of ids) batches.delete(id);
    });
  }

  /** @returns {Promise<Uint8Array[]>} Payloads, oldest first. */
  async batches() {
    return answered(this.#db.transaction("batches").objectStore("batches").getAll());
  }

  /**
   * A fact by name: ``state``, ``last_good``, ``device``.
   * @param {string} name
   * @returns {Promise<any>}
   */
  async fact(name) {
    return answered(this.#db.transaction("facts").objectStore("facts").get(name));
  }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  async putFact(name, value) {
    await this.putFacts({ [name]: value });
  }

  /**
   * Keep several facts, all or nothing; one without a value is forgotten.
   * @param {Record<string, unknown>} values By name.
   */
  async putFacts(values) {
    await this.#write(["facts"], async ({ facts }) => {
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined) facts.delete(name);
        else facts.put(value, name);
      }
    });
  }

  /**
   * Facts that are drawn once, however many tabs ask for them at a time.
   * @template {string} Name
   * @param {Record<Name, () => string>} draws
   * @returns {Promise<Record<Name, string>>}
   */
  async drawn(draws) {
    const names = /** @type {Name[]} */ (Object.keys(draws));
    const before = await Promise.all(names.map((name) => this.fact(name)));
    const found = Object.fromEntries(names.map((name, place) => [name, before[place]]));
    if (before.some((fact) => !fact)) {
      const draw = async (/** @type {Record<string, IDBObjectStore>} */ { facts }) => {
        for (const name of names) {
          found[name] = (await answered(facts.get(name))) ?? draws[name]();
          facts.put(found[name], name);
        }
      };
      await this.#write(["facts"], draw, "relaxed");
    }
    return /** @type {Record<Name, string>} */ (found);
  }

  // Snapshots: what tabs have counted and nobody has taken yet.

  /**
   * @param {string} key
   * @param {WindowEntry[]} entries
   */
  async putSnapshot(key, entries) {
    const put = async (/** @type {Record<string, IDBObjectStore>} */ { snapshots }) =>
      void snapshots.put(entries, key);
    await this.#write(["snapshots"], put, "relaxed");
  }

  /**
   * Keep entries under a key of their own, and forget the snapshot that they were in.
   * @param {string} key
   * @param {WindowEntry[]} entries
   */
  async handOn(key, entries) {
    await this.#write(["snapshots"], async ({ snapshots }) => {
      snapshots.put(entries, `${HANDED_ON}${key}`);
      snapshots.delete(key);
    });
  }

  /** @returns {Promise<[string, WindowEntry[]][]>} */
  async snapshots() {
    const store = this.#db.transaction("snapshots").objectStore("snapshots");
    const [keys, values] = await Promise.all([
      answered(store.getAllKeys()),
      answered(store.getAll()),
    ]);
    return keys.map((key, place) => [String(key), values[place]]);
  }

  // Packages.

  /** @param {Package} pack */
  async addPackage(pack) {
    const { digest, manifestBytes, files } = pack;
    await this.#write(["packages"], async ({ packages }) => {
      packages.put({ manifestBytes, files }, digest);
    });
  }

  /**
   * A package, verified anew; undefined if it is not here.
   * @param {string} digest
   * @returns {Promise<Package | undefined>}
   */
  async package(digest) {
    const store = this.#db.transaction("packages").objectStore("packages");
    const found = await answered(store.get(digest));
    return found && verified(digest, found.manifestBytes, found.files);
  }

  /**
   * A file of any package that is here, by its digest.
   * @param {string} digest
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>}
   */
  async fileOf(digest) {
    for (const known of await this.digests()) {
      const pack = await this.package(known).catch(() => undefined); // damaged: its files come anew
      const found = pack?.manifest.artifacts.find((artifact) => artifact.digest === digest);
      if (pack && found) return /** @type {any} */ (pack.files[found.path]);
    }
    return undefined;
  }

  /** @returns {Promise<string[]>} */
  async digests() {
    const store = this.#db.transaction("packages").objectStore("packages");
    return (await answered(store.getAllKeys())).map(String);
  }

  /** @param {string[]} keep */
  async prune(keep) {
    const others = (await this.digests()).filter((digest) => !keep.includes(digest));
    await this.#write(["packages", "partial"], async ({ packages, partial }) => {
      for (const digest of others) packages.delete(digest);
      partial.clear();
    });
  }

  /**
   * What has arrived of a file.
   * @param {string} digest
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async partial(digest) {
    const store = this.#db.transaction("partial").objectStore("partial");
    return (await answered(store.get(digest))) ?? new Uint8Array();
  }

  /**
   * @param {string} digest
   * @param {Uint8Array} data
   */
  async putPartial(digest, data) {
    await this.#write(["partial"], async ({ partial }) => void partial.put(data, digest));
  }

  /** @param {string} digest */
  async forgetPartial(digest) {
    await this.#write(["partial"], async ({ partial }) => void partial.delete(digest));
  }

  /**
   * Do something in one transaction that survives loss of power, or not at all.
   * @template T
   * @param {string[]} names
   * @param {(stores: Record<string, IDBObjectStore>) => Promise<T>} change
   * @param {"strict" | "relaxed"} durability `relaxed` outlives the tab, not always the power.
   * @returns {Promise<T>}
   */
  async #write(names, change, durability = "strict") {
    try {
      const transaction = this.#db.transaction(names, "readwrite", { durability });
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve(undefined);
        transaction.onabort = () => reject(transaction.error);
      });
      const stores = names.map((name) => [name, transaction.objectStore(name)]);
      const result = await change(Object.fromEntries(stores));
      await done;
      return result;
    } catch (error) {
      throw new UnavailableError(`this browser cannot keep data: ${saying(error)}`);
    }
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
