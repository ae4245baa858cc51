import importlib
import sys
from pathlib import Path

import pytest

from edge_contract.errors import UsageError
from edgefleet.shadowing import require_own_package


@pytest.mark.parametrize("name", ["browser", "converters"])
def test_our_own_packages_are_accepted(name: str) -> None:
    require_own_package(name)


def test_a_file_of_the_user_that_hides_a_package_of_ours_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "converters.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "converters", raising=False)
    importlib.invalidate_caches()

    with pytest.raises(UsageError, match=r"'converters' .* is hidden: .*converters\.py' instead"):
        require_own_package("converters")


def test_a_package_that_is_not_there_at_all_is_reported_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'no_such_package' .* would import None"):
        require_own_package("no_such_package", home=tmp_path)
