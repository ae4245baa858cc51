/** The link to the broker: MQTT over WebSocket, with mqtt.js; mirrors the port `Link`. */

/**
 * @typedef {object} LinkHandler
 * @property {() => void} onConnected Subscribed.
 * @property {(reason: string) => void} onDisconnected
 * @property {(topic: string, payload: Uint8Array) => void} onMessage
 *
 * @typedef {object} LinkOptions
 * @property {string} url `ws://` or `wss://`.
 * @property {string} clientId
 * @property {string} [username]
 * @property {string} [password]
 * @property {() => Promise<string | undefined>} [newPassword] Called when the broker refuses the one above.
 * @property {string} willTopic
 * @property {Uint8Array} willPayload
 * @property {string[]} subscriptions
 */

const FAREWELL_MS = 2000;
const LONGEST_PAUSE_MS = 30_000;
/** Codes of MQTT 3.1.1 for a user name or password that is wrong, and for who may not connect. */
const REFUSALS = [4, 5];

/** A connection that comes back for ever. */
export class Link {
  #client;
  #reason = "the broker does not answer";

  /**
   * @param {typeof import("mqtt").default} mqtt
   * @param {LinkOptions} options
   * @param {LinkHandler} handler
   */
  constructor(mqtt, options, handler) {
    const client = mqtt.connect(options.url, {
      protocolVersion: 4,
      clientId: options.clientId,
      username: options.username,
      password: options.password,
      clean: true,
      keepalive: 30,
      reconnectPeriod: 1000,
      connectTimeout: 10_000,
      queueQoSZero: false,
      resubscribe: false,
      reconnectOnConnackError: true, // as long as its cloud starts, a broker refuses everybody
      will: {
        topic: options.willTopic,
        payload: /** @type {any} */ (options.willPayload),
        qos: 1,
        retain: false,
      },
    });
    this.#client = client;
    let pauseMs = 1000;
    client.on("connect", () => {
      client.subscribe(options.subscriptions, { qos: 0 }, (error) => {
        if (error) {
          this.#reason = `the broker refuses the subscription: ${error.message}`;
          client.reconnect();
          return;
        }
        pauseMs = 1000;
        client.options.reconnectPeriod = pauseMs;
        this.#reason = "the connection was lost";
        handler.onConnected();
      });
    });
    client.on("message", (topic, payload) => handler.onMessage(topic, new Uint8Array(payload)));
    client.on("error", (error) => {
      this.#reason = error.message;
      if (REFUSALS.includes(/** @type {any} */ (error).code)) void this.#renew(options);
    });
    client.on("close", () => {
      handler.onDisconnected(this.#reason);
      this.#reason = "the connection was lost";
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      client.options.reconnectPeriod = pauseMs * (0.5 + Math.random());
    });
  }

  /** @param {LinkOptions} options */
  async #renew({ newPassword }) {
    const password = await newPassword?.();
    if (password) this.#client.options.password = password;
  }

  /**
   * Hand a message to the broker at QoS 1; return whether it is on its way.
   * @param {string} topic
   * @param {Uint8Array} payload
   */
  publish(topic, payload) {
    if (!this.#client.connected) return false;
    this.#client.publish(topic, /** @type {any} */ (payload), { qos: 1 });
    return true;
  }

  /**
   * Leave in good order, to come back with `resume`.
   * @param {{topic: string, payload: Uint8Array}} farewell
   */
  async pause(farewell) {
    this.#reason = "this tab was taken offline";
    await this.close(farewell);
  }

  /** Connect again after `pause`. */
  resume() {
    this.#client.reconnect();
  }

  /**
   * Leave in good order, so that the broker does not publish the will.
   * @param {{topic: string, payload: Uint8Array}} [farewell]
   */
  async close(farewell) {
    const client = this.#client;
    if (farewell && client.connected) {
      const said = new Promise((resolve) => {
        client.publish(farewell.topic, /** @type {any} */ (farewell.payload), { qos: 1 }, resolve);
      });
      await Promise.race([said, new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))]);
    }
    await new Promise((resolve) => client.end(!client.connected, {}, resolve));
  }
}
