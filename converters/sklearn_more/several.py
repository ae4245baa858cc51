"""Classifiers that say several labels of a row at once."""

import json

from sklearn.base import BaseEstimator

__all__ = ["says_several"]


def says_several(model: object) -> bool:
    """Whether a fitted classifier says several labels, as it was fitted on several."""
    binarizer = getattr(model, "_label_binarizer", None)
    return (
        isinstance(getattr(model, "classes_", None), list)
        or str(getattr(binarizer, "y_type_", "")).startswith("multilabel")
        or bool(getattr(model, "multilabel_", False))
        or _is_booster_of_several(model)
    )


def _is_booster_of_several(model: object) -> bool:
    """Whether a fitted classifier of XGBoost or CatBoost says several labels."""
    match type(model).__name__, model:
        case "XGBClassifier" | "XGBRFClassifier", BaseEstimator():
            kept = json.loads(model.get_booster().save_config())["learner"]
            return int(kept["learner_model_param"].get("num_target", 1)) > 1
        case "CatBoostClassifier", _:
            loss = str(getattr(model, "get_all_params")().get("loss_function"))  # noqa: B009
            return loss.partition(":")[0] in {"MultiCrossEntropy", "MultiLogloss"}
        case _:
            return False
