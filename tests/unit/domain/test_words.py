"""Handles, names, dated facts, services, errors: the rules that need nothing but values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain import errors
from broker.domain.clock import require_utc
from broker.domain.guardianship import Guardianship, Quality, Restriction, Right, may_act, may_see, rights_of, stands
from broker.domain.handles import Handle, Id, digest, is_handle, new_handle, new_id, new_subject
from broker.domain.names import fold, name_key
from broker.domain.people import Profil, Reference, Space
from broker.domain.school import Level
from broker.domain.services import Service, ServiceInstance
from broker.domain.sessions import Device, Session

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("kind", list(Handle))
def test_a_handle_is_of_its_own_kind_only(kind: Handle) -> None:
    value = new_handle(kind)
    assert [other for other in Handle if is_handle(other, value)] == [kind]
    assert not is_handle(kind, value + "x")
    assert not is_handle(kind, value[:-1] + "é")


def test_handles_ids_and_subjects_are_never_drawn_twice() -> None:
    drawn = [new_handle(Handle.CODE) for _ in range(1000)] + [new_id(Id.PERSON) for _ in range(1000)]
    drawn += [new_subject() for _ in range(1000)]
    assert len(set(drawn)) == len(drawn)


def test_a_digest_is_sha_256_in_hex() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("left", "right"),
    [("Maëlys", "maelys"), ("LE GOFF", "Le  Goff"), ("Léa-Ève", "LEA EVE"), ("D’Œuvre", "d'oeuvre"), ("ÆGIR", "Aegir")],
)
def test_names_written_differently_fold_alike(left: str, right: str) -> None:
    assert fold(left) == fold(right)


@given(st.text(max_size=40))
def test_folding_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_name_key_tells_civilities_apart() -> None:
    mother = name_key(family="Martin", given="Camille", civility="Mme")
    father = name_key(family="Martin", given="Camille", civility="M.")
    assert mother != father


def test_a_naive_or_foreign_instant_is_refused() -> None:
    assert require_utc(NOON) is NOON
    for moment in (datetime(2026, 9, 1), NOON.astimezone(timezone(HOUR))):  # noqa: DTZ001 - the fault under test
        with pytest.raises(ValueError, match="UTC"):
            require_utc(moment)


def guardianship(**change: object) -> Guardianship:
    values = {
        "adult_id": "a", "child_id": "c", "quality": Quality.LEGAL_GUARDIAN,
        "rights": frozenset({Right.SEE, Right.ACT}), "since": NOON - HOUR, "until": None,
    }  # fmt: skip
    return Guardianship(**{**values, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "sees"),
    [
        ({}, True),
        ({"adult_id": "b"}, False),
        ({"child_id": "d"}, False),
        ({"rights": frozenset()}, False),
        ({"rights": frozenset({Right.ACT})}, False),
        ({"since": NOON}, True),
        ({"since": NOON + HOUR}, False),
        ({"until": NOON}, False),
        ({"until": NOON + HOUR}, True),
    ],
)
def test_an_adult_sees_a_child_by_a_standing_right_alone(change: dict[str, object], sees: bool) -> None:
    facts = [guardianship(**change)]
    assert may_see("a", "c", guardianships=facts, restrictions=[], now=NOON) is sees


@pytest.mark.parametrize(
    ("restriction", "sees"),
    [
        (Restriction("a", "c", NOON - HOUR, None), False),
        (Restriction("a", "c", NOON, None), False),
        (Restriction("a", "c", NOON - HOUR, NOON), True),
        (Restriction("a", "c", NOON + HOUR, None), True),
        (Restriction("b", "c", NOON - HOUR, None), True),
        (Restriction("a", "d", NOON - HOUR, None), True),
        (Restriction("b", "c", NOON - HOUR, None, "martin|paul|m"), False),
        (Restriction("b", "d", NOON - HOUR, None, "martin|paul|m"), True),
        (Restriction("b", "c", NOON - HOUR, None, "martin|jean|m"), True),
    ],
)
def test_a_standing_restriction_overrides_every_source(restriction: Restriction, sees: bool) -> None:
    facts = [
        guardianship(adult_name="martin|paul|m"),
        guardianship(adult_name="martin|paul|m", quality=Quality.IN_CHARGE),
    ]
    assert may_see("a", "c", guardianships=facts, restrictions=[restriction], now=NOON) is sees


@pytest.mark.parametrize(
    ("rights", "acts"),
    [
        ({Right.SEE, Right.ACT}, True),
        ({Right.SEE}, False),
        ({Right.ACT}, False),
        (set(), False),
    ],
)
def test_an_adult_acts_for_a_child_they_see_by_a_right_to_act(rights: set[Right], acts: bool) -> None:
    facts = [
        guardianship(rights=frozenset(rights)),
        guardianship(rights=frozenset({Right.SEE}), quality=Quality.CONTACT),
    ]
    assert may_act("a", "c", guardianships=facts, restrictions=[], now=NOON) is acts
    barred = [Restriction("a", "c", NOON - HOUR, None)]
    assert not may_act("a", "c", guardianships=facts, restrictions=barred, now=NOON)


def test_rights_come_with_the_quality() -> None:
    assert rights_of(Quality.LEGAL_GUARDIAN) == {Right.SEE, Right.ACT}
    assert rights_of(Quality.IN_CHARGE) == frozenset()
    assert rights_of(Quality.IN_CHARGE, in_charge_sees=True) == {Right.SEE}
    assert rights_of(Quality.CONTACT, in_charge_sees=True) == frozenset()
    assert stands(since=NOON, until=None, now=NOON)


def session(**change: object) -> Session:
    values: dict[str, object] = {
        "sid": "s", "handle_digest": "d", "person_id": "p", "account_id": "a", "authn": None, "device": Device.SHARED,
        "opened_at": NOON, "idle_until": NOON + HOUR, "ends_at": NOON + 2 * HOUR, "revoked_at": None,
    }  # fmt: skip
    return Session(**{**values, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "live"),
    [({}, True), ({"revoked_at": NOON}, False), ({"idle_until": NOON}, False), ({"ends_at": NOON}, False)],
)
def test_a_session_is_live_until_the_first_of_its_ends(change: dict[str, object], live: bool) -> None:
    assert session(**change).is_live(NOON) is live


def service(**change: object) -> Service:
    values: dict[str, object] = {
        "service_id": "s", "tenant": "t", "names": {"fr": "S"}, "purpose": "", "profils": frozenset({Profil.TUTEUR}),
        "levels": frozenset(), "schools": frozenset(), "claims": (), "space": Space.FAMILY,
        "parties": (), "instances": (),
    }  # fmt: skip
    return Service(**{**values, **change})  # type: ignore[arg-type]


def test_a_service_without_schools_or_levels_is_for_all() -> None:
    assert service().serves(uai="9990001X", level=None)
    assert not service(schools=frozenset({"9990002Y"})).serves(uai="9990001X", level=Level.ECOLE)
    assert not service(levels=frozenset({Level.LYCEE})).serves(uai="9990001X", level=Level.ECOLE)
    assert service(levels=frozenset({Level.ECOLE})).serves(uai="9990001X", level=Level.ECOLE)


def test_a_school_has_its_own_address_of_a_service_else_the_one_for_all() -> None:
    both = service(instances=(ServiceInstance("", "https://all"), ServiceInstance("9990001X", "https://one")))
    assert both.url_for("9990001X") == "https://one"
    assert both.url_for("9990002Y") == "https://all"
    assert service().url_for("9990001X") is None


def test_a_reference_reads_as_the_directory_writes_it() -> None:
    assert str(Reference("99", "500101")) == "99$500101"


def leaves(root: type[errors.PreauError]) -> list[type[errors.PreauError]]:
    return [leaf for child in root.__subclasses__() for leaf in [child, *leaves(child)]]


def test_every_error_has_a_code_of_its_own_and_words_for_the_person() -> None:
    tree = [errors.PreauError, *leaves(errors.PreauError)]
    assert len({error.code for error in tree}) == len(tree)
    assert all(error.title and error.sentence and error.next_step and error.who for error in tree)
    assert all(len(error.mro()) <= 6 for error in tree), "the tree has two levels"


def test_only_errors_with_a_code_of_the_standard_may_redirect() -> None:
    assert all(error.spec_error for error in leaves(errors.PreauError) if error.may_redirect)


def test_the_cause_is_kept_for_the_log_and_settings_list_every_problem() -> None:
    assert errors.InvalidGrant("verifier").cause == "verifier"
    found = errors.SettingsError(("a", "b"))
    assert found.problems == ("a", "b")
    assert "a" in found.cause
    assert "b" in found.cause
