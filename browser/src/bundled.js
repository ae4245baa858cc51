/** The package that comes with a page: fetched at once, and kept when it serves already. */
import { short } from "./bytes.js";
import { PackageError, saying, UnavailableError } from "./errors.js";
import { verified } from "./manifest.js";

/**
 * @param {{digest: string, url: string}} bundled
 * @returns {Promise<import("./manifest.js").Package>}
 * @throws {PackageError} A file is missing, or is not what its digest says.
 * @throws {UnavailableError} The page's server is out of reach.
 */
export async function bundledPackage({ digest, url }) {
  const base = new URL(url, location.href).href.replace(/\/+$/, "");
  const manifestBytes = await fileAt(base, digest);
  /** @type {import("./manifest.js").Manifest} */
  const { artifacts } = JSON.parse(new TextDecoder().decode(manifestBytes));
  const files = await Promise.all(
    artifacts.map(async ({ path, digest: own }) => [path, await fileAt(base, own)]),
  );
  return verified(digest, manifestBytes, Object.fromEntries(files));
}

/**
 * @param {string} base
 * @param {string} digest
 */
async function fileAt(base, digest) {
  const what = `file ${short(digest)} of the page's model`;
  /** @type {Response} */
  let reply;
  try {
    reply = await fetch(`${base}/${digest}`);
  } catch (error) {
    throw new UnavailableError(`${what} cannot be fetched: ${saying(error)}`);
  }
  if (reply.status === 404) throw new PackageError(`${what} is missing at ${base}: build the page anew`);
  if (!reply.ok) throw new UnavailableError(`${what} cannot be fetched: ${base} answers ${reply.status}`);
  return new Uint8Array(await reply.arrayBuffer());
}
