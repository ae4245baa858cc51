"""Classifiers that say several labels of a row at once."""

__all__ = ["says_several"]


def says_several(model: object) -> bool:
    """Whether a fitted classifier says several labels, as it was fitted on several."""
    binarizer = getattr(model, "_label_binarizer", None)
    return (
        isinstance(getattr(model, "classes_", None), list)
        or str(getattr(binarizer, "y_type_", "")).startswith("multilabel")
        or bool(getattr(model, "multilabel_", False))
    )
