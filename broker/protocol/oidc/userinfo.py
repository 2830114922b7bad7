"""The userinfo endpoint (OIDC Core §5.3): claims computed at every call, for a live token of a live grant and session.

Nothing told here was stored when the token was issued: a right withdrawn or a child gone falls with the next call.
What is told is written down before the answer leaves; what cannot be written down is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from broker.domain.errors import InvalidDpopProof, InvalidRequest, InvalidToken, ProtocolError
from broker.domain.handles import Handle, digest, is_handle
from broker.domain.people import PersonView, Space
from broker.domain.portraits import TokenPortrait
from broker.domain.ports import Current, Grants, Ledger, Portraits, Services
from broker.domain.released import SUBJECT, Released, release_of
from broker.domain.services import Protocol, RelyingParty, Service
from broker.domain.sessions import AccessToken
from broker.protocol.endpoint import Call
from broker.protocol.oidc.answers import bearer_refusal
from broker.protocol.oidc.envelopes import Envelopes
from broker.protocol.oidc.proofs import ProofDesk
from broker.services.release import About, Asker, as_claims, release_for
from broker.services.release_details import DETAIL_CLAIMS, needs_children
from broker.services.release_memory import Basis, ReleaseMemory
from broker.wire import oauth
from broker.wire.http import PlainRequest, PlainResponse, parse_body
from policies import Policies, PolicyBook

_SCHEMES = frozenset({oauth.BEARER.lower(), oauth.DPOP.lower()})


@dataclass(frozen=True, slots=True)
class UserInfo:
    """The endpoint and what it works with."""

    services: Current[Services]
    grants: Grants
    portraits: Portraits
    ledger: Ledger
    policies: Current[PolicyBook]
    proofs: ProofDesk
    envelopes: Envelopes
    memory: ReleaseMemory = field(default_factory=ReleaseMemory)

    def answer(self, call: Call) -> PlainResponse:
        """Answer a userinfo request, by GET or POST: the token in the header or a form, never in the address."""
        try:
            found = self._live_token(call)
            service, party = self._asker(found.token)
            claims = self._claims(found, service, now=call.now)
        except ProtocolError as refusal:
            return bearer_refusal(refusal, trace=call.trace, scheme=scheme_of(call.request))
        return self.envelopes.userinfo({SUBJECT: found.token.subject, **claims}, party)

    def _live_token(self, call: Call) -> TokenPortrait:
        check_one_way(call.request)
        handle = token_handle(call.request)
        if not handle:
            raise InvalidToken("no token of ours")
        found = self.portraits.of_token(digest(handle), claims=DETAIL_CLAIMS, now=call.now)
        if found is None or call.now >= found.token.expires_at:
            raise InvalidToken("unknown, expired or revoked")
        if found.token.grant.audience:
            raise InvalidToken("for an API, not for us")  # RFC 9700 §2.3
        self._check_holder(call, found.token, handle)
        return found

    def _check_holder(self, call: Call, token: AccessToken, handle: str) -> None:
        """A token bound to a key comes with a proof of that key, under its own scheme (RFC 9449 §7.1, §7.2)."""
        by_proof = scheme_of(call.request).lower() == oauth.DPOP.lower()
        if by_proof is not bool(token.grant.jkt):
            raise InvalidToken("bound to a key" if token.grant.jkt else "bound to no key")
        if by_proof and self.proofs.jkt(call, access_token=handle) != token.grant.jkt:
            raise InvalidDpopProof("no proof, or of another key")

    def _asker(self, token: AccessToken) -> tuple[Service, RelyingParty]:
        service = self.services.current().by_client(token.grant.client_id)
        party = service.party(token.grant.client_id) if service else None
        if service is None or party is None:
            raise InvalidToken("the client is gone")
        if service.is_suspended:
            raise InvalidToken("the service is suspended")
        return service, party

    def _claims(self, found: TokenPortrait, service: Service, *, now: datetime) -> dict[str, object]:
        token, person = found.token, found.portrait.person
        if person is None:
            raise InvalidToken("the person is gone")
        policies = self.policies.current().of(service.tenant)
        basis = Basis(
            policies, service, token.subject, found.portrait, found.details, found.child_subjects,
            (token.grant.client_id, token.grant.school, *token.claims),
        )  # fmt: skip
        told = self.memory.released(
            token.grant.person_id, basis, lambda: self._release(policies, service, person, found, now=now)
        )
        self.ledger.note(release_of(token.grant.person_id, service.service_id, claims=told.claims, at=now))
        return as_claims(told)

    def _release(
        self, policies: Policies, service: Service, person: PersonView, found: TokenPortrait, *, now: datetime
    ) -> Released:
        asker, wanted = Asker(service, Protocol.OIDC, found.token.grant.school), found.token.claims
        about = About(
            person,
            found.portrait.children if asker.by_school or needs_children(wanted) else (),
            subject=found.token.subject,
            child_subject=self._child_subject(service, found, now=now),
            now=now,
            details=found.details,
        )
        return release_for(policies, asker, about, wanted=wanted)

    def _child_subject(self, service: Service, found: TokenPortrait, *, now: datetime) -> Callable[[str], str]:
        """The subjects that were read with the token; one that a child has not yet is drawn at its first release."""

        def subject(child_id: str) -> str:
            known = found.child_subjects.get(child_id)
            return known or self.grants.subject(child_id, sector=service.sector, space=Space.FAMILY, now=now)

        return subject


def check_one_way(request: PlainRequest) -> None:
    """The token comes in one way: two could be of two people. Raises `InvalidRequest` (RFC 6750 §2)."""
    if _in_form(request) and "authorization" in request.headers:
        raise InvalidRequest("two access tokens")


def scheme_of(request: PlainRequest) -> str:
    """The scheme of the Authorization header, as written; a token in a form is a bearer's; empty when there is none."""
    written = request.headers.get("authorization", "").partition(" ")[0]
    return written or (oauth.BEARER if _in_form(request) else "")


def token_handle(request: PlainRequest) -> str:
    """The access token that was shown, by shape one of ours; else the empty text. Schemes have no case (RFC 9110)."""
    handle = request.headers.get("authorization", "").partition(" ")[2].strip() or _in_form(request)
    of_ours = scheme_of(request).lower() in _SCHEMES and is_handle(Handle.ACCESS_TOKEN, handle)
    return handle if of_ours else ""


def _in_form(request: PlainRequest) -> str:
    """The token in the form of a POST (RFC 6750 §2.2); empty when the body is no form, or holds it twice."""
    if request.method != "POST" or not request.body:
        return ""
    try:
        return parse_body(request).get(oauth.ACCESS_TOKEN, "")
    except InvalidRequest:
        return ""
