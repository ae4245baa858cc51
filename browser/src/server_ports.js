/** The core's side of the servers: the page makes them, the core speaks to them over ports. */
import { PackageError, UnavailableError } from "./errors.js";
import { Remote } from "./remote.js";

/**
 * @typedef {import("./server.js").Version} Version
 * @typedef {{port: MessagePort, version: Version, error?: undefined}
 *   | {error: {name: string, message: string}, port?: undefined, version?: undefined}} Loaded
 */

/** What a server may take to answer before it counts as gone. */
const LONGEST_ANSWER_MS = 10_000;

/** All servers of the page of this core. */
export class ServerPorts {
  #tell;
  /** @type {Map<string, Remote>} */
  #remotes = new Map();
  /** @type {Map<number, (loaded: Loaded) => void>} */
  #open = new Map();
  #asked = 0;
  #isLed = false;

  /** @param {(kind: string, body: unknown) => void} tell Tells the page. */
  constructor(tell) {
    this.#tell = tell;
  }

  /**
   * Have a version loaded beside those that serve.
   * @param {string} digest
   * @returns {Promise<Version>}
   */
  async load(digest) {
    this.#asked += 1;
    const ask = this.#asked;
    const { port, version, error } = await new Promise((/** @type {(found: Loaded) => void} */ resolve) => {
      this.#open.set(ask, resolve);
      this.#tell("load", { digest, ask });
    });
    if (error) {
      throw new (error.name === "UnavailableError" ? UnavailableError : PackageError)(error.message);
    }
    this.replaced(digest, port);
    return version;
  }

  /**
   * A version has another server from now on.
   * @param {string} digest
   * @param {MessagePort} port To it.
   */
  replaced(digest, port) {
    this.#remotes.get(digest)?.fail(new UnavailableError("another worker took its place"));
    const remote = new Remote(port);
    this.#remotes.set(digest, remote);
    void remote.call("lead", this.#isLed);
  }

  /**
   * The page's answer to a `load`.
   * @param {number} ask
   * @param {Loaded} loaded
   */
  loaded(ask, loaded) {
    this.#open.get(ask)?.(loaded);
    this.#open.delete(ask);
  }

  /** From now on this core asks for counts: its servers hand nothing on by themselves. */
  lead() {
    this.#isLed = true;
    for (const remote of this.#remotes.values()) void remote.call("lead", true);
  }

  /** @param {import("./servers.js").Digests} digests */
  route(digests) {
    this.#tell("route", digests);
  }

  /** @param {string} digest */
  unload(digest) {
    this.#remotes.get(digest)?.fail(new UnavailableError("this version is no longer here"));
    this.#remotes.delete(digest);
    this.#tell("unload", digest);
  }

  /**
   * Calls and failures of a version so far; undefined if its server is gone.
   * @param {string} digest
   * @returns {Promise<{calls: number, failures: number} | undefined>}
   */
  async counts(digest) {
    return this.#ask(digest, "counts");
  }

  /** Have every server hand on what it has counted. */
  async handOn() {
    await Promise.all([...this.#remotes.keys()].map((digest) => this.#ask(digest, "handOn")));
  }

  /**
   * Ask a server; one that is gone answers nothing, and what it has counted is in its snapshot.
   * @param {string} digest
   * @param {string} method
   * @returns {Promise<any>}
   */
  async #ask(digest, method) {
    const remote = this.#remotes.get(digest);
    if (!remote) return undefined;
    const late = setTimeout(() => {
      remote.fail(new UnavailableError("this server does not answer"));
      this.#remotes.delete(digest);
    }, LONGEST_ANSWER_MS);
    try {
      return await remote.call(method);
    } catch {
      return undefined;
    } finally {
      clearTimeout(late);
    }
  }
}
