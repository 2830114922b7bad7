"""A client that registered itself, from its first request to its end: RFC 7591, RFC 7592, on real rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, true

from broker.domain.handles import digest
from broker.domain.people import Profil
from broker.domain.standings import InForce, StandingKind, StandingState
from broker.services.register import Register
from broker.services.registered import service_of
from broker.storage.schema import audit_events, registrations
from broker.storage.sql_registrations import SqlRegistrations
from tests.fapi import jwks, key
from tests.oidc_stand import ISSUER, SECRET, basic
from tests.registering import GOOD, INITIAL, REDIRECT, TERMS, Client, Registering, registering


@pytest.fixture(scope="module")
def at(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registering]:
    """One stand for all: every test registers clients of its own."""
    sqlite_url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('registration') / 'preau.sqlite')}"
    with registering(sqlite_url) as opened:
        yield opened


def rows(at: Registering, client_id: str = "") -> list[dict[str, object]]:
    """What is kept, of one client or of all."""
    which = registrations.c.client_id == client_id if client_id else true()
    with at.stand.engine.connect() as conn:
        return [dict(row._mapping) for row in conn.execute(select(registrations).where(which))]


def trail(at: Registering, client: Client) -> list[str]:
    chosen = select(audit_events.c.action).where(
        audit_events.c.subject == client.client_id, audit_events.c.tenant == "ville"
    )
    with at.stand.engine.connect() as conn:
        return list(conn.execute(chosen.order_by(audit_events.c.id)).scalars())


# ---- who may register ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", INITIAL + "x", INITIAL[:-1]])
def test_without_the_initial_access_token_nobody_registers(at: Registering, token: str) -> None:
    before = rows(at)
    answer = at.post(GOOD, token=token)
    assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="preau"')
    assert rows(at) == before
    assert at.post(GOOD).status == 201


def test_where_the_settings_say_so_anybody_registers(sqlite_url: str) -> None:
    with registering(sqlite_url, initial="") as opened:
        assert opened.post(GOOD, token="").status == 201


def test_no_more_register_than_the_settings_allow(sqlite_url: str) -> None:
    with registering(sqlite_url, terms=replace(TERMS, most=1)) as opened:
        first = opened.register()
        answer = opened.post(GOOD)
        assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
        assert first.manage("DELETE").status == 204
        assert opened.post(GOOD).status == 201


def test_one_address_does_not_register_without_end(at: Registering) -> None:
    def ask() -> int:
        return at.stand.call("POST", "/register", form="{}").status

    at.stand.clock.advance(60)
    assert [ask() for _ in range(31)] == [401] * 30 + [429]
    at.stand.clock.advance(60)


@pytest.mark.parametrize(
    "body", ["", "[]", '"x"', "{", '{"redirect_uris": ["https://v.example/"], "x": NaN}', "[" * 50_000, "\xff"]
)
def test_what_is_no_json_object_is_refused(at: Registering, body: str) -> None:
    answer = at.post(body)
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")


def test_a_form_is_refused(at: Registering) -> None:
    answer = at.post(GOOD, content_type="text/plain")
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")


def test_a_refusal_says_what_is_wrong(at: Registering) -> None:
    said = at.post({"redirect_uris": [f"{REDIRECT}#ici"]}).json["error_description"]
    assert said.startswith("PRE-3040 ")
    assert said.endswith(": redirect_uris: each must not have a fragment")


# ---- what it gets -------------------------------------------------------------------------------------------------


def test_secrets_are_told_once_and_rest_as_digests(at: Registering) -> None:
    client = at.register()
    told = client.told
    (row,) = rows(at, client.client_id)
    assert row["secret_digest"] == digest(told["client_secret"])
    assert row["token_digest"] == digest(client.token)
    assert told["client_secret"] not in str(row)
    assert client.token not in str(row)
    assert told["client_secret_expires_at"] == told["client_id_issued_at"] + 30 * 86400
    assert told["registration_client_uri"] == f"{ISSUER}/register?client_id={client.client_id}"
    assert trail(at, client) == ["client_registered"]


def test_it_is_told_nothing_of_a_person_whatever_it_asks(at: Registering) -> None:
    client = at.register()
    asked = '{"userinfo":{"name":{"essential":true},"children":null},"id_token":{"given_name":null}}'
    answer = client.authorize(scope="openid profile email address", claims=asked)
    tokens = client.redeem(answer.told["code"]).json
    assert set(client.userinfo(tokens["access_token"]).json) == {"sub"}
    refused = client.authorize(scope="openid children")
    assert refused.told["error"] == "invalid_scope"


def test_it_is_a_service_like_others_in_the_hands_of_the_policies(at: Registering) -> None:
    client = at.register()
    service = at.stand.register.current().by_client(client.client_id)
    assert service is not None
    assert (service.state, service.claims, service.instances) == ("declared", (), ())
    assert (service.profils, service.tenant) == (frozenset({Profil.TUTEUR}), "ville")
    staff_only = replace(TERMS, profils=frozenset({Profil.ENSEIGNANT}))
    registration = SqlRegistrations(at.stand.engine).live(now=at.stand.clock())[-1]
    assert service_of(registration, staff_only).space == "staff"


def test_who_is_not_among_the_profiles_does_not_get_in(sqlite_url: str) -> None:
    with registering(sqlite_url, terms=replace(TERMS, profils=frozenset({Profil.ENSEIGNANT}))) as opened:
        assert opened.register().authorize().told["error"] == "access_denied"


BARE = {"code_challenge": None, "code_challenge_method": None}


def test_pkce_is_waived_by_the_settings_and_never_for_an_app(sqlite_url: str) -> None:
    app = {"application_type": "native", "redirect_uris": ["example.visiteur.app:/r"]}
    with registering(sqlite_url, terms=replace(TERMS, pkce_waiver="La suite de conformité n'en envoie pas.")) as opened:
        assert "code" in opened.register().authorize(**BARE).told
        assert opened.register(**app).authorize(**BARE).told["error"] == "invalid_request"


def test_pkce_is_wanted_unless_it_is_waived(at: Registering) -> None:
    client = at.register()
    assert client.authorize(**BARE).told["error"] == "invalid_request"
    assert "code" in client.authorize().told


def test_an_app_on_a_device_signs_in_without_a_secret(at: Registering) -> None:
    client = at.register(application_type="native", redirect_uris=["example.visiteur.app:/r"])
    assert "client_secret" not in client.told
    assert client.redeem(client.authorize().told["code"]).status == 200


def test_a_secret_of_a_declared_client_opens_nothing_of_it(at: Registering) -> None:
    client = at.register()
    answer = at.stand.call("POST", "/token", headers=basic(client.client_id, SECRET), form={"grant_type": "x"})
    assert answer.json["error"] == "invalid_client"


# ---- reading, changing, deleting -----------------------------------------------------------------------------------


def test_a_client_reads_what_is_kept_of_it(at: Registering) -> None:
    client = at.register(tos_uri="https://visiteur.example/regles")
    answer = client.manage("GET")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    hidden = {"client_secret", "client_secret_expires_at"}
    assert answer.json == {name: value for name, value in client.told.items() if name not in hidden}


def test_a_client_changes_what_is_kept_of_it(at: Registering) -> None:
    client = at.register(tos_uri="https://visiteur.example/regles")
    moved = "https://visiteur.example/ailleurs"
    answer = client.manage("PUT", {"client_id": client.client_id, "redirect_uris": [moved]})
    assert answer.status == 200
    assert answer.json["redirect_uris"] == [moved]
    assert "tos_uri" not in answer.json, "what is not sent again is gone (RFC 7592 §2.2)"
    assert "client_secret" not in answer.json, "the secret stays"
    at.stand.clock.advance(1)
    assert client.authorize(redirect_uri=REDIRECT).status == 400
    after = Client(at, {**client.told, **answer.json})
    assert after.redeem(after.authorize().told["code"]).status == 200
    assert trail(at, client) == ["client_registered", "client_changed"]


def test_a_client_that_turns_to_signing_and_back_gets_another_secret(at: Registering) -> None:
    client = at.register()
    asked = {"client_id": client.client_id, "redirect_uris": [REDIRECT]}
    signs = {**asked, "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}}
    assert client.manage("PUT", signs).status == 400, "no key"
    signs["jwks"] = json.loads(jwks(key()))
    assert client.manage("PUT", signs).status == 200
    assert client.redeem(client.authorize().told["code"]).json["error"] == "invalid_client"
    told = client.manage("PUT", asked).json
    assert told["client_secret"] != client.told["client_secret"]
    after = Client(at, {**client.told, **told})
    assert after.redeem(after.authorize().told["code"]).status == 200


BAD_CHANGES = {
    "nobody": {"client_id": None},
    "another": {"client_id": "clt_autre"},
    "a secret of its own": {"client_secret": "choisi"},
    "a secret that is no text": {"client_secret": 7},
    "a secret in other letters": {"client_secret": "é"},
    "a token of its own": {"registration_access_token": "prg_x"},
    "another address": {"registration_client_uri": "https://autre.example/"},
    "no end": {"client_secret_expires_at": 0},
    "another beginning": {"client_id_issued_at": 0},
    "what nobody may have": {"response_types": ["token"]},
}


@pytest.mark.parametrize("changes", BAD_CHANGES.values(), ids=BAD_CHANGES)
def test_a_change_that_is_not_the_clients_to_make_changes_nothing(at: Registering, changes: dict[str, object]) -> None:
    client = at.register()
    good = {"client_id": client.client_id, "client_secret": client.told["client_secret"], **GOOD}
    before = rows(at)
    answer = client.manage("PUT", {**good, **changes})
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")
    assert rows(at) == before
    assert client.manage("PUT", good).status == 200


def test_a_deleted_client_and_its_tokens_are_good_for_nothing(at: Registering) -> None:
    client = at.register()
    tokens, code = client.tokens(), client.authorize().told["code"]
    assert client.manage("DELETE").status == 204
    assert rows(at, client.client_id) == []
    assert client.userinfo(tokens["access_token"]).status == 401
    assert client.redeem(code).json["error"] == "invalid_client"
    assert client.authorize().status == 400
    assert client.manage("GET").status == 401
    assert trail(at, client) == ["client_registered", "client_removed"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_its_own_token_opens_what_is_kept_of_a_client(at: Registering, method: str) -> None:
    client, other = at.register(), at.register()
    asked = {"client_id": client.client_id, **GOOD}
    for token in ("", INITIAL, other.token, client.token + "x", client.told["client_secret"], client.token[:-1]):
        answer = client.manage(method, asked, token=token)
        assert (answer.status, answer.json["error"]) == (401, "invalid_token")
    unknown = at.send(method, "/register?client_id=clt_personne", asked, token=client.token)
    nobody = at.send(method, "/register", asked, token=client.token)
    assert (unknown.status, nobody.status) == (401, 401)
    assert client.manage("GET").status == 200


# ---- its end ------------------------------------------------------------------------------------------------------


def test_it_ends_when_its_time_is_over(at: Registering) -> None:
    client = at.register()
    at.stand.clock.advance(timedelta(days=30).total_seconds() - 4)
    assert client.manage("GET").status == 200
    assert client.manage("GET").status == 401, "three seconds later"
    assert SqlRegistrations(at.stand.engine).live(now=at.stand.clock()) == ()


def test_a_suspended_one_gets_nothing_and_changes_nothing(at: Registering) -> None:
    client = at.register()
    tokens = client.tokens()
    closed = InForce(suspended=frozenset({(StandingKind.SERVICE, client.client_id)}))
    at.stand.register.value = at.stand.register.value.standing(closed)
    assert client.authorize().body == b"PRE-3015"
    assert client.userinfo(tokens["access_token"]).status == 401
    answer = client.manage("PUT", {"client_id": client.client_id, **GOOD})
    assert (answer.status, answer.json["error"]) == (400, "unauthorized_client")
    assert client.manage("DELETE").status == 204, "it may still go"


def test_it_is_never_more_than_declared(at: Registering) -> None:
    client = at.register()
    looked_at = InForce(verified=frozenset({(StandingKind.SERVICE, client.client_id)}))
    assert looked_at.state_of(StandingKind.SERVICE, client.client_id) is StandingState.VERIFIED
    register: Register = at.stand.register.value.standing(looked_at)
    service = register.by_client(client.client_id)
    assert service is not None
    assert service.state == "declared"


# ---- keys by value ------------------------------------------------------------------------------------------------


def nested(deep: int) -> str:
    return "[" * deep + "]" * deep


@pytest.mark.parametrize("at_key", [True, False], ids=["in the key", "in the set"])
def test_of_keys_only_what_we_know_is_kept(at: Registering, at_key: bool) -> None:
    """A depth that is read once and never again made every later act of everybody fail."""
    (good,) = json.loads(jwks(key()))["keys"]
    members = json.dumps({**good, "key_ops": ["verify"]})[:-1]
    inner, outer = (f', "inconnu": {nested(900)}', "") if at_key else ("", f', "inconnu": {nested(900)}')
    body = json.dumps(GOOD)[:-1] + f', "jwks": {{"keys": [{members}{inner}}}]{outer}}}}}'
    answer = at.post(body)
    assert answer.status == 201
    assert answer.json["jwks"] == {"keys": [{**good, "key_ops": ["verify"]}]}
    assert at.post(GOOD).status == 201
    assert Client(at, answer.json).manage("DELETE").status == 204


BAD_KEYS: dict[str, dict[str, Any]] = {
    "private": {"d": "AA"},
    "private RSA": {"qi": "AA"},
    "a kid that is no text": {"kid": {"x": 1}},
    "a kid beyond measure": {"kid": "x" * 4097},
    "a kid with half a letter": {"kid": "\ud800"},
    "operations beyond measure": {"key_ops": ["verify"] * 9},
    "an operation that is no text": {"key_ops": [["verify"]]},
    "a chain that is no list": {"x5c": "AA"},
}


@pytest.mark.parametrize("changes", BAD_KEYS.values(), ids=list(BAD_KEYS))
def test_a_key_of_another_shape_is_refused(at: Registering, changes: dict[str, Any]) -> None:
    (good,) = json.loads(jwks(key()))["keys"]
    answer = at.post({**GOOD, "jwks": {"keys": [{**good, **changes}]}})
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")
    assert ": jwks holds a " in answer.json["error_description"]


@pytest.mark.parametrize("count", [0, 17])
def test_keys_are_counted(at: Registering, count: int) -> None:
    (good,) = json.loads(jwks(key()))["keys"]
    answer = at.post({**GOOD, "jwks": {"keys": [{**good, "kid": f"{place}"} for place in range(count)]}})
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")
    assert at.post({**GOOD, "jwks": {"keys": [7]}}).status == 400
    assert at.post({**GOOD, "jwks": {"keys": [{**good, "kid": f"{place}"} for place in range(16)]}}).status == 201


def test_what_is_stored_is_done_though_it_cannot_be_followed_yet(sqlite_url: str) -> None:
    def fails() -> None:
        raise RecursionError

    with registering(sqlite_url, follow=fails) as opened:
        client = opened.register()
        assert client.manage("DELETE").status == 204
        assert not rows(opened)


@pytest.mark.parametrize("member", ["jwks_uri", "sector_identifier_uri"])
def test_an_address_that_is_away_is_answered_as_one_that_will_not_do(at: Registering, member: str) -> None:
    """Else whoever registers could look round our networks by what they are told."""
    there, away = "https://visiteur.example/la", "https://visiteur.example/ailleurs"
    at.documents.at[there] = b"<html>"
    said = [at.post({**GOOD, member: uri}).json["error_description"].split(": ", 1)[1] for uri in (there, away)]
    assert said[0] == said[1]
