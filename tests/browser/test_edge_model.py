"""``<edge-model>``: an agent as an element of a page."""

from collections.abc import Callable

from edge_agent.adapters.inputs import InputEncoder
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from tests.browser.sites import Site, bundled
from tests.browser.tabs import Tab
from tests.support.packages import mixed

ROW = {"age": 44.0, "income": 39000.0, "city": "bergen"}
OPEN = """async ([bundled]) => {
  await import("/src/edge_model.js");
  window.seen = [];
  const made = document.createElement("edge-model");
  made.innerHTML = `<form>
    <input name="age" type="number"><input name="income" type="number"><input name="city">
    <button>Predict</button><output></output></form>`;
  for (const kind of ["ready", "prediction", "failed"]) {
    const see = ({ detail: { name = "", model = "" } }) => seen.push([kind, name, model]);
    made.addEventListener(kind, see);
  }
  made.setAttribute("model", "customers");
  made.options = { bundled };
  document.body.append(made);
  await new Promise((resolve) => made.addEventListener("ready", resolve, { once: true }));
  return made.getAttribute("state");
}"""


def test_a_form_inside_of_it_is_predicted_by_the_names_of_its_fields(
    site: Site, open_tab: Callable[[], Tab], complaints: list[str]
) -> None:
    package = mixed().package
    (files := site.folder / "models").mkdir(exist_ok=True)
    brought = {**bundled(package, files), "url": f"{site.url}/models"}
    encoded = InputEncoder(package.manifest).encode([ROW])
    [expected] = OnnxRuntimeEngine().load(package).run(encoded.feeds)[0].tolist()
    page = open_tab().page
    page.goto(f"{site.url}/tests.html")

    assert page.evaluate(OPEN, [brought]) == "ready"
    for name, value in ROW.items():
        page.fill(f"[name={name}]", f"{value:g}" if isinstance(value, float) else str(value))
    page.click("button")
    page.wait_for_function("() => document.querySelector('output').value")

    assert page.inner_text("output") == str(expected)
    assert complaints == []
    again = page.evaluate(
        """async (row) => {
          const found = await document.querySelector("edge-model").predict([row]);
          return [...found.labels];
        }""",
        ROW,
    )
    assert again == [expected]
    name = "customers@1.0.0"
    assert page.evaluate("() => seen") == [
        ["ready", name, ""],
        ["prediction", "", name],
        ["prediction", "", name],
    ]


def test_it_says_what_is_wrong_with_its_attributes_and_ends_with_its_place(
    site: Site, open_tab: Callable[[], Tab]
) -> None:
    page = open_tab().page
    page.goto(f"{site.url}/tests.html")

    found = page.evaluate(
        """async () => {
          const { EdgeModel } = await import("/src/edge_model.js");
          const made = new EdgeModel();
          made.setAttribute("model", "digits");
          made.setAttribute("threads", "many");
          const failed = new Promise((resolve) => made.addEventListener("failed", resolve));
          document.body.append(made);
          const { detail } = await failed;
          const state = made.getAttribute("state");
          made.remove();
          const late = await made.predict([1]).catch((error) => error.message);
          return [detail.message, state, made.getAttribute("state"), late];
        }"""
    )

    assert found == [
        "threads is NaN: give a whole number from 1 on",
        "failed",
        "closed",
        "<edge-model> is in no document",
    ]
