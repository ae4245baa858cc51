"""``agent.predict`` with monitoring on, against onnxruntime alone and scikit-learn."""

from collections.abc import Sequence

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from benchmarks.harness import Figure, benchmark, interleaved
from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_agent.agent import Agent
from edgefleet.converting import convert

__all__ = ["inference"]

_TARGETS = {1: 0.85, 1024: 1.05}


@benchmark
def inference(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Time one call at several batch sizes; ratios to ``session.run`` of the same model."""
    images, labels = load_digits(return_X_y=True)
    images = images.astype(np.float32)
    model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300)).fit(images, labels)
    package = convert(model, images, labels, name="digits", version="1.0.0")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(package.model(), options)
    rng = np.random.default_rng(seed)
    figures: list[Figure] = []
    with Agent(package) as agent:
        agent.wait_ready()
        for batch in (1, 32, 1024):
            rows = images[rng.integers(len(images), size=batch)]
            feeds = {"X": rows}
            medians = interleaved(
                {
                    "agent": lambda rows=rows: agent.predict(rows),  # type: ignore[misc]
                    "session": lambda feeds=feeds: session.run(None, feeds),  # type: ignore[misc]
                    "sklearn": lambda rows=rows: model.predict_proba(rows),  # type: ignore[misc]
                },
                rounds=5 if quick else 25,
                seconds_per_round=0.02 if quick else 0.1,
            )
            figures += [
                Figure(f"agent.predict, batch {batch}", medians["agent"] * 1e6, "us"),
                Figure(
                    f"agent.predict / session.run, batch {batch}",
                    medians["agent"] / medians["session"],
                    "x",
                    _TARGETS.get(batch),
                    peer="onnxruntime, session.run(None, feeds)",
                ),
                Figure(
                    f"scikit-learn / agent.predict, batch {batch}",
                    medians["sklearn"] / medians["agent"],
                    "x",
                    peer="scikit-learn predict_proba",
                ),
            ]
    return figures
