/** Truths that arrive for predictions, each counted once; mirrors `labels.py` and `truths.py`. */
import { UsageError } from "./errors.js";
import { reference } from "./manifest.js";
import { parseId } from "./prediction_id.js";

const REMEMBERED = 100_000;

/** Counts truths; remembers for which of the last 100,000 rows it has one. */
export class Labels {
  /** @type {Set<string>} */
  #seen = new Set();

  /**
   * The rows to count of what came true, without those that are known already.
   * @param {string} id
   * @param {unknown} truth
   * @param {(prefix: string) => import("./server.js").Version | undefined} find
   */
  add(id, truth, find) {
    const prediction = parseId(id);
    const version = find(prediction.prefix);
    if (!version) {
      throw new UsageError(
        `package ${prediction.prefix}... is no longer in this browser: its labels came too late`,
      );
    }
    const { manifest } = version;
    const truths = Array.isArray(truth) ? truth : [truth];
    const count = prediction.classes.length;
    if (truths.length !== count) {
      throw new UsageError(
        `got ${truths.length} truths for a prediction of ${count} rows of ` +
          `${reference(manifest)}: give one for each`,
      );
    }
    const rows = truths.map((one, row) => labelRow(manifest, prediction, row, one));
    const fresh = rows.filter((_, row) => this.#isNew(`${prediction.prefix} ${prediction.number + BigInt(row)}`));
    return { version, rows: Float32Array.from(fresh.flat()), count: fresh.length };
  }

  /** @param {string} key */
  #isNew(key) {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(oldest);
    }
    return true;
  }
}

/**
 * @param {import("./manifest.js").Manifest} manifest
 * @param {import("./prediction_id.js").PredictionId} prediction
 * @param {number} row
 * @param {unknown} truth
 */
function labelRow(manifest, prediction, row, truth) {
  const name = reference(manifest);
  if (manifest.task === "regression") {
    if (typeof truth !== "number" || !Number.isFinite(truth)) {
      throw new UsageError(`truth ${truth} of ${name} is no finite number`);
    }
    return [prediction.scores[row] - truth];
  }
  const index = manifest.classes.indexOf(/** @type {any} */ (truth));
  if (index < 0) {
    const shown = manifest.classes.slice(0, 12).join(", ");
    throw new UsageError(`truth ${JSON.stringify(truth)} is no class of ${name}: ${shown}`);
  }
  return [prediction.classes[row], index, prediction.scores[row]];
}
