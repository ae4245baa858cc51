"""Turns merged statistics into distances, estimates, rankings and pictures. No decisions here."""

from cloud_sync.core.analysis.bins import View, views_of
from cloud_sync.core.analysis.columns import (
    ClassShare,
    ColumnView,
    class_shares,
    column_views,
)
from cloud_sync.core.analysis.distances import jensen_shannon, ks, psi, wasserstein
from cloud_sync.core.analysis.error_estimate import ERROR_NOTE, ErrorEstimate
from cloud_sync.core.analysis.error_quality import ErrorQuality
from cloud_sync.core.analysis.estimate import NOTE, Estimate, estimate
from cloud_sync.core.analysis.measured import against_baseline, measured
from cloud_sync.core.analysis.quality import ClassQuality, Quality, quality
from cloud_sync.core.analysis.ranking import DeviceShare, rank_devices, rank_features
from cloud_sync.core.analysis.watched import title_of, watched_columns

__all__ = [
    "ERROR_NOTE",
    "NOTE",
    "ClassQuality",
    "ClassShare",
    "ColumnView",
    "DeviceShare",
    "ErrorEstimate",
    "ErrorQuality",
    "Estimate",
    "Quality",
    "View",
    "against_baseline",
    "class_shares",
    "column_views",
    "estimate",
    "jensen_shannon",
    "ks",
    "measured",
    "psi",
    "quality",
    "rank_devices",
    "rank_features",
    "title_of",
    "views_of",
    "wasserstein",
    "watched_columns",
]
