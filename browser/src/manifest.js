/**
 * The parts of a package's manifest that running it needs.
 *
 * @typedef {{name: string, element_type: string, shape: (number | string)[]}} TensorSpec
 * @typedef {TensorSpec & {role: string}} OutputSpec
 * @typedef {{name: string, input: number, column: number, kind: "number" | "category",
 *   categories: string[]}} Feature
 * @typedef {{role: string, path: string, digest: string, size: number, variant: string}} Artifact
 * @typedef {{name: string, version: string, task: string, inputs: TensorSpec[],
 *   outputs: OutputSpec[], features: Feature[], classes: (string | number)[],
 *   threshold: number | null, artifacts: Artifact[],
 *   processing?: {pre: string, post: string}, image?: import("./pictures.js").Picture}} Manifest
 *
 * @typedef {{columns: import("./statistics/profile.js").Column[],
 *   sources: import("./statistics/profile.js").Source[], width: number,
 *   components: number, probabilities: number}} Layout How rows are laid out and counted: numbers
 *   in a row, those of an embedding and probabilities of classes among them.
 * @typedef {Record<string, Layout>} Layouts How rows are counted, by role.
 *
 * @typedef {object} Package A verified package.
 * @property {string} digest
 * @property {Manifest} manifest
 * @property {Uint8Array} manifestBytes
 * @property {Record<string, Uint8Array>} files By path.
 */
import { digestOf, short } from "./bytes.js";
import { PackageError } from "./errors.js";

/** Name and version as people write them. @param {Manifest} manifest */
export function reference(manifest) {
  return `${manifest.name}@${manifest.version}`;
}

/**
 * The file of a role.
 * @param {Package} pack
 * @param {string} role
 * @returns {Uint8Array}
 */
export function fileOf(pack, role) {
  const found = pack.manifest.artifacts.find((artifact) => artifact.role === role);
  const data = found && pack.files[found.path];
  if (!data) throw new PackageError(`package ${reference(pack.manifest)} has no ${role}`);
  return data;
}

/**
 * A package whose bytes are what its digest and its manifest say.
 * @param {string} digest
 * @param {Uint8Array<ArrayBuffer>} manifestBytes
 * @param {Record<string, Uint8Array<ArrayBuffer>>} files
 * @returns {Promise<Package>}
 */
export async function verified(digest, manifestBytes, files) {
  const found = await digestOf(manifestBytes);
  if (found !== digest) {
    throw new PackageError(
      `package ${short(digest)} has a manifest with digest ${short(found)}: ` +
        "it is damaged or was tampered with",
    );
  }
  /** @type {Manifest} */
  const manifest = JSON.parse(new TextDecoder().decode(manifestBytes));
  for (const artifact of manifest.artifacts) {
    const data = files[artifact.path];
    const name = `${reference(manifest)}/${artifact.path}`;
    if (!data) throw new PackageError(`package file ${name} is missing`);
    if (data.length !== artifact.size || (await digestOf(data)) !== artifact.digest) {
      throw new PackageError(`package file ${name} is damaged or was tampered with`);
    }
  }
  return { digest, manifest, manifestBytes, files };
}
