"""What `preau service doctor` looks at, one check a rule, in the order in which they run.

A check says PASS only for what it has seen. What cannot be seen from here is NOT TESTED, with how to see it: in the
client's own log, or by a sign-in that only a person can do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

from broker.domain.cas import LogoutStyle
from broker.domain.clock import Clock
from broker.domain.errors import PreauError, UpstreamUnavailable
from broker.domain.keys import KeyPurpose, KeyState, KeyTimes, StoredKey
from broker.domain.released import SUBJECT, Release
from broker.domain.services import ClaimName, ClientKind, Protocol, RelyingParty, Service
from broker.protocol.oidc.provider import DISCOVERY_PATH, JWKS_PATH, SCOPE_CLAIMS
from broker.services.addresses import origin_of
from broker.services.register import client_names
from broker.wire.jose import CLOCKS_APART
from connectors.outbound import Answer

SKEW = timedelta(seconds=CLOCKS_APART)
"""How far a client's clock may be ahead before what it signs is refused; behind, it refuses what we sign."""
NO_ANSWER = 0
"""Stands for the status of a service that did not answer."""
ADDRESS_CLOSED = "an address that may not be called"


class Verdict(StrEnum):
    """What a check came to."""

    PASS = "PASS"  # noqa: S105 (a verdict)
    FAIL = "FAIL"
    NOT_TESTED = "NOT TESTED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was seen, and what to do where it is not well."""

    check: str
    verdict: Verdict
    saw: str
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class Visited:
    """What a sign-in of an invented person came to. `receipt`: the state on the signed-out page, empty: none."""

    login: str
    landed: str
    status: int
    receipt: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """The service, the broker around it, and how to reach both. A visit that could not be made is the reason why."""

    service: Service
    issuer: str
    clock: Clock
    keys: tuple[StoredKey, ...]
    times: KeyTimes
    releases: tuple[Release, ...]
    broker: Callable[[str], Answer]
    outside: Callable[[str], Answer]
    visit: Visited | str
    rollover: Visited | str
    answers: dict[str, Answer | str] = field(default_factory=dict)

    def fetch(self, url: str, get: Callable[[str], Answer]) -> Answer | str:
        """What an address answers, asked once; else in a few words why it does not."""
        if url not in self.answers:
            try:
                self.answers[url] = get(url)
            except UpstreamUnavailable as fault:
                self.answers[url] = fault.cause or "no answer"
            except PreauError as fault:
                self.answers[url] = fault.code
        return self.answers[url]


Check = Callable[[Patient], Iterator[Finding]]


def check_standing(patient: Patient) -> Iterator[Finding]:
    """The descriptor was read to get here; an administrator may have closed the service all the same."""
    if patient.service.is_suspended:
        yield _fail("descriptor", "the service is suspended", "`preau service resume` once the reason is gone")
    else:
        yield _pass("descriptor", f"read, {len(client_names(patient.service))} clients, {patient.service.state}")


def check_scopes(patient: Patient) -> Iterator[Finding]:
    """What is declared can be asked for, and what may be asked for is declared: the rest is asked for in vain."""
    if Protocol.OIDC not in patient.service.protocols:
        return
    declared = set(patient.service.claims)
    opened = {claim for party in patient.service.parties for claim in _opened(party)}
    if closed := sorted(declared - opened):
        yield _fail(
            "scopes", f"no scope opens {', '.join(closed)}", "add its scope in [[parties]], or leave the claim out"
        )
    for party in patient.service.parties:
        idle = [s for s in party.scopes if SCOPE_CLAIMS.get(s) and not declared & set(SCOPE_CLAIMS[s])]
        if idle:
            yield _fail("scopes", f"{party.client_id}: {', '.join(idle)} opens nothing declared", "leave the scope out")
    if declared <= opened and patient.service.parties:
        yield _pass("scopes", "every declared claim can be asked for")


def check_metadata(patient: Patient) -> Iterator[Finding]:
    """A SAML service is known by its metadata: they have come, and they are good for a while."""
    if Protocol.SAML not in patient.service.protocols:
        return
    declared = patient.service.saml
    if declared is None:
        yield _fail("saml metadata", "none have come", "`preau check` tells from where; `preau work` fetches them")
    elif declared.is_over(patient.clock()):
        yield _fail("saml metadata", f"they ended on {declared.until:%Y-%m-%d}", "ask the service for new ones")
    else:
        until = f"{declared.until:%Y-%m-%d}" if declared.until else "no end is stated"
        yield _pass("saml metadata", f"{declared.entity_id}, {len(declared.signing)} keys, until: {until}")


