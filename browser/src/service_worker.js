/**
 * Keeps the whole bundle in the browser, so that the page starts where there is no network.
 *
 * Each bundle has a cache of its own, named by its digest, which the build writes in below: a new
 * bundle is fetched beside the old one, file by file with the digest that the list of files gives,
 * and takes over when all of it is there. One that is not what it should be is refused, and pages
 * are told why. Answers get the headers that make a page isolated, for
 * servers that do not send them.
 */

const BUNDLE = "@BUNDLE@";
const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
/** Of this place alone: other bundles of the same server have caches of their own. */
const CACHES = `edgefleet-bundle ${worker.registration.scope} `;
const CACHE = CACHES + BUNDLE;
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

worker.addEventListener("install", (event) => event.waitUntil(keepAll()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const isOurs = request.url.startsWith(worker.registration.scope);
  if (isOurs && request.method === "GET") event.respondWith(answerTo(request));
});

/** Fetch every file of the bundle; nothing changes if one is missing or is not what it should be. */
async function keepAll() {
  const isNew = !(await caches.has(CACHE));
  try {
    const list = await (await fetched("bundle.json", "no-store")).arrayBuffer();
    if (!hex(await sha256(list)).startsWith(BUNDLE)) throw new Error("bundle.json is that of another one");
    const { files } = JSON.parse(new TextDecoder().decode(list));
    const cache = await caches.open(CACHE);
    await Promise.all(Object.entries(files).map(([path, integrity]) => keep(cache, path, integrity)));
  } catch (error) {
    if (isNew) await caches.delete(CACHE);
    await tell(`a new bundle is refused, the one before goes on: ${/** @type {Error} */ (error).message}`);
    throw error;
  }
  await worker.skipWaiting();
}

/**
 * @param {Cache} cache
 * @param {string} path
 * @param {string} integrity
 */
async function keep(cache, path, integrity) {
  // What the browser or a proxy has of before may be taken for the newest: then it has to come anew.
  for (const mode of /** @type {RequestCache[]} */ (["no-cache", "reload"])) {
    const reply = await fetched(path, mode);
    const data = await reply.arrayBuffer();
    const digest = btoa(String.fromCharCode(...new Uint8Array(await sha256(data))));
    if (`sha256-${digest}` === integrity) {
      const headers = new Headers(reply.headers);
      headers.delete("Content-Encoding");
      await cache.put(path, new Response(data, { headers }));
      return;
    }
  }
  throw new Error(`${path} is not the file that bundle.json lists`);
}

/**
 * @param {string} path
 * @param {RequestCache} mode
 */
async function fetched(path, mode) {
  const reply = await fetch(path, { cache: mode });
  if (!reply.ok) throw new Error(`${path} answers ${reply.status}`);
  return reply;
}

/** @param {string} text */
async function tell(text) {
  const pages = await worker.clients.matchAll({ includeUncontrolled: true });
  for (const page of pages) page.postMessage({ edgefleet: text });
}

/** @param {ArrayBuffer} data */
const sha256 = (data) => crypto.subtle.digest("SHA-256", data);

/** @param {ArrayBuffer} data */
const hex = (data) =>
  Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Forget other bundles of this place, and answer for pages that are open already. */
async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith(CACHES) && name !== CACHE) await caches.delete(name);
  }
  await worker.clients.claim();
}

/** @param {Request} request */
async function answerTo(request) {
  const cache = await caches.open(CACHE);
  const url = request.url.replace(/[?#].*$/, "").replace(/\/$/, "/index.html");
  return isolated((await cache.match(url)) ?? (await fetch(request)));
}

/** @param {Response} reply */
function isolated(reply) {
  if (reply.type === "opaque" || reply.status === 0 || reply.redirected) return reply;
  const headers = new Headers(reply.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  const hasBody = ![204, 205, 304].includes(reply.status);
  const { status, statusText } = reply;
  return new Response(hasBody ? reply.body : null, { status, statusText, headers });
}
