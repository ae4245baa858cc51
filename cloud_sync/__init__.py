"""The cloud: collects statistics, raises alarms, and rolls versions out and back."""
