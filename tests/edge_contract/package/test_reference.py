import json
from dataclasses import replace

import pytest

from edge_contract.errors import PackageError
from edge_contract.package import (
    Calibration,
    ErrorModel,
    ErrorTerm,
    Feature,
    Manifest,
    OutputSpec,
    Reference,
    Role,
    Task,
    TensorSpec,
    layout_of,
    prediction_columns,
    profile_specs,
)
from edge_contract.package.interface import OutputRole
from edge_contract.package.observation import Layout, Source, count_rows
from edge_contract.reading import JsonValue
from edge_contract.stats import (
    BINS,
    AgreementSpec,
    CategoriesSpec,
    Column,
    LabelsSpec,
    MomentsSpec,
    ProbabilitiesSpec,
    ProfileSpec,
    SketchSpec,
)

NAN = float("nan")


def manifest(task: Task, *classes: str) -> Manifest:
    role = OutputRole.VALUE if task is Task.REGRESSION else OutputRole.PROBABILITIES
    return Manifest(
        name="gate",
        version="1.0.0",
        created="2026-02-03T04:05:06Z",
        task=task,
        inputs=(TensorSpec("x", "float32", ("batch", 2)),),
        outputs=(OutputSpec(TensorSpec("y", "float32", ("batch",)), role),),
        features=(Feature("colour", 0, 0, is_category=True), Feature("size", 0, 1)),
        classes=classes,
    )


def reference(of: Manifest) -> Reference:
    columns = (
        Column("feature:colour", CategoriesSpec(2)),
        Column("feature:size", SketchSpec()),
        Column("feature:size", MomentsSpec()),
        *prediction_columns(of),
        Column("latency_us", SketchSpec()),
    )
    return Reference(0, ProfileSpec(columns).empty())


BINARY = manifest(Task.BINARY, "no", "yes")
REGRESSION = manifest(Task.REGRESSION)
OTHER = manifest(Task.OTHER)


def columns_of(model: Manifest, role: str) -> list[tuple[str, object]]:
    spec = profile_specs(model, reference(model))[role]
    return [(column.subject, column.spec) for column in spec.columns]


def test_a_classifier_counts_probabilities_agreement_and_labels() -> None:
    halves = ProbabilitiesSpec((0.5, 0.5))

    assert columns_of(BINARY, Role.PRIMARY)[3:] == [
        ("prediction", halves),
        ("latency_us", SketchSpec()),
    ]
    assert columns_of(BINARY, Role.SHADOW) == [
        ("prediction", halves),
        ("latency_us", SketchSpec()),
        ("agreement", AgreementSpec(2)),
    ]
    assert columns_of(BINARY, Role.LABELS) == [("labels", LabelsSpec(2))]


def test_a_regression_counts_its_values_and_its_errors() -> None:
    both = [SketchSpec(), MomentsSpec()]

    assert columns_of(REGRESSION, Role.SHADOW) == [
        *(("prediction", spec) for spec in both),
        ("latency_us", SketchSpec()),
        ("agreement", AgreementSpec(0)),
    ]
    assert columns_of(REGRESSION, Role.LABELS) == [("error", spec) for spec in both]


def test_a_model_of_another_kind_counts_neither_predictions_nor_labels() -> None:
    assert [subject for subject, _ in columns_of(OTHER, Role.PRIMARY)] == [
        "feature:colour",
        "feature:size",
        "feature:size",
        "latency_us",
    ]
    assert columns_of(OTHER, Role.LABELS) == []


@pytest.mark.parametrize(
    ("model", "role", "layout"),
    [
        (
            BINARY,
            Role.PRIMARY,
            Layout(
                5,
                (Source((0,)), Source((1,)), Source((1,)), Source((2, 3)), Source((4,), True)),
            ),
        ),
        (
            BINARY,
            Role.SHADOW,
            Layout(5, (Source((0, 1)), Source((2,), True), Source((3, 4, 0, 1)))),
        ),
        (BINARY, Role.LABELS, Layout(3, (Source((0, 1, 2)),))),
        (
            REGRESSION,
            Role.SHADOW,
            Layout(5, (Source((1,)), Source((1,)), Source((2,), True), Source((3, 4, 0, 1)))),
        ),
        (REGRESSION, Role.LABELS, Layout(1, (Source((0,)), Source((0,))))),
    ],
)
def test_rows_are_laid_out_as_documented(model: Manifest, role: str, layout: Layout) -> None:
    assert layout_of(role, model, profile_specs(model, reference(model))[role]) == layout


