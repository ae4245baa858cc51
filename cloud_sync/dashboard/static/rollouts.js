// The form that starts a rollout, after a dry run if that is wanted. Orders go to the same API that
// programs use; the page itself shows what comes of them.
"use strict";

(() => {
  const dialog = document.getElementById("start");
  const form = document.getElementById("start-form");
  const preview = document.getElementById("start-preview");
  let version = { model: "", version: "" };

  function open(button) {
    version = { model: button.dataset.model, version: button.dataset.version };
    form.reset();
    preview.replaceChildren();
    document.getElementById("start-title").textContent = `Roll out ${version.model} ${version.version}`;
    dialog.showModal();
  }

  /** Return the steps as the API takes them; throws for what is none. */
  function steps(text) {
    const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
    return parts.map((part) => {
      const number = Number(part.replace(/(%|dev)$/, ""));
      if (!Number.isFinite(number) || number <= 0) throw new Error(`step "${part}" is none: write 10%, 0.1 or 5dev`);
      if (part.endsWith("dev")) return { count: number };
      return part.endsWith("%") ? number / 100 : number;
    });
  }

  function order() {
    const given = new FormData(form);
    const number = (name) => Number(given.get(name) || 0);
    return {
      ...version,
      strategy: given.get("strategy"),
      steps: steps(given.get("steps")),
      bake_s: number("bake_min") * 60,
      detect: number("detect_percent") / 100,
      target: given.get("target").trim(),
      devices_per_minute: number("per_minute"),
      shadow: given.has("shadow"),
      approval: given.has("approval"),
    };
  }

  function say(lines, tone) {
    for (const line of lines) {
      const shown = document.createElement("p");
      shown.textContent = line;
      shown.className = tone;
      preview.append(shown);
    }
  }

  async function send(path) {
    preview.replaceChildren();
    try {
      const answer = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Edgefleet-Client": "dashboard" },
        body: JSON.stringify(order()),
      });
      const found = await answer.json();
      if (answer.ok) return found;
      const errors = (found.errors ?? []).map((error) => `${error.where}: ${error.what}`);
      say(errors.length ? errors : [found.detail ?? `The cloud answers ${answer.status}.`], "tone-bad");
    } catch (error) {
      say([error instanceof TypeError ? "No connection to the cloud; nothing is known to have been done." : error.message], "tone-bad");
    }
    return null;
  }

  async function look() {
    const found = await send("/api/v1/rollouts/preview");
    if (!found) return;
    say(found.stages.map((stage) => stage.sentence), "");
    say(found.warnings, "tone-warn");
    say(found.problems, "tone-bad");
    if (!found.problems.length) say(["Nothing speaks against it; nothing was started."], "tone-good");
  }

  async function start(event) {
    event.preventDefault();
    const button = document.getElementById("start-yes");
    button.disabled = true;
    const found = await send("/api/v1/rollouts");
    button.disabled = false;
    if (!found) return;
    dialog.close();
    document.getElementById("rollout")?.scrollIntoView();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-version]");
    if (button) open(button);
  });
  document.getElementById("start-look").addEventListener("click", look);
  document.getElementById("start-cancel").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", start);
})();
