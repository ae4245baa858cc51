"""Reads scenarios: TOML files, every key of which is checked before anything starts."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.names import VERSION_PATTERN, checked_name
from edge_contract.reading import JsonObject, JsonValue
from edgefleet.simulation.scenario import (
    Away,
    ClockSkew,
    Drift,
    Flapping,
    OrderedCommand,
    OrderedRollout,
    Scenario,
    Selection,
    Slow,
    Span,
    VersionManner,
)
from edgefleet.simulation.toml_table import TomlTable

__all__ = ["MOST_DEVICES", "read_scenario", "with_options"]

MOST_DEVICES: Final = 100_000
_MOST_MINUTES: Final = 60 * 24 * 31.0
_ENDS: Final = ("succeeded", "aborted", "rolled_back", "superseded")
_DEFAULT: Final = Scenario()


def read_scenario(path: Path) -> Scenario:
    """Return the scenario in a file.

    Raises:
        UsageError: It cannot be read, or says something that cannot be; the error names the place.
    """
    file = TomlTable.read(path)
    scenario = replace(
        _fleet(file.table("fleet")),
        drifts=tuple(_drift(table, number) for number, table in _numbered(file, "drift")),
        flapping=tuple(_flapping(table, number) for number, table in _numbered(file, "flapping")),
        away=(
            *(_away(t, number, "reconnect") for number, t in _numbered(file, "reconnect")),
            *(_away(t, number, "restart") for number, t in _numbered(file, "restart")),
        ),
        clocks=tuple(_clock(table, number) for number, table in _numbered(file, "clock")),
        slow=tuple(_slow(table, number) for number, table in _numbered(file, "slow")),
        versions=_versions(file.tables("version")),
        rollouts=tuple(_rollout(table) for table in file.tables("rollout")),
        commands=tuple(_command(table) for table in file.tables("command")),
    )
    file.end()
    return scenario


def with_options(
    scenario: Scenario,
    *,
    where: str,
    devices: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
) -> Scenario:
    """Return the scenario with what was chosen besides.

    Args:
        scenario: What happens.
        where: It comes from, for people.
        devices: How many; ``None`` for as many as it says.
        minutes: How long; the same.
        seed: Decides what is left to chance; the same.

    Raises:
        UsageError: Its parts do not fit together.
    """
    chosen = replace(
        scenario,
        devices=scenario.devices if devices is None else devices,
        minutes=scenario.minutes if minutes is None else minutes,
        seed=scenario.seed if seed is None else seed,
    )
    _check(chosen, where)
    return chosen


def _check(scenario: Scenario, where: str) -> None:
    checked_name(scenario.model, "model")
    for site in scenario.sites:
        checked_name(site, "site")
    if not 1 <= scenario.devices <= MOST_DEVICES:
        raise UsageError(
            f"a simulation has from 1 to {MOST_DEVICES} devices, got {scenario.devices}"
        )
    if not 0 < scenario.minutes <= _MOST_MINUTES:
        raise UsageError(f"a simulation lasts above 0 minutes, got {scenario.minutes:g}")
    who = [
        *(one.who for one in scenario.drifts),
        *(one.who for one in scenario.flapping),
        *(one.who for one in scenario.away),
        *(one.who for one in scenario.clocks),
        *(one.who for one in scenario.slow),
    ]
    for site in sorted({site for selection in who for site in selection.sites}):
        if site not in scenario.sites:
            raise UsageError(
                f"{where!r}: no device is at site {site!r}; sites are "
                f"{', '.join(scenario.sites) or 'none'}"
            )
    for at_s, what in [
        *((one.at_s, "rollout") for one in scenario.rollouts),
        *((one.at_s, "command") for one in scenario.commands),
    ]:
        if at_s >= scenario.lasts_s:
            raise UsageError(
                f"{where!r}: a {what} at {at_s:g} s comes after the end at {scenario.lasts_s:g} s; "
                "let it come earlier, or the simulation last longer with --minutes"
            )


def _numbered(file: TomlTable, key: str) -> list[tuple[int, TomlTable]]:
    return list(enumerate(file.tables(key)))


def _fleet(table: TomlTable) -> Scenario:
    known = _DEFAULT
    scenario = Scenario(
        devices=table.whole("devices", known.devices, low=1, high=MOST_DEVICES),
        minutes=table.number("minutes", known.minutes, low=0.01, high=_MOST_MINUTES),
        seed=table.whole("seed", known.seed, high=2**31),
        model=table.text("model", known.model),
        features=table.whole("features", known.features, low=1, high=1000),
        sites=table.texts("sites", known.sites),
        interval_s=table.number("interval_s", known.interval_s, low=0.5, high=86_400.0),
        rows_per_s=table.number("rows_per_s", known.rows_per_s, high=1000.0),
        connect_over_s=table.number("connect_over_s", known.connect_over_s, high=86_400.0),
    )
    table.end()
    return scenario


def _selection(table: TomlTable, key: str) -> Selection:
    return Selection(key, table.texts("sites"), table.number("share", 1.0, high=1.0))


def _span(table: TomlTable) -> Span:
    span = Span(table.number("at_s", 0.0), table.number("until_s", math.inf))
    if span.until_s <= span.at_s:
        raise table.wrong(f"until_s is {span.until_s:g}, expected more than at_s, {span.at_s:g}")
    return span


def _drift(table: TomlTable, number: int) -> Drift:
    drift = Drift(
        _selection(table, f"drift-{number}"),
        _span(table),
        table.texts("features"),
        shift=table.number("shift", 0.0, low=-1e6, high=1e6),
        missing=table.number("missing", 0.0, high=1.0),
    )
    table.end()
    if not drift.shift and not drift.missing:
        raise table.wrong("nothing drifts: give shift or missing")
    return drift


def _flapping(table: TomlTable, number: int) -> Flapping:
    flapping = Flapping(
        _selection(table, f"flapping-{number}"),
        _span(table),
        up_s=table.number("up_s", 20.0, low=0.1),
        down_s=table.number("down_s", 5.0, low=0.0),
    )
    table.end()
    return flapping


def _away(table: TomlTable, number: int, kind: str) -> Away:
    away = Away(
        _selection(table, f"{kind}-{number}"),
        at_s=table.number("at_s", 0.0),
        away_s=table.number("away_s", 0.0),
        restarts=kind == "restart",
    )
    table.end()
    return away


def _clock(table: TomlTable, number: int) -> ClockSkew:
    clock = ClockSkew(
        _selection(table, f"clock-{number}"), table.number("skew_s", 3600.0, low=-4e9, high=4e9)
    )
    table.end()
    return clock


def _slow(table: TomlTable, number: int) -> Slow:
    slow = Slow(
        _selection(table, f"slow-{number}"),
        reaction_s=table.number("reaction_s", 1.0, high=3600.0),
        load_s=table.number("load_s", 10.0, high=3600.0),
        latency=table.number("latency", 4.0, low=0.001, high=1e6),
    )
    table.end()
    return slow


def _versions(tables: list[TomlTable]) -> dict[str, VersionManner]:
    manners: dict[str, VersionManner] = {}
    for table in tables:
        manner = VersionManner(
            _version(table),
            refused=table.number("refused", 0.0, high=1.0),
            failing=table.number("failing", 0.0, high=1.0),
            slower=table.number("slower", 1.0, low=0.001, high=1e6),
            drifts=table.number("drifts", 0.0, high=1.0),
        )
        table.end()
        if manner.version in manners:
            raise table.wrong(f"version {manner.version!r} is described twice")
        manners[manner.version] = manner
    return manners


def _rollout(table: TomlTable) -> OrderedRollout:
    at_s, expect = table.number("at_s", 0.0), table.text("expect", "")
    if expect and expect not in _ENDS:
        raise table.wrong(f"expect is {expect!r}, expected one of {', '.join(_ENDS)}")
    order: dict[str, JsonValue] = {
        "version": _version(table),
        "strategy": table.text("strategy", "canary"),
    }
    settings = table.values("settings")
    table.end()
    return OrderedRollout(at_s, {**order, **_plain(table, "settings", settings)}, expect)


def _command(table: TomlTable) -> OrderedCommand:
    command = OrderedCommand(
        table.number("at_s", 0.0),
        table.text("name", "ping"),
        _plain(table, "arguments", table.values("arguments")),
    )
    table.end()
    return command


def _version(table: TomlTable) -> str:
    version = table.text("version")
    if re.fullmatch(VERSION_PATTERN, version) is None:
        raise table.wrong(f"version is {version!r}, expected one like '2.0.0'")
    return version


def _plain(table: TomlTable, key: str, values: Mapping[str, object]) -> JsonObject:
    """Return what TOML says as JSON; it also knows dates, which JSON does not."""
    try:
        found: JsonObject = json.loads(json.dumps(values, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise table.wrong(f"{key} cannot be sent: {error}") from None
    return found
