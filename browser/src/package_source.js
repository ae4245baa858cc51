/** Fetches packages over HTTP, file by file, by digest, resuming what broke off. */
import { digestOf, joined, short } from "./bytes.js";
import { PackageError, saying, UnavailableError } from "./errors.js";
import { verified } from "./manifest.js";

const MAX_MANIFEST_BYTES = 4_000_000;
const SAVED_EVERY_BYTES = 1_000_000;
/** How long a server may be silent. */
const LONGEST_SILENCE_MS = 20_000;

/** Where packages come from: `GET URL/DIGEST` for manifest and files. */
export class PackageSource {
  #store;
  #brokerHost;
  #trust;
  #ways;

  /**
   * @param {import("./store.js").Store} store
   * @param {string} brokerHost Stands in for the host where a URL begins with `:PORT`.
   * @param {object} [parts]
   * @param {import("./trust.js").Trust} [parts.trust] Says what was released; without it all is let in.
   * @param {import("./smaller_ways.js").SmallerWays} [parts.ways] Without it files come whole.
   */
  constructor(store, brokerHost, { trust, ways } = {}) {
    this.#store = store;
    this.#brokerHost = brokerHost;
    this.#trust = trust;
    this.#ways = ways;
  }

  /**
   * Bring a package into the store.
   * @param {string} digest
   * @param {string} url
   */
  async fetch(digest, url) {
    if (await this.#store.package(digest).catch(() => undefined)) return;
    const base = resolved(url, this.#brokerHost);
    const manifestBytes = await this.#file(base, digest, MAX_MANIFEST_BYTES);
    const { artifacts } = JSON.parse(new TextDecoder().decode(manifestBytes));
    /** @type {Record<string, Uint8Array<ArrayBuffer>>} */
    const files = {};
    const offered = (await this.#ways?.offered(base, digest)) ?? {};
    for (const artifact of artifacts) {
      files[artifact.path] =
        (await this.#store.fileOf(artifact.digest)) ??
        (await this.#bySmallerWay(base, artifact, offered[artifact.digest])) ??
        (await this.#file(base, artifact.digest, artifact.size));
    }
    const pack = await verified(digest, manifestBytes, files);
    await this.#trust?.requireReleased(pack, url);
    await this.#store.addPackage(pack);
    for (const artifact of artifacts) await this.#store.forgetPartial(artifact.digest);
    await this.#store.forgetPartial(digest);
  }

  /**
   * @param {string} base
   * @param {import("./smaller_ways.js").Wanted} file
   * @param {import("./smaller_ways.js").Way[]} [ways]
   */
  async #bySmallerWay(base, file, ways = []) {
    // What has begun to come as it is goes on coming.
    if (!ways.length || (await this.#store.partial(file.digest)).length) return undefined;
    return this.#ways?.bring(file, ways, (digest, mostBytes) => this.#file(base, digest, mostBytes));
  }

  /**
   * A file; what has arrived is kept until all of it has.
   * @param {string} base
   * @param {string} digest
   * @param {number} mostBytes
   */
  async #file(base, digest, mostBytes) {
    for (;;) {
      const had = await this.#store.partial(digest);
      const data = await this.#rest(`${base}/${digest}`, digest, had, mostBytes);
      if ((await digestOf(data)) === digest) return data;
      await this.#store.forgetPartial(digest);
      if (!had.length) {
        throw new PackageError(
          `${base} sent something else for ${short(digest)}: ` +
            "the registry is damaged or was tampered with",
        );
      }
      // The part that was here before may be what is wrong: begin anew.
    }
  }

  /**
   * @param {string} url
   * @param {string} digest
   * @param {Uint8Array<ArrayBuffer>} had
   * @param {number} mostBytes
   */
  async #rest(url, digest, had, mostBytes) {
    const headers = had.length ? { Range: `bytes=${had.length}-` } : undefined;
    const silence = new Silence(LONGEST_SILENCE_MS);
    let parts = [had];
    try {
      const reply = await fetch(url, { headers, cache: "no-store", signal: silence.signal });
      if (reply.status === 416) return had;
      if (reply.status === 404) throw new PackageError(`${url} does not exist in the registry`);
      if (!reply.ok) throw new UnavailableError(`${url} answers ${reply.status}`);
      if (reply.status !== 206) parts = [];
      await this.#read(reply, url, { digest, parts, mostBytes, silence });
    } catch (error) {
      if (error instanceof PackageError) throw error;
      await this.#store.putPartial(digest, joined(parts));
      throw new UnavailableError(`cannot fetch ${short(digest)}: ${saying(error)}`);
    } finally {
      silence.end();
    }
    return joined(parts);
  }

  /**
   * @param {Response} reply
   * @param {string} url
   * @param {object} file
   * @param {string} file.digest
   * @param {Uint8Array<ArrayBuffer>[]} file.parts What there is of it; grows.
   * @param {number} file.mostBytes
   * @param {Silence} file.silence
   */
  async #read(reply, url, { digest, parts, mostBytes, silence }) {
    const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (reply.body).getReader();
    let size = parts.reduce((total, part) => total + part.length, 0);
    let saved = size;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      silence.broken();
      parts.push(value);
      size += value.length;
      if (size > mostBytes) {
        await reader.cancel();
        throw new PackageError(`${url} sends more than the ${mostBytes} bytes expected`);
      }
      if (size - saved > SAVED_EVERY_BYTES) {
        saved = size;
        await this.#store.putPartial(digest, joined(parts));
      }
    }
  }
}

/** Breaks a download off when nothing has come for too long. */
class Silence {
  #abort = new AbortController();
  #longestMs;
  #timer = 0;

  /** @param {number} longestMs */
  constructor(longestMs) {
    this.#longestMs = longestMs;
    this.broken();
  }

  get signal() {
    return this.#abort.signal;
  }

  /** Something came. */
  broken() {
    this.end();
    const reason = new Error(`nothing came for ${this.#longestMs / 1000} s`);
    this.#timer = self.setTimeout(() => this.#abort.abort(reason), this.#longestMs);
  }

  end() {
    clearTimeout(this.#timer);
  }
}

/**
 * Where packages are.
 * @param {string} url As orders have it.
 * @param {string} brokerHost Stands in for the host where it begins with `:PORT` or `https://:PORT`.
 */
export function resolved(url, brokerHost) {
  const here = url.startsWith(":") ? `${location.protocol}//${url}` : url;
  const full = new URL(here.replace(/^(https?:\/\/):/, `$1${brokerHost}:`), location.href).href;
  if (!/^https?:/.test(full)) throw new PackageError(`packages URL ${url} is neither http nor https`);
  return full.replace(/\/+$/, "");
}
