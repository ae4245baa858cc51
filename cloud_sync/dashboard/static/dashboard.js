// Keeps the page live: listens for revisions, fetches the parts that change, and replaces only those
// that did, so that nothing moves under a reader's hand without reason.
"use strict";

(() => {
  const MIN_INTERVAL_MS = 1000;
  const link = document.getElementById("link");
  const message = document.getElementById("message");
  const announce = document.getElementById("announce");
  const dialog = document.getElementById("confirm");

  /** HTML of each part as the server sent it last; the page itself changes when a reader opens it. */
  const sent = new Map();
  let fetchedAtMs = 0;
  let waiting = false;
  let fetching = false;
  let wanted = false;
  /** Answers the question that stands open. */
  let settle = (_answer) => {};

  const parts = (root) => root.querySelectorAll("[data-live]");

  function say(text, tone) {
    link.textContent = text;
    link.className = `pill tone-${tone}`;
  }

  function complain(text) {
    message.textContent = text;
    message.hidden = text === "";
  }

  function ago(seconds) {
    if (seconds < 2) return "just now";
    if (seconds < 120) return `${Math.round(seconds)} s ago`;
    if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
    return `${Math.round(seconds / 86400)} d ago`;
  }

  function tick(root = document) {
    for (const time of root.querySelectorAll("time[data-ago]")) {
      const at = new Date(time.dateTime);
      if (time.title === "") time.title = at.toLocaleString();
      time.textContent = ago(Math.max(0, (Date.now() - at) / 1000));
    }
  }

  /** Put `fresh` in the place of `old`; what was open stays open, what had the focus keeps it. */
  function replace(old, fresh) {
    const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
    const before = old.querySelector("[data-announce]")?.textContent;
    for (const id of open) {
      const details = fresh.querySelector(`[id="${CSS.escape(id)}"]`);
      if (details) details.open = true;
    }
    tick(fresh);
    old.replaceWith(fresh);
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
    const after = fresh.querySelector("[data-announce]")?.textContent;
    if (after && after !== before) announce.textContent = after;
  }

  function show(html) {
    const received = new DOMParser().parseFromString(html, "text/html");
    for (const fresh of parts(received)) {
      const old = document.getElementById(fresh.id);
      if (!old || sent.get(fresh.id) === fresh.outerHTML) continue;
      sent.set(fresh.id, fresh.outerHTML);
      replace(old, document.importNode(fresh, true));
    }
  }

  async function refresh() {
    if (fetching || document.hidden) {
      wanted = true;
      return;
    }
    fetching = true;
    wanted = false;
    fetchedAtMs = Date.now();
    try {
      const answer = await fetch(`${document.body.dataset.parts}${location.search}`);
      if (answer.status === 401) {
        location.reload(); // the session is over: the server leads to where one logs in
      } else if (answer.ok) {
        show(await answer.text());
        say("live", "good");
      } else {
        say(`the cloud answers ${answer.status}`, "bad");
        wanted = true;
      }
    } catch {
      say("no connection", "bad");
      wanted = true;
    }
    fetching = false;
    if (wanted) schedule();
  }

  function schedule() {
    if (waiting) return;
    waiting = true;
    setTimeout(
      () => {
        waiting = false;
        refresh();
      },
      Math.max(0, fetchedAtMs + MIN_INTERVAL_MS - Date.now()),
    );
  }

  function listen() {
    const events = new EventSource("/api/v1/events");
    events.addEventListener("revision", schedule);
    events.addEventListener("open", () => say("live", "good"));
    events.addEventListener("error", () => say("reconnecting", "warn"));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && wanted) schedule();
    });
  }

  /** Ask the button's question. A browser may tell of a closed dialog after it was opened again, so
   * a question ends either when the dialog is closed indeed or when the next question takes its place. */
  function confirmed(button) {
    if (!button.dataset.question) return Promise.resolve(true);
    settle(false);
    document.getElementById("confirm-question").textContent = button.dataset.question;
    document.getElementById("confirm-yes").textContent = button.textContent;
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      settle = resolve;
    });
  }

  /** A key by which the cloud knows an order again; `randomUUID` is not there without TLS. */
  function key() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function order(button) {
    const { action, alarm, rollout, command, device } = button.dataset;
    const headers = { "X-Edgefleet-Client": "dashboard", "Idempotency-Key": key() };
    if (command) {
      headers["Content-Type"] = "application/json";
      const body = JSON.stringify({ name: command, devices: [device] });
      return fetch("/api/v1/commands", { method: "POST", headers, body });
    }
    if (alarm) {
      headers["Content-Type"] = "application/json";
      const address = `/api/v1/alarms/${encodeURIComponent(alarm)}/acknowledge`;
      return fetch(address, { method: "POST", headers, body: "{}" });
    }
    return fetch(`/api/v1/rollouts/${encodeURIComponent(rollout)}/${action}`, { method: "POST", headers });
  }

  async function give(button) {
    if (!(await confirmed(button))) return;
    complain("");
    button.disabled = true;
    try {
      const answer = await order(button);
      if (!answer.ok) {
        const problem = await answer.json().catch(() => ({}));
        complain(problem.detail ?? `The cloud answers ${answer.status}.`);
      }
    } catch {
      complain("No connection to the cloud; nothing is known to have been done.");
    }
    button.disabled = false;
    schedule();
  }

  for (const part of parts(document)) sent.set(part.id, part.outerHTML);
  tick();
  setInterval(tick, 1000);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action], button[data-alarm], button[data-command]");
    if (button) give(button);
  });
  dialog.addEventListener("close", () => {
    if (!dialog.open) settle(dialog.returnValue === "yes");
  });
  listen();
})();
