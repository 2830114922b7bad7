"""CAS 2 and 3 client: an ENT as a source of logins (CAS Protocol 3.0.3).

CAS has no `state`: it travels inside the service URL, which CAS hands back untouched and checks against the ticket.
The service URL sent to validation is byte for byte the one sent to login, kept in the login's private values, so that
a ticket made for another service, another login or another browser validates nowhere.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from broker.domain.errors import TicketRefused, UpstreamRefused, UpstreamUnavailable
from broker.domain.identity import AccountKey, AuthnContext, UpstreamIdentity, UpstreamProtocol
from broker.domain.people import Reference
from broker.domain.ports import Departure, Return, UpstreamLogout
from broker.wire.cas_xml import CasFailure, CasSuccess, parse_service_response
from connectors import sdet
from connectors.outbound import Answer, Outbound, OutboundLimits, open_outbound

STATE_PARAMETER = "etat"
SUBJECT_FORMAT = "cas:user"

CLOCK_SKEW = timedelta(seconds=60)
"""How far a server's clock may be ahead of ours."""

_OK = 200
_NOT_FOUND = 404
_SERVER_FAULT = 500
_SERVER_IN_TROUBLE = "INTERNAL_ERROR"
"""A failure that is no judgement of the ticket (CAS §2.5.3)."""
_TICKET = re.compile(r"ST-[A-Za-z0-9._-]{1,253}")
_DISPLAY = (("displayName",), ("prenom", "nom"), ("givenName", "sn"), ("cn",))


@dataclass(frozen=True, slots=True)
class CasSource:
    """How to reach one CAS server. `url` is its base (`https://cas.ent.example/cas`) and the issuer of its accounts.

    `academies` maps the numbering authorities this server may speak for (`AC-TEST`) to académie numbers; references of
    any other authority are dropped. `validate_paths` are tried in order, the next one only where the server has no
    such page (CAS 2 servers know `/serviceValidate` alone). `login_params` preselect a form (`selection=…`).
    """

    source_id: str
    url: str
    releases_references: bool = False
    academies: Mapping[str, str] = field(default_factory=dict)
    validate_paths: tuple[str, ...] = ("/p3/serviceValidate", "/serviceValidate")
    login_params: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    limits: OutboundLimits = field(default_factory=OutboundLimits)

    def open(self) -> CasConnector:
        """Make the connector. Raises `OSError` when the authority's file cannot be used."""
        return CasConnector(self, open_outbound(ca_file=self.ca_file, limits=self.limits))


