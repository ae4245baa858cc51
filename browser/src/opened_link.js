/** Hears orders only from the director: mirrors `edge_agent/opened_link.py`. */
import { saying } from "./errors.js";

const MOST_WAITING = 100;

/**
 * A handler of a link in front of another one, which opens what has to be sealed; what comes while
 * the link is down is left out, as the cloud says it again.
 * @param {import("./link.js").LinkHandler} handler
 * @param {{trust: import("./trust.js").Trust, sealed: string[], log: (text: string) => void}} parts
 * @returns {import("./link.js").LinkHandler}
 */
export function opening(handler, { trust, sealed, log }) {
  let connection = 0;
  let waiting = 0;
  /** @type {Promise<void>} */
  let last = Promise.resolve();

  /**
   * @param {string} topic
   * @param {Uint8Array} message
   * @param {number} came During which connection.
   */
  async function open(topic, message, came) {
    try {
      const payload = await trust.opened(topic, message);
      if (came === connection) handler.onMessage(topic, payload);
    } catch (error) {
      log(`a message on ${topic} is refused: ${saying(error)}`);
    }
    waiting -= 1;
  }

  return {
    onConnected() {
      connection += 1;
      handler.onConnected();
    },
    onDisconnected(reason) {
      connection += 1;
      handler.onDisconnected(reason);
    },
    onMessage(topic, message) {
      if (!sealed.includes(topic)) {
        handler.onMessage(topic, message);
      } else if (waiting < MOST_WAITING) {
        waiting += 1;
        const came = connection;
        last = last.then(() => open(topic, message, came));
      } else log(`a message on ${topic} is left out: too many wait to be opened`);
    },
  };
}
