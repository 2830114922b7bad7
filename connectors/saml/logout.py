"""Logout at a SAML source (Profiles §4.4, by redirect), both ways: we tell it, and it tells us.

A provider of the EduConnect kind names at the login an address that browsers go to at the logout. That address is the
provider's word, so it counts only at a host that the settings allow: nothing of ours leads just anywhere.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from broker.domain.errors import UpstreamRefused
from broker.domain.handles import digest
from broker.domain.ports import Return, UpstreamLogout
from broker.wire.saml import SamlRefused, names
from broker.wire.saml.asking import signed_query
from broker.wire.saml.assertion import NameId, Status
from broker.wire.saml.bindings import RELAY_STATE, REQUEST, RESPONSE, decode_redirect, verify_redirect
from broker.wire.saml.logout import Sender, build_logout_request, build_logout_response
from broker.wire.saml.requests import LogoutAsked, LogoutRequest, read_logout_answer, read_logout_request
from broker.wire.saml.statements import Statements
from connectors.saml.acceptance import CLOCK_SKEW, OLDEST
from connectors.saml.educonnect import RETURN_URL

if TYPE_CHECKING:
    from connectors.saml.source import SamlSource

MOST_URL = 2048
_LOOPBACK = "127."
_DONE = Status(names.SUCCESS)
_NOT_MEANT = Status(names.REQUESTER, "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal")


@dataclass(frozen=True, slots=True)
class LogoutHint:
    """What a login leaves for its logout: how the provider names person and session, and where it sends browsers."""

    name: str = ""
    name_format: str = ""
    qualifier: str = ""
    sp_qualifier: str = ""
    index: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that is being weighed."""

    request: LogoutRequest
    provider: str
    address: str
    now: datetime


LogoutCheck = Callable[[Asked], None]


def check_issuer(asked: Asked) -> None:
    """The provider itself: another one may share its keys."""
    if asked.request.issuer != asked.provider:
        raise UpstreamRefused("a logout request of another provider")


def check_destination(asked: Asked) -> None:
    """Sent to this address of ours, and no other service's (SAML Bindings §3.4.5.2)."""
    if asked.request.destination != asked.address:
        raise UpstreamRefused("a logout request for another address")


def check_age(asked: Asked) -> None:
    """Made a moment ago: one that somebody kept ends no later session."""
    if asked.now - asked.request.issued_at > OLDEST:
        raise UpstreamRefused("an old logout request")


def check_time(asked: Asked) -> None:
    """Not made in a time to come: it would stay fresh for as long."""
    if asked.request.issued_at - asked.now > CLOCK_SKEW:
        raise UpstreamRefused("a logout request of the future")


def check_until(asked: Asked) -> None:
    """Still good by its own words (SAML Core §3.7.1)."""
    until = asked.request.until
    if until is not None and asked.now - until >= CLOCK_SKEW:
        raise UpstreamRefused("a logout request that is over")


LOGOUT_CHECKS: tuple[LogoutCheck, ...] = (check_issuer, check_destination, check_age, check_time, check_until)


def write_hint(said: Statements, *, hosts: frozenset[str]) -> str:
    """Write down what the logout will need; empty when the provider named nobody."""
    name, stated = said.name_id, said.value(*RETURN_URL)
    hint = LogoutHint(
        name=name.value if name else "",
        name_format=name.name_format if name else "",
        qualifier=name.qualifier if name else "",
        sp_qualifier=name.sp_qualifier if name else "",
        index=said.authn[0].session_index,
        address=stated if may_lead(stated, hosts=hosts) else "",
    )
    return json.dumps(asdict(hint))


def read_hint(hint: str) -> LogoutHint:
    """Read what `write_hint` wrote; an empty one for a login that left nothing, or that was not by SAML yet."""
    try:
        return LogoutHint(**json.loads(hint))
    except (ValueError, TypeError):
        return LogoutHint()


def may_lead(address: str, *, hosts: frozenset[str]) -> bool:
    """Tell whether a browser may be sent there: https (http on loopback alone), at a host of the settings."""
    if len(address) > MOST_URL or not address.isascii() or not address.isprintable() or {" ", "\\"} & set(address):
        return False
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host.startswith(_LOOPBACK))
    return is_safe and host in hosts and "@" not in parts.netloc