@dataclass(frozen=True, slots=True)
class CasConnector:
    """`RedirectConnector` over CAS."""

    source: CasSource
    outbound: Outbound

    @property
    def state_parameter(self) -> str:
        """Our own parameter of the service URL."""
        return STATE_PARAMETER

    def start(self, *, return_url: str, state: str, force: bool) -> Departure:
        """Build the login URL; `force` becomes `renew`, here and at validation (CAS §2.1.1, §2.5.1)."""
        if "?" in return_url or "#" in return_url:
            raise ValueError("a CAS return URL has no query of its own")
        service = f"{return_url}?{urlencode({STATE_PARAMETER: state})}"
        renew = {"renew": "true"} if force else {}
        query = urlencode({**self.source.login_params, **renew, "service": service})
        return Departure(self._at("/login") + f"?{query}", {"state": state, "service": service, **renew})

    def finish(self, answer: Return, *, private: Mapping[str, str], now: datetime) -> UpstreamIdentity:
        """Validate the ticket by the back channel and read who it is for."""
        _check_state(answer, private)
        ticket = _ticket(answer)
        outcome = self._validate(ticket, private)
        if isinstance(outcome, CasFailure):
            refused = UpstreamRefused if outcome.code == _SERVER_IN_TROUBLE else TicketRefused
            raise refused(f"CAS refused the ticket: {outcome.code or 'no code'}")
        proven_at = _auth_time(outcome.attributes, now=now)
        authn = AuthnContext(
            acr="",
            amr=(),
            auth_time=proven_at or now,
            authority=self.source.source_id,
            proven=proven_at is not None or "renew" in private,
        )
        return self._identity(outcome, authn=authn, ticket=ticket)

    def start_logout(self, *, hint: str, return_url: str, state: str) -> UpstreamLogout:  # noqa: ARG002 - the seam's
        """CAS §2.3: the server ends its session, for all of its services, and leads back where it does such things."""
        service = f"{return_url}?{urlencode({STATE_PARAMETER: state})}"
        return UpstreamLogout(f"{self._at('/logout')}?{urlencode({'service': service})}")

    def finish_logout(self, answer: Return, *, state: str) -> bool:
        """The browser came back to the address that we named."""
        return hmac.compare_digest(answer.params.get(STATE_PARAMETER, "").encode(), state.encode())

    def close(self) -> None:
        """Give back the connections."""
        self.outbound.close()

    def _validate(self, ticket: str, private: Mapping[str, str]) -> CasSuccess | CasFailure:
        renew = {"renew": "true"} if "renew" in private else {}
        query = urlencode({"service": private["service"], "ticket": ticket, **renew})
        for path in self.source.validate_paths:
            answer = self.outbound.get_once(f"{self._at(path)}?{query}")
            if answer.status != _NOT_FOUND:
                return _read(answer)
        raise UpstreamUnavailable("the CAS server has no validation page")

    def _identity(self, outcome: CasSuccess, *, authn: AuthnContext, ticket: str) -> UpstreamIdentity:
        return UpstreamIdentity(
            key=AccountKey(UpstreamProtocol.CAS, self.source.url, SUBJECT_FORMAT, outcome.user),
            authn=authn,
            references=self._references(outcome.attributes),
            display=_display(outcome.attributes),
            answer=ticket,
        )

    def _references(self, attributes: Mapping[str, tuple[str, ...]]) -> tuple[Reference, ...]:
        if not self.source.releases_references:
            return ()
        values = attributes.get(sdet.JOINTURE, ())
        found = sdet.distinct(sdet.parse_jointure(value, self.source.academies) for value in values)
        if found is None:
            raise UpstreamRefused("more references than one human can have")
        return found

    def _at(self, path: str) -> str:
        return self.source.url.rstrip("/") + path


def _check_state(answer: Return, private: Mapping[str, str]) -> None:
    """The login that came back is the one that left (login CSRF)."""
    if not hmac.compare_digest(answer.params.get(STATE_PARAMETER, "").encode(), private["state"].encode()):
        raise UpstreamRefused("the service URL came back with another state")


def _ticket(answer: Return) -> str:
    ticket = answer.params.get("ticket", "")
    if not _TICKET.fullmatch(ticket):
        raise UpstreamRefused("no usable service ticket")
    return ticket


def _read(answer: Answer) -> CasSuccess | CasFailure:
    """A success document counts only under status 200: other clients take it under 404 and 500 too."""
    if answer.status >= _SERVER_FAULT:
        raise UpstreamUnavailable(f"CAS validation answered {answer.status}")
    if answer.status != _OK:
        raise UpstreamRefused(f"CAS validation answered {answer.status}")
    return parse_service_response(answer.body)


def _auth_time(attributes: Mapping[str, tuple[str, ...]], *, now: datetime) -> datetime | None:
    """When the person proved who they are, where the server tells (CAS §2.5.2 `authenticationDate`), else None.

    A time far ahead of ours tells nothing: cut to the present it would make an old login a fresh one. Java writes the
    zone's name after the offset: `…Z[UTC]`. Raises `UpstreamRefused` for a time that no calendar has.
    """
    stated = attributes.get("authenticationDate", ("",))[0].partition("[")[0]
    try:
        moment = datetime.fromisoformat(stated)
        if moment.tzinfo is None:
            return None
        moment = moment.astimezone(UTC)
    except ValueError:
        return None
    except OverflowError:
        raise UpstreamRefused("authenticationDate is no time of this calendar") from None
    return min(moment, now) if moment <= now + CLOCK_SKEW else None


def _display(attributes: Mapping[str, tuple[str, ...]]) -> str:
    """A name for the person's own eyes; it decides nothing."""
    for names in _DISPLAY:
        if all(attributes.get(name) for name in names):
            return " ".join(attributes[name][0] for name in names)[:120]
    return ""
