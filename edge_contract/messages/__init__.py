"""Messages between devices and cloud. Importing this package lists every kind in ``MESSAGES``."""

from edge_contract.messages.acks import Acks, BootAck
from edge_contract.messages.base import MESSAGES, Message, register
from edge_contract.messages.codec import MAX_BODY_BYTES, MAX_PAYLOAD_BYTES, decode, encode
from edge_contract.messages.collector_state import CollectorState
from edge_contract.messages.commands import Command, CommandResult
from edge_contract.messages.desired import Assignment, DesiredState, Target
from edge_contract.messages.downloads import Downloads
from edge_contract.messages.events import Birth, Death, ModelReport, Report, SlotReport
from edge_contract.messages.resources import Resources, resources_in
from edge_contract.messages.telemetry import BatchId, Counters, TelemetryBatch, WindowEntry
from edge_contract.messages.topics import DeviceTopics, FleetTopics, UpTopic, parse_up_topic

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_PAYLOAD_BYTES",
    "MESSAGES",
    "Acks",
    "Assignment",
    "BatchId",
    "Birth",
    "BootAck",
    "CollectorState",
    "Command",
    "CommandResult",
    "Counters",
    "Death",
    "DesiredState",
    "DeviceTopics",
    "Downloads",
    "FleetTopics",
    "Message",
    "ModelReport",
    "Report",
    "Resources",
    "SlotReport",
    "Target",
    "TelemetryBatch",
    "UpTopic",
    "WindowEntry",
    "decode",
    "encode",
    "parse_up_topic",
    "register",
    "resources_in",
]
