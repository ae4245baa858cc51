/** The package that comes with a page: fetched at once, and kept when it serves already. */
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
  const manifestBytes = await fileAt(`${base}/${digest}`);
  /** @type {import("./manifest.js").Manifest} */
  const { artifacts } = JSON.parse(new TextDecoder().decode(manifestBytes));
  const files = await Promise.all(
    artifacts.map(async ({ path, digest: own }) => [path, await fileAt(`${base}/${own}`)]),
  );
  return verified(digest, manifestBytes, Object.fromEntries(files));
}

/** @param {string} url */
async function fileAt(url) {
  /** @type {Response} */
  let reply;
  try {
    reply = await fetch(url);
  } catch (error) {
    throw new UnavailableError(`cannot fetch ${url}: ${saying(error)}`);
  }
  if (reply.status === 404) throw new PackageError(`${url} does not exist: the page lacks a file of its model`);
  if (!reply.ok) throw new UnavailableError(`${url} answers ${reply.status}`);
  return new Uint8Array(await reply.arrayBuffer());
}
