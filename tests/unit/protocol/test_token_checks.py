"""Every check of a redemption has a request that only it stops (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.errors import InvalidGrant, UnsupportedGrantType
from broker.domain.identity import AuthnContext
from broker.domain.sessions import CodePayload, Grant
from broker.protocol.oidc import token_checks as checks
from broker.protocol.oidc.client_auth import AuthenticatedClient
from broker.protocol.oidc.provider import Client
from broker.protocol.oidc.token_checks import REDEMPTION_CHECKS, CodeReused, Redemption, RedemptionCheck
from tests.builders import NOW
from tests.oidc_stand import REDIRECT, SERVICES, VERIFIER, challenge_of, redemption

PAYLOAD = CodePayload(
    grant=Grant("grt_1", "prs_1", "cantine", "sid_1", ("openid",)),
    redirect_uri=REDIRECT,
    code_challenge=challenge_of(VERIFIER),
    nonce="n",
    subject="s",
    authn=AuthnContext("low", (), NOW, "ent1"),
    claims=(),
    expires_at=NOW + timedelta(seconds=60),
)
GOOD = Redemption(
    client=AuthenticatedClient(Client(SERVICES[0], SERVICES[0].parties[0])),
    form=redemption("pco_x"),
    payload=PAYLOAD,
    now=NOW,
)
SHORT = "court"
ANOTHER = AuthenticatedClient(Client(SERVICES[1], SERVICES[1].parties[0]))


def changed(**form: str | None) -> Redemption:
    return replace(GOOD, form=redemption("pco_x", **form))


VECTORS: tuple[tuple[RedemptionCheck, type[Exception], Redemption], ...] = (
    (checks.check_owner, InvalidGrant, replace(GOOD, client=ANOTHER)),
    (checks.check_unused, CodeReused, replace(GOOD, payload=replace(PAYLOAD, used_at=NOW))),
    (checks.check_redirect_uri, InvalidGrant, changed(redirect_uri="https://bourses.example/retour")),
    (checks.check_redirect_uri, InvalidGrant, changed(redirect_uri=None)),
    (checks.check_verifier_shape, InvalidGrant,
     replace(changed(code_verifier=SHORT), payload=replace(PAYLOAD, code_challenge=challenge_of(SHORT)))),
    (checks.check_verifier_shape, InvalidGrant,
     replace(changed(code_verifier="é" * 43), payload=replace(PAYLOAD, code_challenge=challenge_of("é" * 43)))),
    (checks.check_verifier_shape, InvalidGrant,
     replace(changed(code_verifier="v" * 129), payload=replace(PAYLOAD, code_challenge=challenge_of("v" * 129)))),
    (checks.check_verifier, InvalidGrant, changed(code_verifier="w" * 43)),
    (checks.check_unexpired, InvalidGrant, replace(GOOD, now=PAYLOAD.expires_at)),
)  # fmt: skip


def run(without: RedemptionCheck | None, asked: Redemption) -> None:
    for check in REDEMPTION_CHECKS:
        if check is not without:
            check(asked)


def test_a_good_redemption_passes_every_check() -> None:
    run(None, GOOD)


@pytest.mark.parametrize(("check", "error", "asked"), VECTORS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_stopped_by_its_check_and_by_no_other(
    check: RedemptionCheck, error: type[Exception], asked: Redemption
) -> None:
    with pytest.raises(error):
        run(None, asked)
    run(check, asked)


def test_every_check_has_a_vector() -> None:
    assert {check for check, _, _ in VECTORS} == set(REDEMPTION_CHECKS)


@pytest.mark.spec("RFC 7636 §4.1")
def test_a_verifier_is_there() -> None:
    with pytest.raises(InvalidGrant):
        checks.check_verifier_shape(changed(code_verifier=None))


@pytest.mark.spec("RFC 9700 §2.4")
@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "refresh_token", "implicit", ""])
def test_only_the_code_grant_exists(grant_type: str) -> None:
    with pytest.raises(UnsupportedGrantType):
        checks.check_grant_type({"grant_type": grant_type})
    checks.check_grant_type({"grant_type": "authorization_code"})
