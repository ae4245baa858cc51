/** Turns what callers have into the model's tensors; mirrors `edge_agent/adapters/inputs.py`. */
import { UsageError } from "./errors.js";
import { reference } from "./manifest.js";
import { isPixels, valuesOf } from "./pictures.js";
import { categoryCode } from "./statistics/text_hash.js";

/**
 * @typedef {import("./manifest.js").Manifest} Manifest
 * @typedef {number | bigint | string | boolean | null | undefined} Value
 * @typedef {ArrayBufferView & ArrayLike<number | bigint>} TypedArray
 * @typedef {TypedArray | Value[] | Value[][] | Record<string, Value>[] | Record<string, Value[]>
 *   | Record<string, Value> | import("./pictures.js").Pixels | import("./pictures.js").Pixels[]} Rows
 *   One row or many: flat, nested, by the names of features, or pixels of pictures.
 *
 * @typedef {object} Encoded
 * @property {import("./engine.js").Tensors} feeds Tensor by input.
 * @property {Float32Array} observed What statistics count, row after row.
 * @property {number} count Rows.
 */

/** @type {Record<string, any>} */
const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

/** Validates and converts rows for one model. */
export class InputEncoder {
  #ort;
  #manifest;
  #salt;
  #sizes;
  /** @type {(Map<string, number> | undefined)[]} */
  #codes;

