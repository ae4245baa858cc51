"""The demo's closed loop: its policies, and what stands in the record of what they did."""

from pathlib import Path
from typing import Final

from edgefleet.client import Cloud

__all__ = [
    "AUTOMATIC",
    "MANUAL",
    "asked_for_retraining",
    "holds",
    "was_answered",
    "write_policies",
]

AUTOMATIC: Final = "automatic"
MANUAL: Final = "manual"

_POLICIES: Final = """\
version = {version}

[models.digits]
automation = "{automation}"

[[policies]]
name = "drift asks for a better model"
on = "alarm"
do = [{{ action = "notify" }}, {{ action = "retrain" }}]

[[policies]]
name = "a new version proves itself"
on = "push"
cooldown_s = 0

[[policies.do]]
action = "rollout"
[policies.do.plan]
strategy = "canary"
steps = [0.1, 0.5, 1.0]
shadow = true
bake_s = 5.0
max_wait_s = 60.0
min_rows = 200
"""


def write_policies(path: Path, *, version: int, automation: str) -> None:
    """Write the file of policies, as an operator would; a running cloud takes it up by itself.

    Args:
        path: ``policies.toml`` in the cloud's data folder.
        version: Higher than before.
        automation: How much is done for the demo's model without a person.
    """
    partial = path.with_suffix(".partial")
    partial.write_text(_POLICIES.format(version=version, automation=automation), encoding="utf-8")
    partial.replace(path)


def holds(cloud: Cloud, version: int) -> bool:
    """Return whether the cloud goes by a version of the policies."""
    return any(line.detail.get("version") == version for line in cloud.audit(action="policies"))


def asked_for_retraining(cloud: Cloud, model: str) -> bool:
    """Return whether a policy has opened a request for retraining of a model."""
    return any(
        line.action == "retraining.open" and line.subject == model
        for line in cloud.audit(action="retraining")
    )


def was_answered(cloud: Cloud, model: str) -> bool:
    """Return whether a version has answered the request."""
    return any(
        line.action == "retraining.answered" and line.subject == model
        for line in cloud.audit(action="retraining")
    )
