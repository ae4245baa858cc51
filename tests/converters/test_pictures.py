"""Which inputs hold pictures, and what brightness and blur do to their pixels."""

import numpy as np
import pytest

from converters.pictures import PictureShape, blurred, brighter, picture_shapes
from edge_contract.errors import UsageError


@pytest.mark.parametrize(
    ("shape", "image", "expected"),
    [
        ((5, 3, 32, 24), None, (3, 32, 24, 1)),
        ((5, 32, 24, 3), None, (1, 32, 24, 3)),
        ((5, 64), (8, 8), (1, 8, 8, 1)),
        ((5, 192), (8, 8), (1, 8, 8, 3)),
        ((5, 8, 8), (8, 8), (1, 8, 8, 1)),
        ((5, 1, 8, 8), (8, 8), (1, 8, 8, 1)),
        ((5, 64), None, None),
        ((5, 8, 8), None, None),
        ((5, 16, 32, 24), None, None),
    ],
)
def test_pictures_are_known_by_their_axes_or_by_the_size_that_is_given(
    shape: tuple[int, ...], image: tuple[int, int] | None, expected: tuple[int, ...] | None
) -> None:
    found = picture_shapes({"X": shape}, image=image)

    assert found == ({} if expected is None else {"X": expected})


@pytest.mark.parametrize("shape", [(5, 63), (5, 128), (5, 4, 16), (5, 1, 9, 9)])
def test_a_size_that_no_input_has_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"no input holds pictures of 8 x 8 pixels: .* 'X' of"):
        picture_shapes({"X": shape}, image=(8, 8))


def test_brightness_stays_in_the_range_of_the_pictures() -> None:
    numbers = np.array([[0.0, 1.0, 2.0, 4.0]], dtype=np.float32)
    pixels = np.array([[0, 100, 250]], dtype=np.uint8)
    shape = PictureShape(1, 2, 2, 1)

    assert brighter(0.25, numbers, shape).tolist() == [[1.0, 2.0, 3.0, 4.0]]
    assert brighter(-0.25, numbers, shape).tolist() == [[0.0, 0.0, 1.0, 3.0]]
    assert brighter(0.2, pixels, shape).tolist() == [[51, 151, 255]]


def test_a_blurred_point_is_spread_over_its_neighbours() -> None:
    point = np.zeros((1, 3, 3), dtype=np.float32)
    point[0, 1, 1] = 16.0

    found = blurred(point.reshape(1, 9), PictureShape(1, 3, 3, 1)).reshape(3, 3)

    assert found.tolist() == [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]


def test_channels_are_blurred_apart_and_an_even_picture_stays_as_it_is() -> None:
    colours = np.broadcast_to(np.array([10, 20, 30], dtype=np.uint8), (2, 4, 5, 3))

    found = blurred(colours, PictureShape(1, 4, 5, 3))

    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, colours)