def start_logout(source: SamlSource, hint: LogoutHint, *, state: str, now: datetime) -> UpstreamLogout | None:
    """The address that the provider stated at the login, else its logout service; None where it has neither.

    The first does not lead back: it is a chain of the provider's own. It is held against the settings of today.
    """
    if hint.address and may_lead(hint.address, hosts=source.leads_to):
        return UpstreamLogout(hint.address, comes_back=False)
    slo = source.provider.slo
    if not slo or not hint.name or not source.slo or _is_over(source, now=now):
        return None
    name = NameId(hint.name, hint.name_format or names.UNSPECIFIED_NAME, hint.qualifier, hint.sp_qualifier)
    xml = build_logout_request(
        Sender(source.entity_id, slo, now, None),
        name_id=name,
        session_index=hint.index,
        until=now + OLDEST,
        message_id=_request_id(state),
    )
    return UpstreamLogout(signed_query(REQUEST, xml, source.key, destination=slo, relay_state=state))


def _is_over(source: SamlSource, *, now: datetime) -> bool:
    """Keys and addresses of metadata that has run out are nobody's any more (SAML Metadata §2.3.1)."""
    until = source.provider.valid_until
    return until is not None and now >= until


def is_done(source: SamlSource, answer: Return, *, state: str) -> bool:
    """Whether this is the provider's signed yes to the request of this state. Raises `UpstreamRefused`."""
    if not hmac.compare_digest(answer.params.get(RELAY_STATE, "").encode(), state.encode()):
        return False
    try:
        message = decode_redirect(answer.url.partition("?")[2], RESPONSE)
        verified = verify_redirect(message, source.provider.keys, names.samlp("LogoutResponse"))
    except SamlRefused as fault:
        raise UpstreamRefused(f"SAML logout answer refused: {fault}") from None
    told = read_logout_answer(verified.element)
    is_ours = verified.element.get("Destination") == source.slo and told.in_response_to == _request_id(state)
    return is_ours and told.issuer == source.provider.entity_id and told.status == names.SUCCESS


def logout_asked(
    source: SamlSource, query: str, *, now: datetime, checks: tuple[LogoutCheck, ...] = LOGOUT_CHECKS
) -> LogoutAsked:
    """A request of the provider, verified by its keys and checked. Raises `UpstreamRefused`."""
    if _is_over(source, now=now):
        raise UpstreamRefused("the provider's metadata is no longer valid: fetch it anew")
    try:
        message = decode_redirect(query, REQUEST)
        verified = verify_redirect(message, source.provider.keys, names.samlp("LogoutRequest"))
        request = read_logout_request(verified.element)
    except SamlRefused as fault:
        raise UpstreamRefused(f"SAML logout request refused: {fault}") from None
    for check in checks:
        check(Asked(request, source.provider.entity_id, source.slo, now))
    return LogoutAsked(request, message.relay_state)


def is_meant(hint: LogoutHint, asked: LogoutAsked) -> bool:
    """Whether a request names the person, and the session if it names one, as this login had them."""
    request, name = asked.request, asked.request.name_id
    by_name = bool(hint.name) and name.value == hint.name and name.form in {hint.name_format, ""}
    return by_name and (not request.session_indexes or hint.index in request.session_indexes)


def answer_url(source: SamlSource, asked: LogoutAsked, *, done: bool, now: datetime) -> str:
    """Where the browser carries our signed answer; empty for a provider that has no logout service."""
    address = source.provider.answers_to
    if not address:
        return ""
    xml = build_logout_response(
        Sender(source.entity_id, address, now, None),
        in_response_to=asked.request.request_id,
        status=_DONE if done else _NOT_MEANT,
    )
    return signed_query(RESPONSE, xml, source.key, destination=address, relay_state=asked.relay_state)


def _request_id(state: str) -> str:
    """A name that only the browser's own state leads to, so that nothing has to be kept beside it."""
    return f"_{digest(state)}"
