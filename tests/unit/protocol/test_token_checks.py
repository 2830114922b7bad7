"""Every check of a redemption has a request that only it stops (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.errors import DeviceCodeExpired, InvalidGrant, InvalidScope, InvalidTarget
from broker.domain.identity import AuthnContext
from broker.domain.services import Resource, ServiceState
from broker.domain.sessions import Audience, CodePayload, Grant
from broker.protocol.oidc import token_checks as checks
from broker.protocol.oidc.client_auth import AuthenticatedClient
from broker.protocol.oidc.provider import Client
from broker.protocol.oidc.targets import Target
from broker.protocol.oidc.token_checks import (
    CODE_CHECKS,
    DEVICE_CHECKS,
    REFRESH_CHECKS,
    WAYS,
    Redemption,
    RedemptionCheck,
    Reused,
)
from tests.builders import NOW
from tests.oidc_stand import REDIRECT, SERVICES, VERIFIER, challenge_of, redemption, service

GRANT = Grant("grt_1", "prs_1", "cantine", "sid_1", ("openid",))
PAYLOAD = CodePayload(
    grant=GRANT,
    redirect_uri=REDIRECT,
    code_challenge=challenge_of(VERIFIER),
    nonce="n",
    subject="s",
    authn=AuthnContext("low", (), NOW, "ent1"),
    claims=(),
    expires_at=NOW + timedelta(seconds=60),
)
API = "https://menus.example/api"
MENUS = service("menus", resources=(Resource(API, "menus", frozenset({"cantine"}), frozenset({"openid"})),))
FOR_API = replace(PAYLOAD, grant=replace(GRANT, audience=Audience(API, "a")))
TARGET = Target(MENUS, MENUS.resources[0])
FOR_OTHERS = Target(MENUS, replace(MENUS.resources[0], clients=frozenset({"bourses"})))
CLOSED = Target(replace(MENUS, state=ServiceState.SUSPENDED), MENUS.resources[0])
BOUND = replace(PAYLOAD, grant=replace(GRANT, jkt="k" * 43))
GOOD = Redemption(
    client=AuthenticatedClient(Client(SERVICES[0], SERVICES[0].parties[0])),
    form=redemption("pco_x"),
    payload=PAYLOAD,
    now=NOW,
)
SHORT = "court"
UNCHALLENGED = replace(PAYLOAD, code_challenge="")
WAIVED = AuthenticatedClient(Client(SERVICES[0], replace(SERVICES[0].parties[0], pkce_waiver="Ancien client.")))
ANOTHER = AuthenticatedClient(Client(SERVICES[1], SERVICES[1].parties[0]))


def changed(**form: str | None) -> Redemption:
    return replace(GOOD, form=redemption("pco_x", **form))


VECTORS: tuple[tuple[RedemptionCheck, type[Exception], Redemption], ...] = (
    (checks.check_owner, InvalidGrant, replace(GOOD, client=ANOTHER)),
    (checks.check_unused, Reused, replace(GOOD, payload=replace(PAYLOAD, used_at=NOW))),
    (checks.check_redirect_uri, InvalidGrant, changed(redirect_uri="https://bourses.example/retour")),
    (checks.check_redirect_uri, InvalidGrant, changed(redirect_uri=None)),
    (checks.check_challenged, InvalidGrant, replace(changed(code_verifier=None), payload=UNCHALLENGED)),
    (checks.check_challenged, InvalidGrant, replace(GOOD, payload=UNCHALLENGED)),
    (checks.check_challenged, InvalidGrant, replace(GOOD, payload=UNCHALLENGED, client=WAIVED)),
    (checks.check_verifier_shape, InvalidGrant,
     replace(changed(code_verifier=SHORT), payload=replace(PAYLOAD, code_challenge=challenge_of(SHORT)))),
    (checks.check_verifier_shape, InvalidGrant,
     replace(changed(code_verifier="é" * 43), payload=replace(PAYLOAD, code_challenge=challenge_of("é" * 43)))),
    (checks.check_verifier_shape, InvalidGrant,
     replace(changed(code_verifier="v" * 129), payload=replace(PAYLOAD, code_challenge=challenge_of("v" * 129)))),
    (checks.check_verifier, InvalidGrant, changed(code_verifier="w" * 43)),
    (checks.check_key, InvalidGrant, replace(GOOD, payload=BOUND)),
    (checks.check_key, InvalidGrant, replace(GOOD, payload=BOUND, jkt="k" * 42 + "x")),
    (checks.check_resource, InvalidTarget, changed(resource=API)),
    (checks.check_resource, InvalidTarget, replace(changed(resource=API + "/"), payload=FOR_API, target=TARGET)),
    (checks.check_audience, InvalidTarget, replace(GOOD, payload=FOR_API)),
    (checks.check_audience, InvalidTarget, replace(GOOD, payload=FOR_API, target=FOR_OTHERS)),
    (checks.check_unexpired, InvalidGrant, replace(GOOD, now=PAYLOAD.expires_at)),
)  # fmt: skip


RENEWING = Client(SERVICES[0], replace(SERVICES[0].parties[0], scopes=("openid", "offline_access")))
REFRESH = replace(
    GOOD,
    client=AuthenticatedClient(RENEWING),
    form={"grant_type": "refresh_token", "refresh_token": "prt_x", "scope": "openid"},
)
REFRESH_VECTORS: tuple[tuple[RedemptionCheck, type[Exception], Redemption], ...] = (
    (checks.check_owner, InvalidGrant, replace(REFRESH, payload=replace(PAYLOAD, grant=replace(GRANT, client_id="x")))),
    (checks.check_unused, Reused, replace(REFRESH, payload=replace(PAYLOAD, used_at=NOW))),
    (checks.check_offline, InvalidGrant, replace(REFRESH, client=GOOD.client)),
    (checks.check_scope, InvalidScope, replace(REFRESH, form={**REFRESH.form, "scope": "openid children"})),
    (checks.check_key, InvalidGrant, replace(REFRESH, payload=BOUND)),
    (checks.check_resource, InvalidTarget, replace(REFRESH, form={**REFRESH.form, "resource": API})),
    (checks.check_audience, InvalidTarget, replace(REFRESH, payload=FOR_API, target=CLOSED)),
    (checks.check_unexpired, InvalidGrant, replace(REFRESH, now=PAYLOAD.expires_at)),
)
DEVICE = replace(GOOD, form={"device_code": "pdc_x"})
DEVICE_VECTORS: tuple[tuple[RedemptionCheck, type[Exception], Redemption], ...] = (
    (checks.check_owner, InvalidGrant, replace(DEVICE, client=ANOTHER)),
    (checks.check_unused, Reused, replace(DEVICE, payload=replace(PAYLOAD, used_at=NOW))),
    (checks.check_key, InvalidGrant, replace(DEVICE, payload=BOUND)),
    (checks.check_resource, InvalidTarget, replace(DEVICE, form={**DEVICE.form, "resource": API})),
    (checks.check_audience, InvalidTarget, replace(DEVICE, payload=FOR_API, target=CLOSED)),
    (checks.check_device_unexpired, DeviceCodeExpired, replace(DEVICE, now=PAYLOAD.expires_at)),
)
ALL = (
    [(DEVICE_CHECKS, *vector) for vector in DEVICE_VECTORS]
    + [(CODE_CHECKS, *vector) for vector in VECTORS]
    + [(REFRESH_CHECKS, *vector) for vector in REFRESH_VECTORS]
)


def refused_by(listed: tuple[RedemptionCheck, ...], asked: Redemption) -> list[str]:
    """Names of the checks that refuse a redemption, each asked for itself."""
    names = []
    for check in listed:
        try:
            check(asked)
        except (DeviceCodeExpired, InvalidGrant, InvalidScope, InvalidTarget, Reused):
            names.append(check.__name__)
    return names


def run(listed: tuple[RedemptionCheck, ...], asked: Redemption, *, without: RedemptionCheck | None = None) -> None:
    for check in listed:
        if check is not without:
            check(asked)


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (CODE_CHECKS, GOOD),
        (DEVICE_CHECKS, DEVICE),
        (REFRESH_CHECKS, REFRESH),
        (REFRESH_CHECKS, replace(REFRESH, form={"refresh_token": "prt_x"})),
        (CODE_CHECKS, replace(GOOD, payload=BOUND, jkt="k" * 43)),
        (CODE_CHECKS, replace(changed(code_verifier=None), payload=UNCHALLENGED, client=WAIVED)),
        (REFRESH_CHECKS, replace(REFRESH, jkt="k" * 43)),
        (CODE_CHECKS, replace(changed(resource=API), payload=FOR_API, target=TARGET)),
        (REFRESH_CHECKS, replace(REFRESH, payload=FOR_API, target=TARGET)),
    ],
)
def test_a_good_redemption_passes_every_check(listed: tuple[RedemptionCheck, ...], asked: Redemption) -> None:
    assert refused_by(listed, asked) == []


@pytest.mark.parametrize(("listed", "check", "error", "asked"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_stopped_by_its_check_and_by_no_other(
    listed: tuple[RedemptionCheck, ...], check: RedemptionCheck, error: type[Exception], asked: Redemption
) -> None:
    with pytest.raises(error):
        run(listed, asked)
    run(listed, asked, without=check)


def test_every_check_has_a_vector() -> None:
    assert {check for check, _, _ in VECTORS} == set(CODE_CHECKS)
    assert {check for check, _, _ in REFRESH_VECTORS} == set(REFRESH_CHECKS)
    assert {check for check, _, _ in DEVICE_VECTORS} == set(DEVICE_CHECKS)


@pytest.mark.spec("RFC 7636 §4.1")
def test_a_verifier_is_there() -> None:
    with pytest.raises(InvalidGrant):
        checks.check_verifier_shape(changed(code_verifier=None))


@pytest.mark.spec("RFC 9700 §2.4")
def test_codes_refresh_tokens_and_device_codes_are_all_that_is_redeemed() -> None:
    assert set(WAYS) == {"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}
