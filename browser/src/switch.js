/** The switch: which package answers calls; turned in one step. Mirrors `edge_agent/switch.py`. */

/**
 * @typedef {import("./servable.js").Servable} Servable
 * @typedef {{serve: Servable, shadow?: Servable, fallback?: Servable}} Routing
 */

/** Where calls go. */
export class Switch {
  /** @type {Routing | undefined} */
  routing;
  /**
   * What serves before the core has loaded.
   * @type {Servable | undefined}
   */
  early;
  /** @type {((routing: Routing) => void)[]} */
  #waiting = [];

  /** @param {Routing | undefined} routing */
  turn(routing) {
    this.routing = routing;
    if (routing) for (const resolve of this.#waiting.splice(0)) resolve(routing);
  }

  /** @returns {Promise<Routing>} As soon as there is one. */
  ready() {
    if (this.routing) return Promise.resolve(this.routing);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
