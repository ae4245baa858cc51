"""Drift alarms: few, early, and within a budget of false ones."""

from cloud_sync.core.alarms.alarm import Alarm, alarm_of
from cloud_sync.core.alarms.base import Cause, Detector, DetectorKind, Finding, SubjectReading
from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.alarms.detector import DriftDetector

__all__ = [
    "Alarm",
    "AlarmBudget",
    "Cause",
    "Detector",
    "DetectorKind",
    "DriftDetector",
    "Finding",
    "SubjectReading",
    "alarm_of",
]
