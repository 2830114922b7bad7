"""A service that acts for one child in a guardian's place (RFC 8693): who may, for whom, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from broker.domain.audit import Action
from broker.domain.people import Profil, Space
from broker.domain.school import Level
from broker.domain.services import ClaimName, GrantType, Resource, Service, TokenAuthMethod
from broker.domain.standings import InForce, StandingKind
from broker.protocol.oidc import exchange as checks
from broker.protocol.oidc.exchange import TokenExchange
from broker.protocol.oidc.token import Token
from broker.services.register import Register
from broker.storage.engine import reading, writing
from broker.storage.schema import attachments, audit_events, child_tokens, guardianships, records, subjects
from broker.wire import oauth
from broker.wire.http import SESSION_COOKIE
from tests import builders
from tests.contract.statements import statements
from tests.fapi import WARM_UP, FapiClient, fapi_service
from tests.oidc_stand import Answer, Browser, Stand, basic, get_code, open_stand, redemption, service

BOTH = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.TOKEN_EXCHANGE})
CHILD_SCOPES = ("meals.order", "meals.read")
MEALS = "https://cantine.example/api"


def exchanging(service_id: str = "cantine", **changes: Any) -> Service:
    plain = service(service_id, **changes)
    return replace(plain, parties=(replace(plain.parties[0], grant_types=BOTH, child_scopes=CHILD_SCOPES),))


SERVICES = (
    exchanging(resources=(Resource(MEALS, "cantine", frozenset({"cantine"}), frozenset({"openid"})),)),
    exchanging("bourses"),
    service("lycee"),
)


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=SERVICES) as opened:
        yield opened


def guardian_token(stand: Stand, browser: Browser | None = None, client: str = "cantine", **more: str) -> str:
    code = get_code(stand, browser or stand.sign_in(), client, **more)
    form = redemption(code, redirect_uri=f"https://{client}.example/retour")
    token: str = stand.call("POST", "/token", headers=basic(client), form=form).json["access_token"]
    return token


def child_at(stand: Stand, child: str, sector: str = "cantine") -> str:
    return stand.grants.subject(child, sector=sector, space=Space.FAMILY, now=stand.clock())


def exchanged(stand: Stand, token: str, child: str = "", client: str = "cantine", **changes: str | None) -> Answer:
    good: dict[str, str | None] = {
        "grant_type": oauth.TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": oauth.ACCESS_TOKEN_TYPE,
        "requested_subject": child or child_at(stand, stand.children[0]),
    }  # fmt: skip
    form = {name: value for name, value in {**good, **changes}.items() if value is not None}
    return stand.call("POST", "/token", headers=basic(client), form=form)


def introspected(stand: Stand, token: str, client: str = "cantine") -> Any:
    return stand.call("POST", "/introspect", headers=basic(client), form={"token": token}).json


def lax(*dropped: Callable[..., None]) -> Callable[[Any], Any]:
    """The endpoint without these checks of the grant."""

    def change(owner: Any) -> Any:
        if not isinstance(owner, Token):
            return owner
        desk = owner.grantors[oauth.TOKEN_EXCHANGE].__self__  # type: ignore[attr-defined]
        assert isinstance(desk, TokenExchange)
        kept = replace(
            desk,
            asked_checks=tuple(check for check in desk.asked_checks if check not in dropped),
            checks=tuple(check for check in desk.checks if check not in dropped),
        )
        return replace(owner, grantors={**owner.grantors, oauth.TOKEN_EXCHANGE: kept.issue})

    return change


@pytest.mark.spec("RFC 8693 §2.2.1")
@pytest.mark.spec("RFC 8693 §4.1")
def test_a_guardians_token_gives_one_for_one_child(stand: Stand) -> None:
    token = guardian_token(stand)
    answer = exchanged(stand, token, scope="meals.order")
    assert answer.json | {"access_token": ""} == {
        "access_token": "", "issued_token_type": oauth.ACCESS_TOKEN_TYPE, "token_type": "Bearer", "expires_in": 300,
        "scope": "meals.order",
    }  # fmt: skip
    told = introspected(stand, answer.json["access_token"])
    assert (told["sub"], told["aud"], told["scope"]) == (child_at(stand, stand.children[0]), "cantine", "meals.order")
    assert told["act"] == {"sub": introspected(stand, token)["sub"]}
    assert exchanged(stand, token, child_at(stand, stand.children[1])).json["scope"] == " ".join(CHILD_SCOPES)


def test_the_trail_names_the_guardian_the_child_and_the_client(stand: Stand) -> None:
    exchanged(stand, guardian_token(stand))
    with reading(stand.engine) as conn:
        found = conn.execute(select(audit_events).where(audit_events.c.action == Action.CHILD_TOKEN_ISSUED)).one()
    assert (found.actor, found.subject, found.detail) == (stand.mother, stand.children[0], {"client": "cantine"})


# ---- the request ---------------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 8693 §2.1")
@pytest.mark.parametrize(
    ("change", "error", "check"),
    [
        ({"subject_token_type": None}, "invalid_request", checks.check_token_type),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request", checks.check_token_type),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "invalid_request", checks.check_token_type),
        ({"actor_token": "x"}, "invalid_request", checks.check_no_actor),
        ({"resource": MEALS}, "invalid_target", checks.check_no_other_target),
        ({"audience": "bourses"}, "invalid_target", checks.check_no_other_target),
        ({"scope": "openid"}, "invalid_scope", checks.check_child_scope),
        ({"scope": "meals.order children"}, "invalid_scope", checks.check_child_scope),
    ],
)
def test_what_is_not_asked_so_is_refused(
    stand: Stand, change: dict[str, str | None], error: str, check: Callable[..., None]
) -> None:
    token = guardian_token(stand)
    assert exchanged(stand, token, **change).json["error"] == error
    assert exchanged(stand.rebuilt(lax(check)), token, **change).status == 200
    assert exchanged(stand, token).status == 200


@pytest.mark.parametrize("child", ["x", "0" * 31, "0" * 33, "É" * 32, "A" * 32])
def test_what_names_no_child_is_refused(stand: Stand, child: str) -> None:
    token = guardian_token(stand)
    assert exchanged(stand, token, child).json["error"] == "invalid_request"
    assert exchanged(stand.rebuilt(lax(checks.check_child_named)), token, child).json["error"] == "invalid_grant"


@pytest.mark.parametrize("shown", ["", "pat_x", "prt_" + "x" * 43, "pkt_" + "x" * 43, "pmt_" + "x" * 43])
def test_what_is_no_access_token_of_a_person_is_refused(stand: Stand, shown: str) -> None:
    assert exchanged(stand, shown or " ").json["error"] == "invalid_request"
    if shown:
        open_door = stand.rebuilt(lax(checks.check_token_shape))
        assert exchanged(open_door, shown).json["error"] == "invalid_grant"


def test_a_client_whose_descriptor_does_not_say_so_exchanges_nothing(stand: Stand) -> None:
    token = guardian_token(stand, client="lycee")
    assert exchanged(stand, token, client="lycee").json["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    ("check", "change", "error"),
    [
        (checks.check_keeps_secret, {"auth_method": TokenAuthMethod.NONE}, "invalid_client"),
        (checks.check_family, {"space": Space.STAFF}, "unauthorized_client"),
    ],
)
def test_public_clients_and_services_of_staff_exchange_nothing(
    sqlite_url: str, check: Callable[..., None], change: dict[str, Any], error: str
) -> None:
    """Their descriptors cannot say so; the checks hold should a register ever come from elsewhere."""
    with open_stand(sqlite_url, services=SERVICES) as stand:
        token = guardian_token(stand)
        plain = SERVICES[0]
        party = replace(plain.parties[0], **{k: v for k, v in change.items() if k == "auth_method"})
        rest = {k: v for k, v in change.items() if k != "auth_method"}
        stand.register.value = Register((replace(plain, parties=(party,), **rest),))

        def ask(at: Stand) -> Any:
            form = {
                "grant_type": oauth.TOKEN_EXCHANGE, "subject_token": token, "client_id": "cantine",
                "subject_token_type": oauth.ACCESS_TOKEN_TYPE,
                "requested_subject": child_at(stand, stand.children[0]),
            }  # fmt: skip
            headers = {} if "auth_method" in change else basic()
            return at.call("POST", "/token", headers=headers, form=form).json.get("error")

        assert ask(stand) == error
        assert ask(stand.rebuilt(lax(check))) != error


# ---- whose child, whose token --------------------------------------------------------------------------------------


def test_another_familys_child_is_refused_in_the_words_for_a_child_that_never_was(stand: Stand) -> None:
    _, others = builders.add_family(stand.engine, uai="0990009Z", children=("Nora",))
    token = guardian_token(stand)
    foreign = exchanged(stand, token, child_at(stand, others[0]))
    nobody = exchanged(stand, token, "0" * 32)
    assert (foreign.status, foreign.json["error"]) == (nobody.status, nobody.json["error"]) == (400, "invalid_grant")
    assert foreign.json["error_description"].split()[0] == nobody.json["error_description"].split()[0]


def test_a_child_by_another_services_name_and_the_guardian_herself_are_refused(stand: Stand) -> None:
    token = guardian_token(stand)
    elsewhere = child_at(stand, stand.children[0], "bourses")
    for child in (elsewhere, child_at(stand, stand.mother)):
        assert exchanged(stand, token, child).json["error"] == "invalid_grant"


def test_a_token_of_another_service_is_not_exchanged(stand: Stand) -> None:
    """A token that leaked from one service must not let another act."""
    token = guardian_token(stand)
    child = child_at(stand, stand.children[0], "bourses")
    assert exchanged(stand, token, child, "bourses").json["error"] == "invalid_grant"
    assert exchanged(stand, guardian_token(stand, client="bourses"), child, "bourses").status == 200


def test_a_token_for_an_api_is_not_exchanged(stand: Stand) -> None:
    token = guardian_token(stand, resource=MEALS)
    assert exchanged(stand, token).json["error"] == "invalid_grant"


def test_a_token_that_covers_no_child_is_not_exchanged(stand: Stand) -> None:
    token = guardian_token(stand, scope="openid profile")
    assert exchanged(stand, token).json["error"] == "invalid_grant"
    assert exchanged(stand.rebuilt(lax(checks.check_children_granted)), token).status == 200


def test_the_child_signed_in_exchanges_nothing(stand: Stand) -> None:
    pupils = tuple(replace(each, profils=frozenset({Profil.ELEVE})) for each in SERVICES)
    stand.register.value = Register(pupils)
    token = guardian_token(stand, stand.sign_in(stand.children[0]))
    assert exchanged(stand, token).json["error"] == "invalid_grant"


# ---- rights: before, and after ---------------------------------------------------------------------------------------


def sees_only(stand: Stand) -> None:
    with writing(stand.engine) as conn:
        conn.execute(update(guardianships).values(may_act=False))


def withdraw(stand: Stand) -> None:
    with writing(stand.engine) as conn:
        conn.execute(update(guardianships).values(until=stand.clock()))


def restrict(stand: Stand) -> None:
    with writing(stand.engine) as conn:
        rows = conn.execute(select(guardianships.c.adult_record, guardianships.c.child_record)).all()
    for row in rows:
        builders.add_restriction(stand.engine, row.adult_record, row.child_record)


def retire_child(stand: Stand) -> None:
    with writing(stand.engine) as conn:
        conn.execute(update(records).where(records.c.kind == "pupil").values(retired_at=stand.clock()))


def retire_guardian(stand: Stand) -> None:
    with writing(stand.engine) as conn:
        conn.execute(update(records).where(records.c.kind == "guardian").values(retired_at=stand.clock()))


def freeze(stand: Stand) -> None:
    with writing(stand.engine) as conn:
        conn.execute(update(attachments).values(state="frozen"))


def retire_subject(stand: Stand) -> None:
    with writing(stand.engine) as conn:
        conn.execute(update(subjects).values(retired_at=stand.clock()))


ENDS = (sees_only, withdraw, restrict, retire_child, retire_guardian, freeze, retire_subject)


@pytest.mark.parametrize("ending", ENDS)
def test_a_right_that_ends_closes_both_the_exchange_and_what_it_gave(
    stand: Stand, ending: Callable[[Stand], None]
) -> None:
    token = guardian_token(stand)
    child = child_at(stand, stand.children[0])
    given = exchanged(stand, token, child).json["access_token"]
    assert introspected(stand, given)["active"] is True
    ending(stand)
    assert introspected(stand, given) == {"active": False}
    assert exchanged(stand, token, child).json["error"] == "invalid_grant"


def test_signing_out_closes_what_the_exchange_gave(stand: Stand) -> None:
    browser = stand.sign_in()
    given = exchanged(stand, guardian_token(stand, browser)).json["access_token"]
    stand.federation.sign_out(browser.cookies[SESSION_COOKIE], trace="t")
    assert introspected(stand, given) == {"active": False}


def test_revoking_the_guardians_token_closes_it_too(stand: Stand) -> None:
    token = guardian_token(stand)
    given = exchanged(stand, token).json["access_token"]
    stand.call("POST", "/revoke", headers=basic(), form={"token": token})
    assert introspected(stand, given) == {"active": False}


def test_it_is_given_back_alone(stand: Stand) -> None:
    token = guardian_token(stand)
    given, kept = (exchanged(stand, token).json["access_token"] for _ in range(2))
    stand.call("POST", "/revoke", headers=basic("bourses"), form={"token": given})
    assert introspected(stand, given)["active"] is True
    stand.call("POST", "/revoke", headers=basic(), form={"token": given})
    assert introspected(stand, given) == {"active": False}
    assert (introspected(stand, kept)["active"], introspected(stand, token)["active"]) == (True, True)


def test_it_ends_with_its_time_and_opens_nothing_else(stand: Stand) -> None:
    token = guardian_token(stand)
    given = exchanged(stand, token).json["access_token"]
    assert stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {given}"}).status == 401
    assert introspected(stand, given, "bourses") == {"active": False}
    assert exchanged(stand, given).json["error"] == "invalid_request", "never exchanged once more"
    stand.clock.advance(timedelta(minutes=5).total_seconds())
    assert introspected(stand, given) == {"active": False}
    assert exchanged(stand, token).json["error"] == "invalid_grant"


# ---- policies ------------------------------------------------------------------------------------------------------


def test_the_service_is_open_through_this_very_child(stand: Stand) -> None:
    """One child at a collège, one at a lycée: the service is for lycées, so it acts for the second alone."""
    with stand.engine.begin() as conn:
        builders.add_school(conn, "0990003C", level=Level.LYCEE)
        _, older = builders.add_pupil(conn, "old", given="Zoé")
        builders.enrol(conn, older, "0990003C")
        mother = conn.execute(select(attachments.c.record_id).where(attachments.c.person_id == stand.mother)).scalar()
        assert mother is not None
        builders.add_guardianship(conn, mother, older)
        zoe = conn.execute(select(attachments.c.person_id).where(attachments.c.record_id == older)).scalar_one()
    stand.register.value = Register((exchanging(levels=frozenset({Level.LYCEE})),))
    token = guardian_token(stand)
    assert exchanged(stand, token).json["error"] == "invalid_grant"
    assert exchanged(stand.rebuilt(lax(checks.check_access)), token).status == 200
    assert exchanged(stand, token, child_at(stand, zoe)).status == 200


def test_a_service_that_is_told_of_no_child_acts_for_none(stand: Stand) -> None:
    token = guardian_token(stand)
    quiet = tuple(claim for claim in ClaimName if claim is not ClaimName.CHILDREN)
    stand.register.value = Register((exchanging(claims=quiet),))
    assert exchanged(stand, token).json["error"] == "invalid_grant"
    assert exchanged(stand.rebuilt(lax(checks.check_release)), token).status == 200


def test_what_policies_refuse_leaves_a_trace_and_no_token(stand: Stand) -> None:
    token = guardian_token(stand)
    stand.register.value = Register((exchanging(levels=frozenset({Level.LYCEE})),))
    exchanged(stand, token)
    with reading(stand.engine) as conn:
        assert conn.execute(select(child_tokens)).all() == []
        found = conn.execute(select(audit_events).where(audit_events.c.action == Action.CHILD_TOKEN_REFUSED)).one()
    assert (found.actor, found.subject) == (stand.mother, stand.children[0])


def test_a_suspended_service_acts_for_nobody(stand: Stand) -> None:
    token = guardian_token(stand)
    assert exchanged(stand, token).status == 200
    stand.register.value = stand.register.value.standing(
        InForce(suspended=frozenset({(StandingKind.SERVICE, "cantine")}))
    )
    assert exchanged(stand, token).json["error"] == "unauthorized_client"


@pytest.mark.spec("RFC 9449 §5")
def test_a_bound_token_is_exchanged_with_its_key(sqlite_url: str) -> None:
    plain = fapi_service("cantine")
    party = replace(plain.parties[0], grant_types=BOTH, child_scopes=CHILD_SCOPES)
    with open_stand(sqlite_url, services=(replace(plain, parties=(party,)),)) as stand:
        stand.clock.advance(WARM_UP)
        client, thief = FapiClient(stand), FapiClient(stand)
        thief.dpop = client.by
        token = client.redeem(client.code()).json["access_token"]

        def ask(at: Stand, by: FapiClient) -> Answer:
            form = {
                "grant_type": oauth.TOKEN_EXCHANGE, "subject_token": token,
                "subject_token_type": oauth.ACCESS_TOKEN_TYPE,
                "requested_subject": child_at(stand, stand.children[0]), **by.credentials(),
            }  # fmt: skip
            return at.call("POST", "/token", headers=by.header("POST", "/token"), form=form)

        assert ask(stand, thief).json["error"] == "invalid_grant"
        assert ask(stand.rebuilt(lax(checks.check_key)), thief).status == 200
        assert ask(stand, client).json["token_type"] == "DPoP"


# ---- one statement -------------------------------------------------------------------------------------------------


@pytest.mark.services
def test_the_exchange_is_one_statement_that_asks_who_may_act(postgres_url: str) -> None:
    with open_stand(postgres_url, services=SERVICES) as stand:
        token, child = guardian_token(stand), child_at(stand, stand.children[0])
        with statements(stand.engine) as sent:
            given = exchanged(stand, token, child).json["access_token"]
        acting = [statement for statement, _alone in sent if "child_tokens" in statement]
        assert len(acting) == 1
        assert "INSERT INTO audit_events" in acting[0]
        assert "may_act" in acting[0]
        assert len(sent) == 3, "the act; the person and the children that policies weigh"
        for ending in (restrict,):
            ending(stand)
        assert introspected(stand, given) == {"active": False}
        assert exchanged(stand, token, child).json["error"] == "invalid_grant"
