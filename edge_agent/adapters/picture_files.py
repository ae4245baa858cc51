"""Files of pictures, opened, checked and brought to the size that a model sees. Needs Pillow."""

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_contract.package import ImageInput

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BadPictureError", "picture_in"]

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP")  # each decoder is a way in for attackers
_MOST_PIXELS: Final = 64_000_000
_DEEP_MODES: Final = ("I", "F")  # more than 8 bits for a grey: Pillow would cut them off


class BadPictureError(Exception):
    """A file is no picture that could be used; caught where it is known which one it is."""


def picture_in(given: "bytes | os.PathLike[str]", image: ImageInput) -> "Image":
    """Return a picture with the size and the channels that a model sees, as RGB or grey.

    Args:
        given: The bytes of its file, or the path of it.
        image: What the model takes.

    Raises:
        BadPictureError: It cannot be read.
        ModuleNotFoundError: Pillow is not installed.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        data = Path(given).read_bytes() if isinstance(given, os.PathLike) else bytes(given)
    except OSError as error:
        raise BadPictureError(f"{str(given)!r} cannot be read: {error.strerror}") from error
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as picture:
            trouble = _trouble_with(picture)
            if not trouble:
                plain = picture.convert("L" if image.colour == "grey" else "RGB")
                return _resized(plain, image)
    except Exception as error:  # decoders fail in any way on what is no picture
        shown = "" if isinstance(error, UnidentifiedImageError) else f": {error}"
        text = f"of {len(data)} bytes is no readable picture ({', '.join(_FORMATS)}){shown}"
        raise BadPictureError(text) from error
    raise BadPictureError(trouble)


def _trouble_with(picture: "Image") -> str:
    """Return why a picture is not decoded, before that takes memory; empty if it may be."""
    if picture.width * picture.height > _MOST_PIXELS:
        return f"has {picture.width} x {picture.height} pixels, more than {_MOST_PIXELS:,} in all"
    if picture.mode.partition(";")[0] in _DEEP_MODES:
        return f"has more than 8 bits a channel (mode {picture.mode}): save it with 8"
    return ""


def _resized(picture: "Image", image: ImageInput) -> "Image":
    from PIL.Image import Resampling, new

    wanted = image.width, image.height
    how = Resampling[image.interpolation.upper()]
    if image.resize == "stretch":
        return picture if picture.size == wanted else picture.resize(wanted, how)
    ratios = image.width / picture.width, image.height / picture.height
    if image.resize == "crop":
        ratio = max(*ratios, image.short_side / min(picture.size))
    else:
        ratio = min(ratios)
    size = max(round(picture.width * ratio), 1), max(round(picture.height * ratio), 1)
    scaled = picture if picture.size == size else picture.resize(size, how)
    left, top = (round((wanted[axis] - size[axis]) / 2) for axis in (0, 1))
    if image.resize == "crop":
        return scaled.crop((-left, -top, image.width - left, image.height - top))
    ground = new(scaled.mode, wanted, (image.ground,) * image.channels)
    ground.paste(scaled, (left, top))
    return ground
