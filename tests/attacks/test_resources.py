"""Tokens for one API (RFC 8707), opaque or signed (RFC 9068): who gets them, where they are good, how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from broker.domain.keys import KeyPurpose
from broker.domain.people import Profil, Space
from broker.domain.services import GrantType, Resource, Service
from broker.domain.sessions import Device
from broker.domain.standings import InForce, StandingKind
from broker.protocol.oidc import authorize_checks, token_checks
from broker.protocol.oidc.authorize import Authorize
from broker.protocol.oidc.token import Token
from broker.services.register import Register
from broker.wire.jose import TokenRefused, sign, verify_id_token, verify_own_access_token, verify_own_id_token
from tests import builders
from tests.contract.statements import statements
from tests.oidc_stand import (
    ISSUER,
    Answer,
    Browser,
    Stand,
    authorize_url,
    basic,
    get_code,
    open_stand,
    redemption,
    service,
)

MENUS = "https://menus.example/api"
"""Of a family service: opaque."""
NOTES = "https://notes.example/api"
"""Of a staff service: signed."""
OFFLINE = "openid offline_access"
TAKEN = ("openid", "profile", "notes.read")
"""What the APIs here take; `notes.write` they do not, whatever a client's descriptor gives itself."""


def api(uri: str, client_id: str, *clients: str, scopes: tuple[str, ...] = TAKEN, jwt: bool = False) -> Resource:
    return Resource(uri, client_id, frozenset(clients), frozenset(scopes), jwt=jwt)


def menus(**changes: Any) -> Service:
    return service("menus", resources=(api(MENUS, "menus", "cantine"),), **changes)


def of_staff(service_id: str, **changes: Any) -> Service:
    plain = service(service_id, space=Space.STAFF, profils=frozenset({Profil.ENSEIGNANT}), **changes)
    both = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS})
    return replace(
        plain, parties=(replace(plain.parties[0], grant_types=both, service_scopes=("notes.read", "notes.write")),)
    )


SERVICES = (
    service(more_scopes=("offline_access",)),
    service("bourses"),
    menus(),
    of_staff("carnet"),
    of_staff("notes", resources=(api(NOTES, "notes", "carnet", "cantine", jwt=True),)),
)


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=SERVICES) as opened:
        yield opened


def teacher(stand: Stand) -> Browser:
    with stand.engine.begin() as conn:
        person, record = builders.add_staff(conn, "t1")
        builders.add_post(conn, record)
    return stand.sign_in(person)


def tokens(stand: Stand, browser: Browser | None = None, client: str = "cantine", uri: str = MENUS, **more: str) -> Any:
    code = get_code(stand, browser or stand.sign_in(), client, resource=uri, **more)
    form = redemption(code, redirect_uri=f"https://{client}.example/retour")
    return stand.call("POST", "/token", headers=basic(client), form=form).json


def introspected(stand: Stand, token: str, client: str) -> Any:
    return stand.call("POST", "/introspect", headers=basic(client), form={"token": token}).json


def userinfo(stand: Stand, token: str) -> Answer:
    return stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"})


def declare(stand: Stand, *changed: Service, suspended: str = "") -> None:
    """The register with these services as they are now declared, and one of them suspended."""
    by_id = {each.service_id: each for each in changed}
    closed = InForce(suspended=frozenset({(StandingKind.SERVICE, suspended)}))
    stand.register.value = Register((by_id.get(each.service_id, each) for each in SERVICES), in_force=closed)


@pytest.mark.spec("RFC 8707 §2.2")
def test_a_token_for_an_api_is_good_there_and_nowhere_else(stand: Stand) -> None:
    token = tokens(stand)["access_token"]
    assert introspected(stand, token, "menus")["aud"] == MENUS
    assert introspected(stand, token, "bourses") == {"active": False}
    assert (userinfo(stand, token).status, userinfo(stand, token).json["error"]) == (401, "invalid_token")
    plain = stand.call("POST", "/token", headers=basic(), form=redemption(get_code(stand, stand.sign_in()))).json
    assert userinfo(stand, plain["access_token"]).status == 200
    assert introspected(stand, plain["access_token"], "menus") == {"active": False}


def test_each_knows_the_person_by_its_own_identifier(stand: Stand) -> None:
    answer = tokens(stand)
    there, here = (introspected(stand, answer["access_token"], name)["sub"] for name in ("menus", "cantine"))
    at_menus = stand.grants.subject(stand.mother, sector="menus", space=Space.FAMILY, now=stand.clock())
    at_cantine = stand.grants.subject(stand.mother, sector="cantine", space=Space.FAMILY, now=stand.clock())
    assert (there, here) == (at_menus, at_cantine)
    assert there != here


