/** The worker's entry: carries calls from the page to the agent, and its answers back. */
import { Agent } from "./agent.js";

/** @type {Promise<Agent> | undefined} */
let starting;

/**
 * @param {string} method
 * @param {any[]} given
 */
async function answer(method, given) {
  if (method === "start") {
    starting = Agent.start(given[0], (kind, body) => self.postMessage({ kind, body }));
    return { device: (await starting).device };
  }
  const agent = await starting;
  if (!agent) throw new Error("the agent was not started");
  switch (method) {
    case "predict":
      return agent.predict(given[0]);
    case "label":
      return agent.label(given[0], given[1]);
    case "describe":
      return agent.describe();
    case "goOffline":
      return agent.goOffline(given[0]);
    case "flush":
      return agent.flush();
    case "status":
      return agent.status();
    case "close":
      return agent.close();
    default:
      throw new Error(`the agent has no method ${method}`);
  }
}

self.onmessage = async ({ data: { call, method, given } }) => {
  try {
    self.postMessage({ call, result: await answer(method, given) });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    self.postMessage({ call, error: { name, message } });
  }
};
