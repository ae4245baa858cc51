/** A worker that serves one version: answers the page, and the core beside it. */
import { answering } from "./remote.js";
import { Server } from "./server.js";

/** @type {Promise<Server> | undefined} */
let starting;

/**
 * @param {string} method
 * @param {any[]} given
 */
async function answer(method, given) {
  if (method === "start") {
    starting = Server.start(given[0], (kind, body) => self.postMessage({ kind, body }));
    return void (await starting);
  }
  const server = await starting;
  if (!server) throw new Error("the server was not started");
  switch (method) {
    case "predict":
      return server.predict(given[0]);
    case "load":
      return server.load(given[0]);
    case "loadEarly":
      return server.loadEarly();
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
