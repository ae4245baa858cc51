/** How a tab reaches its cloud: what it was told, and what it got when it joined; mirrors `way_to_cloud.py`. */
import { saying, UnavailableError } from "./errors.js";
import { brokerOf, joined, parsedToken, renewed } from "./joining.js";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** A password that is refused is renewed so often at most. */
const RENEWED_EVERY_MS = 10_000;

/**
 * @typedef {object} Way
 * @property {string} url Of the broker.
 * @property {string} [username]
 * @property {string} [password]
 * @property {string} [trustedRoot]
 * @property {() => Promise<string | undefined>} [newPassword] Asks for another password, as the broker
 *   refuses the one that is known; none if it is not to be had.
 *
 * @typedef {object} Parts
 * @property {import("./store.js").Store} store
 * @property {(text: string) => void} warn
 * @property {() => boolean} isOver Whether nobody waits for it any more.
 */

/**
 * The way, as soon as it is known: joins the fleet first where a token says so, for as long as that takes.
 * @param {import("./options.js").Settled} options
 * @param {Parts} parts
 * @returns {Promise<Way>}
 * @throws {import("./errors.js").UsageError} The cloud refuses this browser.
 */
export async function wayToCloud(options, { store, warn, isOver }) {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await found(options, store, warn);
    } catch (error) {
      if (!(error instanceof UnavailableError) || isOver()) throw error;
      warn(`not joined yet: ${saying(error)}; asked again in ${pauseMs / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/**
 * @param {import("./options.js").Settled} options
 * @param {import("./store.js").Store} store
 * @param {(text: string) => void} warn
 * @returns {Promise<Way>}
 */
async function found({ broker = "", joinToken, device, username, password, trustedRoot }, store, warn) {
  const member = joinToken
    ? await joined(parsedToken(joinToken), device, store)
    : await store.fact("membership");
  const told = { url: broker, username, password, trustedRoot };
  if (!member) return told;
  const root = trustedRoot || member.root || undefined;
  const url = broker || brokerOf(member);
  if (username !== undefined) return { ...told, url, trustedRoot: root };
  return {
    url,
    username: device,
    password: member.password,
    trustedRoot: root,
    newPassword: renewing(store, warn),
  };
}

/**
 * @param {import("./store.js").Store} store
 * @param {(text: string) => void} warn
 */
function renewing(store, warn) {
  let lastMs = -Infinity;
  return async () => {
    if (performance.now() - lastMs < RENEWED_EVERY_MS) return undefined;
    lastMs = performance.now();
    try {
      return (await renewed(store)).password;
    } catch (error) {
      warn(`the broker refuses this device, and it gets no other password: ${saying(error)}`);
      return undefined;
    }
  };
}
