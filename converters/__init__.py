"""Converters: one file per source framework, and the checks that a conversion is faithful.

Importing this package lists every source in ``converters.base.SOURCES`` and nothing heavy; call
:func:`converters.convert.convert`.
"""

import converters.catboost_source
import converters.composed_source
import converters.jax_source
import converters.keras_source
import converters.lightgbm_source
import converters.mlflow_source
import converters.onnx_source
import converters.sklearn_source
import converters.torch_source
import converters.xgboost_source  # noqa: F401
