"""One or two messages of every kind, as they would travel."""

from typing import Final

from edge_contract.messages import (
    Acks,
    Assignment,
    BatchId,
    Birth,
    BootAck,
    CollectorState,
    Command,
    CommandResult,
    Counters,
    Death,
    DesiredState,
    Downloads,
    Message,
    ModelReport,
    Report,
    Resources,
    SlotReport,
    Target,
    TelemetryBatch,
    WindowEntry,
)

__all__ = ["SAMPLES"]

DIGEST: Final = "sha256:" + "0123456789abcdef" * 4
OTHER_DIGEST: Final = "sha256:" + "fedcba9876543210" * 4

SAMPLES: Final[tuple[Message, ...]] = (
    TelemetryBatch(
        BatchId("cam-7", boot=3, seq=41),
        entries=(
            WindowEntry(
                DIGEST,
                "primary",
                start_unix_s=1770091445.25,
                end_unix_s=1770091505.5,
                counters=Counters(rows=600, calls=60, failures=1, dropped=2),
                profile={
                    0: [1, 2, 0, 0, [[-2049, 16, 4050], [3, 4, 593]]],
                    1: [600, 0, 0.1, 12.5, -1.5, 7.25],
                },
            ),
            WindowEntry(OTHER_DIGEST, "shadow", start_unix_s=0.0, end_unix_s=60.0),
        ),
        span=2,
        lost_rows=7,
    ),
    TelemetryBatch(BatchId("A", boot=0, seq=0)),
    Acks((BootAck(boot=3, floor=40, ahead=(41, 44)), BootAck(boot=2, floor=9))),
    CollectorState(listening=True),
    Command(
        "c-17",
        "set-interval",
        expires_unix_s=1770095000.0,
        arguments={
            "interval_s": 30,
            "why": "Prüfung 深圳 🚀",
            "nested": {"list": [None, False, 1.5]},
        },
    ),
    CommandResult("cam-7", "c-17", ok=False, detail="interval_s is 30, expected 60 or more"),
    CommandResult("cam-7", "c-18", ok=True, detail="restarting", final=False),
    DesiredState(
        generation=12,
        models={
            "digits": Assignment(
                serve=Target("1.0.0", DIGEST),
                shadow=Target("1.1.0-rc.1", OTHER_DIGEST, "r-5", trial_calls=100, trial_s=30.0),
            ),
            "gate": Assignment(),
        },
        packages_url=":8080/packages",
        telemetry_interval_s=60.0,
    ),
    Birth(
        "cam-7",
        boot=3,
        started_unix_s=1770091400.125,
        clean=False,
        agent_version="0.1.0",
        facts={"cpus": 4, "python": "3.11.7", "providers": ["CPUExecutionProvider"]},
        tags={"site": "oslo", "line": "2"},
    ),
    Death("cam-7", boot=3, reason="lost"),
    Report(
        "cam-7",
        boot=3,
        number=8,
        generation=12,
        models={
            "digits": ModelReport(
                DIGEST,
                "1.0.0",
                provider="CPUExecutionProvider",
                slots=(
                    SlotReport("A", "active", "1.0.0", DIGEST),
                    SlotReport("B", "downloading", "1.1.0-rc.1", OTHER_DIGEST, "41 of 128 kB"),
                ),
                updates="maintenance window 22:00-05:00 Europe/Oslo (closed)",
                fallback="onnxruntime 1.32.0 here has no CUDAExecutionProvider",
                downloads=Downloads(
                    whole_bytes=41_000, delta_bytes=1_200, fallbacks=1, reason="delta is damaged"
                ),
                variant="int8",
            )
        },
        waiting_batches=5,
        resources=Resources(
            cpu=0.125,
            load=0.5,
            memory_mb=64.5,
            memory_free_mb=812,
            temperature_c=48.5,
            battery=0.75,
            charging=False,
            disk_mb=3.5,
            disk_free_mb=1024,
        ),
    ),
)
