"""Tokens of clients in their own name (RFC 6749 §4.4): who gets one, what it opens, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from broker.domain.audit import Action
from broker.domain.services import GrantType, Service, TokenAuthMethod
from broker.domain.standings import InForce, StandingKind
from broker.protocol.oidc import client_credentials
from broker.protocol.oidc.client_credentials import ClientCredentials
from broker.protocol.oidc.token import Token
from broker.storage.engine import reading
from broker.storage.schema import audit_events, service_tokens
from broker.wire import oauth
from tests.contract.statements import statements
from tests.fapi import WARM_UP, FapiClient, fapi_service
from tests.oidc_stand import SECRET, Answer, Stand, basic, open_stand, service

FORM = {"grant_type": "client_credentials"}
OWN = frozenset({GrantType.CLIENT_CREDENTIALS})


def machine(service_id: str = "agents", **changes: Any) -> Service:
    """A service whose client asks in its own name."""
    plain = service(service_id)
    party = replace(
        plain.parties[0], redirect_uris=(), scopes=(), grant_types=OWN,
        service_scopes=("agents.read", "agents.write"),
    )  # fmt: skip
    return replace(plain, parties=(replace(party, **changes),))


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=(service(), machine(), machine("notes"))) as opened:
        yield opened


def ask(stand: Stand, client: str = "agents", **more: str) -> Answer:
    return stand.call("POST", "/token", headers=basic(client), form={**FORM, **more})


def introspected(stand: Stand, token: str, client: str = "agents") -> Any:
    return stand.call("POST", "/introspect", headers=basic(client), form={"token": token}).json


def suspend(stand: Stand, service_id: str) -> None:
    stand.register.value = stand.register.value.standing(
        InForce(suspended=frozenset({(StandingKind.SERVICE, service_id)}))
    )


@pytest.mark.spec("RFC 6749 §4.4.3")
def test_a_client_gets_a_token_in_its_own_name(stand: Stand) -> None:
    answer = ask(stand, scope="agents.read")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json | {"access_token": ""} == {
        "access_token": "", "token_type": "Bearer", "expires_in": 300, "scope": "agents.read",
    }  # fmt: skip
    told = introspected(stand, answer.json["access_token"])
    assert (told["sub"], told["client_id"], told["scope"]) == ("agents", "agents", "agents.read")


@pytest.mark.spec("RFC 6749 §3.3")
def test_who_names_no_scope_gets_all_of_its_own(stand: Stand) -> None:
    assert ask(stand).json["scope"] == "agents.read agents.write"


def test_issuing_is_audited_in_the_same_act(stand: Stand) -> None:
    ask(stand, scope="agents.read")
    with reading(stand.engine) as conn:
        found = conn.execute(select(audit_events).where(audit_events.c.action == Action.SERVICE_TOKEN_ISSUED)).one()
    assert (found.tenant, found.actor, found.detail) == ("ville", "agents", {"scope": "agents.read"})


def lax(*dropped: Callable[..., None]) -> Callable[[Any], Any]:
    """The endpoint without these checks of the grant."""

    def change(owner: Any) -> Any:
        if not isinstance(owner, Token):
            return owner
        desk = owner.grantors[oauth.CLIENT_CREDENTIALS].__self__  # type: ignore[attr-defined]
        assert isinstance(desk, ClientCredentials)
        kept = tuple(check for check in desk.checks if check not in dropped)
        return replace(owner, grantors={**owner.grantors, oauth.CLIENT_CREDENTIALS: replace(desk, checks=kept).issue})

    return change


@pytest.mark.parametrize("scope", ["children", "openid", "agents.read children", "agents.delete", "AGENTS.READ"])
def test_no_scope_of_a_person_or_of_nobody_is_given(stand: Stand, scope: str) -> None:
    assert ask(stand, scope=scope).json["error"] == "invalid_scope"
    assert ask(stand.rebuilt(lax(client_credentials.check_service_scope)), scope=scope).status == 200
    assert ask(stand, scope="agents.read").status == 200


def test_a_client_without_the_grant_is_refused(stand: Stand) -> None:
    refused = ask(stand, "cantine")
    assert (refused.status, refused.json["error"]) == (400, "unauthorized_client")


def test_a_client_of_this_grant_alone_redeems_no_code_and_asks_no_person(stand: Stand) -> None:
    form = {"grant_type": "authorization_code", "code": "pco_" + "x" * 43}
    assert stand.call("POST", "/token", headers=basic("agents"), form=form).json["error"] == "unauthorized_client"
    asked = "/authorize?client_id=agents&redirect_uri=https%3A%2F%2Fagents.example%2Fretour&response_type=code"
    assert stand.call("GET", asked).body == b"PRE-3002"


@pytest.mark.parametrize("secret", ["", "x" * 50, SECRET[::-1]])
def test_a_secret_is_asked_for(stand: Stand, secret: str) -> None:
    refused = stand.call("POST", "/token", headers=basic("agents", secret), form=FORM)
    assert (refused.status, refused.json["error"]) == (401, "invalid_client")


@pytest.mark.spec("RFC 6749 §4.4")
def test_a_public_client_has_no_name_of_its_own(sqlite_url: str) -> None:
    """Its descriptor cannot say so; the check holds should a register ever come from elsewhere."""
    public = machine(auth_method=TokenAuthMethod.NONE, secret_digest="")
    with open_stand(sqlite_url, services=(public,)) as stand:
        form = {**FORM, "client_id": "agents"}
        assert stand.call("POST", "/token", form=form).json["error"] == "invalid_client"
        open_door = stand.rebuilt(lax(client_credentials.check_keeps_secret))
        assert open_door.call("POST", "/token", form=form).status == 200


def test_it_opens_nothing_of_a_person(stand: Stand) -> None:
    token = ask(stand).json["access_token"]
    answer = stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    assert "refresh_token" not in ask(stand).json
    assert "id_token" not in ask(stand).json


@pytest.mark.spec("RFC 7662 §2.2")
def test_another_client_is_told_nothing_and_revokes_nothing(stand: Stand) -> None:
    token = ask(stand).json["access_token"]
    assert introspected(stand, token, "notes") == {"active": False}
    assert stand.call("POST", "/revoke", headers=basic("notes"), form={"token": token}).status == 200
    assert introspected(stand, token)["active"] is True


@pytest.mark.spec("RFC 7009 §2.1")
def test_a_token_given_back_is_over(stand: Stand) -> None:
    token, kept = (ask(stand).json["access_token"] for _ in range(2))
    assert stand.call("POST", "/revoke", headers=basic("agents"), form={"token": token}).status == 200
    assert introspected(stand, token) == {"active": False}
    assert introspected(stand, kept)["active"] is True


def test_a_token_ends_with_its_time(stand: Stand) -> None:
    token = ask(stand).json["access_token"]
    stand.clock.advance(timedelta(minutes=5).total_seconds() - 1)
    assert introspected(stand, token)["active"] is True
    stand.clock.advance(1)
    assert introspected(stand, token) == {"active": False}


def test_a_suspended_service_gets_none(stand: Stand) -> None:
    assert ask(stand).status == 200
    suspend(stand, "agents")
    assert ask(stand).json["error"] == "unauthorized_client"


@pytest.mark.parametrize("token", ["", "pmt_", "pmt_" + "x" * 43, "pmt_" + "é" * 43])
def test_what_is_no_token_of_ours_is_inactive(stand: Stand, token: str) -> None:
    answer = stand.call("POST", "/introspect", headers=basic("agents"), form={"token": token or "x"})
    assert answer.json == {"active": False}


@pytest.mark.spec("RFC 9449 §5")
def test_it_is_bound_to_the_key_that_was_proven(sqlite_url: str) -> None:
    plain = fapi_service("cantine")
    both = replace(plain.parties[0], grant_types=plain.parties[0].grant_types | OWN, service_scopes=("agents.read",))
    with open_stand(sqlite_url, services=(replace(plain, parties=(both,)),)) as stand:
        stand.clock.advance(WARM_UP)
        client = FapiClient(stand)
        asked = {**FORM, **client.credentials()}
        bare = stand.call("POST", "/token", form=asked)
        assert bare.json["error"] == "invalid_dpop_proof"
        answer = stand.call(
            "POST", "/token", headers=client.header("POST", "/token"), form={**asked, **client.credentials()}
        )
        assert answer.json["token_type"] == "DPoP"
        shown = {"token": answer.json["access_token"], **client.credentials()}
        told = stand.call("POST", "/introspect", form=shown).json
        assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": client.dpop.kid})


@pytest.mark.services
def test_issuing_is_one_statement(postgres_url: str) -> None:
    with open_stand(postgres_url, services=(machine(),)) as stand:
        with statements(stand.engine) as sent:
            assert ask(stand).status == 200
        assert len(sent) == 1
        with reading(stand.engine) as conn:
            stored = conn.execute(select(func.count()).select_from(service_tokens)).scalar()
            told = conn.execute(select(audit_events).where(audit_events.c.action == Action.SERVICE_TOKEN_ISSUED)).all()
    assert (stored, len(told)) == (1, 1)
