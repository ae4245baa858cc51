"""Inputs that hold pictures, and what light and lenses do to pictures."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_contract.errors import UsageError

__all__ = ["PictureShape", "blurred", "brighter", "picture_shapes"]

_CHANNELS: Final = (1, 3, 4)


class PictureShape(NamedTuple):
    """How the pictures of an input lie in memory; one of the two numbers of channels is 1.

    Attributes:
        channels_first: Channels in front of the height.
        height: Rows of pixels.
        width: Columns of pixels.
        channels_last: Channels of each pixel.
    """

    channels_first: int
    height: int
    width: int
    channels_last: int


def picture_shapes(
    shapes: Mapping[str, tuple[int, ...]], *, image: tuple[int, int] | None = None
) -> dict[str, PictureShape]:
    """Return which inputs hold pictures, and how.

    Args:
        shapes: Of each input's tensor, the batch included.
        image: Height and width; without it those inputs are taken whose axes tell.

    Raises:
        UsageError: No input holds pictures of that size.
    """
    found = {name: _shape_of(shape[1:], image) for name, shape in shapes.items()}
    pictures = {name: shape for name, shape in found.items() if shape is not None}
    if image is not None and not pictures:
        rows = ", ".join(f"{name!r} of {list(shape[1:])}" for name, shape in shapes.items())
        raise UsageError(
            f"no input holds pictures of {image[0]} x {image[1]} pixels: the inputs of numbers are "
            f"{rows or 'none'} per row; give the height and width that make up a row"
        )
    return pictures


def brighter(
    share: float, values: NDArray[np.generic], _shape: PictureShape
) -> NDArray[np.generic]:
    """Return pictures with a share of their range added, within that range."""
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return values
    low, high = (0.0, 255.0) if values.dtype == np.uint8 else (finite.min(), finite.max())
    return np.clip(numbers + share * (high - low), low, high).astype(values.dtype)


def blurred(values: NDArray[np.generic], shape: PictureShape) -> NDArray[np.generic]:
    """Return pictures whose pixels are mixed 1:2:1 with their neighbours in both directions."""
    numbers = values.astype(np.float64).reshape(len(values), *shape)
    for axis in (2, 3):
        size = numbers.shape[axis]
        before = numbers.take(np.maximum(np.arange(size) - 1, 0), axis=axis)
        after = numbers.take(np.minimum(np.arange(size) + 1, size - 1), axis=axis)
        numbers = (before + 2 * numbers + after) / 4
    if values.dtype == np.uint8:
        numbers = np.rint(numbers)
    return numbers.reshape(values.shape).astype(values.dtype)


def _shape_of(row: tuple[int, ...], image: tuple[int, int] | None) -> PictureShape | None:
    """Return how a row is a picture; ``None`` if it is none, or none of that size."""
    if len(row) == 3 and row[0] in _CHANNELS and image in (None, row[1:]):
        return PictureShape(*row, 1)
    if len(row) == 3 and row[2] in _CHANNELS and image in (None, row[:2]):
        return PictureShape(1, *row)
    if image is None or len(row) not in (1, 2):
        return None
    channels, rest = divmod(int(np.prod(row)), max(image[0] * image[1], 1))
    if rest or channels not in _CHANNELS or (len(row) == 2 and row != image):
        return None
    return PictureShape(1, *image, channels)
