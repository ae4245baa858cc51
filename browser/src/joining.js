/**
 * Joins a fleet from a tab: makes a key that cannot leave this browser, proves a join token, and keeps
 * what the cloud gives; mirrors `edge_agent/joining.py`.
 *
 * Whose certificate is shown the browser checks by itself, so that of a local authority its machine has
 * to know. The root of releases is pinned by the token, as on devices.
 */
import { saying, UnavailableError, UsageError } from "./errors.js";

const LONGEST_MS = 20_000;
const PREFIX = "efj_";

/**
 * @typedef {{url: string, fleet: string, tokenId: string, secret: string, rootSha256: string}} JoinToken
 *
 * @typedef {object} Membership What the cloud gave, and by what.
 * @property {string} fleet
 * @property {string} device
 * @property {string} password For the broker.
 * @property {string} websocket URL of the broker, without a host where it is the cloud's.
 * @property {string} root TUF root to pin; empty for none.
 * @property {string} cloud URL of the cloud's API.
 * @property {string} tokenId
 */

/**
 * Read a join token; the error does not repeat it.
 * @param {string} text
 * @returns {JoinToken}
 * @throws {UsageError}
 */
export function parsedToken(text) {
  try {
    const encoded = String(text).trim();
    if (!encoded.startsWith(PREFIX)) throw new Error("another beginning");
    const binary = atob(encoded.slice(PREFIX.length).replace(/-/g, "+").replace(/_/g, "/"));
    const body = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))));
    return {
      url: matching(body.u, /^https?:\/\/[!-~]{1,1000}$/),
      fleet: matching(body.f, /^[A-Za-z0-9._-]{1,64}$/),
      tokenId: matching(body.i, /^[0-9a-f]{12}$/),
      secret: matching(body.s, /^[A-Za-z0-9_-]{43}$/),
      rootSha256: matching(body.r ?? "", /^([0-9a-f]{64})?$/),
    };
  } catch {
    throw new UsageError(
      "joinToken is no join token, or not all of one: it begins with efj_ and is what " +
        "`edgefleet fleet enroll` printed",
    );
  }
}

/**
 * Join by a token, unless this browser has by the same one.
 * @param {JoinToken} token
 * @param {string} device
 * @param {import("./store.js").Store} store
 * @returns {Promise<Membership>}
 * @throws {UsageError} The cloud refuses.
 * @throws {UnavailableError} The cloud is out of reach, or is not the one that the token is of.
 */
export async function joined(token, device, store) {
  /** @type {Membership | undefined} */
  const known = await store.fact("membership");
  if (known?.tokenId === token.tokenId) return known;
  // Kept before it is used, so that an answer which got lost can be asked for again.
  const keys = (await store.fact("next key")) ?? (await newKeys());
  await store.putFact("next key", keys);
  const found = await asked(`${token.url}/api/v1/enrolment`, {
    token_id: token.tokenId,
    secret: token.secret,
    device,
    public_key: hex(await crypto.subtle.exportKey("raw", keys.publicKey)),
    proof: await signed(keys, ["edgefleet enrolment", token.tokenId, token.fleet, device]),
  });
  if (token.rootSha256 && (await sha256(found.root)) !== token.rootSha256) {
    throw new UnavailableError(
      "the cloud gave another root of releases than the join token names: it is not the cloud that " +
        "the token is of, or its root was replaced since; ask for a new token",
    );
  }
  const member = { ...found, cloud: token.url, tokenId: token.tokenId };
  await store.putFacts({ membership: member, key: keys, "next key": undefined });
  return member;
}

/**
 * Get another password for the key of this browser.
 * @param {import("./store.js").Store} store
 * @returns {Promise<Membership>}
 * @throws {UsageError} The cloud refuses, as it does for a device that was put out.
 * @throws {UnavailableError} The cloud is out of reach.
 */
export async function renewed(store) {
  /** @type {Membership} */
  const known = await store.fact("membership");
  const { cloud, fleet, device, tokenId } = known;
  const atUnixS = Math.floor(Date.now() / 1000);
  const found = await asked(`${cloud}/api/v1/enrolment/renew`, {
    device,
    at_unix_s: atUnixS,
    proof: await signed(await store.fact("key"), ["edgefleet renewal", String(atUnixS), fleet, device]),
  });
  const member = { ...found, cloud, tokenId };
  await store.putFact("membership", member);
  return member;
}

/**
 * The broker's URL for a member; where its host is left out it is the cloud's.
 * @param {Membership} member
 */
export function brokerOf({ websocket, cloud }) {
  if (!websocket) {
    throw new UsageError(
      `the cloud at ${cloud} has no broker for browsers: start it with --websocket-port, or say cloud`,
    );
  }
  return websocket.replace("://:", `://${new URL(cloud).hostname}:`);
}

async function newKeys() {
  try {
    return await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  } catch (error) {
    throw new UsageError(`this browser cannot make Ed25519 keys, so it cannot join: ${saying(error)}`);
  }
}

/**
 * @param {CryptoKeyPair} keys
 * @param {string[]} statement
 */
async function signed({ privateKey }, statement) {
  const data = new TextEncoder().encode(statement.join("\0"));
  return hex(await crypto.subtle.sign("Ed25519", privateKey, data));
}

/**
 * @param {string} url
 * @param {object} body
 * @returns {Promise<{fleet: string, device: string, password: string, websocket: string, root: string}>}
 */
async function asked(url, body) {
  let reply;
  let answer;
  try {
    reply = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(LONGEST_MS),
    });
    answer = await reply.json().catch(() => ({}));
  } catch (error) {
    throw new UnavailableError(`cannot reach the cloud at ${url}: ${saying(error)}`);
  }
  if (!reply.ok) {
    const text = `${url} answers ${reply.status}: ${answer.detail ?? reply.statusText}`;
    throw new (reply.status >= 500 || reply.status === 429 ? UnavailableError : UsageError)(text);
  }
  const { fleet, device, password, websocket = "", root = "" } = answer;
  if ([fleet, device, password, websocket, root].some((text) => typeof text !== "string")) {
    throw new UnavailableError(`${url} did not answer as a cloud does`);
  }
  return { fleet, device, password, websocket, root };
}

/** @param {string} text */
async function sha256(text) {
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** @param {ArrayBuffer} data */
function hex(data) {
  return Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {unknown} text
 * @param {RegExp} pattern
 */
function matching(text, pattern) {
  if (typeof text !== "string" || !pattern.test(text)) throw new Error("not a token's");
  return text;
}
