"""scikit-learn models come out as they went in: names, labels, probabilities, thresholds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from edge_contract.package import OutputRole, Package, Task
from tests.converters.helpers import (
    customer_model,
    customers,
    diabetes,
    digits,
    encoded_and_scaled,
    flowers,
    quietly_converted,
    says,
    tumours,
)


def outputs_of(package: Package) -> list[tuple[str, str]]:
    return [(output.role.value, str(output.tensor)) for output in package.manifest.outputs]


def test_an_array_becomes_one_input_and_classes_stay_numbers() -> None:
    rows, labels = digits()
    model = LogisticRegression(max_iter=500).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    manifest = package.manifest
    assert [str(spec) for spec in manifest.inputs] == ["float32[batch, 64]"]
    assert outputs_of(package) == [
        ("label", "int64[batch]"),
        ("probabilities", "float32[batch, 10]"),
    ]
    assert manifest.task is Task.MULTICLASS
    assert manifest.classes == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert [feature.name for feature in manifest.features[:2]] == ["x0", "x1"]
    found = says(package, {"X": rows.astype(np.float32)})
    assert found["label"].tolist() == model.predict(rows).tolist()


def test_column_names_of_a_table_become_feature_names_of_one_input() -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    assert [str(spec) for spec in package.manifest.inputs] == ["float32[batch, 4]"]
    assert [feature.name for feature in package.manifest.features] == [
        "sepal length (cm)",
        "sepal width (cm)",
        "petal length (cm)",
        "petal width (cm)",
    ]
    assert package.manifest.classes == ("setosa", "versicolor", "virginica")
    assert outputs_of(package)[0] == ("label", "string[batch]")


def test_an_array_is_named_as_the_table_that_the_model_was_fitted_on() -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)

    package = quietly_converted(model, rows.to_numpy())

    assert package.manifest.features[3].name == "petal width (cm)"


def test_columns_in_another_order_are_put_right() -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)

    package = quietly_converted(model, rows[rows.columns[::-1]], labels)

    assert package.manifest.features[0].name == "sepal length (cm)"
    assert package.manifest.evidence.quality["accuracy"] == pytest.approx(0.973, abs=0.001)


def test_a_table_of_mixed_columns_becomes_an_input_for_each() -> None:
    rows, labels = customers()
    model = customer_model().fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    inputs = {spec.name: str(spec) for spec in package.manifest.inputs}
    assert inputs == {
        "age": "float32[batch, 1]",
        "income__EUR_": "float32[batch, 1]",
        "city": "string[batch, 1]",
        "member": "float32[batch, 1]",
        "plan": "string[batch, 1]",
    }
    features = {feature.name: feature for feature in package.manifest.features}
    assert features["income (EUR)"].input_index == 1
    assert not features["member"].is_category
    assert features["city"].categories == ("Rome", "Oslo", "Bern")
    made_up = package.manifest.evidence.parity["made_up_rows"]
    assert made_up == {
        "missing number": 1,
        "infinite number": 0,
        "negative infinite number": 0,
        "empty text": 2,
        "unknown text": 2,
        "text in capitals": 64,
        "values between two rows": 64,
        "values beyond the rows": 64,
        "other whole numbers": 64,
    }


def test_columns_may_be_called_like_outputs_and_like_each_other() -> None:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "a b": rng.normal(size=100),
            "a_b": rng.normal(size=100),
            "label": rng.choice(["x", "y"], 100),
        }
    )
    labels = (rows["a b"] > 0) | (rows["label"] == "x")
    model = encoded_and_scaled(texts=["label"], numbers=["a_b", "a b"]).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    assert [feature.name for feature in package.manifest.features] == ["a b", "a_b", "label"]
    assert len({spec.name for spec in package.manifest.inputs}) == 3
    assert package.manifest.classes == (0, 1)


def test_whole_numbers_too_large_for_a_float32_are_fed_as_whole_numbers() -> None:
    rng = np.random.default_rng(2)
    codes = 2**24 + rng.integers(0, 4, 200)
    rows = pd.DataFrame({"code": codes, "size": rng.normal(size=200)})
    model = encoded_and_scaled(texts=["code"], numbers=["size"]).fit(rows, codes % 2)

    package = quietly_converted(model, rows)

    assert [str(spec) for spec in package.manifest.inputs] == [
        "int64[batch, 1]",
        "float32[batch, 1]",
    ]


def test_a_model_without_probabilities_gives_labels_only() -> None:
    rows, labels = tumours()
    model = LinearSVC().fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    assert outputs_of(package) == [("label", "int64[batch]")]
    assert not package.reference().calibration


def test_a_fixed_threshold_is_in_the_manifest_and_in_the_graph() -> None:
    rows, labels = tumours()
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.9)
    model.fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    assert package.manifest.threshold == pytest.approx(0.9)
    found = says(package, {"X": rows.astype(np.float32)})
    assert found["label"].tolist() == model.predict(rows).tolist()
    likelier = found["probabilities"].argmax(axis=1)
    assert found["label"].tolist() != likelier.tolist()


def test_a_tuned_threshold_at_the_end_of_a_pipeline_keeps_text_labels() -> None:
    rows, labels = tumours()
    names = np.where(labels == 1, "benign", "malignant")
    tuned = TunedThresholdClassifierCV(LogisticRegression(), cv=3, scoring="balanced_accuracy")
    model = make_pipeline(StandardScaler(), tuned).fit(rows, names)

    package = quietly_converted(model, rows, names)

    assert package.manifest.threshold == pytest.approx(tuned.best_threshold_, rel=1e-6)
    found = says(package, {"X": rows.astype(np.float32)})
    assert found["label"].tolist() == model.predict(rows).tolist()


def test_a_search_converts_what_it_found() -> None:
    rows, labels = flowers()
    search = GridSearchCV(LogisticRegression(max_iter=900), {"C": [0.1, 1.0]}, cv=3)

    package = quietly_converted(search.fit(rows, labels), rows, labels)

    assert package.manifest.output(OutputRole.PROBABILITIES) is not None


def test_a_regression_gives_one_value() -> None:
    rows, values = diabetes()
    model = LinearRegression().fit(rows, values)

    package = quietly_converted(model, rows, values)

    assert package.manifest.task is Task.REGRESSION
    assert outputs_of(package) == [("value", "float32[batch]")]
    assert package.manifest.evidence.quality["r2"] == pytest.approx(0.5177, abs=0.0001)
    assert package.manifest.evidence.quality["mae"] == pytest.approx(43.28, abs=0.01)


def test_a_regression_of_several_values_has_no_known_meaning() -> None:
    rows, values = diabetes()
    model = LinearRegression().fit(rows, np.column_stack([values, -values]))

    package = quietly_converted(model, rows)

    assert package.manifest.task is Task.OTHER
    assert outputs_of(package) == [("embedding", "float32[batch, 2]")]


@pytest.mark.parametrize("model", [PCA(2), StandardScaler(), KMeans(3, random_state=0)])
def test_transformers_and_clusters_are_compared_too(model: PCA) -> None:
    rows, _ = flowers()

    package = quietly_converted(model.fit(rows), rows)

    assert package.manifest.task is Task.OTHER
    assert {output.role for output in package.manifest.outputs} <= {
        OutputRole.OTHER,
        OutputRole.EMBEDDING,
    }
    assert package.reference().rows == 150


def test_outliers_are_found_also_where_numbers_are_missing() -> None:
    rows, _ = flowers()
    model = IsolationForest(n_estimators=5, random_state=0).fit(rows)

    package = quietly_converted(model, rows)

    assert outputs_of(package) == [("other", "int64[batch]"), ("other", "float32[batch, 1]")]
    made_up = package.manifest.evidence.parity["made_up_rows"]
    assert made_up == {
        "missing number": 4,
        "infinite number": 4,
        "negative infinite number": 4,
        "values between two rows": 64,
        "values beyond the rows": 64,
        "value at a threshold": 189,
    }


def test_several_labels_at_once_have_no_known_meaning() -> None:
    rows, labels = tumours()
    model = MultiOutputClassifier(LogisticRegression())
    model.fit(rows, np.column_stack([labels, 1 - labels]))

    package = quietly_converted(model, rows)

    assert package.manifest.task is Task.OTHER
    assert outputs_of(package) == [("other", "int64[batch, 2]")]
    found = says(package, {"X": rows.astype(np.float32)})
    assert found["label"].tolist() == model.predict(rows).tolist()


def test_texts_are_read_the_same_on_devices_of_any_locale() -> None:
    texts = ["the cat sat here", "A dog's homework, really", "cats and dogs live here"] * 10
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [0, 1, 0] * 10)

    package = quietly_converted(model, texts, [0, 1, 0] * 10)

    assert [str(spec) for spec in package.manifest.inputs] == ["string[batch, 1]"]
    assert package.manifest.evidence.quality["accuracy"] == 1.0


def test_lineage_tells_settings_data_and_what_the_caller_says() -> None:
    rows, labels = flowers()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.25)).fit(rows, labels)

    package = quietly_converted(model, rows, labels, lineage={"run": "4711"})

    lineage = package.manifest.lineage
    assert lineage["run"] == "4711"
    assert str(lineage["data_digest"]).startswith("sha256:")
    parameters = lineage["parameters"]
    assert isinstance(parameters, dict)
    assert parameters["logisticregression__C"] == 0.25
    assert set(package.manifest.framework) == {"scikit-learn", "skl2onnx", "onnx"}
