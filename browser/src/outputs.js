/** Turns a model's outputs into predictions; mirrors `edge_agent/adapters/outputs.py`. */
import { UnavailableError } from "./errors.js";

/**
 * @typedef {object} Decoded One call's predictions.
 * @property {(string | number)[] | null} labels Predicted classes as the author wrote them.
 * @property {Float32Array | null} probabilities Row after row; null where the model gives none.
 * @property {Float32Array | null} values Predicted numbers; null for classifiers.
 * @property {Float32Array} embeddings Row after row; empty if the model gives none.
 * @property {Float32Array} classes Index of the predicted class of each row, or NaN.
 * @property {Float32Array} scores Its probability, or the predicted number, or NaN.
 */

/** Reads the outputs of one model by the roles in its manifest. */
export class OutputDecoder {
  #manifest;
  /** @type {Map<string | number, number>} */
  #index;

  /** @param {import("./manifest.js").Manifest} manifest */
  constructor(manifest) {
    this.#manifest = manifest;
    this.#index = new Map(manifest.classes.map((label, index) => [label, index]));
  }

  /**
   * The predictions of a call of `count` rows.
   * @param {import("./engine.js").Tensor[]} outputs
   * @param {number} count
   * @returns {Decoded}
   */
  decode(outputs, count) {
    const { task } = this.#manifest;
    const classifies = task === "binary" || task === "multiclass";
    const decoded = classifies ? this.#classification(outputs, count) : this.#number(outputs, count);
    if (decoded.scores.length !== count) {
      throw new UnavailableError(
        `the model gave ${decoded.scores.length} predictions for ${count} rows`,
      );
    }
    return { ...decoded, embeddings: this.#floats(outputs, "embedding") ?? new Float32Array() };
  }

  /**
   * @param {import("./engine.js").Tensor[]} outputs
   * @param {number} count
   */
  #classification(outputs, count) {
    const { classes, threshold } = this.#manifest;
    const probabilities = this.#floats(outputs, "probabilities");
    if (!probabilities) {
      const labels = this.#labels(outputs);
      const indices = Float32Array.from(labels, (label) => this.#index.get(label) ?? -1);
      return parts(labels, null, null, indices, new Float32Array(indices.length).fill(NaN));
    }
    if (probabilities.length !== count * classes.length) {
      throw new UnavailableError(
        `the model gave ${probabilities.length} probabilities for ${count} rows of ` +
          `${classes.length} classes`,
      );
    }
    const indices = this.#indices(outputs, probabilities, count, threshold);
    const scores = indices.map((index, row) => {
      const inside = Math.min(Math.max(index, 0), classes.length - 1);
      return probabilities[row * classes.length + inside];
    });
    const labels =
      threshold === null && this.#place("label") >= 0
        ? this.#labels(outputs)
        : Array.from(indices, (index) => classes[index]);
    return parts(labels, probabilities, null, indices, scores);
  }

  /**
   * @param {import("./engine.js").Tensor[]} outputs
   * @param {Float32Array} probabilities
   * @param {number} count
   * @param {number | null} threshold
   */
  #indices(outputs, probabilities, count, threshold) {
    const size = this.#manifest.classes.length;
    if (threshold === null && this.#place("label") >= 0) {
      return Float32Array.from(this.#labels(outputs), (label) => this.#index.get(label) ?? -1);
    }
    return Float32Array.from({ length: count }, (_, row) => {
      const own = probabilities.subarray(row * size, (row + 1) * size);
      if (threshold !== null) return own[1] >= threshold ? 1 : 0;
      return own.indexOf(Math.max(...own));
    });
  }

  /**
   * @param {import("./engine.js").Tensor[]} outputs
   * @param {number} count
   */
  #number(outputs, count) {
    const none = new Float32Array(count).fill(NaN);
    const values = this.#floats(outputs, "value");
    if (!values) return parts(null, null, null, none, none);
    const width = values.length / count;
    const scores = Float32Array.from({ length: count }, (_, row) => values[row * width]);
    return parts(null, null, values, none, scores);
  }

  /** @param {import("./engine.js").Tensor[]} outputs @returns {(string | number)[]} */
  #labels(outputs) {
    const data = /** @type {ArrayLike<any>} */ (outputs[this.#place("label")].data);
    return Array.from(data, (label) => (typeof label === "bigint" ? Number(label) : label));
  }

  /**
   * @param {import("./engine.js").Tensor[]} outputs
   * @param {string} role
   */
  #floats(outputs, role) {
    const place = this.#place(role);
    if (place < 0) return null;
    const { data } = outputs[place];
    return data instanceof Float32Array ? data : Float32Array.from(/** @type {any} */ (data), Number);
  }

  /** @param {string} role */
  #place(role) {
    return this.#manifest.outputs.findIndex((output) => output.role === role);
  }
}

/**
 * @param {(string | number)[] | null} labels
 * @param {Float32Array | null} probabilities
 * @param {Float32Array | null} values
 * @param {Float32Array} classes
 * @param {Float32Array} scores
 */
function parts(labels, probabilities, values, classes, scores) {
  return { labels, probabilities, values, classes, scores };
}