@pytest.mark.spec("RFC 8707 §2")
@pytest.mark.parametrize(
    ("client", "uri", "check"),
    [
        ("cantine", "https://nobody.example/api", authorize_checks.check_resource),
        ("cantine", MENUS + "/", authorize_checks.check_resource),
        ("bourses", MENUS, authorize_checks.check_resource),
        ("cantine", NOTES, authorize_checks.check_resource_space),
    ],
)
def test_an_api_that_is_unknown_or_of_others_is_no_target(
    stand: Stand, client: str, uri: str, check: Callable[..., None]
) -> None:
    def lax(owner: Any) -> Any:
        if not isinstance(owner, Authorize):
            return owner
        kept = tuple(each for each in owner.checks.request if each is not check)
        return replace(owner, checks=replace(owner.checks, request=kept))

    browser = stand.sign_in()
    asked = authorize_url(client, resource=uri)
    assert stand.call("GET", asked, browser=browser).told["error"] == "invalid_target"
    assert stand.rebuilt(lax).call("GET", asked, browser=browser).told.get("error") != "invalid_target"
    assert "code" in stand.call("GET", authorize_url("cantine", resource=MENUS), browser=browser).told


def test_one_api_at_a_time(stand: Stand) -> None:
    """A token that several could read, one of them could use at another."""
    asked = authorize_url(resource=MENUS) + "&resource=https%3A%2F%2Fother.example"
    assert stand.call("GET", asked, browser=stand.sign_in()).told["error"] == "invalid_request"


def test_a_pushed_request_names_its_api_too(stand: Stand) -> None:
    form = {"response_type": "code", "redirect_uri": "https://cantine.example/retour", "scope": "openid",
            "code_challenge": "c" * 43, "code_challenge_method": "S256"}  # fmt: skip
    for uri, status in (("https://nobody.example/api", 400), (NOTES, 400), (MENUS, 201)):
        answer = stand.call("POST", "/par", headers=basic(), form={**form, "resource": uri})
        assert answer.status == status
        assert status == 201 or answer.json["error"] == "invalid_target"


def test_a_suspended_api_is_no_target_and_its_tokens_are_not_renewed(stand: Stand) -> None:
    refresh = tokens(stand, stand.sign_in(device=Device.OWN), scope=OFFLINE)["refresh_token"]
    declare(stand, suspended="menus")
    asked = authorize_url(resource=MENUS)
    assert stand.call("GET", asked, browser=stand.sign_in()).told["error"] == "invalid_target"
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert stand.call("POST", "/token", headers=basic(), form=form).json["error"] == "invalid_target"


def test_tokens_of_a_suspended_service_are_good_at_no_api(stand: Stand) -> None:
    token = tokens(stand)["access_token"]
    assert introspected(stand, token, "menus")["active"] is True
    declare(stand, suspended="cantine")
    assert introspected(stand, token, "menus") == {"active": False}


def test_who_may_not_use_the_service_of_the_api_gets_no_token_for_it(stand: Stand) -> None:
    declare(stand, menus(profils=frozenset({Profil.ELEVE})))
    asked = authorize_url(resource=MENUS)
    assert stand.call("GET", asked, browser=stand.sign_in()).told["error"] == "access_denied"
    declare(stand)
    assert "code" in stand.call("GET", asked, browser=stand.sign_in()).told


def test_who_may_no_longer_use_the_service_of_the_api_is_not_renewed(stand: Stand) -> None:
    refresh = tokens(stand, stand.sign_in(device=Device.OWN), scope=OFFLINE)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    kept = stand.call("POST", "/token", headers=basic(), form=form).json
    assert introspected(stand, kept["access_token"], "menus")["aud"] == MENUS
    declare(stand, menus(profils=frozenset({Profil.ELEVE})))
    form["refresh_token"] = kept["refresh_token"]
    assert stand.call("POST", "/token", headers=basic(), form=form).json["error"] == "invalid_grant"


@pytest.mark.spec("RFC 8707 §2.2")
@pytest.mark.parametrize("granted", [MENUS, None])
def test_a_code_gives_tokens_for_no_other_api(stand: Stand, granted: str | None) -> None:
    def lax(owner: Any) -> Any:
        if not isinstance(owner, Token):
            return owner
        way = owner.ways["authorization_code"]
        kept = tuple(check for check in way.checks if check is not token_checks.check_resource)
        return replace(owner, ways={**owner.ways, "authorization_code": replace(way, checks=kept)})

    def redeem(at: Stand, uri: str) -> Answer:
        code = get_code(stand, stand.sign_in(), resource=granted)
        return at.call("POST", "/token", headers=basic(), form=redemption(code, resource=uri))

    other = "https://other.example/api" if granted else MENUS
    assert redeem(stand, other).json["error"] == "invalid_target"
    assert redeem(stand.rebuilt(lax), other).status == 200
    assert not granted or redeem(stand, granted).status == 200


