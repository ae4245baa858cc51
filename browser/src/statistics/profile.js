/**
 * A profile: the statistics of one window, column by column; mirrors `edge_contract/stats/profile.py`
 * and `count_rows` of `edge_contract/package/observation.py`.
 */
import { KINDS } from "./kinds.js";
import { Moments } from "./moments.js";
import { Sketch } from "./sketch.js";

/**
 * @typedef {{kind: string, subject: string}} Column A column's subject, kind and parameters.
 * @typedef {{positions: number[], skips_nan: boolean}} Source Where in a row its numbers stand.
 */

/** Counts rows of one layout. */
export class Profile {
  #columns;
  #sources;
  #width;
  /** @type {import("./kinds.js").Statistic[]} */
  #statistics = [];

  /**
   * @param {Column[]} columns
   * @param {Source[]} sources One for each column.
   * @param {number} width Numbers in a row.
   */
  constructor(columns, sources, width) {
    for (const { kind } of columns) {
      if (!KINDS[kind]) throw new Error(`statistic ${kind} is unknown here: update edgefleet`);
    }
    this.#columns = columns;
    this.#sources = sources;
    this.#width = width;
    this.#restart();
  }

  /**
   * Count rows.
   * @param {ArrayLike<number>} rows Float32 numbers, row after row.
   */
  observe(rows) {
    for (let index = 0; index < this.#columns.length; index += 1) {
      const statistic = this.#statistics[index];
      const { positions, skips_nan: skipsNan } = this.#sources[index];
      if (statistic instanceof Sketch || statistic instanceof Moments) {
        statistic.observeColumn(rows, positions[0], this.#width, skipsNan);
        continue;
      }
      for (let from = 0; from < rows.length; from += this.#width) {
        if (skipsNan && Number.isNaN(rows[from + positions[0]])) continue;
        statistic.observe(rows, positions, from);
      }
    }
  }

  /**
   * The states of all columns that have seen anything, and begin anew.
   * @returns {[number, unknown][]}
   */
  take() {
    const states = this.state();
    this.#restart();
    return states;
  }

  /** @returns {[number, unknown][]} */
  state() {
    return [...this.#statistics.entries()]
      .filter(([, statistic]) => statistic.count)
      .map(([index, statistic]) => [index, statistic.state()]);
  }

  #restart() {
    this.#statistics = this.#columns.map((column) => new KINDS[column.kind](column));
  }
}
