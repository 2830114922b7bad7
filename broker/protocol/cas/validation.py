"""The addresses where services validate tickets (CAS Protocol 3.0.3 §2.4–§2.8, §4.2): one act, four ways to say it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC

from broker.domain.cas import TicketStands
from broker.domain.errors import InvalidRequest
from broker.domain.release_rules import XmlShape
from broker.domain.released import Attribute
from broker.protocol.cas.proxies import Proxies
from broker.protocol.cas.refusals import SENTENCES, TicketRefused, Why
from broker.protocol.cas.requests import SERVICE, TARGET
from broker.protocol.cas.spending import Attempt, Spending, Spent
from broker.protocol.endpoint import Call
from broker.services.cas_addresses import TICKET, without_ticket
from broker.wire.cas_answer import (
    Beside,
    Unwritable,
    write_failure,
    write_proxy_failure,
    write_proxy_ticket,
    write_success,
)
from broker.wire.cas_json import json_failure, json_proxy_ticket, json_success
from broker.wire.cas_saml import SamlSubject, Unreadable, read_saml_request, write_saml_failure, write_saml_success
from broker.wire.http import Form, Headers, PlainResponse, parse_form

_NO_STORE: Headers = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
FORMATS = frozenset({"XML", "JSON"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Validation:
    """The endpoints and what they work with. `issuer` names us in SAML answers."""

    issuer: str
    spending: Spending
    proxies: Proxies

    def first(self, call: Call) -> PlainResponse:
        """`/validate`, CAS 1: two lines of text, no attribute, no proxy ticket (§2.4)."""
        try:
            spent = self.spending.spend(call, _attempt(_form(call)))
        except TicketRefused as refusal:
            _note(call, refusal)
            return _text("no\n\n")
        return _text(f"yes\n{spent.told.principal}\n")

    def second(self, call: Call) -> PlainResponse:
        """`/serviceValidate`, CAS 2 (§2.5)."""
        return self._answer(call, proxies=False, third=False)

    def second_proxied(self, call: Call) -> PlainResponse:
        """`/proxyValidate`, CAS 2: proxy tickets too (§2.6)."""
        return self._answer(call, proxies=True, third=False)

    def third(self, call: Call) -> PlainResponse:
        """`/p3/serviceValidate`, CAS 3: with what is known of the login (§2.8)."""
        return self._answer(call, proxies=False, third=True)

    def third_proxied(self, call: Call) -> PlainResponse:
        """`/p3/proxyValidate`, CAS 3 (§2.8)."""
        return self._answer(call, proxies=True, third=True)

    def proxy(self, call: Call) -> PlainResponse:
        """`/proxy`: a ticket elsewhere, against a proxy-granting ticket (§2.7)."""
        form = _form(call)
        is_json = form.values.get("format") == "JSON"
        try:
            ticket = self.proxies.ticket(call, **_proxying(form))
        except TicketRefused as refusal:
            _note(call, refusal)
            code, sentence = refusal.why.value, SENTENCES[refusal.why]
            if is_json:
                return _json(json_failure(code, sentence, outcome="proxyFailure"))
            return _xml(write_proxy_failure(code, sentence).body)
        return _json(json_proxy_ticket(ticket)) if is_json else _xml(write_proxy_ticket(ticket).body)

    def saml(self, call: Call) -> PlainResponse:
        """`/samlValidate`: the ticket in a SOAP body, the address as `TARGET` in ours (§4.2)."""
        form = _form(call)
        service = without_ticket(form.values.get(TARGET, ""))
        try:
            asked = read_saml_request(call.request.body)
            fault = "repeated parameters" if form.repeated else "" if service else "no TARGET"
            spent = self.spending.spend(call, Attempt(asked.ticket, service, proxies=False, fault=fault))
            subject = SamlSubject(spent.told.principal, spent.ticket.stands.authn.auth_time, service, asked.request_id)
            body = write_saml_success(subject, spent.told.attributes, issuer=self.issuer, now=call.now)
        except (TicketRefused, Unreadable, Unwritable) as fault_:
            refusal = fault_ if isinstance(fault_, TicketRefused) else TicketRefused(Why.INVALID_REQUEST, str(fault_))
            _note(call, refusal)
            body = write_saml_failure(refusal.why.value, SENTENCES[refusal.why], "", now=call.now)
        return _xml(body)

    def _answer(self, call: Call, *, proxies: bool, third: bool) -> PlainResponse:
        form = _form(call)
        is_json = form.values.get("format") == "JSON"
        try:
            spent = self.spending.spend(call, _attempt(form, proxies=proxies))
            callback = form.values.get("pgtUrl", "")
            iou = self.proxies.give(call, spent, callback) if callback else ""
            facts = login_facts(spent.ticket.stands) if third else ()
            return self._success(call, spent, Beside(facts, iou, spent.ticket.stands.proxies), is_json=is_json)
        except TicketRefused as refusal:
            _note(call, refusal)
            code, sentence = refusal.why.value, SENTENCES[refusal.why]
            return _json(json_failure(code, sentence)) if is_json else _xml(write_failure(code, sentence).body)

    def _success(self, call: Call, spent: Spent, beside: Beside, *, is_json: bool) -> PlainResponse:
        told, shape = spent.told, spent.service.release.xml if spent.service.release else XmlShape.ATTRIBUTES
        try:
            if is_json:
                return _json(json_success(told.principal, told.attributes, beside=beside))
            answer = write_success(told.principal, told.attributes, shape=shape, beside=beside)
        except Unwritable as fault:
            raise TicketRefused(Why.INTERNAL_ERROR, str(fault)) from None
        if answer.dropped:
            log.warning("values that XML cannot hold", extra={"trace": call.trace, "attributes": answer.dropped})
        return _xml(answer.body)


def login_facts(stands: TicketStands) -> Sequence[Attribute]:
    """What CAS 3 tells of the login itself (§2.5.7): when, by a long-term session, by a fresh proof."""
    at = stands.authn.auth_time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return (
        Attribute("authenticationDate", (at,)),
        Attribute("longTermAuthenticationRequestTokenUsed", (_word(stands.long_term),)),
        Attribute("isFromNewLogin", (_word(stands.fresh),)),
    )


RequestCheck = Callable[[Form], str]
"""What is wrong with the parameters of a validation in one respect; empty: nothing."""


def repeats(form: Form) -> str:
    """A parameter twice: the service and we may have read different ones."""
    return "repeated parameters" if form.repeated else ""


def lacks(form: Form) -> str:
    """Both `service` and `ticket` are required (§2.5.1)."""
    return "" if form.values.get(SERVICE) and form.values.get(TICKET) else "no service, or no ticket"


def misnames(form: Form) -> str:
    """Another format than the two (§2.5.1)."""
    stated = form.values.get("format", "XML")
    return "" if stated in FORMATS else "unknown format"


REQUEST_CHECKS: tuple[RequestCheck, ...] = (repeats, lacks, misnames)


def _attempt(form: Form, *, proxies: bool = False) -> Attempt:
    return Attempt(
        ticket=form.values.get(TICKET, ""),
        service=without_ticket(form.values.get(SERVICE, "")),
        renew=bool(form.values.get("renew")),
        proxies=proxies,
        fault=next((fault for check in REQUEST_CHECKS if (fault := check(form))), ""),
    )


def _proxying(form: Form) -> dict[str, str]:
    granting, target = form.values.get("pgt", ""), form.values.get("targetService", "")
    if form.repeated or not granting or not target:
        raise TicketRefused(Why.INVALID_REQUEST, "repeated, or no pgt, or no targetService")
    return {"granting": granting, "target": target}


def _form(call: Call) -> Form:
    """The parameters; what cannot be decoded at all is as good as none."""
    try:
        return parse_form(call.request.query)
    except InvalidRequest:
        return Form({})


def _note(call: Call, refusal: TicketRefused) -> None:
    log.info("ticket refused", extra={"trace": call.trace, "code": refusal.why.value, "cause": refusal.cause})


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _text(body: str) -> PlainResponse:
    return PlainResponse(200, (("Content-Type", "text/plain; charset=utf-8"), *_NO_STORE), body.encode())


def _xml(body: bytes) -> PlainResponse:
    return PlainResponse(200, (("Content-Type", "application/xml; charset=utf-8"), *_NO_STORE), body)


def _json(body: bytes) -> PlainResponse:
    return PlainResponse(200, (("Content-Type", "application/json; charset=utf-8"), *_NO_STORE), body)
