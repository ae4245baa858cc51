/**
 * What an agent is told, and what is added to that when it starts.
 *
 * @typedef {object} AgentOptions
 * @property {string} model Name of a model of the fleet.
 * @property {string} [cloud] URL of the broker, `ws://` or `wss://`; without it, and without having
 *   joined a fleet, the tab only predicts.
 * @property {string} [joinToken] What `edgefleet fleet enroll` printed: the tab joins that fleet once, with
 *   a key that cannot leave this browser, and has its own password, broker and trusted root from then on.
 * @property {string} [fleet]
 * @property {string} [salt] What unknown categories are hashed with, the same on all devices of the
 *   fleet; by default a secret that is drawn once and kept. Whoever reads the page reads it.
 * @property {string} [device] By default a name that is drawn once and kept.
 * @property {Record<string, string>} [tags]
 * @property {number} [intervalS] Length of a telemetry window, until the cloud says otherwise.
 * @property {string} [username]
 * @property {string} [password]
 * @property {string} [trustedRoot] Text of the fleet's TUF root: from then on only what its keys have
 *   released is installed, and only orders are heard that its director has signed.
 * @property {string[]} [providers] Of onnxruntime-web, by preference: `webgpu`, `wasm`.
 * @property {number} [threads] Of a prediction; by default half of the cores where the page is
 *   isolated and there are four of them.
 * @property {boolean} [inPage] Whether a small model may come into the page's own thread when it has
 *   proved quick, where an answer costs no way to a worker; by default it may.
 * @property {number} [readyTimeoutS] How long `predict` waits for a first model.
 * @property {{digest: string, version: string, url: string,
 *   layouts: import("./manifest.js").Layouts}} [bundled] A package that comes with the page.
 * @property {string} assets URL of the folder with the libraries and the core.
 *
 * @typedef {AgentOptions & {fleet: string, device: string, salt: string, store: string,
 *   isEarly: boolean, broker?: string}} Settled With what is kept in this browser; `isEarly` says whether
 *   there is a version that can serve before the cloud has a word, `broker` is `cloud` as it was given,
 *   and `cloud` where the fleet is that was joined, if there was none.
 * @typedef {Settled} ServerOptions
 */
import { UsageError } from "./errors.js";
import { parsedToken } from "./joining.js";
import { Store } from "./store.js";

const KNOWN = new Set([
  ..."assets bundled cloud device fleet inPage intervalS joinToken model password providers readyTimeoutS".split(" "),
  ..."salt tags threads trustedRoot username".split(" "),
]);

/**
 * Check options, and add to them what this browser keeps of the device.
 * @param {AgentOptions} options
 * @returns {Promise<Settled>}
 */
export async function settled(options) {
  require(options);
  const token = options.joinToken === undefined ? undefined : parsedToken(options.joinToken);
  const { fleet = token?.fleet ?? "default", model } = options;
  if (token && token.fleet !== fleet) {
    throw new UsageError(`fleet is ${fleet}, and the join token is of fleet ${token.fleet}`);
  }
  const name = `edgefleet ${fleet} ${options.device ?? ""} ${model}`;
  const store = await Store.open(name);
  const drawn = await store.drawn({ device: drawDevice, salt: drawSalt });
  const device = options.device ?? drawn.device;
  const salt = options.salt ? `fleet/${fleet}/${options.salt}` : `device/${drawn.salt}`;
  const isEarly = Boolean(options.bundled ?? (await store.fact("last_good")));
  const cloud = options.cloud ?? token?.url ?? (await store.fact("membership"))?.cloud;
  store.close();
  return { ...options, cloud, broker: options.cloud, fleet, device, salt, store: name, isEarly };
}

/** @param {AgentOptions} options */
function require(options) {
  const unknown = Object.keys(options).filter((name) => !KNOWN.has(name));
  if (unknown.length) {
    throw new UsageError(`createAgent takes no ${unknown.join(", ")}; it takes ${[...KNOWN].join(", ")}`);
  }
  if (typeof options.model !== "string" || !options.model) {
    throw new UsageError("createAgent needs the name of a model: createAgent({ model: \"digits\" })");
  }
  if (options.cloud !== undefined && !/^wss?:\/\/[^/]/.test(options.cloud)) {
    throw new UsageError(`cloud is ${options.cloud}: it must begin with ws:// or wss:// and a host`);
  }
  const { inPage = true, providers = [], threads = 1 } = options;
  if (typeof inPage !== "boolean") throw new UsageError(`inPage is ${inPage}: give true or false`);
  const unfit = [providers].flat().find((name) => !["webgpu", "wasm"].includes(name));
  if (!Array.isArray(providers) || unfit) {
    throw new UsageError(`providers is ${JSON.stringify(providers)}: give a list of "webgpu" and "wasm"`);
  }
  if (!Number.isInteger(threads) || threads < 1) {
    throw new UsageError(`threads is ${threads}: give a whole number from 1 on`);
  }
}

function drawDevice() {
  return `web-${crypto.randomUUID().slice(0, 13)}`;
}

/** What unknown categories are hashed with on this device alone. */
function drawSalt() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16)).join("");
}
