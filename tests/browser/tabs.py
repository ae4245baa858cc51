"""A tab of a real Chromium with the agent in it."""

from typing import Any, Final

from playwright.sync_api import BrowserContext, Page

from tests.integration.processes import eventually

__all__ = ["PAGE", "SCRIPT", "Tab"]

PAGE: Final = """<!doctype html>
<html lang="en">
<link rel="icon" href="data:," />
<title>edgefleet</title>
<script type="module" src="tests.js"></script>
</html>
"""

SCRIPT: Final = """import { createAgent } from "./src/edgefleet.js";
window.start = async (options) => {
  window.logs = [];
  window.agent = await createAgent(options);
  agent.addEventListener("log", ({ detail }) => logs.push(detail.text));
  return agent.device;
};
window.predict = async (rows) => {
  const { labels, probabilities, values, id, model } = await agent.predict(rows);
  return {
    labels, id, model,
    probabilities: probabilities && [...probabilities],
    values: values && [...values],
  };
};
window.loaded = true;
"""

_START = "options => start(options)"


class Tab:
    """One tab.

    Args:
        context: Tabs of one context share what the browser keeps.
        url: Of the page.
        complaints: Errors of scripts are added to it.
    """

    def __init__(self, context: BrowserContext, url: str, complaints: list[str]) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(40_000)
        self.page.on("pageerror", lambda error: complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        self._url = url
        self._options: dict[str, Any] = {}

    def start(self, **options: object) -> str:
        """Open the page and start its agent; return the device's name."""
        self._options = options
        self.page.goto(self._url)
        return self._started()

    def reload(self) -> str:
        """Load the page anew, as a person does, and start its agent again."""
        self.page.reload()
        return self._started()

    def predict(self, rows: object) -> dict[str, Any]:
        """Predict some rows."""
        found: dict[str, Any] = self.page.evaluate("rows => predict(rows)", rows)
        return found

    def predict_often(self, row: object, times: int, pause_ms: float = 0.0) -> int:
        """Predict one row again and again; return how often that went wrong."""
        failed: int = self.page.evaluate(
            """async ([row, times, pause]) => {
              let failed = 0;
              for (let i = 0; i < times; i += 1) {
                try { await agent.predict([row]); } catch { failed += 1; }
                if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
              }
              return failed;
            }""",
            [row, times, pause_ms],
        )
        return failed

    def status(self) -> dict[str, Any]:
        """What the agent says of itself."""
        found: dict[str, Any] = self.page.evaluate("() => agent.status()")
        return found

    def logs(self) -> list[str]:
        """What the agent has logged."""
        found: list[str] = self.page.evaluate("() => logs")
        return found

    def wait_for_log(self, text: str, within_s: float = 20.0) -> None:
        """Wait until a line of the log holds a text."""
        eventually(text, lambda: any(text in line for line in self.logs()), within_s=within_s)

    def label(self, prediction_id: str, truth: object) -> int:
        """Tell what came true."""
        counted: int = self.page.evaluate(
            "([id, truth]) => agent.label(id, truth)", [prediction_id, truth]
        )
        return counted

    def flush(self) -> None:
        """Save and send what was counted."""
        self.page.evaluate("() => agent.flush()")

    def close_agent(self) -> None:
        """Let the agent leave in good order."""
        self.page.evaluate("() => agent.close()")

    def _started(self) -> str:
        self.page.wait_for_function("() => window.loaded === true")
        device: str = self.page.evaluate(_START, self._options)
        return device