  /**
   * @param {import("./engine.js").Ort} ort
   * @param {Manifest} manifest
   * @param {string} salt Of the fleet, for hashing unknown categories.
   */
  constructor(ort, manifest, salt) {
    this.#ort = ort;
    this.#manifest = manifest;
    this.#salt = salt;
    this.#sizes = manifest.inputs.map((input) => rowSize(input.shape));
    this.#codes = manifest.features.map((feature) =>
      feature.kind === "category"
        ? new Map(feature.categories.map((name, code) => [name, code]))
        : undefined,
    );
  }

  /**
   * The tensors of some rows.
   * @param {Rows} rows
   * @returns {Encoded}
   */
  encode(rows) {
    const values = this.#values(rows);
    const count = values[0].length / this.#sizes[0];
    if (!count) throw this.#error("got no rows");
    /** @type {import("./engine.js").Tensors} */
    const feeds = {};
    this.#manifest.inputs.forEach((input, index) => {
      const shape = [count, ...input.shape.slice(1).map(Number)];
      feeds[input.name] = this.#tensor(input, values[index], shape);
    });
    return { feeds, observed: this.#observed(values, count), count };
  }

  /**
   * The values of each input, row after row.
   * @param {any} rows
   * @returns {ArrayLike<any>[]}
   */
  #values(rows) {
    if (rows === null || typeof rows !== "object") {
      throw this.#error(`takes rows, got ${rows}`);
    }
    if (ArrayBuffer.isView(rows)) return [this.#flat(/** @type {any} */ (rows))];
    const pictures = [rows].flat();
    if (isPixels(pictures[0])) return [this.#flat(this.#pixels(pictures))];
    if (!Array.isArray(rows)) return this.#fromColumns(rows);
    const first = rows[0];
    const isRecord = first !== null && typeof first === "object" && !isList(first);
    if (isRecord) return this.#fromRecords(rows);
    return this.#fromRows(rows.length && isList(first) ? rows : [rows]);
  }

  /** @param {any[]} pictures */
  #pixels(pictures) {
    const row = pictures.findIndex((picture) => !isPixels(picture));
    if (row >= 0) throw this.#error(`takes pictures or rows, not both: row ${row} is no picture`);
    const values = valuesOf(pictures, this.#manifest);
    return this.#manifest.inputs[0].element_type.startsWith("float") ? values : values.map(Math.round);
  }

  /** @param {ArrayLike<any>} values */
  #flat(values) {
    const size = this.#sizes[0];
    if (this.#sizes.length > 1 || !size || values.length % size) {
      throw this.#error(
        `takes rows of ${this.#sizes.reduce((a, b) => a + b, 0)} values, got ${values.length}`,
      );
    }
    return values;
  }

  /** @param {any[]} rows */
  #fromRows(rows) {
    const flat = rows.map((row) => (isList(row) ? deepFlat(row) : [row]));
    if (this.#sizes.length === 1) {
      flat.forEach((row, number) => this.#checkLength(row.length, this.#sizes[0], number));
      return [flat.flat()];
    }
    const { features } = this.#manifest;
    flat.forEach((row, number) => this.#checkLength(row.length, features.length, number));
    return this.#fromRecords(
      flat.map((row) => Object.fromEntries(features.map(({ name }, place) => [name, row[place]]))),
    );
  }

  /** @param {Record<string, Value>[]} records */
  #fromRecords(records) {
    const values = this.#sizes.map((size) => new Array(size * records.length));
    for (const { name, input, column } of this.#manifest.features) {
      records.forEach((record, row) => {
        if (!(name in record)) throw this.#error(`needs feature ${name}, row ${row} lacks it`);
        values[input][row * this.#sizes[input] + column] = record[name];
      });
    }
    this.#checkFeatures();
    return values;
  }

  /** @param {Record<string, any>} columns */
  #fromColumns(columns) {
    const names = this.#manifest.features.map((feature) => feature.name);
    const missing = names.filter((name) => !(name in columns));
    if (missing.length) throw this.#error(`needs the features ${names}, missing: ${missing}`);
    const lists = names.map((name) => (isList(columns[name]) ? columns[name] : [columns[name]]));
    const lengths = new Set(lists.map((list) => list.length));
    if (lengths.size > 1) throw this.#error(`got columns of different length: ${[...lengths]}`);
    const [count] = lengths;
    const rows = Array.from({ length: count ?? 0 }, (_, row) =>
      Object.fromEntries(names.map((name, place) => [name, lists[place][row]])),
    );
    return this.#fromRecords(rows);
  }

  /**
   * @param {import("./manifest.js").TensorSpec} input
   * @param {ArrayLike<any>} values
   * @param {number[]} shape
   */
  #tensor(input, values, shape) {
    const type = input.element_type;
    if (type === "string") {
      return new this.#ort.Tensor("string", Array.from(values, (value) => String(value ?? "")), shape);
    }
    const list = ARRAYS[type];
    if (!list) throw this.#error(`has an input of type ${type}, which browsers do not run`);
    const data = values instanceof list ? values : this.#converted(values, type, input);
    return new this.#ort.Tensor(/** @type {any} */ (type), data, shape);
  }

  /**
   * @param {ArrayLike<any>} values
   * @param {string} type
   * @param {import("./manifest.js").TensorSpec} input
   */
  #converted(values, type, input) {
    const floats = type.startsWith("float");
    const big = type.endsWith("64") && !floats;
    const size = this.#sizes[this.#manifest.inputs.indexOf(input)];
    return ARRAYS[type].from(values, (/** @type {any} */ value, /** @type {number} */ place) => {
      const number = value === null || value === undefined ? NaN : Number(value);
      const isText = typeof value === "string";
      if (isText || (Number.isNaN(number) && !floats) || (!floats && !Number.isInteger(number))) {
        const row = Math.floor(place / size);
        const feature = this.#manifest.features.find(
          (one) => this.#manifest.inputs[one.input] === input && one.column === place % size,
        );
        const what = feature ? `feature ${feature.name}` : `input ${input.name}`;
        throw this.#error(`takes ${type} for ${what}, got ${JSON.stringify(value)} in row ${row}`);
      }
      return big ? BigInt(value) : number;
    });
  }

  /**
   * @param {ArrayLike<any>[]} values
   * @param {number} count
   */
  #observed(values, count) {
    const { features } = this.#manifest;
    if (values[0] instanceof Float32Array && features.length === this.#sizes[0]) return values[0];
    const observed = new Float32Array(count * features.length);
    features.forEach(({ input, column }, place) => {
      const codes = this.#codes[place];
      for (let row = 0; row < count; row += 1) {
        const value = values[input][row * this.#sizes[input] + column];
        observed[row * features.length + place] = codes ? this.#code(value, codes) : number(value);
      }
    });
    return observed;
  }

  /**
   * @param {any} value
   * @param {Map<string, number>} codes
   */
  #code(value, codes) {
    const isMissing = value === null || value === undefined || value === "" || value !== value;
    return isMissing ? NaN : categoryCode(String(value), codes, this.#salt);
  }

  #checkFeatures() {
    this.#sizes.forEach((size, index) => {
      const found = this.#manifest.features.filter((feature) => feature.input === index).length;
      if (found !== size) {
        throw this.#error(`takes input ${this.#manifest.inputs[index].name} whole, not by features`);
      }
    });
  }

  /**
   * @param {number} found
   * @param {number} expected
   * @param {number} row
   */
  #checkLength(found, expected, row) {
    if (found !== expected) throw this.#error(`takes ${expected} values a row, row ${row} has ${found}`);
  }

  /** @param {string} text */
  #error(text) {
    return new UsageError(`model ${reference(this.#manifest)} ${text}`);
  }
}

/** @param {(number | string)[]} shape */
function rowSize(shape) {
  return shape.slice(1).reduce((/** @type {number} */ size, axis) => size * (Number(axis) || 0), 1);
}

/**
 * @param {unknown} value
 * @returns {value is ArrayLike<any>}
 */
function isList(value) {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

/**
 * @param {ArrayLike<any>} list
 * @returns {any[]}
 */
function deepFlat(list) {
  return Array.from(list).flatMap((item) => (isList(item) ? deepFlat(item) : [item]));
}

/** @param {any} value */
function number(value) {
  return value === null || value === undefined ? NaN : Number(value);
}
