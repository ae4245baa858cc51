"""Models of normal distributions, and nearest centroids."""

import numpy as np
from sklearn.covariance import EllipticEnvelope
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid

from converters.sklearn_more.neighbours import distances, metric_power, ranked_distances
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(QuadraticDiscriminantAnalysis)
def quadratic_discriminant(nodes: Nodes, model: QuadraticDiscriminantAnalysis) -> None:
    """Say the likeliest class, and all probabilities."""
    parts = []
    for mean, rotation, scale, prior in zip(
        model.means_, model.rotations_, model.scalings_, model.priors_, strict=True
    ):
        turned = nodes.linear(nodes("Sub", nodes.x, mean), rotation * scale**-0.5)
        size = nodes.total(nodes("Mul", turned, turned))
        bias = np.log(prior) - 0.5 * np.log(scale).sum()
        parts.append(nodes("Add", nodes("Mul", size, -0.5), np.float64(bias)))
    scores = nodes("Concat", *parts, axis=1)
    nodes.say_labels(nodes.largest(scores), model.classes_)
    if nodes.is_asked_for_scores and len(parts) == 2:
        second = nodes("Sub", parts[1], parts[0])
        scores = nodes("Concat", nodes("Neg", second), second, axis=1)
    nodes.say_numbers(scores if nodes.is_asked_for_scores else nodes.softmax(scores), 1)


@converts(NearestCentroid)
def nearest_centroid(nodes: Nodes, model: NearestCentroid) -> None:
    """Say the class of the nearest centroid, and probabilities from scaled distances."""
    power = metric_power(model.metric)
    prior = np.asarray(model.class_prior_)
    spread = np.where(model.within_class_std_dev_ != 0, model.within_class_std_dev_, 1.0)
    given, centres = nodes("Div", nodes.x, spread), model.centroids_ / spread
    if power == 2:  # what all classes have in common makes no difference
        size = ranked_distances(nodes, given, centres)
    else:
        apart = distances(nodes, given, centres, power=power)
        size = nodes("Mul", apart, apart)
    scores = nodes("Sub", 2.0 * np.log(prior).reshape(1, -1), size)
    if np.isclose(prior, 1 / len(prior)).all():
        plain = (
            ranked_distances(nodes, nodes.x, model.centroids_)
            if power == 2
            else distances(nodes, nodes.x, model.centroids_, power=power)
        )
        nodes.say_labels(nodes.nearest(plain), model.classes_)
    else:
        nodes.say_labels(nodes.largest(scores), model.classes_)
    nodes.say_numbers(nodes.softmax(scores), 1)


@converts(EllipticEnvelope)
def elliptic_envelope(nodes: Nodes, model: EllipticEnvelope) -> None:
    """Say whether a row lies inside, and how far from the edge."""
    shifted = nodes("Sub", nodes.x, np.asarray(model.location_))
    turned = nodes.linear(shifted, model.get_precision())
    size = nodes.total(nodes("Mul", turned, shifted))
    decision = nodes("Sub", nodes("Neg", size), np.float64(model.offset_))
    is_inside = nodes("GreaterOrEqual", nodes("Squeeze", decision, np.array([1])), 0.0)
    nodes.say_labels(nodes.cast(is_inside, "int64"), np.array([-1, 1]))
    nodes.say_numbers(decision, 1)
