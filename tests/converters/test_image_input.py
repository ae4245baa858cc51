"""What authors say of pictures is read, completed from the rows, and held against them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from converters.image_input import with_image_input
from edge_contract.errors import UsageError
from edge_contract.package import ImageInput, Manifest, TensorSpec
from tests.support.packages import digits


def said(
    text: str,
    *,
    shape: tuple[int | str, ...] = (3, 8, 8),
    low: float = 0.0,
    high: float = 1.0,
    others: tuple[TensorSpec, ...] = (),
) -> ImageInput:
    """The image input of a draft whose rows go from ``low`` to ``high``."""
    spec = TensorSpec("image", "float32", ("batch", *shape))
    draft = replace(digits().package.manifest, inputs=(spec, *others), features=(), image=None)
    rows: NDArray[np.float32] = np.array([low, high], np.float32)
    found = with_image_input(draft, {"image": rows}, text)
    assert found.image is not None
    assert Manifest.from_bytes(found.to_bytes()).image == found.image
    return found.image


def test_nothing_said_is_no_image_input() -> None:
    draft = digits().package.manifest

    assert with_image_input(draft, {}, "") is draft
    assert b'"image"' not in draft.to_bytes()


@pytest.mark.parametrize(
    ("shape", "layout", "size", "colour"),
    [
        ((3, 8, 12), "chw", (8, 12), "rgb"),
        ((8, 12, 3), "hwc", (8, 12), "rgb"),
        ((1, 8, 12), "chw", (8, 12), "grey"),
        ((8, 12, 1), "hwc", (8, 12), "grey"),
        ((8, 12), "chw", (8, 12), "grey"),
        ((64,), "chw", (8, 8), "grey"),
    ],
)
def test_size_layout_and_colour_stand_in_the_shape(
    shape: tuple[int, ...], layout: str, size: tuple[int, int], colour: str
) -> None:
    image = said("auto", shape=shape)

    assert (image.layout, (image.height, image.width), image.colour) == (layout, size, colour)


def test_a_plain_scale_stands_in_the_rows() -> None:
    assert said("auto").scale == 1 / 255
    assert said("auto", high=255.0).scale == 1.0
    for low, high in ((0.0, 16.0), (-1.0, 1.0), (0.0, 0.3)):
        with pytest.raises(UsageError, match="which does not show how they were made of pixels"):
            said("auto", low=low, high=high)


def test_everything_may_be_said() -> None:
    image = said(
        "size=32x48,color=bgr,layout=hwc,resize=crop:40,interpolation=bicubic,"
        "scale=1/255,mean=0.5:0.4:0.3,std=0.25",
        shape=("height", "width", 3),
        low=-2.0,
        high=2.8,
    )

    assert image == ImageInput(
        tensor="image",
        height=32,
        width=48,
        colour="bgr",
        layout="hwc",
        resize="crop",
        short_side=40,
        interpolation="bicubic",
        scale=1 / 255,
        mean=(0.5, 0.4, 0.3),
        std=(0.25, 0.25, 0.25),
    )
    assert said("bytes,resize=pad:114", high=255.0).ground == 114
    assert said("imagenet", low=-2.1, high=2.6).std == (0.229, 0.224, 0.225)
    assert said("signed", low=-1.0).range_of(2) == (-1.0, 1.0)
    assert said("unit,color=gray", shape=(1, 8, 8)).colour == "grey"


def test_one_of_several_inputs_is_named_or_known_by_its_axes() -> None:
    ages = TensorSpec("age", "float32", ("batch", 1))

    assert said("unit", others=(ages,)).tensor == "image"
    assert said("unit,tensor=image", others=(ages, replace(ages, name="size"))).tensor == "image"
    with pytest.raises(UsageError, match=r"which input takes pictures\? say tensor=NAME"):
        said("unit", shape=(64,), others=(ages,))


@pytest.mark.parametrize(
    ("text", "how", "message"),
    [
        ("unit,colour=red", {}, "image input 'colour=red' is unknown: say size=HEIGHTxWIDTH"),
        ("unity", {}, "image input 'unity' is unknown"),
        ("unit,color=red", {}, "color=red is unknown: choose from rgb, bgr, grey"),
        ("unit,size=8", {}, "size=8 is no HEIGHTxWIDTH"),
        ("unit,size=9x8", {}, "do not fit input 'image', which is float32"),
        ("unit", {"shape": (3, "h", "w")}, "does not say how large its pictures are"),
        ("unit", {"shape": (63,)}, "does not say how large its pictures are"),
        ("unit,color=rgb", {"shape": (1, 8, 8)}, "do not fit input 'image'"),
        ("unit,resize=crop:x", {}, "has 'x' after the colon, expected a whole number"),
        ("unit,resize=crop:4", {}, "at least the shorter side"),
        ("unit,resize=pad:300", {}, "from 0 to 255"),
        ("scale=1/0", {}, "scale=1/0 is no number"),
        ("scale=0", {}, "a number other than 0"),
        ("unit,mean=1:2", {}, "mean=1:2 is 2 numbers, expected 3"),
        ("unit", {"high": 255.0}, r"go from 0 to 255, but pixels .* would become 0 to 1"),
        ("imagenet", {"high": 200.0}, "say scale, mean and std as they were in training"),
    ],
)
def test_what_cannot_be_is_refused(text: str, how: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        said(text, **how)  # type: ignore[arg-type]
