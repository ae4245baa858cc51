"""The file that an agent is configured by; see :mod:`edgefleet.config_file`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from edgefleet.config_file import Key, read_settings, reader_of

__all__ = ["KEYS", "ConfigFile", "defaults_in"]

KEYS: Final[Mapping[str, Key]] = {
    "model": Key("model", "names"),
    "cloud": Key("cloud"),
    "device": Key("device"),
    "fleet": Key("fleet"),
    "state": Key("state"),
    "interval": Key("interval", "number"),
    "username": Key("username"),
    "password": Key("password"),
    "join_token": Key("join_token"),
    "ca": Key("ca"),
    "plain_text": Key("plain_text", "flag"),
    "providers": Key("provider", "texts"),
    "device_memory_mb": Key("device_memory_mb", "whole"),
    "variant": Key("variant"),
    "profile": Key("profile"),
    "threads": Key("threads", "whole"),
    "salt": Key("salt"),
    "noise_epsilon": Key("noise_epsilon", "number"),
    "tags": Key("tag", "table"),
    "serve.http": Key("serve"),
    "serve.unix": Key("serve_unix"),
    "serve.batch": Key("serve_batch", "whole"),
    "serve.delay_ms": Key("serve_delay_ms", "number"),
    "serve.deadline": Key("serve_deadline", "number"),
    "limits.memory_mb": Key("max_memory_mb", "whole"),
    "limits.disk_mb": Key("max_disk_mb", "whole"),
    "limits.outbox_mb": Key("outbox_mb", "whole"),
    "updates.download_only": Key("download_only", "flag"),
    "updates.maintenance_window": Key("maintenance_window"),
    "updates.trusted_root": Key("trusted_root"),
    "updates.shadow_sample": Key("shadow_sample", "number"),
    "updates.shadow_cpu": Key("shadow_cpu", "number"),
    "samples.purposes": Key("keep_samples", "texts"),
    "samples.mb": Key("samples_mb", "number"),
    "samples.days": Key("samples_days", "number"),
    "log.format": Key("log_format"),
    "log.level": Key("log_level"),
    "log.file": Key("log_file"),
    "log.file_mb": Key("log_file_mb", "number"),
    "log.files": Key("log_files", "whole"),
    "log.predictions": Key("log_predictions", "number"),
}
"""All keys, by their dotted names; ``tags`` is a table of names and texts."""


def defaults_in(path: Path) -> dict[str, object]:
    """Return what a file sets, by parameter.

    Raises:
        UsageError: It cannot be read, or a key is unknown or has a value of another type.
    """
    return read_settings(path, KEYS)


ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="TOML file with these options; what is given here or in the environment wins.",
        envvar="EDGEFLEET_CONFIG",
        is_eager=True,
        callback=reader_of(KEYS),
    ),
]
