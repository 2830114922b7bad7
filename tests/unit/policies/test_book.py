"""A book of policies: shipped, the installation's upon them, each tenant's upon those; all their faults at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import policies
from broker.domain.errors import PolicyError
from policies import PolicyBook, Role, load_book
from tests.policy_facts import access

FORBID = 'forbid (principal, action == Action::"access", resource)'
PERMIT = 'permit (principal, action == Action::"access", resource)'
TENANTS = ("ac-nord", "ac-sud", "ville")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The installation shortens sessions; the North closes the service to pupils and shortens further."""
    (tmp_path / "sessions.toml").write_text('shared_idle = "10 min"\nown_absolute = "7 d"\n', encoding="utf-8")
    north = tmp_path / "ac-nord"
    north.mkdir()
    (north / "sessions.toml").write_text('shared_idle = "5 min"\n', encoding="utf-8")
    (north / "access.cedar").write_text(
        f'@id("nord.adults") @reason("Réservé aux adultes.") {FORBID} when {{ context.role == Role::"pupil" }};',
        encoding="utf-8",
    )
    return tmp_path


def problems(place: Path) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        load_book(None, place, TENANTS)
    return caught.value.problems


def test_each_tenant_stands_on_the_installation_which_stands_on_what_is_shipped(place: Path) -> None:
    book = load_book(None, place, TENANTS)
    north, south = book.of("ac-nord"), book.of("ac-sud")
    assert south is book.installation
    assert (north.sessions.shared_idle, south.sessions.shared_idle) == (timedelta(minutes=5), timedelta(minutes=10))
    assert north.sessions.own_absolute == south.sessions.own_absolute == timedelta(days=7)
    assert north.sessions.shared_absolute == policies.load().sessions.shared_absolute
    pupil = access(role=Role.PUPIL)
    assert south.access(pupil).allowed
    assert [rule.id for rule in north.access(pupil).rules] == ["nord.adults"]


def test_without_a_folder_everyone_has_the_shipped_policies() -> None:
    book = load_book(tenants=TENANTS)
    assert book.of("ac-nord") is book.of("") is book.installation
    assert book.installation.version == policies.load().version


def test_a_version_changes_where_the_text_does(place: Path) -> None:
    before = load_book(None, place, TENANTS)
    (place / "ac-nord" / "sessions.toml").write_text('shared_idle = "6 min"\n', encoding="utf-8")
    after = load_book(None, place, TENANTS)
    assert after.version != before.version
    assert after.of("ac-nord").version != before.of("ac-nord").version
    assert after.installation.version == before.installation.version == policies.load(None, place).version
    assert after.of("ac-nord").access(access()).version == after.of("ac-nord").version


def test_a_book_read_twice_has_one_version(place: Path) -> None:
    assert load_book(None, place, TENANTS).version == load_book(None, place, reversed(TENANTS)).version


def test_an_empty_folder_changes_nothing_but_is_the_tenants_own(place: Path) -> None:
    (place / "ville").mkdir()
    book = load_book(None, place, TENANTS)
    assert book.of("ville").sessions == book.installation.sessions


def test_a_guard_rail_of_the_installation_binds_its_tenants(place: Path) -> None:
    (place / "access.cedar").write_text(
        f'@id("here.no_outage") @reason("Jamais.") {FORBID} when {{ context.outage_accepted }};', encoding="utf-8"
    )
    own = place / "ac-nord" / "access.cedar"
    for name in ("here.no_outage", "access.nobody"):
        own.write_text(f'\n\n@id("{name}") @reason("Ouvert.") {PERMIT};', encoding="utf-8")
        assert problems(place) == (
            "override of ac-nord/access.cedar:3: a forbid of a layer beneath is a guard rail and cannot be replaced",
        )
    own.write_text(f'@id("access.served") @reason("Ouvert.") {PERMIT};', encoding="utf-8")
    assert load_book(None, place, TENANTS).of("ac-nord").access(access(school_served=False)).allowed


def test_faults_of_every_layer_are_told_at_once_and_each_once(place: Path) -> None:
    (place / "sessions.toml").write_text('\nshared_idle = "soon"\n', encoding="utf-8")
    (place / "ac-nord" / "linking.toml").write_text("undo = 1", encoding="utf-8")
    (place / "ville").mkdir()
    (place / "ville" / "assurance.toml").write_text("\n\nsilent = = 1", encoding="utf-8")
    (place / "ville" / "helpdesk.cedar").write_text("\npermit (", encoding="utf-8")
    (place / "ville" / "acess.cedar").write_text("", encoding="utf-8")
    (place / "ac-nrod").mkdir()
    found = problems(place)
    assert sorted(problem.split(": ")[0] for problem in found) == [
        str(place / "ac-nrod"),
        str(place / "ville" / "acess.cedar"),
        "override of ac-nord/linking.toml:1",
        "override of sessions.toml:2",
        "override of ville/assurance.toml:3",
        "override of ville/helpdesk.cedar:2",
    ]


def test_a_key_of_the_installation_is_not_blamed_on_a_tenant(place: Path) -> None:
    (place / "sessions.toml").write_text('code = "1 h"\n', encoding="utf-8")
    assert problems(place) == ("override of sessions.toml:1: code: from 5 s to 60 s is wanted",)


@pytest.mark.parametrize("folder", ["examples", ".git", "__pycache__"])
def test_folders_that_hold_no_policies_are_left_alone(place: Path, folder: str) -> None:
    (place / folder).mkdir()
    (place / folder / "any.toml").write_text("= =", encoding="utf-8")
    assert isinstance(load_book(None, place, TENANTS), PolicyBook)


def test_a_folder_of_no_tenant_is_refused(place: Path) -> None:
    """A slip in its name, and its guard rails would never stand."""
    (place / "ac-nrod").mkdir()
    assert problems(place) == (f"{place / 'ac-nrod'}: no tenant has this name",)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path / "none") == (f"{tmp_path / 'none'}: no such folder",)
