"""The file that a cloud is configured by; see :mod:`edgefleet.config_file`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from edgefleet.config_file import Key, reader_of

__all__ = ["KEYS", "ConfigFile"]

KEYS: Final[Mapping[str, Key]] = {
    "data": Key("data"),
    "fleet": Key("fleet"),
    "store": Key("store"),
    "name": Key("name"),
    "interval": Key("interval", "number"),
    "packages_url": Key("packages_url"),
    "deltas_mb": Key("deltas_mb", "whole"),
    "keys.folder": Key("keys"),
    "keys.password": Key("keys_password"),
    "api.host": Key("host"),
    "api.port": Key("http_port", "whole"),
    "api.token": Key("token"),
    "api.open_to_network": Key("open_to_network", "flag"),
    "tls.folder": Key("tls"),
    "tls.certificate": Key("tls_cert"),
    "tls.key": Key("tls_key"),
    "tls.plain_text": Key("plain_text", "flag"),
    "tls.client_certificates": Key("client_certificates", "flag"),
    "broker.url": Key("broker"),
    "broker.username": Key("broker_username"),
    "broker.password": Key("broker_password"),
    "broker.ca": Key("broker_ca"),
    "broker.files": Key("broker_files"),
    "broker.binary": Key("broker_binary"),
    "broker.admit": Key("admit"),
    "broker.mqtt_port": Key("mqtt_port", "whole"),
    "broker.websocket_port": Key("websocket_port", "whole"),
    "watch.false_alarms": Key("false_alarms", "number"),
    "watch.min_cohort": Key("min_cohort", "whole"),
    "watch.segments": Key("segment", "texts"),
    "watch.open_enrolment": Key("open_enrolment", "flag"),
    "keep.fine_days": Key("keep_fine_days", "number"),
    "keep.hourly_days": Key("keep_hourly_days", "number"),
    "keep.days": Key("keep_days", "number"),
    "samples.days": Key("samples_days", "number"),
    "samples.mb": Key("samples_mb", "whole"),
    "samples.pseudonyms": Key("sample_pseudonyms", "flag"),
    "samples.url": Key("samples_url"),
    "log.format": Key("log_format"),
    "log.level": Key("log_level"),
    "log.file": Key("log_file"),
    "log.file_mb": Key("log_file_mb", "number"),
    "log.files": Key("log_files", "whole"),
}
"""All keys, by their dotted names."""

ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="TOML file with these options; what is given here or in the environment wins.",
        envvar="EDGEFLEET_CLOUD_CONFIG",
        is_eager=True,
        callback=reader_of(KEYS),
    ),
]
