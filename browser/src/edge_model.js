/**
 * `<edge-model>`: an agent as an element of a page.
 *
 *     <script type="module" src="src/edge_model.js"></script>
 *     <edge-model model="digits" cloud="wss://cloud.example/mqtt">
 *       <form><input name="age"><input name="city"><output></output></form>
 *     </edge-model>
 *
 * A form inside it is predicted when it is submitted, by the names of features; its `output` shows the
 * answer. `predict` and `label` are those of the agent. The attribute `state` is `loading`, `ready`, `failed`
 * or `closed`, for style sheets; the events are `ready`, `prediction`, `failed`, and those of the agent.
 */
import { createAgent } from "./edgefleet.js";
import { saying, UsageError } from "./errors.js";

const TEXTS = ["model", "cloud", "fleet", "salt", "device", "join-token", "assets", "username", "password"];
const NUMBERS = ["threads", "interval-s", "ready-timeout-s"];
const EVENTS = ["log", "status", "report", "batch"];

/** @typedef {import("./edgefleet.js").PageAgent} PageAgent */

/** An agent whose options are attributes; in the document it runs, outside of it it is closed. */
export class EdgeModel extends HTMLElement {
  /** @type {Promise<PageAgent> | undefined} */
  #starting;
  /** Options that are no texts: `bundled`, `tags`, `providers`, `trustedRoot`; set before it is in the document. */
  options = {};

  connectedCallback() {
    this.addEventListener("submit", this.#submitted);
    this.#starting = this.#start();
    this.#starting.catch((error) => this.#tell("failed", error));
  }

  disconnectedCallback() {
    this.removeEventListener("submit", this.#submitted);
    void this.#starting?.then((agent) => agent.close(), () => undefined);
    this.#starting = undefined;
    this.setAttribute("state", "closed");
  }

  /** The agent, when it has begun. @returns {Promise<PageAgent>} */
  get agent() {
    return this.#starting ?? Promise.reject(new UsageError("<edge-model> is in no document"));
  }

  /**
   * Predict some rows, see `PageAgent.predict`.
   * @param {import("./inputs.js").Rows} rows
   */
  async predict(rows) {
    const found = await (await this.agent).predict(rows);
    this.#tell("prediction", found);
    return found;
  }

  /**
   * Tell what came true.
   * @param {string} id
   * @param {unknown} truth
   */
  async label(id, truth) {
    return (await this.agent).label(id, truth);
  }

  async #start() {
    this.setAttribute("state", "loading");
    const agent = await createAgent(this.#told());
    for (const kind of EVENTS) {
      agent.addEventListener(kind, (event) => this.#tell(kind, /** @type {CustomEvent} */ (event).detail));
    }
    void agent.describe().then(
      (description) => this.isConnected && this.#tell("ready", description),
      (error) => this.isConnected && this.#tell("failed", error),
    );
    return agent;
  }

  /** @returns {any} Options as the attributes have them. */
  #told() {
    const names = [...TEXTS, ...NUMBERS].filter((name) => this.hasAttribute(name));
    const told = names.map((name) => {
      const text = /** @type {string} */ (this.getAttribute(name));
      const option = name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
      return [option, NUMBERS.includes(name) ? Number(text) : text];
    });
    return { ...this.options, ...Object.fromEntries(told) };
  }

  #submitted = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const output = form.querySelector("output");
    try {
      const { labels, values } = await this.predict([rowOf(form)]);
      if (output) output.value = String((labels ?? values ?? [""])[0]);
    } catch (error) {
      if (output) output.value = saying(error);
      this.#tell("failed", error);
    }
  };

  /**
   * @param {string} kind
   * @param {unknown} detail
   */
  #tell(kind, detail) {
    if (kind === "ready" || (kind === "failed" && this.getAttribute("state") === "loading")) {
      this.setAttribute("state", kind);
    }
    this.dispatchEvent(new CustomEvent(kind, { detail, bubbles: true }));
  }
}

/**
 * What a form says, by the names of its fields; numbers where a field holds one.
 * @param {HTMLFormElement} form
 */
function rowOf(form) {
  const fields = /** @type {HTMLInputElement[]} */ ([...form.elements].filter((it) => "name" in it && it.name));
  const isNumber = (/** @type {HTMLInputElement} */ { type }) => type === "number" || type === "range";
  return Object.fromEntries(
    fields
      .filter((field) => "value" in field && field.localName !== "output" && field.localName !== "button")
      .map((field) => [field.name, isNumber(field) ? field.valueAsNumber : field.value]),
  );
}

customElements.define("edge-model", EdgeModel);
