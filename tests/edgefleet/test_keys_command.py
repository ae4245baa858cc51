"""``edgefleet keys``: what people see who make and replace keys."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.edgefleet.conftest import Outcome

Run: TypeAlias = Callable[..., Outcome]


def test_keys_are_made_and_shown_with_what_to_do_next(run: Run, tmp_path: Path) -> None:
    keys = tmp_path / "keys"

    made = run("keys", "init", str(keys), "--model", "digits", "--no-password")
    shown = run("keys", "show", str(keys))

    assert (made.code, shown.code) == (0, 0)
    assert "2 of 3 sign the root" in made.out
    assert f"edgefleet cloud run --keys {keys / 'cloud'}" in made.out.replace("\n", "")
    assert "model-digits" in shown.out
    assert "director" in shown.out


def test_keys_are_never_written_over(run: Run, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    run("keys", "init", str(keys), "--model", "digits", "--no-password")
    before = (keys / "targets.pem").read_bytes()

    again = run("keys", "init", str(keys), "--model", "digits", "--no-password")

    assert again.code == 2
    assert "is not empty: keys are never written over" in again.err
    assert (keys / "targets.pem").read_bytes() == before


def test_models_are_added_and_keys_replaced_offline(run: Run, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    run("keys", "init", str(keys), "--model", "digits", "--no-password")

    added = run("keys", "add-model", str(keys), "gate", "--offline")
    replaced = run("keys", "rotate", str(keys), "director", "--offline")

    assert (added.code, replaced.code) == (0, 0)
    assert (keys / "model-gate.pem").is_file()
    assert "copy" in replaced.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--root-keys", "2", "--threshold", "3"), "a threshold of 3 of 2 keys"),
        (("--model", "a/b"), "model name 'a/b' is not allowed"),
    ],
)
def test_a_mistake_makes_no_keys(
    run: Run, tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    keys = tmp_path / "keys"

    refused = run("keys", "init", str(keys), "--model", "digits", "--no-password", *words)

    assert refused.code == 2
    assert reason in refused.err
    assert not keys.exists()


@pytest.mark.parametrize(
    "words", [("rotate", "targets"), ("rotate", "model-digits"), ("add-model", "gate")]
)
def test_a_wrong_password_changes_nothing(run: Run, tmp_path: Path, words: tuple[str, str]) -> None:
    keys = tmp_path / "keys"
    run("keys", "init", str(keys), "--model", "digits", "--password", "right")
    before = {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}

    done, what = words
    refused = run("keys", done, str(keys), what, "--offline", "--password", "wrong")

    assert refused.code == 2
    assert "the password is wrong" in refused.err
    assert {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("rotate", "KEYS", "model-gate", "--offline"), "there is no role 'model-gate'"),
        (("show", "NOWHERE"), "there are no keys"),
        (("rotate", "NOWHERE", "root", "--offline"), "there are no keys"),
        (("add-model", "KEYS", "digits", "--offline"), "digits has a key already"),
    ],
)
def test_a_role_or_folder_that_is_not_there_is_told(
    run: Run, tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    keys = tmp_path / "keys"
    run("keys", "init", str(keys), "--model", "digits", "--no-password")
    places = {"KEYS": str(keys), "NOWHERE": str(tmp_path / "nowhere")}

    refused = run("keys", *(places.get(word, word) for word in words))

    assert refused.code == 2
    assert reason in refused.err
