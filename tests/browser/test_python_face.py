"""The agent of a page from Python, in Pyodide as JupyterLite has it: nothing forbids eval there."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.pages import PageServer
from tests.browser.sites import built
from tests.support.packages import digits

NOTEBOOK = """
import json
import edge_agent.browser
from edge_contract.errors import UsageError

agent = await edge_agent.browser.start("digits", site="/", bundled=json.loads(bundled))
one = await agent.predict(rows[0])
many = await agent.predict(rows)
columns = await agent.predict({f"x{place}": [row[place] for row in rows] for place in range(64)})
counted = await agent.label(many.id, many.labels)
try:
    await agent.predict([[1.0, 2.0]])
    said = ""
except UsageError as error:
    said = str(error)
status = await agent.status()
await agent.close()
json.dumps([list(one.labels), list(many.labels), list(columns.labels), counted, said,
            len(many.probabilities), status["serving"]])
"""


def test_python_in_a_page_predicts_and_labels(
    tmp_path: Path, chromium: Browser, complaints: list[str]
) -> None:
    site = built(tmp_path / "site", package=digits().package)
    with PageServer(site) as server, chromium.new_context(bypass_csp=True) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{server.url}/tests.html")
        page.wait_for_function("() => window.loaded === true")

        found = page.evaluate(
            """async ([code, rows]) => {
              const { loadPyodide } = await import("/vendor/pyodide/pyodide.mjs");
              const config = await (await fetch("/page/config.json")).json();
              const url = new URL("/models", location.href).href;
              const bundled = { ...config.agent.bundled, url };
              const pyodide = await loadPyodide({ indexURL: "/vendor/pyodide/" });
              const core = await (await fetch("/vendor/core.zip")).arrayBuffer();
              pyodide.FS.writeFile("/core.zip", new Uint8Array(core));
              pyodide.runPython("import sys; sys.path.insert(0, '/core.zip')");
              pyodide.globals.set("rows", pyodide.toPy(rows));
              pyodide.globals.set("bundled", JSON.stringify(bundled));
              return JSON.parse(await pyodide.runPythonAsync(code));
            }""",
            [NOTEBOOK, digits().rows[:4].tolist()],
        )

    labels = digits().labels[:4].tolist()
    too_short = "model digits@1.0.0 takes 64 values a row, row 0 has 2"
    assert found == [labels[:1], labels, labels, 4, too_short, 40, "digits@1.0.0"]
    assert complaints == []
