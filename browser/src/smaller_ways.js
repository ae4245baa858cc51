/**
 * Smaller ways to the files of a package: deltas from what is here, and compressed forms.
 *
 * All of it is advice, which Python reads and applies as on devices; where it is of no use, the file
 * itself comes.
 */
import { saying } from "./errors.js";

const MOST_BASES = 8;
const MOST_OFFER_BYTES = 262_144;

/**
 * @typedef {{digest: string, size: number, old: string}} Way
 * @typedef {{digest: string, size: number}} Wanted
 * @typedef {object} Reading `browser/py/smaller_ways.py`.
 * @property {() => string} compressions
 * @property {(offer: Uint8Array) => string} ways
 * @property {(old: Uint8Array, delta: Uint8Array, digest: string, mostBytes: number) => any} applied
 */

/** What one package's registry offers. */
export class SmallerWays {
  #reading;
  #store;
  #log;

  /**
   * @param {Reading} reading
   * @param {import("./store.js").Store} store
   * @param {(text: string) => void} log Hears why something was of no use.
   */
  constructor(reading, store, log) {
    this.#reading = reading;
    this.#store = store;
    this.#log = log;
  }

  /**
   * The ways to each file of a package, by the file's digest.
   * @param {string} base
   * @param {string} digest
   * @returns {Promise<Record<string, Way[]>>}
   */
  async offered(base, digest) {
    const have = (await this.#store.digests()).filter((known) => known !== digest);
    const words = [
      ...have.slice(-MOST_BASES).map((known) => ["have", known]),
      ...JSON.parse(this.#reading.compressions()).map((/** @type {string} */ name) => ["with", name]),
    ];
    try {
      const reply = await fetch(`${base}/${digest}/offer?${new URLSearchParams(words)}`, {
        cache: "no-store",
      });
      if (!reply.ok) return {}; // a plain folder of files offers none
      const data = new Uint8Array(await reply.arrayBuffer());
      if (data.length > MOST_OFFER_BYTES) throw new Error(`it has ${data.length} bytes`);
      return JSON.parse(this.#reading.ways(data));
    } catch (error) {
      this.#log(`no offer of smaller ways: ${saying(error)}`);
      return {};
    }
  }

  /**
   * A file by the smallest way that works; undefined if none does.
   * @param {Wanted} file
   * @param {Way[]} ways
   * @param {(digest: string, mostBytes: number) => Promise<Uint8Array<ArrayBuffer>>} fetched
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>}
   */
  async bring(file, ways, fetched) {
    for (const way of ways) {
      const old = way.old ? await this.#store.fileOf(way.old) : new Uint8Array();
      if (!old) continue;
      try {
        const proxy = this.#reading.applied(old, await fetched(way.digest, way.size), file.digest, file.size);
        const data = proxy.toJs();
        proxy.destroy();
        return data;
      } catch (error) {
        this.#log(`a delta of ${way.size} bytes is of no use: ${saying(error)}`);
      } finally {
        await this.#store.forgetPartial(way.digest);
      }
    }
    return undefined;
  }
}
