/** The core's worker: answers the page. */
import { Agent } from "./agent.js";
import { hold } from "./life.js";
import { answering } from "./remote.js";

/** @type {Agent | undefined} */
let agent;
/** @type {(nothing?: undefined) => void} */
let end;
/** Resolves when what came with the page is in the store. @type {Promise<void>} */
const early = new Promise((resolve) => (end = resolve));

answering(self, async (method, given) => {
  if (method === "start") {
    hold(given[1]);
    agent = await Agent.start(given[0], (kind, body) => self.postMessage({ kind, body }), early);
    return undefined;
  }
  if (method === "earlyIsOver") return end();
  if (!agent) throw new Error("the agent was not started");
  switch (method) {
    case "loaded":
      return agent.servers.loaded(given[0], given[1]);
    case "replaced":
      return agent.servers.replaced(given[0], given[1]);
    case "goOffline":
      return agent.goOffline(given[0]);
    case "flush":
      return agent.flush();
    case "close":
      return agent.close();
    default:
      throw new Error(`the agent has no method ${method}`);
  }
});
