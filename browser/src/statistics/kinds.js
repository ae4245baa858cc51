/**
 * Every statistic by its kind, as packages name them: `SPECS` of `edge_contract/stats`, in JavaScript.
 *
 * To add one: write one file beside this one and add two lines here. The test vectors, which hold
 * every kind that Python has, fail until that is done.
 */
import { Agreement } from "./agreement.js";
import { Categories } from "./categories.js";
import { ClassProbabilities } from "./class_probabilities.js";
import { Joint } from "./joint.js";
import { Labels } from "./labels.js";
import { Moments } from "./moments.js";
import { Probabilities } from "./probabilities.js";
import { Sketch } from "./sketch.js";
import { Vectors } from "./vectors.js";

/**
 * @typedef {object} Statistic
 * @property {number} count Observations seen.
 * @property {(numbers: ArrayLike<number>, places: number[], from?: number) => void} observe
 *   Add the numbers at `from + place`, one for each place.
 * @property {() => unknown} state What travels: numbers and lists, as Python's `to_state`.
 */

/** @type {Readonly<Record<string, new (spec: any) => Statistic>>} */
export const KINDS = {
  agreement: Agreement,
  categories: Categories,
  class_probabilities: ClassProbabilities,
  joint: Joint,
  labels: Labels,
  moments: Moments,
  probabilities: Probabilities,
  sketch: Sketch,
  vectors: Vectors,
};
