"""Names of the plan's plain fields by type, for checks and for JSON."""

from typing import Final

__all__ = ["FLAGS", "NUMBERS", "SHARES", "TEXTS", "WHOLE_NUMBERS"]

SHARES: Final = (
    "alpha", "beta", "margin", "detect", "drift_margin", "min_agreement", "failure_margin",
    "delivered_share", "unhealthy_share",
)  # fmt: skip
_OTHERS: Final = (
    "bake_s", "max_wait_s", "baseline_s", "trial_s", "notify_s", "progress_s", "penalty_s",
    "start_at_unix_s", "devices_per_minute", "latency_margin", "latency_floor_ms",
)  # fmt: skip
NUMBERS: Final = (*SHARES, *_OTHERS)
WHOLE_NUMBERS: Final = ("min_rows", "trial_calls", "max_in_flight")
FLAGS: Final = ("shadow", "approval")
TEXTS: Final = ("model", "version", "strategy", "target", "time_zone")