def test_rows_are_counted_where_the_layout_says() -> None:
    spec = profile_specs(BINARY, reference(BINARY))[Role.PRIMARY]
    layout = layout_of(Role.PRIMARY, BINARY, spec)
    rows = [(0.0, 2.0, 1.0, 0.75, 120.0), (-8.0, 4.0, 0.0, 0.5, NAN), (NAN, NAN, NAN, NAN, NAN)]

    profile = count_rows(spec, layout, rows)

    assert profile.to_state() == {
        0: [1, 1, [[0], [1]], [7]],
        1: [0, 1, 0, 0, [[2049, 16], [1, 1]]],
        2: [2, 1, 3.0, 2.0, 2.0, 4.0],
        3: [1, [[0, 0.5, [[0], [1]]], [1, 0.75, [[14], [1]]]]],
        4: [0, 0, 0, 0, [[2143], [1]]],
    }


def test_a_statistic_of_a_feature_that_the_model_lacks_is_refused() -> None:
    spec = ProfileSpec((Column("feature:weight", SketchSpec()),))

    with pytest.raises(PackageError, match=r"gate@1\.0\.0 counts 'feature:weight' as 'sketch'"):
        layout_of(Role.PRIMARY, BINARY, spec)


def changed(**fields: JsonValue) -> bytes:
    return json.dumps({**json.loads(reference(BINARY).to_bytes()), **fields}).encode()


ZEROS: list[JsonValue] = [0] * BINS


def errors(**fields: JsonValue) -> dict[str, JsonValue]:
    """An error model of one term, of which some fields are changed."""
    term = ErrorTerm("feature:x", (1.0, 2.0), False, (0, 1, 2, 3), (0.0,) * 4, (0.0,) * 4)
    model = ErrorModel(6, 1.0, 2.0, 0.5, 0.5, terms=(term,))
    return {**model.to_json(), "terms": [{**term.to_json(), **fields}]}


NO_CALIBRATION: dict[str, JsonValue] = {
    "rows": [], "correct": [], "rival_rows": [], "rival_true": [], "errors": None
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"rows": -1}, r"reference\.rows is -1"),
        ({"variance_inflation": 0.5}, r"reference\.variance_inflation is 0\.5"),
        (
            {"calibration": {**NO_CALIBRATION, "rows": [ZEROS], "correct": [[1, *ZEROS[1:]]]}},
            "no more correct rows",
        ),
        (
            {"calibration": {**NO_CALIBRATION, "rival_rows": [ZEROS], "rival_true": [ZEROS]}},
            "tables of 0 classes, or none",
        ),
        (
            {"calibration": {**NO_CALIBRATION, "errors": {**errors(), "rows": 0}}},
            r"errors\.rows is 0",
        ),
        (
            {"calibration": {**NO_CALIBRATION, "errors": errors(cuts=[2.0, 1.0])}},
            r"cuts is \[2\.0, 1\.0\], expected rising numbers",
        ),
        (
            {"calibration": {**NO_CALIBRATION, "errors": errors(rows=[1, 2])}},
            "one number for each place",
        ),
        ({"calibration": {**NO_CALIBRATION, "rows": [ZEROS]}}, "as many classes in both tables"),
        (
            {"calibration": {**NO_CALIBRATION, "rows": [[0]], "correct": [[0]]}},
            "64 counts per class",
        ),
        ({"columns": [{"subject": "x", "kind": "magic"}]}, "'magic' is unknown here"),
        ({"state": [[0, [-1, 0, [[], []], []]]]}, r"categories\[0\] is -1"),
        ({"state": [[7, []]]}, "column 7, but the package has 5 columns"),
    ],
)
def test_a_reference_that_breaks_a_rule_is_refused(fields: dict[str, JsonValue], why: str) -> None:
    with pytest.raises(PackageError, match=why):
        Reference.from_bytes(changed(**fields))


def test_a_calibration_without_labels_is_false() -> None:
    assert not Calibration()
    assert not Calibration(((0,) * BINS,), ((0,) * BINS,))
    assert Calibration(((0,) * 63 + (1,),), ((0,) * BINS,))


def test_a_classifier_without_probabilities_is_counted_by_its_predicted_class() -> None:
    label = OutputSpec(TensorSpec("label", "int64", ("batch",)), OutputRole.LABEL)
    hard = replace(manifest(Task.MULTICLASS), outputs=(label,), classes=(4, 5, 6))
    spec = ProfileSpec(prediction_columns(hard))

    layout = layout_of(Role.SHADOW, hard, spec)

    assert [column.spec for column in spec.columns] == [CategoriesSpec(3)]
    assert layout.sources == (Source((0,)),)
