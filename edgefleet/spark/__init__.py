"""Predictions in Apache Spark, counted as those of any device.

Every partition is scored by an agent of its own, in the process of its task; what they counted is
gathered on the driver and sent under the name of one device::

    scored = edgefleet.spark.predict(frame, "digits-1.0.0.modelpkg", cloud="mqtts://cloud.example")
    scored.write.parquet("answers")
    edgefleet.spark.send()

A partition that Spark computes again, because a task failed or for a second action, counts once.
"""

from edgefleet.spark.scoring import Scoring, predict, send

__all__ = ["Scoring", "predict", "send"]
