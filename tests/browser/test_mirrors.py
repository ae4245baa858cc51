"""What mirrors a file of the device agent has its names; others are listed with the reason."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

DEVICE, TAB = ROOT / "edge_agent", ROOT / "browser" / "src"

ONLY_ON_DEVICES = {
    "shell": {
        "onShadow": "a candidate in a worker of its own needs no budget",
        "onCommandDone": "pages answer no commands of their own",
        "isResponsive": "nobody waits for a thread",
        "watchOne": "a tab runs one model",
    },
    "core_loop": {
        "start": "there is no thread to start",
        "drain": "what is put can be waited for",
        "isThisThread": "there is one",
        "run": "there is no thread",
    },
    "package_worker": {
        "start": "there is no thread to start",
        "close": "a worker of a page ends with what it has begun",
        "run": "there is no thread",
        "spent": "browsers do not tell what downloads cost",
        "next": "there is no thread that waits for jobs",
        "giveBackCode": "browsers hold the memory of code themselves",
    },
}
ONLY_IN_TABS = {
    "shell": {
        "adopt": "devices put it as their first input",
        "connect": "a link of a tab is made when its library has loaded",
        "goOffline": "a person may leave the cloud alone",
    },
    "core_loop": {"schedule": "devices wait on their queue"},
    "package_worker": {
        "admitted": "devices look a model over where they convert it for themselves"
    },
}


def device_names(name: str, class_name: str) -> set[str]:
    tree = ast.parse((DEVICE / f"{name}.py").read_text())
    [found] = [it for it in tree.body if isinstance(it, ast.ClassDef) and it.name == class_name]
    names = {it.name for it in found.body if isinstance(it, ast.FunctionDef)}
    return {camel(it) for it in names if not it.startswith("__")}


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda it: it[1].upper(), name.strip("_"))


def tab_names(path: Path) -> set[str]:
    methods = re.findall(r"^  (?:async )?(?:get )?#?(\w+)\(.*\{$", path.read_text(), re.MULTILINE)
    return set(methods) - {"constructor"}


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("shell", "Shell"), ("core_loop", "CoreLoop"), ("package_worker", "PackageWorker")],
)
def test_a_tab_mirrors_the_device_name_for_name(name: str, class_name: str) -> None:
    device, tab = device_names(name, class_name), tab_names(TAB / f"{name}.js")

    assert len(device & tab) >= 2
    assert device - tab == set(ONLY_ON_DEVICES[name])
    assert tab - device == set(ONLY_IN_TABS[name])