def check_told(patient: Patient) -> Iterator[Finding]:
    """Whether the service can be told that a visit ended, by the protocols that say so in its descriptor."""
    cas, saml = patient.service.cas, patient.service.saml
    if cas is not None and cas.logout is LogoutStyle.NONE:
        yield _not("cas logout", "the descriptor says that it is not told", "let it be: set 'logout' in [cas]")
    if saml is not None and not saml.slo:
        yield _not("saml logout", "its metadata have no SingleLogoutService", "ask the service for one, by SOAP")


def check_broker(patient: Patient) -> Iterator[Finding]:
    """The broker answers under its own name, as its services reach it."""
    found = patient.fetch(f"{patient.issuer}{DISCOVERY_PATH}", patient.broker)
    if isinstance(found, str):
        yield _fail(
            "broker", f"{patient.issuer} does not answer ({found})", "start `preau serve`, and the proxy before it"
        )
    elif _table(found).get("issuer") != patient.issuer:
        yield _fail("broker", "discovery names another issuer", "another installation answers there: look at the proxy")
    else:
        yield _pass("broker", "discovery answers and names its issuer")
        yield _clock("clock of the broker", found, patient.clock())


def check_keys(patient: Patient) -> Iterator[Finding]:
    """The published keys are those of the database, the next one among them long before it signs."""
    found = patient.fetch(f"{patient.issuer}{JWKS_PATH}", patient.broker)
    if isinstance(found, str):
        yield _not("published keys", f"no answer ({found})", "")
        return
    entries = _table(found).get("keys")
    published = {key.get("kid") for key in entries} if isinstance(entries, list) else set()
    for alg in sorted({party.signing_alg for party in patient.service.parties}):
        ours = {key.state: key.kid for key in patient.keys if (key.purpose, key.alg) == (KeyPurpose.ID_TOKEN, alg)}
        if not {ours.get(KeyState.ACTIVE), ours.get(KeyState.NEXT)} <= published:
            yield _fail(
                "published keys", f"{alg}: not those of `preau keys list`", "is it this installation that answers?"
            )
        else:
            yield _pass("published keys", f"{alg}: the key that signs and the next one are published")


def check_addresses(patient: Patient) -> Iterator[Finding]:
    """Where people and answers are led to answers at all. What it says to a bare request is its own affair."""
    for url in _addresses(patient.service):
        found = patient.fetch(url, patient.outside)
        if found == ADDRESS_CLOSED:
            yield _not("addresses", f"{url} is inside a network", "open it in `reachable_networks` (preau.toml)")
        elif isinstance(found, str):
            yield _fail("addresses", f"{url} does not answer ({found})", "start the service, or correct the descriptor")
        elif found.status >= HTTPStatus.INTERNAL_SERVER_ERROR or found.status == HTTPStatus.NOT_FOUND:
            yield _fail("addresses", f"{url} answered {found.status}", "the service has no such page, or fails on it")
        else:
            yield _pass("addresses", f"{url} answered {found.status}")


def check_clock(patient: Patient) -> Iterator[Finding]:
    """The service's clock is near ours: tokens are good for minutes, and one from the future is refused."""
    told: dict[str, Answer] = {}
    for url in _addresses(patient.service):
        found = patient.fetch(url, patient.outside)
        if isinstance(found, Answer):
            told.setdefault(origin_of(url), found)
    for origin, answer in told.items():
        yield _clock(f"clock of {origin}", answer, patient.clock())
    if not told:
        yield _not("clock of the service", "it does not answer", "compare `date -u` on both machines")


def check_login(patient: Patient) -> Iterator[Finding]:
    """An invented person opens the service and arrives there signed in: the client redeemed its code."""
    visit = patient.visit
    if isinstance(visit, str):
        yield _not("login", visit, "sign in once by hand, or try the service beside `preau demo`")
    elif not _is_there(patient.service, visit):
        to_do = "look for the trace number in the broker's log, and into the service's own log"
        yield _fail("login", f"{visit.login} ended at {visit.landed} ({visit.status})", to_do)
    elif not visit.receipt:
        to_do = "its first page must lead to the broker at once, or after one click"
        yield _fail("login", f"{visit.landed} answered, but the client asked for no token, ticket or assertion", to_do)
    else:
        yield _pass("login", f"{visit.login} is signed in at {visit.landed}")


