import json

import pytest

from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.package import Reference, Strata, StrataKind, StrataSpec, Stratum
from edge_contract.package import strata as strata_module
from edge_contract.reading import JsonObject, JsonValue
from edge_contract.stats import Column, Profile, ProfileSpec, SketchSpec

SPEC = ProfileSpec((Column("feature:size", SketchSpec()),))

# Wednesday 3 June 2026, 23:30:00 in Greenwich.
LATE_ON_WEDNESDAY_UNIX_S = 1_780_529_400.0


def profile(*values: float) -> Profile:
    counted = SPEC.empty()
    for value in values:
        counted.observe(0, (value,))
    return counted


def by_hour() -> Reference:
    parts = {"00": Stratum(2, profile(1.0, 2.0)), "23": Stratum(1, profile(8.0))}
    strata = Strata(StrataSpec(StrataKind.HOUR_OF_DAY), parts)
    return Reference(3, profile(1.0, 2.0, 8.0), strata=strata)


@pytest.mark.parametrize(
    ("kind", "zone", "key"),
    [
        (StrataKind.HOUR_OF_DAY, "UTC", "23"),
        (StrataKind.HOUR_OF_DAY, "Europe/Oslo", "01"),
        (StrataKind.DAY_OF_WEEK, "UTC", "wed"),
        (StrataKind.DAY_OF_WEEK, "Europe/Oslo", "thu"),
        (StrataKind.HOUR_OF_WEEK, "UTC", "wed-23"),
        (StrataKind.HOUR_OF_WEEK, "Asia/Kolkata", "thu-05"),
    ],
)
def test_a_time_belongs_to_the_hour_and_day_of_its_zone(
    kind: StrataKind, zone: str, key: str
) -> None:
    assert StrataSpec(kind, zone).key(LATE_ON_WEDNESDAY_UNIX_S) == key


@pytest.mark.parametrize("kind", list(StrataKind))
def test_the_times_of_a_week_give_every_key_in_order(kind: StrataKind) -> None:
    monday_unix_s = 1_780_272_000.0

    seen = dict.fromkeys(
        StrataSpec(kind).key(monday_unix_s + 3600.0 * hour) for hour in range(7 * 24)
    )

    assert tuple(seen) == StrataSpec(kind).keys


def test_the_clock_goes_forward_and_back_with_the_zone() -> None:
    oslo = StrataSpec(StrataKind.HOUR_OF_DAY, "Europe/Oslo")
    last_second_of_winter_unix_s = 1_774_745_999.0
    summer_ends_unix_s = 1_792_890_000.0

    assert oslo.key(last_second_of_winter_unix_s) == "01"
    assert oslo.key(last_second_of_winter_unix_s + 1) == "03"
    assert oslo.key(summer_ends_unix_s - 1) == "02"
    assert oslo.key(summer_ends_unix_s) == "02"


def test_an_unknown_zone_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no time zone 'Mars/Olympus': give an IANA name"):
        StrataSpec(StrataKind.HOUR_OF_DAY, "Mars/Olympus").key(0.0)


def test_without_a_time_zone_database_only_utc_works(monkeypatch: pytest.MonkeyPatch) -> None:
    import zoneinfo

    def nothing(key: str) -> zoneinfo.ZoneInfo:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", nothing)
    monkeypatch.setattr(zoneinfo, "available_timezones", set[str])
    strata_module._zone.cache_clear()

    assert StrataSpec(StrataKind.HOUR_OF_DAY).key(0.0) == "00"
    with pytest.raises(UnavailableError, match=r"no time zone database; install .* 'tzdata'"):
        StrataSpec(StrataKind.HOUR_OF_DAY, "Europe/Oslo").key(0.0)


@pytest.mark.parametrize("at_unix_s", [float("nan"), float("inf"), 1e18])
def test_what_is_no_time_is_refused(at_unix_s: float) -> None:
    with pytest.raises(UsageError, match="is no time in Unix seconds"):
        StrataSpec(StrataKind.DAY_OF_WEEK).key(at_unix_s)


def test_a_window_finds_its_stratum_or_none() -> None:
    strata = by_hour().strata
    assert strata is not None

    assert strata.at(LATE_ON_WEDNESDAY_UNIX_S) == strata.parts["23"]
    assert strata.at(LATE_ON_WEDNESDAY_UNIX_S + 12 * 3600.0) is None


def test_strata_survive_the_package_they_stand_in() -> None:
    written = by_hour().to_bytes()

    read = Reference.from_bytes(written)

    assert read.to_bytes() == written
    assert read.strata is not None
    assert list(read.strata.parts) == ["00", "23"]
    assert read.strata.parts["00"].rows == 2
    assert read.strata.parts["00"].profile.to_state() == profile(1.0, 2.0).to_state()


def test_whoever_only_counts_reads_no_strata() -> None:
    good = json.loads(by_hour().to_bytes())
    good["strata"]["parts"][0]["key"] = "no hour"

    read = Reference.from_bytes(json.dumps(good).encode(), with_strata=False)

    assert read.strata is None
    assert read.profile.to_state() == by_hour().profile.to_state()


def test_a_reference_without_strata_says_so() -> None:
    assert Reference.from_bytes(Reference(0, SPEC.empty()).to_bytes()).strata is None


def part(key: str, rows: int = 1, state: JsonValue = ()) -> JsonObject:
    return {"key": key, "rows": rows, "state": state}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "moon"}, "one of hour-of-day, day-of-week, hour-of-week"),
        ({"time_zone": "../../etc/passwd"}, r"strata\.time_zone is .* expected text that matches"),
        ({"parts": [part("24", 3)]}, "a key of hour-of-day, in order of time"),
        ({"parts": [part("mon", 3)]}, "a key of hour-of-day, in order of time"),
        ({"parts": [part("05", 2), part("04")]}, "a key of hour-of-day, in order of time"),
        ({"parts": [part("05", 2), part("05")]}, "a key of hour-of-day, in order of time"),
        ({"parts": [part("05", 3), part("06", 0)]}, r"parts\[1\]\.rows is 0"),
        ({"parts": [part("05", 2)]}, "strata of 3 rows in all"),
        ({"parts": [part("05", 3, [[1, []]])]}, "column 1, but the package has 1 columns"),
        ({"parts": [part("05", 3, [[0, [-1, 0, 0, 0, [[], []]]]])]}, r"sketch\[0\] is -1"),
    ],
)
def test_strata_that_break_a_rule_are_refused(fields: JsonObject, why: str) -> None:
    good = json.loads(by_hour().to_bytes())
    changed = {**good, "strata": {**good["strata"], **fields}}

    with pytest.raises(PackageError, match=why):
        Reference.from_bytes(json.dumps(changed).encode())
