"""Converters of estimators that skl2onnx has none for, or whose answers it does not repeat.

Each file holds one estimator or a family of them and lists itself in
:mod:`converters.sklearn_more.registry`.
"""

import converters.sklearn_more.bayes
import converters.sklearn_more.boosting
import converters.sklearn_more.calibrated
import converters.sklearn_more.categories
import converters.sklearn_more.chains
import converters.sklearn_more.clusters
import converters.sklearn_more.discriminants
import converters.sklearn_more.dummies
import converters.sklearn_more.encoders
import converters.sklearn_more.ensembles
import converters.sklearn_more.factorizations
import converters.sklearn_more.functions
import converters.sklearn_more.gaussian
import converters.sklearn_more.hashes
import converters.sklearn_more.imputers
import converters.sklearn_more.in_the_middle
import converters.sklearn_more.isolation
import converters.sklearn_more.isotonic
import converters.sklearn_more.kernel_features
import converters.sklearn_more.kernels
import converters.sklearn_more.linear_classifiers
import converters.sklearn_more.linear_maps
import converters.sklearn_more.local_maps
import converters.sklearn_more.machines
import converters.sklearn_more.missing
import converters.sklearn_more.mixtures
import converters.sklearn_more.multiclass
import converters.sklearn_more.neighbour_graph
import converters.sklearn_more.neighbour_imputer
import converters.sklearn_more.neighbour_votes
import converters.sklearn_more.outliers
import converters.sklearn_more.power
import converters.sklearn_more.processes
import converters.sklearn_more.quantiles
import converters.sklearn_more.radius
import converters.sklearn_more.round_robin
import converters.sklearn_more.scalers
import converters.sklearn_more.selection
import converters.sklearn_more.sparse_coding
import converters.sklearn_more.splines
import converters.sklearn_more.tables
import converters.sklearn_more.topics
import converters.sklearn_more.words
import converters.sklearn_more.wrappers  # noqa: F401
