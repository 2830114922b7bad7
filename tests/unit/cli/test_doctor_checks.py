"""Each check of `preau service doctor` fails on the one fault it looks for, and passes once that is repaired."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from broker.cli.doctor_checks import (
    ADDRESS_CLOSED,
    CHECKS,
    NO_ANSWER,
    Check,
    Patient,
    Verdict,
    Visited,
    check_addresses,
    check_broker,
    check_claims,
    check_clock,
    check_keys,
    check_login,
    check_logout,
    check_metadata,
    check_rollover,
    check_scopes,
    check_standing,
    check_told,
)
from broker.domain.cas import CasClient, LogoutStyle
from broker.domain.errors import UpstreamUnavailable
from broker.domain.keys import KeyState, KeyTimes
from broker.domain.released import Release
from broker.domain.services import ClaimName, Protocol, RelyingParty, Service, ServiceState
from connectors.outbound import Answer
from tests.oidc_stand import service
from tests.saml_party import Party
from tests.signing_keys import stored

NOW = datetime(2026, 9, 20, 10, 0, tzinfo=UTC)
ISSUER = "https://preau.example"
DISCOVERY, JWKS = f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/jwks"
KEYS = (stored(NOW), stored(NOW, KeyState.NEXT))
ORDINARY: Service = service(claims=(ClaimName.GIVEN_NAME, ClaimName.CHILDREN))
PARTY: RelyingParty = replace(ORDINARY.parties[0], scopes=("openid", "profile", "children"))
SERVICE = replace(ORDINARY, parties=(PARTY,))
HOME, BACK = SERVICE.instances[0].url, PARTY.redirect_uris[0]
VISIT = Visited("mere", HOME, 200, "confirmed", f"{ISSUER}/connexion")
TOLD = Release("prs_1", SERVICE.service_id, ("sub", "children", "given_name"), NOW)


def answer(status: int = 200, body: object = None, *, at: datetime = NOW) -> Answer:
    return Answer(status, {"date": format_datetime(at, usegmt=True)}, json.dumps(body).encode())


WORLD: Mapping[str, Answer | str] = {
    DISCOVERY: answer(body={"issuer": ISSUER}),
    JWKS: answer(body={"keys": [{"kid": key.kid} for key in KEYS]}),
    HOME: answer(303),
    BACK: answer(400),
}


def patient(**changes: Any) -> Patient:
    """A service with nothing wrong; `at` lays other answers over the addresses."""
    world: dict[str, Answer | str] = {**WORLD, **changes.pop("at", {})}

    def get(url: str) -> Answer:
        found = world[url]
        if isinstance(found, str):
            raise UpstreamUnavailable(found)
        return found

    well = Patient(
        service=SERVICE,
        issuer=ISSUER,
        clock=lambda: NOW,
        keys=KEYS,
        times=KeyTimes(timedelta(hours=24), timedelta(days=90), timedelta(days=31)),
        releases=(TOLD,),
        broker=get,
        outside=get,
        visit=VISIT,
        rollover=VISIT,
    )
    return replace(well, **changes)


def verdicts(check: Check, who: Patient) -> set[Verdict]:
    return {finding.verdict for finding in check(who)}


def test_where_nothing_is_wrong_every_check_passes() -> None:
    assert {finding.verdict for check in CHECKS for finding in check(patient())} == {Verdict.PASS}


SPEAKS_SAML = replace(SERVICE, protocols=(Protocol.SAML,), saml=Party("cantine").declared(), parties=())
SPEAKS_CAS = replace(SERVICE, protocols=(Protocol.CAS,), cas=CasClient(("https://cantine.example/",)), parties=())


def saml_service(**changes: Any) -> Service:
    return replace(SPEAKS_SAML, saml=replace(Party("cantine").declared(), **changes))


def test_what_can_be_said_of_a_service_that_speaks_cas_or_saml_is_said() -> None:
    assert verdicts(check_metadata, patient(service=SPEAKS_SAML)) == {Verdict.PASS}
    assert verdicts(check_metadata, patient(service=SPEAKS_CAS)) == set()
    for who in (SPEAKS_SAML, SPEAKS_CAS):
        assert verdicts(check_told, patient(service=who)) == set()
        assert verdicts(check_standing, patient(service=who)) == {Verdict.PASS}
        assert verdicts(check_scopes, patient(service=who)) == set()
    silent = replace(SPEAKS_CAS, cas=CasClient(("https://cantine.example/",), logout=LogoutStyle.NONE))
    assert verdicts(check_told, patient(service=silent)) == {Verdict.NOT_TESTED}
    assert verdicts(check_told, patient(service=saml_service(slo=()))) == {Verdict.NOT_TESTED}


FAULTS: list[tuple[Check, dict[str, Any], str]] = [
    (check_metadata, {"service": replace(SPEAKS_SAML, saml=None)}, "none have come"),
    (check_metadata, {"service": saml_service(until=NOW)}, "they ended on"),
    (check_standing, {"service": replace(SERVICE, state=ServiceState.SUSPENDED)}, "suspended"),
    (check_scopes, {"service": replace(SERVICE, parties=(replace(PARTY, scopes=("openid", "profile")),))}, "children"),
    (check_scopes, {"service": replace(SERVICE, claims=(ClaimName.GIVEN_NAME,))}, "children opens nothing"),
    (check_broker, {"at": {DISCOVERY: "refused"}}, "does not answer"),
    (check_broker, {"at": {DISCOVERY: answer(body={"issuer": "https://other.example"})}}, "another issuer"),
    (check_broker, {"at": {DISCOVERY: answer(body=[])}}, "another issuer"),
    (check_broker, {"at": {DISCOVERY: answer(body={"issuer": ISSUER}, at=NOW + timedelta(seconds=16))}}, "16 s"),
    (check_keys, {"at": {JWKS: answer(body={"keys": [{"kid": KEYS[0].kid}]})}}, "not those"),
    (check_keys, {"at": {JWKS: answer(body={"keys": [{"kid": KEYS[1].kid}]})}}, "not those"),
    (check_addresses, {"at": {BACK: answer(404)}}, "answered 404"),
    (check_addresses, {"at": {HOME: answer(502)}}, "answered 502"),
    (check_addresses, {"at": {HOME: "ConnectError"}}, "does not answer (ConnectError)"),
    (check_clock, {"at": {HOME: answer(at=NOW - timedelta(seconds=16))}}, "16 s"),
    (check_login, {"visit": replace(VISIT, status=403)}, "(403)"),
    (check_login, {"visit": replace(VISIT, status=NO_ANSWER)}, "(0)"),
    (check_login, {"visit": replace(VISIT, landed=f"{ISSUER}/avis")}, "ended at"),
    (check_login, {"visit": replace(VISIT, receipt="")}, "asked for no token, ticket or assertion"),
    (check_logout, {"visit": replace(VISIT, receipt="waiting")}, "waiting"),
    (check_logout, {"visit": replace(VISIT, receipt="untold")}, "untold"),
    (check_logout, {"visit": replace(VISIT, receipt="no_address")}, "no_address"),
    (check_logout, {"visit": replace(VISIT, after=HOME)}, "still shows the person"),
    (check_claims, {"releases": (replace(TOLD, claims=("sub", "email", "children", "given_name")),)}, "email"),
    (check_rollover, {"rollover": replace(VISIT, status=403)}, "after the rotation"),
    (check_rollover, {"rollover": replace(VISIT, receipt="")}, "after the rotation"),
]


@pytest.mark.parametrize(
    ("check", "fault", "saw"), FAULTS, ids=[f"{c.__name__}-{n}" for n, (c, _, _) in enumerate(FAULTS)]
)
def test_a_fault_fails_and_says_what_to_do(check: Check, fault: dict[str, Any], saw: str) -> None:
    failed = [finding for finding in check(patient(**fault)) if finding.verdict is Verdict.FAIL]
    assert [finding for finding in failed if saw in finding.saw and finding.to_do]
    well = patient(service=SPEAKS_SAML) if check is check_metadata else patient()
    assert verdicts(check, well) == {Verdict.PASS}


UNSEEN: list[tuple[Check, dict[str, Any]]] = [
    (check_addresses, {"at": {HOME: ADDRESS_CLOSED, BACK: ADDRESS_CLOSED}}),
    (check_clock, {"at": {HOME: "ConnectError", BACK: "ConnectError"}}),
    (check_clock, {"at": {HOME: Answer(303, {}, b""), BACK: Answer(400, {"date": "yesterday"}, b"")}}),
    (check_keys, {"at": {JWKS: "refused"}}),
    (check_login, {"visit": "no demo town here"}),
    (check_logout, {"visit": "no demo town here"}),
    (check_logout, {"visit": replace(VISIT, receipt="shown")}),
    (check_claims, {"releases": ()}),
    (check_claims, {"releases": (replace(TOLD, claims=("sub", "given_name")),)}),
    (check_rollover, {"rollover": "keys were left alone"}),
]


@pytest.mark.parametrize(("check", "fault"), UNSEEN, ids=[f"{c.__name__}-{n}" for n, (c, _) in enumerate(UNSEEN)])
def test_what_cannot_be_seen_is_not_said_to_be_well(check: Check, fault: dict[str, Any]) -> None:
    assert verdicts(check, patient(**fault)) == {Verdict.NOT_TESTED}


def test_each_address_is_called_once() -> None:
    called: list[str] = []

    def get(url: str) -> Answer:
        called.append(url)
        found = WORLD[url]
        assert isinstance(found, Answer)
        return found

    who = patient(broker=get, outside=get)
    for check in CHECKS:
        list(check(who))
    assert len(called) == len(set(called))
