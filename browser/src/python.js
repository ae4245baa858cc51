/** Loads Pyodide with the agent's core, and gives JavaScript its face. */

/**
 * @typedef {Record<string, any> & {effect: string}} Effect
 * @typedef {{effects: Effect[], blobs: Uint8Array[]}} Answer
 */

/**
 * Load Python.
 * @param {{pyodide: string, core: string}} places URLs of Pyodide's folder and of the core's archive.
 * @returns {Promise<Python>}
 */
export async function loadPython({ pyodide: folder, core }) {
  const [{ loadPyodide }, archive] = await Promise.all([
    import(/* @vite-ignore */ `${folder}pyodide.mjs`),
    fetch(core).then((reply) => {
      if (!reply.ok) throw new Error(`${core} answers ${reply.status}`);
      return reply.arrayBuffer();
    }),
  ]);
  const pyodide = await loadPyodide({ indexURL: folder });
  pyodide.FS.writeFile("/core.zip", new Uint8Array(archive));
  pyodide.runPython("import sys; sys.path.insert(0, '/core.zip')");
  return new Python(pyodide);
}

/** The module `browser/py/bridge.py`. */
export class Python {
  #pyodide;
  #module;

  /** @param {any} pyodide */
  constructor(pyodide) {
    this.#pyodide = pyodide;
    this.#module = pyodide.pyimport("browser.py.bridge");
  }

  /**
   * How a package's rows are counted.
   * @param {Uint8Array} manifest
   * @param {Uint8Array} reference
   * @returns {import("./manifest.js").Layouts}
   */
  layouts(manifest, reference) {
    return JSON.parse(this.#module.layouts(manifest, reference));
  }

  /**
   * Why a model must not reach the runtime; empty if nothing speaks against it.
   * @param {Uint8Array} model
   * @param {string} what Whose model it is.
   * @returns {string}
   */
  refusal(model, what) {
    return this.#module.refusal(model, what);
  }

  /**
   * What one root vouches for.
   * @param {string} root
   * @param {string} known What was verified before.
   * @returns {import("./trust.js").Verifying}
   */
  verifying(root, known) {
    return this.#pyodide.pyimport("browser.py.verifying").Verifying(root, known);
  }

  /** @returns {import("./smaller_ways.js").Reading} */
  smallerWays() {
    return this.#pyodide.pyimport("browser.py.smaller_ways");
  }

  /**
   * A core for one life.
   * @param {object} config Fields of `AgentConfig`.
   * @param {number} boot
   * @param {string} state
   * @param {Uint8Array[]} batches
   */
  core(config, boot, state, batches) {
    return new Core(this.#module.Bridge(JSON.stringify(config), boot, state, batches));
  }
}

/** One `AgentCore`: inputs in, effects out. */
export class Core {
  #bridge;

  /** @param {any} bridge */
  constructor(bridge) {
    this.#bridge = bridge;
  }

  /** @returns {number} */
  get wakeAtS() {
    return this.#bridge.wake_at_s;
  }

  /** @returns {boolean} */
  get onTrial() {
    return this.#bridge.on_trial;
  }

  /** @returns {number} */
  get waitingBatches() {
    return this.#bridge.waiting_batches;
  }

  /** @returns {{events: string, telemetry: string, sealed: string[], subscriptions: string[]}} */
  topics() {
    return JSON.parse(this.#bridge.topics());
  }

  lastWill() {
    return bytes(this.#bridge.last_will());
  }

  farewell() {
    return bytes(this.#bridge.farewell());
  }

  /**
   * @param {string} digest
   * @param {Uint8Array} manifest
   * @param {Uint8Array} reference
   */
  knows(digest, manifest, reference) {
    this.#bridge.knows(digest, manifest, reference);
  }

  /**
   * Hand the core an input that the bridge translates.
   * @param {"on_message" | "on_windows" | "on_saved" | "on_save_failed" | "on_fetch_failed"
   *   | "on_loaded"} name
   * @param {unknown[]} given
   */
  input(name, ...given) {
    return answer(this.#bridge[name](...given));
  }

  /**
   * Hand the core any other input.
   * @param {string} name
   * @param {unknown[]} given
   */
  call(name, ...given) {
    return answer(this.#bridge.call(name, ...given));
  }
}

/**
 * @param {any} proxy
 * @returns {Answer}
 */
function answer(proxy) {
  const [text, blobs] = proxy.toJs();
  proxy.destroy();
  return { effects: JSON.parse(text), blobs };
}

/**
 * @param {any} proxy
 * @returns {Uint8Array}
 */
function bytes(proxy) {
  const data = proxy.toJs();
  proxy.destroy();
  return data;
}
