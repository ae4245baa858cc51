"""Imports every story, so that ``STORIES`` lists it."""

from tests.support.faults import disk_stories, fleet_story, process_stories, stories

__all__ = ["disk_stories", "fleet_story", "process_stories", "stories"]
