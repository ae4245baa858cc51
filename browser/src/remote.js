/** Calls over a port: from the page to its workers, and from one worker to another. */
import { PackageError, saying, UnavailableError, UsageError } from "./errors.js";

/**
 * @typedef {Worker | MessagePort} Port
 * @typedef {(kind: string, body: any) => void} Hear
 */

const ERRORS = { PackageError, UnavailableError, UsageError };

/** The side that calls. */
export class Remote {
  #port;
  #hear;
  #calls = 0;
  /** @type {Map<number, {resolve: (result: any) => void, reject: (error: Error) => void}>} */
  #open = new Map();
  /** @type {Error | undefined} */
  #failed;

  /**
   * @param {Port} port
   * @param {Hear} [hear] Hears what the other side tells without being asked.
   */
  constructor(port, hear = () => undefined) {
    this.#port = port;
    this.#hear = hear;
    port.onmessage = (/** @type {MessageEvent} */ { data }) => this.#answer(data);
  }

  /** Calls that nobody has answered yet. */
  get waiting() {
    return this.#open.size;
  }

  /**
   * Call a method of the other side.
   * @param {string} method
   * @param {unknown[]} given
   * @returns {Promise<any>}
   */
  call(method, ...given) {
    return this.give([], method, ...given);
  }

  /**
   * Call a method and give things away to it.
   * @param {Transferable[]} away
   * @param {string} method
   * @param {unknown[]} given
   * @returns {Promise<any>}
   */
  give(away, method, ...given) {
    if (this.#failed) return Promise.reject(this.#failed);
    this.#calls += 1;
    const call = this.#calls;
    return new Promise((resolve, reject) => {
      try {
        this.#port.postMessage({ call, method, given }, away);
      } catch (error) {
        reject(new UsageError(`${method} takes plain values: ${saying(error)}`));
        return;
      }
      this.#open.set(call, { resolve, reject });
    });
  }

  /**
   * Fail what is open and what comes: the other side is gone.
   * @param {Error} error
   */
  fail(error) {
    this.#failed = error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }

  /** @param {any} data */
  #answer({ call, result, error, kind, body }) {
    if (kind) {
      this.#hear(kind, body);
      return;
    }
    const open = this.#open.get(call);
    this.#open.delete(call);
    if (error) {
      const Kind = ERRORS[/** @type {keyof typeof ERRORS} */ (error.name)] ?? Error;
      open?.reject(new Kind(error.message));
    } else {
      open?.resolve(result);
    }
  }
}

/**
 * Answer calls with the methods of an object.
 * @param {{onmessage: any, postMessage: (message: any) => void}} port
 * @param {(method: string, given: any[]) => unknown} answer
 */
export function answering(port, answer) {
  port.onmessage = async (/** @type {MessageEvent} */ { data: { call, method, given } }) => {
    try {
      port.postMessage({ call, result: await answer(method, given) });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      port.postMessage({ call, error: { name, message } });
    }
  };
}
