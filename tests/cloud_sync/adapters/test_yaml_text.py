"""YAML of settings: what it has in common with JSON, and nothing else."""

import pytest

from cloud_sync.adapters.yaml_text import read_yaml
from edge_contract.errors import UsageError


def test_values_are_those_of_json() -> None:
    text = """
    on: no          # words of YAML 1.1 are texts here
    at: 22:30
    day: 2026-12-01
    share: .5
    count: 010
    quoted: "12"
    nothing:
    list: [1, 2.5e1, true, {deep: x}]
    long: |
      two
      lines
    """

    assert read_yaml(text) == {
        "on": "no",
        "at": "22:30",
        "day": "2026-12-01",
        "share": 0.5,
        "count": 10,
        "quoted": "12",
        "nothing": None,
        "list": [1, 25.0, True, {"deep": "x"}],
        "long": "two\nlines\n",
    }


def test_nothing_is_null() -> None:
    assert read_yaml("# nothing\n") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &x [1]\nb: [*x, *x]", "line 1, column 4: anchors and aliases are not read"),
        ("a: *x", "anchors and aliases are not read"),
        ("a: !!python/object/apply:os.system [ls]", "tags are not read"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: 'a' stands there twice"),
        ("? [a, b]\n: 1", "a name of a field is a text"),
        ("a: 1\n---\nb: 2", "a second document begins here"),
        ("a: [1", "expected ',' or ']'"),
        ("a: 1e999", "too large a number"),
        ("[" * 5000, "nested more than 32 deep"),
        ("a: '" + "x" * 1_000_001 + "'", "characters are too many"),
        ("a: \x00", "special characters are not allowed"),
    ],
)
def test_what_settings_do_not_need_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_yaml(text)
