"""Labels that spread to rows like them: far from all rows they fade as scikit-learn's do."""

import numpy as np
import pytest
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from tests.converters.helpers import flowers, quietly_converted, says


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("kind", [LabelPropagation, LabelSpreading])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_what_is_left_of_far_rows_is_left_in_the_same_precision(
    kind: type[LabelPropagation], precision: str
) -> None:
    table, names = flowers()
    rows = table.to_numpy(dtype=np.float32)
    places = np.unique(names, return_inverse=True)[1]
    model = kind(gamma=20).fit(rows[::2].astype(precision), places[::2])
    unseen = np.concatenate(
        [rows[1::2] * scale for scale in map(np.float32, (1.0, 1.5, 2.0, 3.0, 30.0))]
    )

    package = quietly_converted(model, rows[::2].astype(precision))

    found = says(package, {"X": unseen})
    expected = model.predict_proba(unseen.astype(precision))
    assert np.isnan(expected).any()
    np.testing.assert_allclose(found["probabilities"].astype(float), expected, atol=1e-4)
    assert found["label"].tolist() == model.predict(unseen.astype(precision)).tolist()
