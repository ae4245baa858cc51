from collections.abc import Callable
from pathlib import Path

from tests.edgefleet.conftest import Outcome

Run = Callable[..., Outcome]

BOOK = """
version = 3

[models."door-*"]
automation = "automatic"

[[policies]]
name = "drift"
on = "alarm"
do = [{ action = "notify" }, { action = "retrain" }]
"""


def test_a_book_is_checked_and_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text(BOOK)

    found = run("policy", "check", str(tmp_path / "policies.toml"))

    assert found.code == 0
    assert "version 3: 1 policies" in found.out
    assert "notify, retrain" in found.out
    assert "models door-*: automatic" in found.out
