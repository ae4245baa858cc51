/**
 * Keeps the whole bundle in the browser, so that the page starts where there is no network.
 *
 * Each bundle has a cache of its own, named by its digest, which the build writes in below: a new
 * bundle is fetched beside the old one, file by file with the digest that the list of files gives,
 * and takes over when all of it is there. Answers get the headers that make a page isolated, for
 * servers that do not send them.
 */

const BUNDLE = "@BUNDLE@";
const CACHE = `edgefleet-bundle-${BUNDLE}`;
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("install", (event) => event.waitUntil(keepAll()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const isOurs = request.url.startsWith(worker.registration.scope);
  if (isOurs && request.method === "GET") event.respondWith(answerTo(request));
});

/** Fetch every file of the bundle; nothing changes if one is missing or is not what it should be. */
async function keepAll() {
  const { files } = await (await fetch("bundle.json", { cache: "no-store" })).json();
  const cache = await caches.open(CACHE);
  await Promise.all(
    Object.entries(files).map(async ([path, integrity]) => {
      const reply = await fetch(path, { integrity, cache: "no-cache" });
      if (!reply.ok) throw new Error(`${path} answers ${reply.status}`);
      await cache.put(path, reply);
    }),
  );
  await worker.skipWaiting();
}

/** Forget other bundles of this place, and answer for pages that are open already. */
async function takeOver() {
  for (const name of await caches.keys()) {
    if (name.startsWith("edgefleet-bundle-") && name !== CACHE) await caches.delete(name);
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
