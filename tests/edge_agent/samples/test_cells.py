"""What the model saw of a row, as people can look at it."""

import io

import numpy as np
from PIL import Image

from edge_agent.adapters.inputs import InputEncoder
from edge_agent.samples.cells import SampleCells, png_of
from edge_contract.package import ImageInput
from edge_contract.samples import SampleColumn, SampleKind
from tests.support.packages import digits, mixed


def test_a_table_is_told_by_feature_with_texts_as_texts() -> None:
    example = mixed()
    manifest = example.package.manifest
    cells = SampleCells(manifest)
    encoded = InputEncoder(manifest).encode(example.rows)

    found = cells.of(encoded.feeds, 3)

    kinds = {column.name: column.kind for column in cells.columns}
    told = dict(zip(kinds, found, strict=True))
    for name in example.rows.columns:
        expected = example.rows[name].iloc[3]
        assert kinds[f"feature:{name}"] == (
            SampleKind.TEXT if isinstance(expected, str) else SampleKind.NUMBER
        )
        assert told[f"feature:{name}"] == (
            expected if isinstance(expected, str) else float(np.float32(expected))
        )


def test_an_array_is_told_by_feature() -> None:
    example = digits()
    cells = SampleCells(example.package.manifest)
    encoded = InputEncoder(example.package.manifest).encode(example.rows[:2])

    found = cells.of(encoded.feeds, 1)

    assert cells.columns[0] == SampleColumn("feature:x0", SampleKind.NUMBER)
    assert found == tuple(float(value) for value in example.rows[1])


def test_a_picture_is_told_as_the_model_saw_it() -> None:
    image = ImageInput(
        tensor="image", height=2, width=3, scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1)
    )
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14
    scaled = pixels.astype(np.float32) / 255.0
    tensor = ((scaled - image.mean) / image.std).transpose(2, 0, 1).astype(np.float32)

    found = np.asarray(Image.open(io.BytesIO(png_of(tensor, image))))

    assert np.array_equal(found, pixels)


def test_a_grey_picture_without_an_axis_for_channels_is_told_too() -> None:
    image = ImageInput(tensor="image", height=2, width=2, colour="grey")
    tensor = np.array([[0, 50], [200, 999]], np.float32)

    found = np.asarray(Image.open(io.BytesIO(png_of(tensor, image))))

    assert found.tolist() == [[0, 50], [200, 255]]
