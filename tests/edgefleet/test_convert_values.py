"""Options of ``edgefleet convert`` are read as what they stand for."""

import pytest

from edge_contract.errors import UsageError
from edgefleet.convert_values import baseline_of, classes_of, height_and_width_of


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ((), ()),
        (("0", "-1", "20"), (0, -1, 20)),
        (("no", "1"), ("no", "1")),
        (("01", "02"), ("01", "02")),
        (("--5", "\u00b2"), ("--5", "\u00b2")),
    ],
)
def test_labels_are_numbers_if_all_of_them_are(
    labels: tuple[str, ...], classes: tuple[str | int, ...]
) -> None:
    assert classes_of(labels) == classes


def test_a_baseline_is_a_number_for_each_metric() -> None:
    assert baseline_of(["f1=0.91", "accuracy=1e-1"]) == {"f1": 0.91, "accuracy": 0.1}
    with pytest.raises(UsageError, match="baseline 'f1' is no METRIC=NUMBER"):
        baseline_of(["f1"])


def test_pictures_have_a_height_and_a_width() -> None:
    assert height_and_width_of("28,32") == (28, 32)
    assert height_and_width_of("") is None
    with pytest.raises(UsageError, match="image '28,0' is no HEIGHT,WIDTH in pixels"):
        height_and_width_of("28,0")
