import json

import pytest

from edge_contract.errors import PackageError
from edge_contract.package import Golden, GoldenTensor
from edge_contract.reading import JsonValue


def written(element_type: str, shape: list[int], values: list[JsonValue]) -> bytes:
    tensor = {"element_type": element_type, "shape": shape, "values": values}
    fields = {"inputs": {"x": tensor}, "outputs": {}, "relative": 0.001, "absolute": 0.0}
    return json.dumps(fields).encode()


def test_golden_vectors_are_read_as_they_stand() -> None:
    golden = Golden.from_bytes(written("float32", [2, 2], [0.5, 1, "nan", "-inf"]))

    assert golden.inputs == {"x": GoldenTensor("float32", (2, 2), (0.5, 1, "nan", "-inf"))}
    assert golden.outputs == {}
    assert (golden.relative, golden.absolute) == (0.001, 0.0)


@pytest.mark.parametrize(
    ("element_type", "value"),
    [
        ("float32", "infinity"),
        ("float32", True),
        ("float32", None),
        ("float32", [1.0]),
        ("int64", 0.5),
        ("int64", "nan"),
        ("int64", True),
        ("int64", -(2**63) - 1),
        ("uint64", 2**64),
        ("bool", 1),
        ("bool", "true"),
        ("string", 1),
        ("string", False),
    ],
)
def test_a_value_that_its_type_does_not_have_is_refused(
    element_type: str, value: JsonValue
) -> None:
    with pytest.raises(PackageError, match=f"expected 1 values of type {element_type}"):
        Golden.from_bytes(written(element_type, [1], [value]))


@pytest.mark.parametrize("shape", [[2], [1, 2, 2], [0], [2**40, 2**40]])
def test_values_that_do_not_fill_their_shape_are_refused(shape: list[int]) -> None:
    with pytest.raises(PackageError, match=r"golden\.inputs\.x\.values is .* expected \d+ values"):
        Golden.from_bytes(written("float32", shape, [1.0, 2.0, 3.0]))


@pytest.mark.parametrize("shape", [[-1], [1.5], None, {}])
def test_a_shape_that_is_none_is_refused(shape: list[int]) -> None:
    with pytest.raises(PackageError, match=r"golden\.inputs\.x\.shape"):
        Golden.from_bytes(written("float32", shape, [1.0]))


def test_an_unknown_element_type_is_refused() -> None:
    with pytest.raises(PackageError, match=r"element_type is 'complex64'"):
        Golden.from_bytes(written("complex64", [1], [1.0]))


def test_a_number_that_is_too_large_for_json_readers_is_refused() -> None:
    data = written("float64", [1], [0.5]).replace(b"0.5", b"1e999")

    with pytest.raises(PackageError, match="expected 1 values of type float64"):
        Golden.from_bytes(data)
