"""Every check of an authorization request has a request that only it stops, and passes once that one fault is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.domain.errors import (
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    ProtocolError,
    RedirectMismatch,
    ReleaseRefused,
    ServiceSuspended,
    UnknownClient,
    UnsupportedParameter,
    UnsupportedRegistration,
    UnsupportedRequestUri,
    UnsupportedResponseType,
)
from broker.domain.people import Space
from broker.domain.release_rules import ReleaseRules
from broker.domain.services import Resource, Service
from broker.domain.standings import InForce, StandingKind
from broker.protocol.oidc import authorize_checks as checks
from broker.protocol.oidc.authorize_checks import AUTHORIZE_CHECKS, TARGET_CHECKS, AuthorizeCheck
from broker.protocol.oidc.requests import Submission, find_client, read_request
from broker.services.register import Register
from broker.wire.http import Form, parse_form
from tests.fapi import fapi_service
from tests.oidc_stand import SERVICES, authorization, authorize_url, service

Vector = tuple[AuthorizeCheck, type[ProtocolError], dict[str, str | None]]
ALL = (*TARGET_CHECKS, *AUTHORIZE_CHECKS)

SUSPENDED = InForce(suspended=frozenset({(StandingKind.SERVICE, "cantine")}))

BY_SCHOOL = "https://kne.example/retour?UAI="
SCOPED = {"client_id": "kne", "redirect_uri": f"{BY_SCHOOL}0990001A"}

VECTORS: tuple[Vector, ...] = (
    (checks.check_redirect_uri, RedirectMismatch, {"redirect_uri": "https://cantine.example/retour/"}),
    (checks.check_redirect_uri, RedirectMismatch, {"redirect_uri": None}),
    (checks.check_request, UnsupportedParameter, {"request": "e30.e30."}),
    (checks.check_request_uri, UnsupportedRequestUri, {"request_uri": "https://cantine.example/r"}),
    (checks.check_registration, UnsupportedRegistration, {"registration": "{}"}),
    (checks.check_response_type, UnsupportedResponseType, {"response_type": "token"}),
    (checks.check_response_type, UnsupportedResponseType, {"response_type": "code id_token"}),
    (checks.check_response_type, UnsupportedResponseType, {"response_type": None}),
    (checks.check_claims, InvalidRequest, {"claims": "[]"}),
    (checks.check_response_mode, InvalidRequest, {"response_mode": "fragment"}),
    (checks.check_openid, InvalidScope, {"scope": "profile"}),
    (checks.check_scope, InvalidScope, {"scope": "openid email"}),
    (checks.check_challenge_method, InvalidRequest, {"code_challenge_method": "plain"}),
    (checks.check_challenge_method, InvalidRequest, {"code_challenge_method": None}),
    (checks.check_challenge_method, InvalidRequest, {"code_challenge_method": "s256"}),
    (checks.check_challenge_shape, InvalidRequest, {"code_challenge": None}),
    (checks.check_challenge_shape, InvalidRequest, {"code_challenge": "a" * 42}),
    (checks.check_challenge_shape, InvalidRequest, {"code_challenge": "a" * 44}),
    (checks.check_challenge_shape, InvalidRequest, {"code_challenge": "a" * 42 + "+"}),
    (checks.check_challenge_shape, InvalidRequest, {"code_challenge": "a" * 42 + "="}),
    (checks.check_prompt, InvalidRequest, {"prompt": "create"}),
    (checks.check_prompt_alone, InvalidRequest, {"prompt": "none login"}),
    (checks.check_max_age, InvalidRequest, {"max_age": "-1"}),
    (checks.check_max_age, InvalidRequest, {"max_age": "1.5"}),
    (checks.check_max_age, InvalidRequest, {"max_age": "٣"}),
    (checks.check_max_age, InvalidRequest, {"max_age": "9" * 10}),
    (checks.check_state, InvalidRequest, {"state": "s" * 4097}),
    (checks.check_nonce, InvalidRequest, {"nonce": "n" * 513}),
    (checks.check_key, InvalidRequest, {"dpop_jkt": "k" * 42}),
    (checks.check_key, InvalidRequest, {"dpop_jkt": "k" * 42 + "="}),
    (checks.check_resource, InvalidTarget, {"resource": "https://nobody.example/api"}),
    (checks.check_resource, InvalidTarget, {"resource": "https://closed.example/api"}),
    (checks.check_resource, InvalidTarget, {"resource": "https://others.example/api"}),
    (checks.check_resource_space, InvalidTarget, {"resource": "https://staff.example/api"}),
    (checks.check_school, ReleaseRefused, {**SCOPED, "UAI": "college"}),
    (checks.check_school, ReleaseRefused, {**SCOPED, "UAI": "0990001A", "redirect_uri": f"{BY_SCHOOL}0990002Y"}),
    (checks.check_pushed, InvalidRequest, {"client_id": "agents", "redirect_uri": "https://agents.example/retour"}),
)


def api(name: str, *clients: str, **changes: Any) -> Service:
    """A service with an API."""
    return service(
        name,
        resources=(Resource(f"https://{name}.example/api", name, frozenset(clients), frozenset({"openid"})),),
        **changes,
    )


APIS = (
    api("open", "cantine"), api("others", "bourses"), api("closed", "cantine"),
    api("staff", "cantine", space=Space.STAFF),
)  # fmt: skip
CLOSED = InForce(suspended=frozenset({(StandingKind.SERVICE, "closed")}))
KNE = service("kne", release=ReleaseRules(school_parameter="UAI"))
BY_SCHOOLS = tuple(f"{BY_SCHOOL}{uai}" for uai in ("0990001A", "0990002Y"))
KNE = replace(KNE, parties=(replace(KNE.parties[0], redirect_uris=BY_SCHOOLS),))
REGISTER = Register((*SERVICES, *APIS, KNE, fapi_service("agents")), in_force=CLOSED)


def submission(**changes: str | None) -> Submission:
    return find_client(REGISTER, Form(authorization(**changes)))


def test_an_api_that_names_the_client_is_asked_for() -> None:
    asked = submission(resource="https://open.example/api")
    run(None, asked)
    target = read_request(asked).target
    assert target is not None
    assert target.resource.uri == "https://open.example/api"


def run(without: AuthorizeCheck | None, asked: Submission) -> None:
    for check in ALL:
        if check is not without:
            check(asked)


def test_a_good_request_passes_every_check() -> None:
    run(None, submission())  # raises where a check refuses it
    assert read_request(submission()).redirect_uri == authorization()["redirect_uri"]


@pytest.mark.parametrize(("check", "error", "changes"), VECTORS, ids=lambda value: getattr(value, "__name__", None))
def test_a_fault_is_stopped_by_its_check_and_by_no_other(
    check: AuthorizeCheck, error: type[ProtocolError], changes: dict[str, str | None]
) -> None:
    asked = submission(**changes)
    with pytest.raises(error) as refused:
        run(None, asked)
    assert type(refused.value) is error
    run(check, asked)


@pytest.mark.spec("RFC 6749 §3.1")
@pytest.mark.parametrize("name", ["state", "nonce", "prompt", "max_age", "acr_values", "ui_locales", "anything"])
def test_a_repeated_parameter_is_stopped_by_the_check_for_it_alone(name: str) -> None:
    query = authorize_url().partition("?")[2] + f"&{name}=1&{name}=2"
    asked = find_client(Register(SERVICES), parse_form(query))
    with pytest.raises(InvalidRequest):
        run(None, asked)
    run(checks.check_repeated, asked)


def test_a_suspended_service_is_stopped_by_the_check_for_it_alone() -> None:
    asked = find_client(Register(SERVICES).standing(SUSPENDED), Form(authorization()))
    with pytest.raises(ServiceSuspended):
        run(None, asked)
    run(checks.check_service, asked)


def test_every_check_has_a_vector() -> None:
    assert {check for check, _, _ in VECTORS} | {checks.check_repeated, checks.check_service} == set(ALL)


@pytest.mark.parametrize("client_id", [None, "", "inconnu", "Cantine", "cantine "])
def test_an_unknown_client_is_nobody(client_id: str | None) -> None:
    with pytest.raises(UnknownClient):
        submission(client_id=client_id)


def test_a_client_named_twice_is_nobody() -> None:
    query = authorize_url().partition("?")[2] + "&client_id=cantine"
    with pytest.raises(UnknownClient):
        find_client(Register(SERVICES), parse_form(query))


@pytest.mark.spec("OIDC Core §3.1.2.1")
def test_unknown_parameters_are_ignored() -> None:
    more = submission(display="page", login_hint="x", claims="{}", claims_locales="fr", extra="foobar")
    run(None, more)  # raises where a check refuses it
    assert replace(read_request(more), values={}) == replace(read_request(submission()), values={})


@pytest.mark.parametrize(
    ("asked", "locale"), [(None, "fr"), ("de fr-CA en", "fr"), ("ar-MA en", "ar"), ("EN", "en"), ("de", "fr")]
)
def test_the_first_language_that_pages_speak_is_taken(asked: str | None, locale: str) -> None:
    assert read_request(submission(ui_locales=asked)).locale == locale


def test_a_checked_request_is_typed() -> None:
    request = read_request(
        submission(max_age="60", prompt="login consent", acr_values="eidas2 eidas1", scope="openid  profile openid")
    )
    assert request.max_age == 60
    assert request.prompt == {"login", "consent"}
    assert request.acr == ("eidas2", "eidas1")
    assert request.scopes == ("openid", "profile")
    assert read_request(submission()).max_age is None
