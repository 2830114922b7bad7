"""Single sign-on (SAML Profiles §4.1): who asks, for whom, how proven; then an assertion, a login or a refusal."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.domain.acts import EnterProvider
from broker.domain.assurance import Assurance
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import (
    AnotherIsMeant,
    InvalidSamlMessage,
    LoginRequired,
    PageNotFound,
    ProtocolError,
    UnknownProvider,
    UnmetRequirements,
)
from broker.domain.handles import Id, new_id
from broker.domain.portraits import Portrait
from broker.domain.ports import Current, Ledger, Portraits, ProviderLogins, Services
from broker.domain.released import Released, release_of
from broker.domain.service_clients import Binding
from broker.domain.sessions import Grant, Session
from broker.federation.logins import LoginRequest
from broker.federation.service_gate import ServiceGate, denied
from broker.federation.steps import answers as session_answers
from broker.protocol.endpoint import Answer, Call, NeedsLogin
from broker.protocol.oidc.id_token import sid_for
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.saml.answers import Answers, Asked, status_of
from broker.protocol.saml.attributes import attributes_of
from broker.protocol.saml.context import context_for, stronger, wanted_level
from broker.protocol.saml.messages import Carried, carried_again, receive
from broker.protocol.saml.name_ids import chosen_format, name_of
from broker.protocol.saml.provider import IdentityProvider, Provider
from broker.protocol.saml.releases import Releases
from broker.protocol.saml.sso_checks import REQUEST_CHECKS, TARGET_CHECKS, SsoCheck, Submission, acs_of
from broker.services.access import Weighed
from broker.services.school_in_play import requested_school
from broker.wire.http import PlainResponse, parse_form, redirect_response
from broker.wire.saml.assertion import Login
from broker.wire.saml.names import TRANSIENT
from broker.wire.saml.received import AUTHN_REQUEST
from broker.wire.saml.requests import AuthnRequest
from policies import PolicyBook

log = logging.getLogger(__name__)
_ANEW = frozenset({"login"})
MOST_KEPT = 16 * 1024
"""Characters of a request that wait for a login: whoever sends thousands must not fill the memory with them."""
_SILENT = frozenset({"none"})


@dataclass(frozen=True, slots=True)
class SsoChecks:
    """The rules of the endpoint as lists: taking one out is how a test shows what it stops."""

    target: tuple[SsoCheck, ...] = TARGET_CHECKS
    request: tuple[SsoCheck, ...] = REQUEST_CHECKS


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that passed its checks. `kept`: what takes it up again; `started`: when a login began for it."""

    provider: Provider
    request: AuthnRequest
    asked: Asked
    kept: Carried
    started: datetime | None

    @property
    def school(self) -> str:
        """The school in play, by the address that the service wants the person led back to. Raises `ReleaseRefused`."""
        return requested_school(self.provider.service.release, self.asked.relay_state)


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The endpoint and what it works with."""

    idp: IdentityProvider
    services: Current[Services]
    logins: ProviderLogins
    ledger: Ledger
    gate: ServiceGate
    portraits: Portraits
    releases: Releases
    pending: PendingRequests
    answers: Answers
    checks: SsoChecks = field(default_factory=SsoChecks)

    def get(self, call: Call) -> Answer:
        """Answer a request that came in the address."""
        return self._answer(call, Carried(Binding.REDIRECT, call.request.query), started=None)

    def post(self, call: Call) -> PlainResponse:
        """Keep a request that came by POST and have the browser fetch its answer by GET.

        A cross-site POST carries no `SameSite=Lax` cookie, so a session must not be looked for here.
        """
        carried = Carried(Binding.POST, call.request.body.decode("ascii", errors="replace"))
        self._checked(carried, now=call.now)
        return redirect_response(self.pending.keep_posted(carried.values))

    def resume(self, call: Call) -> Answer:
        """Take up a request that waited for a login, or that came by POST."""
        waiting = self.pending.take(parse_form(call.request.query).values.get("i", ""), browser=call.browser)
        values = waiting.form.values
        if "init" in values:
            return self._begin(call, values["init"], started=waiting.started)
        return self._answer(call, carried_again(values), started=waiting.started)

    def init(self, call: Call) -> Answer:
        """Begin a login without a request, where the descriptor lets it (Profiles §4.1.5). Raises `PageNotFound`."""
        return self._begin(call, parse_form(call.request.query).values.get("sp", ""), started=None)

    def _begin(self, call: Call, service_id: str, *, started: datetime | None) -> Answer:
        service = self.services.current().by_client(f"saml:{service_id}")
        if service is None or service.saml is None or not service.saml.idp_initiated or service.is_suspended:
            raise PageNotFound("no login begins here for such a service")
        if service.saml.is_over(call.now):
            raise UnknownProvider("its metadata have ended")
        provider = Provider(service, service.saml)
        request = AuthnRequest("", provider.declared.entity_id, call.now)
        asked = Asked(provider.declared.default_acs.location, "", "")
        return self._told(call, Asking(provider, request, asked, Carried(Binding.REDIRECT, ""), started))

    def _answer(self, call: Call, carried: Carried, *, started: datetime | None) -> Answer:
        submission = self._checked(carried, now=started or call.now)
        received = submission.received
        asked = Asked(acs_of(submission).location, received.message.request_id, received.relay_state)
        asking = Asking(received.provider, received.message, asked, carried, started)
        try:
            for check in self.checks.request:
                check(submission)
        except ProtocolError as refusal:
            return self._refuse(call, asking, refusal)
        return self._told(call, asking)

    def _checked(self, carried: Carried, *, now: datetime) -> Submission:
        """Raises what the checks of the target raise: for a page, nothing goes to anybody.

        A request that waited for a login is as old as it was when the login began.
        """
        received = receive(carried, AUTHN_REQUEST, self.services.current())
        book = self.gate.policies.current()
        submission = Submission(received, self.idp, now, lambda word: word in _table(received.provider, book))
        for check in self.checks.target:
            check(submission)
        return submission

    def _told(self, call: Call, asking: Asking) -> Answer:
        try:
            return self._decide(call, asking, self.gate.policies.current())
        except ProtocolError as refusal:
            if not refusal.may_redirect:
                raise
            return self._refuse(call, asking, refusal)

    def _decide(self, call: Call, asking: Asking, book: PolicyBook) -> Answer:
        session, request = call.session, asking.request
        prompt = _ANEW if request.force else frozenset()
        if session is None or not session_answers(
            session, prompt=prompt, max_age=None, started=asking.started, now=call.now
        ):
            self._check_may_ask(asking, session, "nobody is signed in freshly enough")
            return self._ask_login(call, asking, book, anew=request.force)
        portrait = self.portraits.read(session.person_id, now=call.now)
        weighed = self.gate.weigh_portrait(asking.provider.service, session, portrait, book, now=call.now)
        context = self._context(asking, session, book)
        if not weighed.allowed or not context:
            self._check_step_up(asking, session, weighed, context=context)
            return self._ask_login(call, asking, book, anew=False)
        return self._enter(call, asking, Entering(session, portrait, weighed, context), book)

    def _enter(self, call: Call, asking: Asking, entering: Entering, book: PolicyBook) -> Answer:
        """One act: the grant and its events; the ledger before the answer leaves; then the answer."""
        provider, session, now = asking.provider, entering.session, call.now
        subject = self.releases.subject(provider.service, session.person_id, entering.portrait, now=now)
        told = self.releases.build(provider, entering.portrait, book, subject=subject, school=asking.school, now=now)
        login = self._login(asking, entering, told, subject=subject)
        if asking.request.subject is not None and asking.request.subject.value != login.name_id.value:
            return self._ask_another(call, asking, book)
        grant = _grant(provider, session, school=asking.school)
        act = EnterProvider(grant, login.name_id.value, self._events(call, asking, entering))
        if not self.logins.enter(act):
            self._check_may_ask(asking, session, "the session ended meanwhile")
            return self._ask_login(call, asking, book, anew=True)
        self.ledger.note(release_of(session.person_id, provider.service.service_id, claims=told.claims, at=now))
        return self.answers.admit(provider, login, asking.asked, now=now)

    def _login(self, asking: Asking, entering: Entering, told: Released, *, subject: str) -> Login:
        provider, session = asking.provider, entering.session
        form = chosen_format(provider, asking.request.name_format)
        pairwise = "" if form == TRANSIENT else f"{subject}@{self.idp.scope}"
        return Login(
            name_id=name_of(provider, told.principal, form=form, visit=session.visit, issuer=self.idp.entity_id),
            context=entering.context,
            proven_at=session.authn.auth_time,
            session_index=sid_for(provider.client_id, sid=session.visit, school=asking.school),
            session_until=session.ends_at,
            attributes=attributes_of(provider, told, pairwise=pairwise),
        )

    def _context(self, asking: Asking, session: Session, book: PolicyBook) -> str:
        proven = self.gate.logins.assurance(session, book)
        return context_for(asking.request, proven, session.authn.acr, _table(asking.provider, book))

    def _check_may_ask(self, asking: Asking, session: Session | None, cause: str) -> None:
        """A page may be shown, and the login that it leads to was not made already (it would turn in a circle)."""
        if asking.request.passive or _is_new(session, asking.started):
            raise LoginRequired(cause)

    def _check_step_up(self, asking: Asking, session: Session, weighed: Weighed, *, context: str) -> None:
        """A login that proves more may be asked for, once, and is all that is missing; else refuse."""
        is_new = _is_new(session, asking.started)
        if not weighed.allowed and (is_new or not weighed.step_up):
            raise denied(weighed.decision, asking.provider.service.service_id)
        if not context and (is_new or asking.request.comparison == "maximum"):
            raise UnmetRequirements("no login of this person was proven so")
        if asking.request.passive:
            raise LoginRequired("a login that proves more is needed")

    def _ask_another(self, call: Call, asking: Asking, book: PolicyBook) -> NeedsLogin:
        """Another person is signed in than the request means."""
        if asking.request.passive or asking.started is not None:
            raise AnotherIsMeant("another person is signed in")
        return self._ask_login(call, asking, book, anew=True)

    def _ask_login(self, call: Call, asking: Asking, book: PolicyBook, *, anew: bool) -> NeedsLogin:
        service = asking.provider.service
        if len(asking.kept.raw) > MOST_KEPT:
            raise InvalidSamlMessage("too long to be kept while somebody signs in")
        kept = asking.kept.values if asking.kept.raw else {"init": service.service_id}
        resume = self.pending.keep_for_login(kept, browser=call.browser, started=call.now)
        wanted = wanted_level(asking.request, _table(asking.provider, book))
        return NeedsLogin(
            LoginRequest(
                service_id=service.service_id,
                resume=resume,
                prompt=_ANEW if anew else frozenset(),
                acr=asking.request.contexts,
                requires=stronger(self.gate.wanted(service, book, now=call.now), wanted),
            )
        )

    def _events(self, call: Call, asking: Asking, entering: Entering) -> tuple[AuditEvent, ...]:
        person_id, client = entering.session.person_id, asking.provider.client_id
        event = AuditEvent(
            tenant=asking.provider.service.tenant,
            at=call.now,
            action=Action.ASSERTION_ISSUED,
            actor=person_id,
            subject=person_id,
            trace=call.trace,
            detail={"client": client, "signed": _signature_word(asking)},
        )
        since = entering.weighed.outage_since
        if not entering.weighed.by_outage or since is None:
            return (event,)
        authn = entering.session.authn
        detail = {**event.detail, "source": authn.authority, "acr": authn.acr, "since": since.isoformat()}
        return (event, replace(event, action=Action.OUTAGE_ACCEPTED, detail=detail))

    def _refuse(self, call: Call, asking: Asking, refusal: ProtocolError) -> Answer:
        details = {
            "trace": call.trace,
            "code": refusal.code,
            "cause": refusal.cause,
            "client": asking.provider.client_id,
        }
        log.log(refusal.level, "login at a service provider refused", extra=details)
        status = status_of(refusal, passive=asking.request.passive)
        return self.answers.refuse(asking.provider, status, asking.asked, now=call.now)


@dataclass(frozen=True, slots=True)
class Entering:
    """A yes: who, weighed how, proven in which words."""

    session: Session
    portrait: Portrait
    weighed: Weighed
    context: str


def _table(provider: Provider, book: PolicyBook) -> dict[str, Assurance]:
    """What words of AuthnContext are worth to the tenant of the service."""
    return dict(book.of(provider.service.tenant).assurance.acr)


def _grant(provider: Provider, session: Session, *, school: str) -> Grant:
    return Grant(new_id(Id.GRANT), session.person_id, provider.client_id, session.sid, (), school=school)


def _is_new(session: Session | None, started: datetime | None) -> bool:
    """Tell whether the session comes from a login that was made for this request."""
    return session is not None and started is not None and session.opened_at >= started


def _signature_word(asking: Asking) -> str:
    return "idp" if not asking.request.request_id else asking.kept.binding.name.lower()
