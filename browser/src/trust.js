/**
 * Whose signatures count: The Update Framework in a tab, verified by the same Python as on devices.
 *
 * Python says which file of metadata it needs, this fetches it, within limits of size and time.
 */
import { joined } from "./bytes.js";
import { PackageError, saying, UnavailableError } from "./errors.js";

const MOST_BYTES = 5_000_000;
const LONGEST_MS = 30_000;
/** Of one question: a device that slept through many roots has to follow them all. */
const MOST_FILES = 100;

/**
 * @typedef {object} Verifying `browser/py/verifying.py`.
 * @property {() => void} begin
 * @property {() => string} known
 * @property {(url: string, data: Uint8Array) => void} fetched
 * @property {(url: string, status: number, reason: string) => void} not_fetched
 * @property {(manifest: Uint8Array, url: string) => string} released
 * @property {(topic: string, message: Uint8Array, url: string) => string} opened
 * @property {(message: Uint8Array) => any} payload
 * @property {(message: Uint8Array) => string} packages_url
 */

/** Knows one root. */
export class Trust {
  #verifying;
  #store;
  #resolved;
  #longestMs;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @param {Verifying} verifying
   * @param {import("./store.js").Store} store Keeps what was verified, so that nobody can show an
   *   older one.
   * @param {(url: string) => string} resolved Says where packages are, from what orders say.
   * @param {number} [longestMs] How long one file may take.
   */
  constructor(verifying, store, resolved, longestMs = LONGEST_MS) {
    this.#longestMs = longestMs;
    this.#verifying = verifying;
    this.#store = store;
    this.#resolved = resolved;
  }

  /**
   * Return if a package was released by those who may.
   * @param {import("./manifest.js").Package} pack
   * @param {string} url Of packages.
   * @throws {PackageError} It was not.
   * @throws {UnavailableError} That cannot be said now.
   */
  async requireReleased({ manifestBytes }, url) {
    const metadata = `${this.#resolved(url)}/trust`;
    const { refused, for_good: forGood } = await this.#answer(() =>
      this.#verifying.released(manifestBytes, metadata),
    );
    if (refused) throw new (forGood ? PackageError : UnavailableError)(refused);
  }

  /**
   * The payload of a message that the director sealed for a topic.
   * @param {string} topic
   * @param {Uint8Array} message
   * @returns {Promise<Uint8Array>}
   */
  async opened(topic, message) {
    const url = this.#verifying.packages_url(message);
    const metadata = url && `${this.#resolved(url)}/trust`;
    const { refused } = await this.#answer(() => this.#verifying.opened(topic, message, metadata));
    if (refused) throw new UnavailableError(refused);
    const payload = this.#verifying.payload(message);
    const data = payload.toJs();
    payload.destroy();
    return data;
  }

  /**
   * Ask until no more is needed; one question at a time.
   * @param {() => string} ask
   * @returns {Promise<{refused?: string, for_good?: boolean}>}
   */
  #answer(ask) {
    const answer = this.#last.then(async () => {
      this.#verifying.begin();
      for (let files = 0; files < MOST_FILES; files += 1) {
        const { needs, ...found } = JSON.parse(ask());
        if (!needs) {
          await this.#store.putFact("trust", this.#verifying.known());
          return found;
        }
        await this.#fetch(needs);
      }
      return { refused: `more than ${MOST_FILES} files of metadata are needed`, for_good: false };
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** @param {string} url */
  async #fetch(url) {
    try {
      const reply = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(this.#longestMs) });
      if (!reply.ok) {
        await reply.body?.cancel();
        this.#verifying.not_fetched(url, reply.status, `${url} answers ${reply.status}`);
        return;
      }
      this.#verifying.fetched(url, await limited(reply, url));
    } catch (error) {
      this.#verifying.not_fetched(url, 0, `${url}: ${saying(error)}`);
    }
  }
}

/**
 * @param {Response} reply
 * @param {string} url
 */
async function limited(reply, url) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (reply.body).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(parts);
    parts.push(value);
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new Error(`${url} sends more than ${MOST_BYTES} bytes`);
    }
  }
}
