"""The calendars' tables: where a school is, what it sets otherwise, and every fault told on its line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import policies
from broker.domain.errors import PolicyError
from policies.calendar import Day, HolidayZone, quiet_until
from policies.calendar_tables import MAINLAND, Calendars, Disconnect, Zones, calendar_of
from policies.loader import SHIPPED
from policies.numbers import TableFault, read_table

SHIPPED_RULE = tomllib.loads((SHIPPED / "disconnect.toml").read_text(encoding="utf-8"))
SHIPPED_ZONES = tomllib.loads((SHIPPED / "zones.toml").read_text(encoding="utf-8"))
UAI = "9990001X"


def calendars(**changes: Any) -> Calendars:
    rule, zones = read_table(Disconnect, {**SHIPPED_RULE, **changes}), read_table(Zones, SHIPPED_ZONES)
    assert isinstance(rule, Disconnect)
    assert isinstance(zones, Zones)
    return Calendars(rule, zones)


def faults(kind: type[Any], shipped: dict[str, Any], **changes: Any) -> dict[str, str]:
    found = read_table(kind, {**shipped, **changes})
    assert isinstance(found, tuple)
    assert all(isinstance(each, TableFault) for each in found)
    return {each.key: each.reason for each in found}


# ---- where a school is ---------------------------------------------------------------------------------------------


ZONES = {
    "A": "03 04 06 07 08 10 13 22",
    "B": "02 05 09 12 14 15 17 18 19 20 21 23 70",
    "C": "01 11 16 24 25",
}


@pytest.mark.parametrize(("zone", "academies"), ZONES.items())
def test_each_academie_of_the_order_of_2020_is_in_its_zone(zone: str, academies: str) -> None:
    for academie in academies.split():
        assert calendar_of(calendars(), UAI, academie=academie).place.zone is HolidayZone(zone)


def test_no_other_academie_is_in_a_zone() -> None:
    table = calendars().zones.school_holidays
    assert sorted(table) == sorted(" ".join(ZONES.values()).split())
    assert calendar_of(calendars(), "6200001A", academie="27").place == MAINLAND  # Corse


OVERSEAS = [
    ("9710001A", "32", "America/Guadeloupe", -4),
    ("9720001A", "31", "America/Martinique", -4),
    ("9730001A", "33", "America/Cayenne", -3),
    ("9740001A", "28", "Indian/Reunion", 4),
    ("9750001C", "44", "America/Miquelon", -3),
    ("9760001A", "43", "Indian/Mayotte", 3),
    ("9830002K", "40", "Pacific/Noumea", 11),
    ("9840002E", "41", "Pacific/Tahiti", -10),
    ("9870026P", "42", "Pacific/Wallis", 12),
]


@pytest.mark.parametrize(("uai", "academie", "clock", "hours"), OVERSEAS)
def test_a_school_overseas_is_told_by_its_uai_or_by_its_academie(
    uai: str, academie: str, clock: str, hours: int
) -> None:
    by_uai, by_academie = calendar_of(calendars(), uai), calendar_of(calendars(), UAI, academie=academie)
    assert by_uai.place == by_academie.place
    assert by_uai.place.time_zone == ZoneInfo(clock)
    assert by_uai.place.zone is None
    winter = datetime(2027, 1, 15, 12, tzinfo=UTC).astimezone(by_uai.place.time_zone)
    assert winter.utcoffset() == timedelta(hours=hours)


def test_the_uai_tells_more_than_the_academie() -> None:
    """Antilles-Guyane was one académie with two clocks; Moselle is in Nancy-Metz, with the holidays of Alsace."""
    assert calendar_of(calendars(), "9730001A", academie="32").place.time_zone == ZoneInfo("America/Cayenne")
    moselle = calendar_of(calendars(), "0570001A", academie="12").place
    assert (moselle.public_holidays, moselle.zone) == ("Alsace-Moselle", HolidayZone.B)
    assert calendar_of(calendars(), "0540001A", academie="12").place.public_holidays == "Métropole"
    assert calendar_of(calendars(), UAI, academie="99").place == MAINLAND


# ---- what a school sets --------------------------------------------------------------------------------------------


def test_a_school_keeps_what_it_does_not_set() -> None:
    own = {UAI: {"evening": "19:00", "morning": "07:30", "zone": "C", "exceptions": {"2026-11-10": "open"}}}
    set_here = calendars(schools=own, exceptions={"2026-11-10": "quiet", "2026-11-12": "quiet"}, school_holidays=True)
    mine, other = calendar_of(set_here, UAI, academie="10"), calendar_of(set_here, "9990002Y", academie="10")
    assert (mine.rule.morning, mine.rule.evening) == (time(7, 30), time(19))
    assert (mine.rule.school_holidays, mine.place.zone) == (True, HolidayZone.C)
    assert mine.rule.exceptions == {date(2026, 11, 10): Day.OPEN, date(2026, 11, 12): Day.QUIET}
    assert (other.rule.morning, other.rule.evening, other.place.zone) == (time(7), time(20), HolidayZone.A)
    assert other.rule.exceptions[date(2026, 11, 10)] is Day.QUIET


def test_a_school_may_have_a_clock_and_holidays_of_its_own() -> None:
    own = {
        "9840001A": {"time_zone": "Pacific/Marquesas"},
        "9710001A": {"public_holidays": True, "public_holidays_of": "Saint-Martin"},
    }
    assert calendar_of(calendars(schools=own), "9840001A").place.time_zone == ZoneInfo("Pacific/Marquesas")
    saint_martin = calendar_of(calendars(schools=own), "9710001A")
    abolition = datetime(2027, 5, 28, 15, tzinfo=UTC)  # a Friday, in Saint-Martin only
    assert quiet_until(saint_martin, abolition) is not None
    assert quiet_until(calendar_of(calendars(public_holidays=True), "9710002B"), abolition) is None


def test_a_range_has_both_its_ends_and_a_shorter_one_within_it_is_meant() -> None:
    told = calendars(
        exceptions={"2027-02-06/2027-02-21": "quiet", "2027-02-10": "open", "2027-02-13/2027-02-14": "open"}
    )
    exceptions = calendar_of(told, UAI).rule.exceptions
    opened = {date(2027, 2, 10), date(2027, 2, 13), date(2027, 2, 14)}
    assert {day for day, said in exceptions.items() if said is Day.OPEN} == opened
    assert (min(exceptions), max(exceptions), len(exceptions)) == (date(2027, 2, 6), date(2027, 2, 21), 16)


# ---- faults --------------------------------------------------------------------------------------------------------


BAD: list[tuple[dict[str, Any], str]] = [
    ({"morning": "7:00"}, "morning"),
    ({"morning": "04:59"}, "morning"),
    ({"morning": "10:01"}, "morning"),
    ({"morning": 7}, "morning"),
    ({"evening": "16:59"}, "evening"),
    ({"evening": "22:01"}, "evening"),
    ({"evening": "24:00"}, "evening"),
    ({"days": []}, "days"),
    ({"days": "monday"}, "days"),
    ({"days": ["lundi"]}, "days"),
    ({"days": [["monday"]]}, "days"),
    ({"public_holidays": "no"}, "public_holidays"),
    ({"exceptions": []}, "exceptions"),
    ({"exceptions": {"11/11/2026": "quiet"}}, "exceptions.11/11/2026"),
    ({"exceptions": {"2026-11-11": "closed"}}, "exceptions.2026-11-11"),
    ({"exceptions": {"2026-11-11": []}}, "exceptions.2026-11-11"),
    ({"exceptions": {"2026-11-11/2026-11-10": "quiet"}}, "exceptions.2026-11-11/2026-11-10"),
    ({"exceptions": {"2026-11-11/2027-11-13": "quiet"}}, "exceptions.2026-11-11/2027-11-13"),
    ({"exceptions": {"2026-11-10/2026-11-11": "quiet", "2026-11-11/2026-11-12": "open"}},
     "exceptions.2026-11-11/2026-11-12"),
    ({"schools": {"9990001": {}}}, "schools.9990001"),
    ({"schools": {UAI: "19:00"}}, f"schools.{UAI}"),
    ({"schools": {UAI: {"evenings": "19:00"}}}, f"schools.{UAI}.evenings"),
    ({"schools": {UAI: {"evening": "19h"}}}, f"schools.{UAI}.evening"),
    ({"schools": {UAI: {"zone": "D"}}}, f"schools.{UAI}.zone"),
    ({"schools": {UAI: {"zone": {}}}}, f"schools.{UAI}.zone"),
    ({"schools": {UAI: {"time_zone": "Europe"}}}, f"schools.{UAI}.time_zone"),
    ({"schools": {UAI: {"time_zone": "America/Indiana"}}}, f"schools.{UAI}.time_zone"),
    ({"schools": {UAI: {"time_zone": "Europe/Nulle_part"}}}, f"schools.{UAI}.time_zone"),
    ({"schools": {UAI: {"time_zone": "../etc/passwd"}}}, f"schools.{UAI}.time_zone"),
    ({"schools": {UAI: {"time_zone": 1}}}, f"schools.{UAI}.time_zone"),
    ({"schools": {UAI: {"public_holidays_of": "Corse"}}}, f"schools.{UAI}.public_holidays_of"),
    ({"schools": {UAI: {"exceptions": {"hier": "open"}}}}, f"schools.{UAI}.exceptions.hier"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "key"), BAD)
def test_a_value_out_of_shape_or_bounds_is_told_by_its_path(change: dict[str, Any], key: str) -> None:
    assert list(faults(Disconnect, SHIPPED_RULE, **change)) == [key]


EDGES = [("morning", "05:00"), ("morning", "10:00"), ("evening", "17:00"), ("evening", "22:00")]


@pytest.mark.parametrize(("key", "value"), EDGES)
def test_bounds_are_allowed_themselves(key: str, value: str) -> None:
    assert f"{getattr(calendars(**{key: value}).disconnect, key):%H:%M}" == value


def territory(**changes: Any) -> dict[str, Any]:
    good = {"departements": ["971"], "academies": ["32"], "time_zone": "America/Cayenne", "public_holidays": "Guyane"}
    return {**good, **changes}


BAD_ZONES: list[tuple[dict[str, Any], str]] = [
    ({"school_holidays": {"A": ["03"], "B": ["03"]}}, "school_holidays"),
    ({"school_holidays": {"D": ["03"]}}, "school_holidays"),
    ({"school_holidays": {"A": ["3"]}}, "school_holidays"),
    ({"school_holidays": []}, "school_holidays"),
    ({"territories": {"here": territory(), "there": territory(academies=[])}}, "territories"),
    ({"territories": {"here": territory(), "there": territory(departements=[])}}, "territories"),
    ({"territories": {"here": []}}, "territories.here"),
    ({"territories": {"here": territory(departements=["97"])}}, "territories.here.departements"),
    ({"territories": {"here": territory(time_zone="Cayenne")}}, "territories.here.time_zone"),
    ({"territories": {"here": territory(public_holidays="Cayenne")}}, "territories.here.public_holidays"),
    ({"territories": {"here": territory(zone="A")}}, "territories.here.zone"),
]


@pytest.mark.parametrize(("change", "key"), BAD_ZONES)
def test_a_place_out_of_shape_or_twice_is_told_by_its_path(change: dict[str, Any], key: str) -> None:
    assert list(faults(Zones, SHIPPED_ZONES, **change)) == [key]


@pytest.fixture
def overrides(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_a_tenant_sets_its_hours_and_its_schools_and_a_fault_has_file_and_line(
    overrides: Callable[[str, str], Path],
) -> None:
    text = 'evening = "21:00"\n\n[schools.9990001X]\nevening = "19:00"\n'
    book = policies.load_book(None, overrides("ville/disconnect.toml", text), ["ville"])
    ours, theirs = book.of("ville").calendar, book.of("autre").calendar
    assert [calendar_of(ours, uai).rule.evening for uai in (UAI, "9990002Y")] == [time(19), time(21)]
    assert calendar_of(theirs, UAI).rule.evening == time(20)
    folder = overrides("ville/disconnect.toml", text.replace('"19:00"', '"23:00"'))
    with pytest.raises(PolicyError) as refused:
        policies.load_book(None, folder, ["ville"])
    (problem,) = refused.value.problems
    assert "ville/disconnect.toml:4: schools.9990001X.evening: from 17:00 to 22:00 is wanted" in problem


def test_a_tenant_cannot_set_how_long_persons_are_kept(overrides: Callable[[str, str], Path]) -> None:
    folder = overrides("ville/retention.toml", '[sessions]\nkeep = "400 d"\n')
    with pytest.raises(PolicyError) as refused:
        policies.load_book(None, folder, ["ville"])
    assert "retention.toml" in refused.value.problems[0]
    (folder / "ville" / "retention.toml").rename(folder / "retention.toml")
    assert policies.load_book(None, folder, ["ville"]).installation.retention.sessions.keep.days == 400


def test_what_is_kept_is_within_bounds_and_has_its_reason(overrides: Callable[[str, str], Path]) -> None:
    wrong = 'import_faults = "90 d"\n[sessions]\nkeep = "179 d"\n[releases]\nkeep = "1096 d"\n[outbox]\nwhy = " "\n'
    with pytest.raises(PolicyError) as refused:
        policies.load(None, overrides("retention.toml", wrong))
    told = " ".join(refused.value.problems)
    assert all(key in told for key in ("import_faults: a table", "sessions.keep", "releases.keep", "outbox.why"))
    good = '[sessions]\nkeep = "180 d"\n[releases]\nkeep = "1095 d"\n'
    retention = policies.load(None, overrides("retention.toml", good)).retention
    assert (retention.sessions.keep.days, retention.releases.keep.days) == (180, 1095)


def test_a_merge_is_kept_as_long_as_it_can_be_undone() -> None:
    shipped = policies.load()
    assert shipped.retention.spans(shipped.linking)["merge_pre_images"] == shipped.linking.undo_by_academie
