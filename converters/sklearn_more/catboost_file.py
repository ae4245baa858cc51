"""What CatBoost writes of a model as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypedDict

import numpy as np
from catboost import CatBoost, CatBoostError, Pool

from edge_contract.errors import UsageError

__all__ = [
    "Counted",
    "Counts",
    "Element",
    "FeaturesInfo",
    "Hash",
    "Kept",
    "Node",
    "Split",
    "Symmetric",
    "kept_of",
    "loss_of",
    "require_fitted",
]

_MAX_REASON: Final = 200


class Split(TypedDict, total=False):
    """A question of a node: a number above a border, or a category that is the one of a hash."""

    split_type: str
    border: float
    float_feature_index: int
    cat_feature_index: int
    value: int
    split_index: int


class Element(TypedDict, total=False):
    """A part of what is counted: a category, whether it is a certain one, or a number's side."""

    combination_element: str
    cat_feature_index: int
    value: int
    float_feature_index: int
    border: float


class Counted(TypedDict):
    """A number made of counts of labels, and the borders that it is compared with."""

    borders: list[float]
    ctr_type: str
    elements: list[Element]
    identifier: str
    prior_numerator: float
    prior_denomerator: float
    scale: float
    shift: float
    target_border_idx: int


class Counts(TypedDict):
    """Counts of labels by the hash of a combination, ``hash_stride`` items for each."""

    counter_denominator: int
    hash_map: list[str | float]
    hash_stride: int


class Symmetric(TypedDict):
    """A tree that asks the same question of all nodes of a level; the first splits last."""

    splits: list[Split] | None
    leaf_values: list[float]


class Node(TypedDict, total=False):
    """A node of any other tree; a leaf has only a value."""

    split: Split
    left: "Node"
    right: "Node"
    value: float | list[float]


class Feature(TypedDict, total=False):
    """A column; the index is among those of its kind, the flat one among all."""

    feature_index: int
    flat_feature_index: int
    nan_value_treatment: str
    borders: list[float]
    values: list[int] | None


class Hash(TypedDict):
    """A category and its hash, as an unsigned number of 32 bits."""

    hash: int
    value: str


class FeaturesInfo(TypedDict, total=False):
    """The columns that a model knows."""

    float_features: list[Feature]
    categorical_features: list[Feature]
    cat_features_hash: list[Hash]
    ctrs: list[Counted]


class Kept(TypedDict, total=False):
    """A model."""

    features_info: FeaturesInfo
    model_info: dict[str, object]
    oblivious_trees: list[Symmetric]
    trees: list[Node]
    scale_and_bias: tuple[float, list[float]]
    ctr_data: dict[str, Counts]


def kept_of(model: CatBoost, texts: Sequence[str] = ()) -> Kept:
    """Return a model's JSON form.

    Args:
        model: The model.
        texts: Categories whose hashes are wanted.

    Raises:
        UsageError: The model is not fitted, or CatBoost cannot write it.
    """
    require_fitted(model)
    name = type(model).__name__
    if model.get_text_feature_indices() or model.get_embedding_feature_indices():
        raise UsageError(
            f"{name} with text_features or embedding_features cannot be converted: CatBoost writes "
            "them in its own format alone; turn texts into numbers before the model, for example "
            "with TfidfVectorizer in a pipeline"
        )
    with TemporaryDirectory(prefix="edgefleet-") as folder:
        path = Path(folder) / "model.json"
        try:
            model.save_model(str(path), format="json", pool=_pool(model, texts))
        except CatBoostError as error:
            raise UsageError(f"{name} cannot be converted: {_reason(str(error))}") from error
        kept: Kept = json.loads(path.read_text(encoding="utf-8"))
    return kept


def require_fitted(model: CatBoost) -> None:
    """Raise ``UsageError`` if a model is not fitted."""
    if not model.is_fitted():
        raise UsageError(f"{type(model).__name__} is not fitted: fit it before converting")


def loss_of(kept: Kept) -> str:
    """Return the name of the loss that a model was trained with; empty if it does not say."""
    match kept["model_info"]:
        case {"params": {"loss_function": {"type": str(name)}}}:
            return name
        case {"loss_function": str(text)}:  # of several models that were added up
            return str(json.loads(text)["type"])
        case _:
            return ""


def _pool(model: CatBoost, texts: Sequence[str]) -> Pool | None:
    """Return rows that have these categories in all columns of categories."""
    columns = model.get_cat_feature_indices()
    if not texts or not columns:
        return None
    rows = np.zeros((len(texts), len(model.feature_names_)), dtype=object)
    rows[:, columns] = np.array(texts, dtype=object)[:, None]
    return Pool(rows, cat_features=columns, feature_names=list(model.feature_names_))


def _reason(said: str) -> str:
    if "invalid float value" in said:
        return (
            "its trees compare with an infinite number, which CatBoost does not write: replace "
            "infinities by large numbers before fitting"
        )
    return " ".join(said.split())[:_MAX_REASON]
