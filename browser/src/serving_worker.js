/** A worker that serves one version: answers the page, and the core beside it. */
import { hold } from "./life.js";
import { answering } from "./remote.js";
import { Server } from "./server.js";

/** @type {Promise<Server> | undefined} */
let starting;
/** @type {(module: WebAssembly.Module | undefined) => void} */
let give;
/** @type {Promise<WebAssembly.Module | undefined>} */
const module = new Promise((resolve) => (give = resolve));

/**
 * @param {string} method
 * @param {any[]} given
 */
async function answer(method, given) {
  if (method === "start") {
    hold(given[1]);
    starting = Server.start(given[0], (kind, body) => self.postMessage({ kind, body }), module);
    return void (await starting);
  }
  if (method === "module") return give(given[0]);
  const server = await starting;
  if (!server) throw new Error("the server was not started");
  switch (method) {
    case "predict":
      return server.predict(given[0]);
    case "load":
      return server.load(given[0]);
    case "loadEarly":
      return server.loadEarly();
    case "kept":
      return server.kept();
    case "offer":
      return server.offer();
    case "observed":
      return server.observed(given[0], given[1], given[2]);
    case "observeLabels":
      return server.observeLabels(given[0], given[1], given[2]);
    case "reference":
      return server.reference();
    case "countFailure":
      return server.countFailure();
    case "shadowedBy":
      return server.shadowedBy(given[0]);
    case "shadows":
      return server.shadows(given[0]);
    case "counts":
      return server.counts();
    case "lead":
      return server.lead(given[0]);
    case "handOn":
      return server.handOn();
    case "meet":
      return answering(given[0], answer);
    default:
      throw new Error(`a server has no method ${method}`);
  }
}

answering(self, answer);
