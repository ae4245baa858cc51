"""How devices shall make an input of encoded pictures, from what the author says and from the rows.

The author decoded and scaled the rows that a conversion is checked on, and only he knows how. What
can be found out is found out: the size from the shape of the tensor, plain scales from the rows.
What he says is held against the rows: pictures could not have become other numbers than these.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, get_args

import numpy as np

from converters.base import Tensors
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import ImageInput, Manifest, TensorSpec
from edge_contract.package.image_input import Colour, Interpolation, PixelLayout, Resize
from edge_contract.reading import JsonValue, Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["IMAGE_INPUT_HELP", "with_image_input"]

IMAGE_INPUT_HELP: Final = (
    "size=HEIGHTxWIDTH, color=rgb|bgr|grey, layout=chw|hwc, "
    "resize=stretch|crop[:SHORT]|pad[:BYTE], "
    "interpolation=nearest|bilinear|bicubic|lanczos|box, scale=NUMBER, mean=R:G:B, std=R:G:B, "
    "tensor=NAME; or imagenet, unit (0 to 1), signed (-1 to 1), bytes (0 to 255), auto"
)

_PRESETS: Final[Mapping[str, Mapping[str, str]]] = {
    "imagenet": {"scale": "1/255", "mean": "0.485:0.456:0.406", "std": "0.229:0.224:0.225"},
    "unit": {"scale": "1/255"},
    "signed": {"scale": "1/127.5", "mean": "1"},
    "bytes": {"scale": "1"},
    "auto": {},
}
_KEYS: Final = (
    *("size", "color", "layout", "resize", "interpolation", "scale", "mean", "std", "tensor"),
)
_SIZE: Final = r"([0-9]{1,5})x([0-9]{1,5})"
_BYTE: Final = 255.0
_FULL: Final = 0.6  # of bytes: the brightest pixel of many pictures is brighter than that
_SLACK: Final = 0.01


def with_image_input(draft: Manifest, feeds: Tensors, text: str) -> Manifest:
    """Return a manifest that says how pictures become numbers.

    Args:
        draft: A manifest whose inputs are known.
        feeds: The rows that the author gave, by input.
        text: What he says, see :data:`IMAGE_INPUT_HELP`; empty for no image input.

    Raises:
        UsageError: It cannot be read, leaves something open, or the rows cannot be such pictures.
    """
    if not text.strip():
        return draft
    said = _read(text)
    spec = _tensor(draft, said.get("tensor", ""))
    found = _drafted(spec, said)
    scaled = {"scale", "mean", "std"} & said.keys()
    rows = np.asarray(feeds[spec.name])
    fields = found if scaled else {**found, "scale": _guessed_scale(rows, spec)}
    try:
        image = ImageInput.from_json(Reader(fields, "image input", PackageError))
    except PackageError as error:
        raise UsageError(str(error)) from error
    if not image.fits(spec):
        raise UsageError(
            f"pictures of {image.in_words()} ({image.layout}) do not fit input {spec.name!r}, "
            f"which is {spec}: say another size, color or layout"
        )
    _require_plausible(rows, image)
    return replace(draft, image=image)


def _read(text: str) -> dict[str, str]:
    """Return what is said, by key."""
    said: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")):
        name, equals, value = part.partition("=")
        if not equals and name in _PRESETS:
            said |= _PRESETS[name]
        elif equals and name in _KEYS and value:
            said[name] = value
        else:
            raise UsageError(f"image input {part!r} is unknown: say {IMAGE_INPUT_HELP}")
    return said


def _tensor(draft: Manifest, name: str) -> TensorSpec:
    if name or len(draft.inputs) == 1:
        found = [spec for spec in draft.inputs if spec.name == name or not name]
    else:
        found = [spec for spec in draft.inputs if len(spec.shape) == 4]
    if len(found) != 1:
        known = ", ".join(f"{spec.name!r} {spec}" for spec in draft.inputs)
        raise UsageError(f"which input takes pictures? say tensor=NAME (inputs: {known})")
    return found[0]


def _drafted(spec: TensorSpec, said: Mapping[str, str]) -> dict[str, JsonValue]:
    """Return the fields of an image input, those that nobody said from the shape of the tensor."""
    axes = spec.shape[1:]
    layout = said.get("layout") or _layout_of(axes)
    height, width = _size(spec, said.get("size", ""), layout=layout)
    channels = _channels_of(axes, layout, pixels=height * width)
    colour = said.get("color") or ("grey" if channels == 1 else "rgb")
    if colour == "gray":
        colour = "grey"
    resize, _, number = said.get("resize", "stretch").partition(":")
    count = 1 if colour == "grey" else 3
    return {
        "tensor": spec.name,
        "height": height,
        "width": width,
        "colour": _known("color", colour, get_args(Colour)),
        "layout": _known("layout", layout, get_args(PixelLayout)),
        "resize": _known("resize", resize, get_args(Resize)),
        "short_side": _whole("resize", number) if resize == "crop" and number else 0,
        "ground": _whole("resize", number) if resize == "pad" and number else 0,
        "interpolation": _known(
            "interpolation", said.get("interpolation", "bilinear"), get_args(Interpolation)
        ),
        "scale": _number("scale", said.get("scale", "1")),
        "mean": _numbers("mean", said.get("mean", ""), count),
        "std": _numbers("std", said.get("std", ""), count),
    }


def _layout_of(axes: tuple[int | str, ...]) -> str:
    return "hwc" if len(axes) == 3 and axes[2] in (1, 3) and axes[0] not in (1, 3) else "chw"


def _channels_of(axes: tuple[int | str, ...], layout: str, *, pixels: int) -> int:
    match len(axes):
        case 3:
            found = axes[0] if layout == "chw" else axes[2]
            return found if isinstance(found, int) else 3
        case 1 if isinstance(axes[0], int) and axes[0] == 3 * pixels:
            return 3
        case _:
            return 1


def _size(spec: TensorSpec, said: str, *, layout: str) -> tuple[int, int]:
    """Return height and width; those of the tensor, or of a square, unless they are said."""
    if said:
        match = re.fullmatch(_SIZE, said)
        if match is None:
            raise UsageError(f"image input size={said} is no HEIGHTxWIDTH, such as size=224x224")
        return int(match[1]), int(match[2])
    axes = spec.shape[1:]
    sides = axes if len(axes) != 3 else axes[1:] if layout == "chw" else axes[:2]
    match sides:
        case (int() as height, int() as width):
            return height, width
        case (int() as count,) if math.isqrt(count) ** 2 == count:
            return math.isqrt(count), math.isqrt(count)
        case _:
            raise UsageError(
                f"input {spec.name!r} is {spec}, which does not say how large its pictures are: "
                "say size=HEIGHTxWIDTH"
            )


def _known(key: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"image input {key}={value} is unknown: choose from {', '.join(known)}")
    return value


def _whole(key: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 5:
        raise UsageError(f"image input {key} has {text!r} after the colon, expected a whole number")
    return int(text)


def _number(key: str, text: str) -> float:
    """Return a number, which may be written as a fraction: ``1/255``."""
    above, slash, below = text.partition("/")
    try:
        found = float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        found = math.nan
    if not math.isfinite(found):
        raise UsageError(f"image input {key}={text} is no number, such as 0.5 or 1/255")
    return found


def _numbers(key: str, text: str, count: int) -> list[JsonValue]:
    """Return one number for each channel; one alone holds for all of them."""
    found = [_number(key, part) for part in text.split(":")] if text else []
    if len(found) == 1:
        found *= count
    if found and len(found) != count:
        raise UsageError(f"image input {key}={text} is {len(found)} numbers, expected {count}")
    return [*found]


def _guessed_scale(rows: "NDArray[np.generic]", spec: TensorSpec) -> float:
    """Return the scale that the rows show; raises ``UsageError`` if they leave it open."""
    low, high = float(np.nanmin(rows)), float(np.nanmax(rows))
    if low >= 0.0 and _FULL * _BYTE < high <= _BYTE:
        return 1.0
    if low >= 0.0 and _FULL < high <= 1.0:
        return 1.0 / _BYTE
    raise UsageError(
        f"the rows of input {spec.name!r} go from {low:.4g} to {high:.4g}, which does not show how "
        "they were made of pixels from 0 to 255: say scale, mean and std, or imagenet or signed"
    )


def _require_plausible(rows: "NDArray[np.generic]", image: ImageInput) -> None:
    """Refuse what could not have made the author's rows."""
    ends = [image.range_of(channel) for channel in range(image.channels)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    slack = _SLACK * (high - low)
    found_low, found_high = float(np.nanmin(rows)), float(np.nanmax(rows))
    if found_low < low - slack or found_high > high + slack:
        raise UsageError(
            f"the rows of input {image.tensor!r} go from {found_low:.4g} to {found_high:.4g}, but "
            f"pixels from 0 to 255 would become {low:.4g} to {high:.4g}: say scale, mean and std "
            "as they were in training"
        )
