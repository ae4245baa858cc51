"""Files of pictures become the numbers that the package says."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_agent.adapters.inputs import InputEncoder, Rows
from edge_agent.adapters.values import RowError
from edge_contract.errors import UsageError
from edge_contract.package import ImageInput, Manifest, TensorSpec
from tests.support.picture_files import BLUE, GREEN, RED, colours, file_of, plain


def manifest(shape: tuple[int, ...] = (3, 8, 8), dtype: str = "float32", **how: object) -> Manifest:
    """A model whose only input takes pictures, and observes nothing of them."""
    wanted = {"tensor": "picture", "height": 8, "width": 8, **how}
    spec = TensorSpec("picture", dtype, ("batch", *shape))
    image = ImageInput(**wanted)  # type: ignore[arg-type]
    assert image.fits(spec)
    return replace(colours().manifest, inputs=(spec,), features=(), image=image)


def encoded(given: Rows, **how: object) -> NDArray[np.float32]:
    return InputEncoder(manifest(**how)).encode(given).feeds["picture"]  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP", "JPEG"])
def test_a_file_of_any_known_form_is_decoded(form: str) -> None:
    tensor = encoded(file_of(plain((200, 100, 0)), form))

    assert tensor.shape == (1, 3, 8, 8)
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor.mean(axis=(0, 2, 3)), [200, 100, 0], atol=4)


def test_colours_layout_and_scale_are_those_of_the_package() -> None:
    file = file_of(plain((51, 102, 255)))

    bgr = encoded(file, colour="bgr", scale=1 / 255)
    last = encoded(file, shape=(8, 8, 3), layout="hwc")
    grey = encoded(file, shape=(1, 8, 8), colour="grey")
    flat = encoded(file, shape=(64,), colour="grey")
    alone = encoded(file, shape=(8, 8), colour="grey", dtype="uint8")
    normal = encoded(file, scale=1 / 255, mean=(0.2, 0.4, 0.5), std=(0.1, 0.2, 0.25))

    np.testing.assert_allclose(bgr[0, :, 0, 0], [1.0, 0.4, 0.2], rtol=1e-6)
    assert last[0, 0, 0].tolist() == [51, 102, 255]
    assert grey[0, 0, 0, 0] == round(0.299 * 51 + 0.587 * 102 + 0.114 * 255)
    assert flat.shape == (1, 64)
    assert (alone.shape, str(alone.dtype)) == ((1, 8, 8), "uint8")
    np.testing.assert_allclose(normal[0, :, 3, 3], [0.0, 0.0, 2.0], atol=1e-6)


def halves() -> Image.Image:
    """16 x 8 pixels: the left half red, the right one blue."""
    picture = plain(RED, width=16)
    picture.paste(plain(BLUE), (8, 0))
    return picture


def test_a_picture_of_another_size_is_stretched_cropped_or_padded() -> None:
    file = file_of(halves())

    stretched = encoded(file, interpolation="nearest")[0]
    cropped = encoded(file, resize="crop")[0]
    padded = encoded(file, resize="pad", ground=7, interpolation="nearest")[0]
    closer = encoded(file, resize="crop", short_side=32, interpolation="nearest")[0]

    assert stretched[0, 0].tolist() == [255] * 4 + [0] * 4
    assert cropped[0, 0].tolist() == [255] * 4 + [0] * 4
    assert cropped[2, :, 7].tolist() == [255] * 8
    assert padded[:, 0, 0].tolist() == [7, 7, 7]
    assert padded[0, :, 0].tolist() == [7, 7, 255, 255, 255, 255, 7, 7]
    assert closer[0, 0].tolist() == [255] * 4 + [0] * 4


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "box"])
def test_a_picture_is_scaled_as_pillow_does_it(interpolation: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    how = Image.Resampling[interpolation.upper()]

    tensor = encoded(file_of(noise), interpolation=interpolation)

    expected = np.asarray(Image.fromarray(noise).resize((8, 8), how), np.float32)
    assert np.array_equal(tensor[0].transpose(1, 2, 0), expected)


def test_pictures_come_in_every_form_of_rows(tmp_path: Path) -> None:
    files = [file_of(plain(colour)) for colour in (RED, GREEN)]
    paths = [tmp_path / "red.png", tmp_path / "green.png"]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file)
    forms: list[Rows] = [
        files,
        tuple(files),
        [bytearray(files[0]), memoryview(files[1])],
        paths,
        np.array(files, object),
        np.array(files, object)[:, None],
        {"picture": files},
        [{"picture": file} for file in files],
        pd.DataFrame({"picture": files}),
        pa.table({"picture": pa.array(files, pa.binary())}),
    ]

    found = [encoded(form) for form in forms]

    for tensor in found:
        assert np.array_equal(tensor, found[0])
    assert found[0][:, :, 0, 0].tolist() == [[255, 0, 0], [0, 255, 0]]
    for one in (files[0], paths[0], {"picture": files[0]}, {"picture": paths[0]}):
        assert np.array_equal(encoded(one), found[0][:1])


def test_arrays_are_taken_as_they_are() -> None:
    rows = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)

    assert encoded(rows) is rows or np.array_equal(encoded(rows), rows)
    assert np.array_equal(encoded({"picture": rows}), rows)
    assert np.array_equal(encoded(rows[0].tolist()), rows[:1])


BROKEN = file_of(plain(RED))[:50]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "row 0: picture for input 'picture' of model 'colours@1.0.0' of 0 bytes is no read"),
        (b"GIF89a", r"of 6 bytes is no readable picture \(JPEG, PNG, WEBP, BMP\)"),
        ([file_of(plain(RED)), BROKEN], "row 1: picture for input 'picture' .* of 50 bytes is no"),
        ([file_of(plain(RED)), None], "row 1: .* is None, expected a file's bytes or its path"),
        (Path("/nowhere/a.png"), "'/nowhere/a.png' cannot be read: No such file"),
        (file_of(Image.new("I;16", (4, 4))), r"has more than 8 bits a channel \(mode I;16\)"),
    ],
)
def test_what_is_no_picture_is_told_with_its_row(given: Rows, said: str) -> None:
    with pytest.raises(RowError, match=said):
        encoded(given)


def test_a_text_is_no_path() -> None:
    with pytest.raises(UsageError, match=r"got text 'photo.jpg': pathlib.Path\(...\) names a file"):
        encoded("photo.jpg")


def test_a_picture_that_would_fill_the_memory_is_refused_unread() -> None:
    bomb = file_of(Image.new("1", (9000, 8000)))
    assert len(bomb) < 20_000

    with pytest.raises(RowError, match="has 9000 x 8000 pixels, more than 64,000,000 in all"):
        encoded(bomb)


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(UsageError, match=r"pip install 'edgefleet\[images\]', or give arrays"):
        encoded(b"anything")
    assert encoded(np.zeros((1, 3, 8, 8), np.float32)).shape == (1, 3, 8, 8)


def test_the_manifest_keeps_it() -> None:
    again = Manifest.from_bytes(colours().manifest.to_bytes())

    assert again.image == ImageInput(tensor="picture", height=8, width=8, scale=1 / 255)