@pytest.mark.spec("RFC 9068 §2")
def test_an_api_that_reads_tokens_itself_gets_them_signed(stand: Stand) -> None:
    browser = teacher(stand)
    answer = tokens(stand, browser, "carnet", NOTES, scope="openid profile")
    keys = stand.signer.ring().verifying
    claims = verify_own_access_token(answer["access_token"], stand.signer.ring().verifying_access, issuer=ISSUER)
    now = int(stand.clock().timestamp())
    assert set(claims) == {"iss", "aud", "sub", "client_id", "scope", "auth_time", "acr", "iat", "exp", "jti"}
    assert (claims["aud"], claims["client_id"], claims["scope"]) == (NOTES, "carnet", "openid profile")
    assert (claims["iat"], claims["exp"], claims["auth_time"], claims["acr"]) == (now, now + 300, now, "low")
    assert claims["sub"] != introspected(stand, answer["access_token"], "carnet")["sub"]
    verify_id_token(
        answer["id_token"], keys, issuer=ISSUER, audience="carnet", nonce="nonce-1", now=stand.clock(), leeway=0,
        algorithms=("ES256",), access_token=answer["access_token"],
    )  # fmt: skip


@pytest.mark.spec("RFC 9068 §4")
def test_an_id_token_is_no_access_token_nor_the_reverse(stand: Stand) -> None:
    answer = tokens(stand, teacher(stand), "carnet", NOTES)
    ring = stand.signer.ring()
    for keys in (ring.verifying, ring.verifying_access):
        with pytest.raises(TokenRefused):
            verify_own_access_token(answer["id_token"], keys, issuer=ISSUER)
        with pytest.raises(TokenRefused):
            verify_own_id_token(answer["access_token"], keys, issuer=ISSUER)
    assert introspected(stand, answer["id_token"], "carnet") == {"active": False}
    assert introspected(stand, answer["access_token"], "notes")["active"] is True


def test_a_signed_token_taken_back_is_inactive_for_who_asks(stand: Stand) -> None:
    """Who does not ask believes it until its end: what `docs/grants.md` says."""
    browser = teacher(stand)
    token, kept = (tokens(stand, browser, "carnet", NOTES)["access_token"] for _ in range(2))
    stand.federation.sign_out(next(v for k, v in browser.cookies.items() if "session" in k), trace="t")
    assert introspected(stand, token, "notes") == {"active": False}
    assert introspected(stand, kept, "notes") == {"active": False}


def test_what_another_purposes_key_signed_is_no_access_token(stand: Stand) -> None:
    """One key per purpose: the key of ID tokens, in other hands, opens no API."""
    token = tokens(stand, teacher(stand), "carnet", NOTES)["access_token"]
    ring = stand.signer.ring()
    claims = verify_own_access_token(token, ring.verifying_access, issuer=ISSUER)
    good, bad = (ring.key("ES256", purpose) for purpose in (KeyPurpose.ACCESS_TOKEN, KeyPurpose.ID_TOKEN))
    assert introspected(stand, sign(dict(claims), bad, typ="at+jwt"), "notes") == {"active": False}
    assert introspected(stand, sign(dict(claims), good, typ="at+jwt"), "notes")["active"] is True


def give_back(stand: Stand, token: str, client: str) -> int:
    return stand.call("POST", "/revoke", headers=basic(client), form={"token": token}).status


@pytest.mark.spec("RFC 7009 §2.1")
@pytest.mark.parametrize("own_name", [True, False])
def test_a_signed_token_is_given_back_by_who_holds_it_and_nobody_else(stand: Stand, own_name: bool) -> None:
    if own_name:
        form = {"grant_type": "client_credentials", "resource": NOTES}
        token = stand.call("POST", "/token", headers=basic("carnet"), form=form).json["access_token"]
    else:
        token = tokens(stand, teacher(stand), "carnet", NOTES)["access_token"]
    forged = token.rpartition(".")[0] + "." + "A" * 86
    for shown, client in ((token, "notes"), (token, "cantine"), (forged, "carnet")):
        assert give_back(stand, shown, client) == 200, "of what is not theirs nobody learns anything"
        assert introspected(stand, token, "notes")["active"] is True
    assert give_back(stand, token, "carnet") == 200
    assert introspected(stand, token, "notes") == introspected(stand, token, "carnet") == {"active": False}


@pytest.mark.parametrize("spoil", [lambda t: t[:-4] + "AAAA", lambda t: t.replace(".", "..", 1), lambda t: "a.b.c"])
def test_a_spoilt_signed_token_is_inactive(stand: Stand, spoil: Callable[[str], str]) -> None:
    token = tokens(stand, teacher(stand), "carnet", NOTES)["access_token"]
    assert introspected(stand, spoil(token), "notes") == {"active": False}
    assert introspected(stand, token, "notes")["active"] is True


