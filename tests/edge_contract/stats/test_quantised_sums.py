"""Joint moments and mean vectors: what they count, and that the numpy kernels count the same."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.adapters.numpy_joint import count_joint, count_vectors
from edge_contract.errors import MessageError, PackageError, UsageError
from edge_contract.package import (
    EMBEDDING,
    JOINT,
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Role,
    Source,
    Task,
    TensorSpec,
    layout_of,
)
from edge_contract.stats import (
    CategoriesSpec,
    Column,
    Joint,
    JointSpec,
    ProfileSpec,
    SketchSpec,
    Sums,
    VectorsSpec,
)

VECTORS = Path(__file__).parents[2] / "vectors"
NAN, INF = math.nan, math.inf


def test_products_are_summed_in_sixteenths_of_a_standard_deviation() -> None:
    joint = JointSpec(("load", "heat"), (10.0, 50.0), (2.0, 4.0), ((0, 1),)).empty()

    joint.observe((12.0, 54.0))  # one standard deviation above in both: 16 * 16
    joint.observe((12.0, 48.0))  # one above, half of one below: 16 * -8

    assert joint.sums == [Sums(2, 256 - 128, 256 * 256 + 128 * 128)]


def test_a_value_that_is_missing_or_infinite_is_left_out_of_its_pairs_alone() -> None:
    three = JointSpec(("a", "b", "c"), (0.0,) * 3, (1.0,) * 3, ((0, 1), (0, 2), (1, 2))).empty()

    three.observe((1.0, NAN, 1.0))
    three.observe((INF, 1.0, 2.0))

    assert three.to_state() == [2, [2, 1, 1], [0, 256, 512], [0, 65536, 262144]]


def test_what_lies_further_than_three_standard_deviations_counts_as_that() -> None:
    joint = JointSpec().empty()

    joint.observe((1e30, -1e30))

    assert joint.sums == [Sums(1, -2304, 5308416)]


def test_a_vector_with_a_missing_component_is_left_out_whole() -> None:
    vectors = VectorsSpec((0.0, 0.0), (1.0, 1.0)).empty()

    vectors.observe((1.0, 0.5))
    vectors.observe((1.0, NAN))

    assert vectors.to_state() == [2, 1, [16, 8], [256, 64]]
    assert vectors.sums == [Sums(1, 16, 256), Sums(1, 8, 64)]


def test_correlated_features_have_the_mean_product_of_their_correlation() -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=20_000)
    y = 0.8 * x + 0.6 * random.normal(size=20_000)

    joint = count_joint(JointSpec(), np.stack([x, y]).astype(np.float32))

    assert joint.totals[0] / 20_000 / 256 == pytest.approx(0.8, abs=0.03)


def test_the_kernels_agree_with_the_numbers_that_all_languages_are_checked_against() -> None:
    for vector in json.loads((VECTORS / "quantised.json").read_text("utf-8")):
        values = np.array(vector["bits"], np.uint32).view(np.float32)
        center, scale = vector["center"], vector["scale"]
        spec = JointSpec(("x", "one"), (center, 0.0), (scale, 1.0), ((0, 1),))
        for value, expected in zip(values, vector["numbers"], strict=True):
            with np.errstate(all="ignore"):
                alone = count_vectors(VectorsSpec((center,), (scale,)), value.reshape(1, 1))
                joined = count_joint(spec, np.array([[value], [1 / 16]], np.float32))
            assert alone.totals == joined.totals == [expected or 0]
            assert alone.missing == joined.missing[0] == int(expected is None)


@pytest.mark.parametrize("rows", [1, 7, 600])
def test_the_kernels_count_what_is_counted_row_by_row(rows: int) -> None:
    random = np.random.default_rng(rows)
    block = (random.normal(size=(5, rows)) * 3 + 1000).astype(np.float32)
    block[random.random(block.shape) < 0.1] = NAN
    centers, scales = (1000.0,) * 5, (1.0, 2.0, 3.0, 4.0, 0.5)
    pairs = ((0, 1), (0, 4), (2, 3))
    joint = JointSpec(tuple("abcde"), centers, scales, pairs).empty()
    vectors = VectorsSpec(centers, scales).empty()
    for row in block.T.tolist():
        joint.observe(row)
        vectors.observe(row)

    assert count_joint(joint.spec, block).to_state() == joint.to_state()
    assert count_vectors(vectors.spec, block).to_state() == vectors.to_state()


def manifest() -> Manifest:
    return Manifest(
        name="gate",
        version="1.0.0",
        created="2026-02-03T04:05:06Z",
        task=Task.OTHER,
        inputs=(TensorSpec("x", "float32", ("batch", 3)),),
        outputs=(OutputSpec(TensorSpec("y", "float32", ("batch", 2)), OutputRole.EMBEDDING),),
        features=tuple(Feature(name, 0, place) for place, name in enumerate(("a", "b", "c"))),
    )


def test_pairs_stand_at_their_features_and_the_embedding_after_all_of_them() -> None:
    spec = ProfileSpec(
        (
            Column("feature:b", SketchSpec()),
            Column(JOINT, JointSpec(("c", "a"), (0.0, 0.0), (1.0, 1.0), ((0, 1),))),
            Column(EMBEDDING, VectorsSpec((0.0, 0.0), (1.0, 1.0))),
            Column("prediction", CategoriesSpec(2)),
            Column("latency_us", SketchSpec()),
        )
    )

    layout = layout_of(Role.PRIMARY, manifest(), spec)

    assert layout.width == 8
    assert layout.sources == (
        Source((1,)),
        Source((2, 0)),
        Source((3, 4)),
        Source((5,)),
        Source((7,), skips_nan=True),
    )


def test_a_pair_with_a_feature_that_the_model_lacks_is_refused() -> None:
    spec = ProfileSpec((Column(JOINT, JointSpec(("a", "weight"))),))

    with pytest.raises(PackageError, match=r"gate@1\.0\.0 counts 'joint' as 'joint'"):
        layout_of(Role.PRIMARY, manifest(), spec)


def test_an_embedding_that_no_output_gives_is_refused() -> None:
    spec = ProfileSpec((Column(EMBEDDING, VectorsSpec()),))

    with pytest.raises(PackageError, match=r"gate@1\.0\.0 counts 'embedding' as 'vectors'"):
        layout_of(Role.PRIMARY, replace(manifest(), outputs=()), spec)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: JointSpec(pairs=((1, 0),)), "rising pairs of rising indices"),
        (lambda: JointSpec(pairs=((0, 2),)), "rising pairs of rising indices"),
        (lambda: JointSpec(pairs=((0, 1), (0, 1))), "rising pairs of rising indices"),
        (lambda: JointSpec(pairs=()), "expected 1 to 1024"),
        (lambda: JointSpec(features=("x", "x")), "each feature once"),
        (lambda: JointSpec(centers=(0.0, 0.0, 0.0)), "3 centers and 2 scales"),
        (lambda: JointSpec(scales=(1.0, 0.0)), "must be float32 numbers"),
        (lambda: JointSpec(centers=(0.1, 0.0)), "must be float32 numbers"),
        (lambda: VectorsSpec((), ()), "0 components, expected 1 to 1024"),
        (lambda: VectorsSpec((0.0,) * 1025, (1.0,) * 1025), "1025 components"),
    ],
)
def test_a_spec_that_nobody_can_count_by_is_refused(make: type, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        make()


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ([2, [3], [0], [0]], r"joint\[1\] is \[3\]"),
        ([1, [0], [2], [1]], "sums of whole numbers and their squares"),
        ([1, [0], [1], [2]], "sums of whole numbers and their squares"),
        ([1, [0], [0], [5308418]], "up to 2304 each"),
        ([2, [0], [100], [100]], "sums of whole numbers and their squares"),
        ([2, [0], [1, 1], [1]], "a list of 1 whole numbers"),
        ([2, [0], [2**63], [2**63]], "at most 64 bits"),
    ],
)
def test_sums_that_no_stream_can_have_are_refused(state: object, why: str) -> None:
    with pytest.raises(MessageError, match=why):
        JointSpec().decode(state)


def test_sums_of_a_thousand_million_rows_are_still_exact() -> None:
    huge = Joint(JointSpec(), 10**12, [0], [2304 * 10**12 - 1], [2304**2 * 10**12 - 2304 * 2 + 1])

    assert JointSpec().decode(huge.to_state()).to_state() == huge.to_state()
