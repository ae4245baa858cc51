"""Topics of texts, found as scikit-learn finds them: row by row, in the same rounds."""

from typing import Final

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation

from converters.sklearn_more.arithmetic import searched_with, without_misfits
from converters.sklearn_more.loops import Round
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []

_ENOUGH: Final = 6
"""From here on, the series of the digamma function has as many digits as scikit-learn's."""


@converts(LatentDirichletAllocation)
def latent_topics(nodes: Nodes, model: LatentDirichletAllocation) -> None:
    """Give the share of each topic; of rows with a negative or missing number NaN.

    Rows that have settled keep what they have while others go on.
    """
    table = searched_with(model, np.asarray(model.exp_dirichlet_component_))
    rows, admitting = without_misfits(nodes)
    count = len(table)
    body = Round()
    likely = body("Add", body("MatMul", "weights", table), float(np.finfo(table.dtype).eps))
    drawn = body("MatMul", body("Div", "rows", likely), table.T)
    better = body("Add", body("Mul", "weights", drawn), float(model.doc_topic_prior_))
    logarithm = body("Sub", _digamma(body, better), _digamma(body, body.total(better)))
    change = body("Div", body.total(body("Abs", body("Sub", better, "topics"))), float(count))
    was_moving = body("Greater", "moving", 0.0)
    is_far = body("GreaterOrEqual", change, float(model.mean_change_tol))
    is_moving = body("And", was_moving, is_far)
    moving = body.cast(is_moving, "float64")
    topics = body("Where", was_moving, better, "topics")
    start = float(np.exp(_digamma_of(1.0) - _digamma_of(float(count))))
    ends = body.run(
        nodes,
        {
            "topics": (_alike(nodes, 1.0, count), topics),
            "weights": (_alike(nodes, start, count), body("Exp", logarithm)),
            "moving": (_alike(nodes, 1.0, 1), moving),
        },
        rounds=model.max_doc_update_iter,
        goes_on=body("Greater", body.whole(moving), 0.0),
        kept={"rows": rows},
    )
    found = ends["topics"]
    nodes.say_numbers(admitting(nodes("Div", found, nodes.total(found))))


def _alike(nodes: Nodes, value: float, width: int) -> str:
    return nodes.for_every_row(np.full((1, width), value))


def _digamma(body: Round, value: str) -> str:
    """Return the derivative of the logarithm of the gamma function, of numbers above 0.

    Each step down from numbers that are large enough costs a reciprocal (Bernardo, 1976: algorithm
    AS 103).
    """
    steps = []
    for _ in range(_ENOUGH):
        is_small = body("Less", value, float(_ENOUGH))
        steps.append(body("Where", is_small, body("Div", 1.0, value), 0.0))
        value = body("Where", is_small, body("Add", value, 1.0), value)
    reciprocal = body("Div", 1.0, value)
    square = body("Mul", reciprocal, reciprocal)
    series = body("Sub", 1 / 120, body("Mul", square, 1 / 252))
    series = body("Mul", square, body("Sub", 1 / 12, body("Mul", square, series)))
    logarithm = body("Sub", body("Log", value), body("Mul", reciprocal, 0.5))
    return body("Sub", body("Sub", logarithm, series), body("Sum", *steps))


def _digamma_of(value: float) -> float:
    """Return it of one whole number or more."""
    return float(-np.euler_gamma + sum(1.0 / it for it in range(1, int(value))))
