"""Image input: how the file of a picture becomes the numbers that a model takes.

A model is trained on pictures that somebody decoded, cut to size and scaled; a device that does any
of these in another way gets other answers. So the package says how, and every device does the same.
"""

import math
from typing import Final, Literal, Self, TypeAlias, TypeVar, get_args

from edge_contract.package.interface import TensorSpec
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass

__all__ = ["Colour", "ImageInput", "Interpolation", "PixelLayout", "Resize"]

Colour: TypeAlias = Literal["rgb", "bgr", "grey"]
PixelLayout: TypeAlias = Literal["chw", "hwc"]
Resize: TypeAlias = Literal["stretch", "crop", "pad"]
Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]

_MOST_PIXELS: Final = 16_384
_BYTE: Final = 255.0

T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput:
    """How one input of a model is made from encoded pictures.

    Every byte of a pixel becomes ``(byte * scale - mean) / std``.

    Attributes:
        tensor: Name of the input.
        height: Of the picture that the model sees, in pixels.
        width: The same.
        colour: Which channels there are, in which order.
        layout: Whether channels stand before rows and columns, or after them. A tensor without an
            axis for one channel, or with a single axis for all numbers, is filled in that order.
        resize: ``stretch`` ignores the ratio of height and width; ``crop`` takes the middle;
            ``pad`` shows all of the picture in the middle of an even ground.
        short_side: Of a picture that is cropped: its shorter side before that, in pixels.
        ground: Of a picture that is padded: what its ground is made of, from 0 to 255.
        interpolation: How pixels are computed from others.
        scale: What a byte is multiplied by.
        mean: What is taken away from it then, one number per channel.
        std: What it is divided by last, one number per channel.
    """

    tensor: str
    height: int
    width: int
    colour: Colour = "rgb"
    layout: PixelLayout = "chw"
    resize: Resize = "stretch"
    short_side: int = 0
    ground: int = 0
    interpolation: Interpolation = "bilinear"
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def channels(self) -> int:
        """How many numbers a pixel has."""
        return 1 if self.colour == "grey" else 3

    def range_of(self, channel: int) -> tuple[float, float]:
        """Return the smallest and largest number that a channel can have."""
        mean = self.mean[channel] if self.mean else 0.0
        std = self.std[channel] if self.std else 1.0
        ends = ((0.0 - mean) / std, (_BYTE * self.scale - mean) / std)
        return min(ends), max(ends)

    def fits(self, spec: TensorSpec) -> bool:
        """Return whether a tensor takes such pictures: it is of numbers, and of as many."""
        height, width, channels = self.height, self.width, self.channels
        whole = (channels, height, width) if self.layout == "chw" else (height, width, channels)
        shapes = [whole, (math.prod(whole),), *([(height, width)] if channels == 1 else [])]
        return spec.element_type != "string" and any(
            len(spec.shape) == len(shape) + 1
            and all(
                isinstance(a, str) or a == b for a, b in zip(spec.shape[1:], shape, strict=True)
            )
            for shape in shapes
        )

    def in_words(self) -> str:
        """Return it for people: ``96 x 128 rgb, crop, bilinear``."""
        return f"{self.height} x {self.width} {self.colour}, {self.resize}, {self.interpolation}"

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {
            "tensor": self.tensor,
            "height": self.height,
            "width": self.width,
            "colour": self.colour,
            "layout": self.layout,
            "resize": self.resize,
            "short_side": self.short_side,
            "ground": self.ground,
            "interpolation": self.interpolation,
            "scale": self.scale,
            "mean": list(self.mean),
            "std": list(self.std),
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        found = cls(
            tensor=reader["tensor"].text(max_length=300),
            height=reader["height"].integer(low=1, high=_MOST_PIXELS),
            width=reader["width"].integer(low=1, high=_MOST_PIXELS),
            colour=_chosen(reader["colour"], get_args(Colour)),
            layout=_chosen(reader["layout"], get_args(PixelLayout)),
            resize=_chosen(reader["resize"], get_args(Resize)),
            short_side=reader["short_side"].integer(low=0, high=_MOST_PIXELS),
            ground=reader["ground"].integer(low=0, high=255),
            interpolation=_chosen(reader["interpolation"], get_args(Interpolation)),
            scale=_nonzero(reader["scale"]),
            mean=tuple(item.number() for item in reader["mean"].items(max_length=3)),
            std=tuple(_nonzero(item) for item in reader["std"].items(max_length=3)),
        )
        for name, numbers in (("mean", found.mean), ("std", found.std)):
            if numbers and len(numbers) != found.channels:
                raise reader[name].refused(f"one number for each of {found.channels} channels")
        if found.short_side and found.short_side < min(found.height, found.width):
            raise reader["short_side"].refused("at least the shorter side of the picture")
        return found


def _agree(axes: tuple[int | str, ...], shape: tuple[int, ...]) -> bool:
    return all(isinstance(a, str) or a == b for a, b in zip(axes, shape, strict=True))


def _chosen(reader: Reader, known: tuple[T, ...]) -> T:
    text = reader.text(pattern="|".join(known))
    return next(each for each in known if each == text)


def _nonzero(reader: Reader) -> float:
    number = reader.number()
    if number == 0.0 or not math.isfinite(1.0 / number):
        raise reader.refused("a number other than 0")
    return number