@pytest.mark.spec("RFC 9068 §2.2")
def test_a_client_in_its_own_name_asks_for_an_api(stand: Stand) -> None:
    form = {"grant_type": "client_credentials"}
    answer = stand.call("POST", "/token", headers=basic("carnet"), form={**form, "resource": NOTES}).json
    claims = verify_own_access_token(answer["access_token"], stand.signer.ring().verifying_access, issuer=ISSUER)
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("carnet", "carnet", NOTES)
    told = introspected(stand, answer["access_token"], "notes")
    assert (told["sub"], told["aud"], told["scope"]) == ("carnet", NOTES, "notes.read")
    for client, uri in (("carnet", MENUS), ("carnet", "https://nobody.example"), ("notes", NOTES)):
        refused = stand.call("POST", "/token", headers=basic(client), form={**form, "resource": uri})
        assert refused.json["error"] == "invalid_target"


@pytest.mark.parametrize("scope", ["notes.write", "notes.read notes.write"])
def test_an_api_bounds_what_a_client_may_do_there_in_its_own_name(stand: Stand, scope: str) -> None:
    """The client's descriptor is written by another hand, perhaps of another tenant."""
    form = {"grant_type": "client_credentials", "scope": scope}
    refused = stand.call("POST", "/token", headers=basic("carnet"), form={**form, "resource": NOTES})
    assert (refused.status, refused.json["error"]) == (400, "invalid_scope")
    assert stand.call("POST", "/token", headers=basic("carnet"), form=form).json["scope"] == scope
    taken = stand.call("POST", "/token", headers=basic("carnet"), form={**form, "resource": NOTES, "scope": TAKEN[2]})
    assert taken.json["scope"] == "notes.read"


def test_a_client_is_given_no_token_of_which_the_api_takes_nothing(stand: Stand) -> None:
    declare(stand, of_staff("notes", resources=(api(NOTES, "notes", "carnet", scopes=("notes.list",), jwt=True),)))
    form = {"grant_type": "client_credentials", "resource": NOTES}
    assert stand.call("POST", "/token", headers=basic("carnet"), form=form).json["error"] == "invalid_scope"


@pytest.mark.spec("RFC 9068 §3")
def test_an_api_is_told_of_a_persons_scope_what_it_takes(stand: Stand) -> None:
    declare(
        stand, menus(), of_staff("notes", resources=(api(NOTES, "notes", "carnet", scopes=("profile",), jwt=True),))
    )
    answer = tokens(stand, teacher(stand), "carnet", NOTES, scope="openid profile")
    claims = verify_own_access_token(answer["access_token"], stand.signer.ring().verifying_access, issuer=ISSUER)
    told = [introspected(stand, answer["access_token"], client)["scope"] for client in ("notes", "carnet")]
    assert [answer["scope"], claims["scope"], *told] == ["profile"] * 4


@pytest.mark.spec("RFC 6749 §3.3")
def test_an_api_that_takes_nothing_of_people_gets_no_tokens_of_people(stand: Stand) -> None:
    refresh = tokens(stand, stand.sign_in(device=Device.OWN), scope=OFFLINE)["refresh_token"]
    kept = tokens(stand)["access_token"]
    declare(stand, replace(menus(), resources=(api(MENUS, "menus", "cantine", scopes=("menus.read",)),)))
    asked = authorize_url(resource=MENUS)
    assert stand.call("GET", asked, browser=stand.sign_in()).told["error"] == "invalid_scope"
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert stand.call("POST", "/token", headers=basic(), form=form).json["error"] == "invalid_scope"
    assert introspected(stand, kept, "menus") == introspected(stand, kept, "cantine") == {"active": False}


def test_whom_an_api_no_longer_names_holds_no_token_for_it(stand: Stand) -> None:
    """Introspection asks the descriptor as it is now, of people's tokens and of clients' own."""
    own = {"grant_type": "client_credentials", "resource": NOTES}
    held = [
        tokens(stand, teacher(stand), "carnet", NOTES)["access_token"],
        stand.call("POST", "/token", headers=basic("carnet"), form=own).json["access_token"],
    ]
    assert all(introspected(stand, token, "notes")["active"] for token in held)
    declare(stand, of_staff("notes", resources=(api(NOTES, "notes", "cantine", jwt=True),)))
    assert [introspected(stand, token, client) for token in held for client in ("notes", "carnet")] == [
        {"active": False}
    ] * 4


@pytest.mark.services
def test_a_redemption_for_an_api_is_one_statement_too(postgres_url: str) -> None:
    with open_stand(postgres_url, services=SERVICES) as stand:
        browser = stand.sign_in()
        tokens(stand, browser)
        code = get_code(stand, browser, resource=MENUS)
        with statements(stand.engine) as sent:
            assert stand.call("POST", "/token", headers=basic(), form=redemption(code)).status == 200
    assert len(sent) == 1