def check_logout(patient: Patient) -> Iterator[Finding]:
    """The service confirms that a visit ended, and has ended it."""
    visit = patient.visit
    if isinstance(visit, str) or not visit.receipt:
        yield _not("logout", "nobody signed in", "see login")
        return
    todo = {
        "waiting": "it did not answer its backchannel_logout_uri: look into its log; the broker tries for a day",
        "untold": "it refused the logout token: it must take typ logout+jwt signed with signing_alg",
        "no_address": "register backchannel_logout_uri: people believe that signing out signs out everywhere",
        "shown": "front channel: nothing comes back from there. Prefer backchannel_logout_uri",
    }
    if visit.receipt != "confirmed":
        verdict = _not if visit.receipt == "shown" else _fail
        yield verdict("logout", f"receipt: {visit.receipt}", todo.get(visit.receipt, ""))
    elif origin_of(visit.after) in _origins(patient.service):
        yield _fail("logout", "it confirmed, and still shows the person", "end the local session that the `sid` names")
    else:
        yield _pass("logout", "confirmed, and the service asks to sign in again")


def check_claims(patient: Patient) -> Iterator[Finding]:
    """What it was told is what it declared, and no claim is declared for nothing (RGPD article 5.1.c)."""
    declared = {claim.value for claim in patient.service.claims}
    told = {claim for release in patient.releases for claim in release.claims} - {SUBJECT}
    if not patient.releases:
        yield _not("minimal claims", "it was told nothing in 30 days", "sign in once, then look again")
        return
    if beyond := sorted(told - declared):
        to_do = "the descriptor was narrowed since, or it is a fault of ours: report it"
        yield _fail("minimal claims", f"told beyond what it declares now: {', '.join(beyond)}", to_do)
    if idle := sorted(declared - told):
        to_do = "leave out what it does not need; some are told of certain people only"
        yield _not("minimal claims", f"declared, and told of nobody in 30 days: {', '.join(idle)}", to_do)
    if told == declared:
        yield _pass("minimal claims", f"told what it declares and no more: {', '.join(sorted(told)) or 'no claim'}")


def check_rollover(patient: Patient) -> Iterator[Finding]:
    """The client takes a token signed by the key that took over while it was running."""
    visit = patient.rollover
    if isinstance(visit, str):
        yield _not("key rollover", visit, "on a trial installation run `preau service doctor --rollover`")
    elif _is_there(patient.service, visit) and visit.receipt:
        yield _pass("key rollover", "the next key signs, and the client took its token")
    else:
        to_do = "it keeps our keys for good: it must fetch jwks_uri again when a `kid` is unknown"
        yield _fail("key rollover", f"after the rotation {visit.login} ended at {visit.landed} ({visit.status})", to_do)


CHECKS: tuple[Check, ...] = (
    check_standing, check_metadata, check_told, check_scopes, check_broker, check_keys, check_addresses, check_clock,
    check_login, check_logout, check_claims, check_rollover,
)  # fmt: skip


def _clock(check: str, answer: Answer, now: datetime) -> Finding:
    try:
        told = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return _not(check, "it sends no Date", "compare `date -u` on both machines")
    apart = abs(now - told)
    if apart > SKEW:
        return _fail(check, f"{apart.total_seconds():.0f} s from this machine's", "set both by NTP; 15 s is the most")
    return _pass(check, f"within {SKEW.total_seconds():.0f} s of this machine's")


def _addresses(service: Service) -> tuple[str, ...]:
    """Where people open it, and where the answers of clients with a server go: each once."""
    opened = [instance.url for instance in service.instances]
    back = [uri for party in service.parties if party.kind is not ClientKind.NATIVE for uri in party.redirect_uris]
    return tuple(dict.fromkeys((*opened, *back)))


def _origins(service: Service) -> frozenset[str]:
    return frozenset(origin_of(url) for url in _addresses(service))


def _is_there(service: Service, visit: Visited) -> bool:
    return NO_ANSWER < visit.status < HTTPStatus.BAD_REQUEST and origin_of(visit.landed) in _origins(service)


def _opened(party: RelyingParty) -> set[ClaimName]:
    return {claim for scope in party.scopes for claim in SCOPE_CLAIMS.get(scope, ())}


def _table(answer: Answer) -> Mapping[str, object]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _pass(check: str, saw: str) -> Finding:
    return Finding(check, Verdict.PASS, saw)


def _fail(check: str, saw: str, to_do: str) -> Finding:
    return Finding(check, Verdict.FAIL, saw, to_do)


def _not(check: str, saw: str, to_do: str) -> Finding:
    return Finding(check, Verdict.NOT_TESTED, saw, to_do)
