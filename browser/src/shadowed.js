/** Calls that a candidate repeats in its own worker; one at a time, the others are counted. */

/**
 * @typedef {import("./servable.js").Served} Served
 * @typedef {import("./servable.js").Servable} Servable
 */

/** The side that serves. */
export class Shadowed {
  #port;
  #isBusy = false;
  #dropped = 0;

  /** @param {MessagePort} port */
  constructor(port) {
    this.#port = port;
    port.onmessage = () => {
      this.#isBusy = false;
    };
  }

  /**
   * Have a call repeated, unless one is being repeated: serving comes first.
   * @param {Served} served
   */
  send({ encoded: { feeds, count }, decoded }) {
    if (this.#isBusy) {
      this.#dropped += count;
      return;
    }
    this.#isBusy = true;
    const plain = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, type, data, dims]);
    const { classes, scores } = decoded;
    this.#port.postMessage({ feeds: plain, count, classes, scores, dropped: this.#dropped });
    this.#dropped = 0;
  }

  close() {
    this.#port.close();
  }

  /**
   * The other side: repeat what comes, and count how far it agrees.
   * @param {MessagePort} port
   * @param {import("./engine.js").Ort} ort
   * @param {Servable} servable
   */
  static repeat(port, ort, servable) {
    port.onmessage = async ({ data: { feeds, count, classes, scores, dropped } }) => {
      const tensors = Object.fromEntries(
        feeds.map((/** @type {[string, any, any, any]} */ [name, type, data, dims]) => [
          name,
          new ort.Tensor(type, data, dims),
        ]),
      );
      await servable.runShadow(tensors, count, { classes, scores }, dropped);
      port.postMessage("done");
    };
  }
}
