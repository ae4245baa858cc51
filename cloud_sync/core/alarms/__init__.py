"""Drift alarms: few, early, and within a budget of false ones."""

from cloud_sync.core.alarms.alarm import Alarm, alarm_of
from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.alarms.detector import DriftDetector, Finding

__all__ = ["Alarm", "AlarmBudget", "DriftDetector", "Finding", "alarm_of"]
