/** Fetches and loads packages beside the core's loop; mirrors `edge_agent/package_worker.py`. */
import { PackageError, saying } from "./errors.js";
import { fileOf, reference } from "./manifest.js";

/**
 * @typedef {object} News Hears how it went: the shell.
 * @property {(digest: string) => unknown} onFetched
 * @property {(digest: string, reason: string, how: {permanent: boolean}) => unknown} onFetchFailed
 * @property {(pack: import("./manifest.js").Package, version: import("./server.js").Version) => unknown} onLoaded
 * @property {(digest: string, reason: string) => unknown} onLoadFailed
 */

/** Brings packages here, and has them loaded. */
export class PackageWorker {
  #parts;
  #news;

  /**
   * @param {Pick<import("./shell.js").Parts, "python" | "store" | "source" | "servers">} parts
   * @param {News} news
   */
  constructor(parts, news) {
    this.#parts = parts;
    this.#news = news;
  }

  /**
   * Bring a package into the store.
   * @param {string} digest
   * @param {string} url
   */
  async fetch(digest, url) {
    try {
      await this.#parts.source.fetch(digest, url);
      await this.#news.onFetched(digest);
    } catch (error) {
      const permanent = error instanceof PackageError;
      await this.#news.onFetchFailed(digest, saying(error), { permanent });
    }
  }

  /**
   * Load a package of the store.
   * @param {string} digest
   */
  async load(digest) {
    try {
      const pack = await this.#admitted(digest);
      await this.#news.onLoaded(pack, await this.#parts.servers.load(digest));
    } catch (error) {
      await this.#news.onLoadFailed(digest, saying(error));
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
}
