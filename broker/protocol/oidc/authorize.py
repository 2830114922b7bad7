"""The authorization endpoint (OIDC Core §3.1.2): who asks, what, for whom; then a code, a login or a refusal."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.accounts.session_life import offline_of
from broker.domain.acts import IssueCode
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import (
    AccessDenied,
    InteractionRequired,
    InvalidRequestUri,
    LoginRequired,
    ProtocolError,
    ReleaseRefused,
)
from broker.domain.handles import Handle, Id, digest, new_handle, new_id
from broker.domain.portraits import Portrait
from broker.domain.ports import Current, Grants, Portraits, Services
from broker.domain.services import Service
from broker.domain.sessions import Audience, CodePayload, Grant, Session
from broker.federation.agreements import AGREE, Agreements
from broker.federation.logins import LoginRequest
from broker.federation.service_gate import ServiceGate, denied
from broker.protocol.endpoint import Answer, Call, NeedsLogin, SelfPost
from broker.protocol.oidc.authorize_checks import AUTHORIZE_CHECKS, LONGEST_STATE, TARGET_CHECKS, AuthorizeCheck
from broker.protocol.oidc.freshness import Verdict, judge_session
from broker.protocol.oidc.id_token import HintRules, names_another
from broker.protocol.oidc.pending import PendingRequests, Waiting
from broker.protocol.oidc.provider import ProviderSettings, claims_of
from broker.protocol.oidc.pushed import PushedRequests
from broker.protocol.oidc.requests import AuthorizationRequest, Submission, find_client, read_request
from broker.protocol.oidc.signing import Signer
from broker.services.access import Weighed, places_open
from broker.wire import oauth
from broker.wire.http import Form, PlainResponse, parse_body, parse_form, redirect_response, with_parameters
from policies import PolicyBook, SessionLimits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthorizeChecks:
    """The rules of the endpoint as lists: taking one out is how a test shows what it stops."""

    target: tuple[AuthorizeCheck, ...] = TARGET_CHECKS
    request: tuple[AuthorizeCheck, ...] = AUTHORIZE_CHECKS


@dataclass(frozen=True, slots=True)
class Decided:
    """A yes: to whom, weighed how, under which subject, within which limits, for which API if for one.

    `mark`: of its portrait, if the act is compared with it.
    """

    session: Session
    weighed: Weighed
    subject: str
    limits: SessionLimits
    audience: Audience | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Authorize:
    """The endpoint and what it works with."""

    settings: ProviderSettings
    services: Current[Services]
    grants: Grants
    gate: ServiceGate
    portraits: Portraits
    pending: PendingRequests
    signer: Signer
    pushed: PushedRequests
    agreements: Agreements
    checks: AuthorizeChecks = field(default_factory=AuthorizeChecks)

    def get(self, call: Call) -> Answer:
        """Answer a request that came in the address."""
        return self._answer(call, self.pushed.asked(parse_form(call.request.query)))

    def post(self, call: Call) -> PlainResponse:
        """Keep a request that came by POST and have the browser fetch its answer by GET.

        A cross-site POST carries no `SameSite=Lax` cookie, so a session must not be looked for here.
        """
        asked = self.pushed.asked(Form(parse_body(call.request)))
        submission = find_client(self.services.current(), asked.form, pushed=asked.pushed)
        self._check_target(submission)
        return redirect_response(self.pending.keep_posted(submission.values, pushed=asked.pushed))

    def resume(self, call: Call) -> Answer:
        """Take up a request that waited for a login, or that came by POST."""
        handle = parse_form(call.request.query).values.get("i", "")
        return self._answer(call, self.pending.take(handle, browser=call.browser))

    def _answer(self, call: Call, asked: Waiting) -> Answer:
        if asked.pushed is not None and asked.pushed.until <= call.now:
            raise InvalidRequestUri("over: its login took too long, or was begun again and again")
        submission = find_client(self.services.current(), asked.form, pushed=asked.pushed)
        self._check_target(submission)
        try:
            for check in self.checks.request:
                check(submission)
            return self._decide(call, read_request(submission), started=asked.started)
        except ProtocolError as refusal:
            if not refusal.may_redirect or self._asks_first(call, submission):
                raise
            return self._refuse(call, submission, refusal)

    def _check_target(self, submission: Submission) -> None:
        for check in self.checks.target:
            check(submission)

    def _decide(self, call: Call, request: AuthorizationRequest, *, started: datetime | None) -> Answer:
        book = self.gate.policies.current()
        verdict = judge_session(request, call.session, now=call.now, started=started)
        if verdict is Verdict.LOGIN_ANEW:
            return self._ask_login(call, _anew(request), book)
        if verdict is Verdict.LOGIN or call.session is None:
            return self._ask_login(call, request, book)
        if self.agreements.missing(request.client.service, call.session):
            return self._ask_agreement(call, request, started=started)
        return self._answer_as_remembered(call, request, call.session, book) or self._answer_anew(
            call, request, call.session, book, started=started
        )

    def _answer_as_remembered(
        self, call: Call, request: AuthorizationRequest, session: Session, book: PolicyBook
    ) -> Answer | None:
        """A code in one statement, from the portrait that this process knows, where that still holds.

        A portrait may be old: it only ever hastens a yes, which the act takes back when the database says otherwise.
        Whatever else it leads to is None: to be decided anew. So is a request for an API, which asks of two services.
        """
        portrait = self.portraits.remembered(session.person_id, now=call.now)
        if portrait is None or portrait.person is None or request.target is not None:
            return None
        service = request.client.service
        subject = portrait.subjects.get((service.sector, service.space))
        weighed = self.gate.weigh_portrait(service, session, portrait, book, now=call.now)
        if subject is None or not weighed.allowed or self._means_another(request, subject):
            return None
        if not _is_at_school(request, portrait, book, now=call.now):
            return None
        return self._issue(
            call, request, Decided(session, weighed, subject, book.installation.sessions, mark=portrait.mark)
        )

    def _answer_anew(
        self,
        call: Call,
        request: AuthorizationRequest,
        session: Session,
        book: PolicyBook,
        *,
        started: datetime | None,
    ) -> Answer:
        portrait = self.portraits.read(session.person_id, now=call.now)
        weighed = self.gate.weigh_portrait(request.client.service, session, portrait, book, now=call.now)
        if not weighed.allowed:
            self._check_step_up(request, weighed, is_new=_is_new(session, started))
            return self._ask_login(call, request, book)
        self._check_target_open(request, session, portrait, book, now=call.now)
        if not _is_at_school(request, portrait, book, now=call.now):
            raise ReleaseRefused("the school in play is none of the person's")
        subject = self._subject(request.client.service, session, portrait, now=call.now)
        if self._means_another(request, subject):
            return self._ask_another(call, request, book, started=started)
        audience = self._audience(request, session, portrait, now=call.now)
        sent = self._issue(call, request, Decided(session, weighed, subject, book.installation.sessions, audience))
        return sent or self._ask_another(call, request, book, started=started)

    def _means_another(self, request: AuthorizationRequest, subject: str) -> bool:
        """The request names somebody else than who is signed in (OIDC Core §3.1.2.1, §5.5.1)."""
        meant = request.claims.subject or subject
        return meant != subject or names_another(request.id_token_hint, subject, self._hints_for(request))

    def _ask_login(self, call: Call, request: AuthorizationRequest, book: PolicyBook) -> NeedsLogin:
        resume = self.pending.keep_for_login(
            request.values, browser=call.browser, started=call.now, pushed=request.pushed
        )
        return NeedsLogin(
            LoginRequest(
                service_id=request.client.service.service_id,
                resume=resume,
                prompt=request.prompt,
                max_age=request.max_age,
                acr=request.acr,
                locale=request.locale,
                requires=self.gate.wanted(request.client.service, book, now=call.now),
            )
        )

    def _asks_first(self, call: Call, submission: Submission) -> bool:
        """Nothing goes back to a client that registered itself before the person said yes, an error neither.

        But where no page may be shown: it is told that one is needed (OIDC Core §3.1.2.6).
        """
        silent = oauth.NONE in submission.get(oauth.PROMPT).split()
        return not silent and self.agreements.missing(submission.client.service, call.session)

    def _ask_agreement(self, call: Call, request: AuthorizationRequest, *, started: datetime | None) -> PlainResponse:
        if oauth.NONE in request.prompt:
            raise InteractionRequired("a client that registered itself, to which nobody said yes")
        waiting = self.pending.keep_for_answer(
            request.values, browser=call.browser, started=started, pushed=request.pushed
        )
        return redirect_response(with_parameters(AGREE, {"service": request.client.service.service_id, "i": waiting}))

    def _ask_another(
        self, call: Call, request: AuthorizationRequest, book: PolicyBook, *, started: datetime | None
    ) -> NeedsLogin:
        """Another person is signed in than the hint names (OIDC Core §3.1.2.2), or than a moment ago."""
        if oauth.NONE in request.prompt or started is not None:
            raise LoginRequired("another person is signed in")
        return self._ask_login(call, _anew(request), book)

    def _check_step_up(self, request: AuthorizationRequest, weighed: Weighed, *, is_new: bool) -> None:
        """A login that proves more may be asked for, and is all that is missing; else refuse.

        Once: a login made for this very request that proves too little would be asked again and again.
        """
        if is_new or not weighed.step_up:
            raise denied(weighed.decision, request.client.service.service_id)
        if oauth.NONE in request.prompt:
            raise LoginRequired("a login that proves more is needed")

    def _check_target_open(
        self, request: AuthorizationRequest, session: Session, portrait: Portrait, book: PolicyBook, *, now: datetime
    ) -> None:
        """The person may use the service of the API too: its door is not round the corner of another's."""
        target = request.target
        if target is None or target.service.service_id == request.client.service.service_id:
            return
        if not self.gate.weigh_portrait(target.service, session, portrait, book, now=now).allowed:
            raise AccessDenied("the service of the API is not open to the person")

    def _audience(
        self, request: AuthorizationRequest, session: Session, portrait: Portrait, *, now: datetime
    ) -> Audience | None:
        """The API that was asked for, and the person's own identifier there (RFC 9068 §5)."""
        target = request.target
        if target is None:
            return None
        return Audience(target.resource.uri, self._subject(target.service, session, portrait, now=now))

    def _subject(self, service: Service, session: Session, portrait: Portrait, *, now: datetime) -> str:
        known = portrait.subjects.get((service.sector, service.space))
        return known or self.grants.subject(session.person_id, sector=service.sector, space=service.space, now=now)

    def _hints_for(self, request: AuthorizationRequest) -> HintRules:
        return HintRules(self.signer.ring().verifying, self.settings.issuer, request.client.party.client_id)

    def _issue(self, call: Call, request: AuthorizationRequest, decided: Decided) -> Answer | None:
        """Send a code; None when the session ended, or went to another person, since the copy of it was made.

        Also None when the portrait that it was decided from no longer holds. The trail names every access that an
        outage excuses.
        """
        code, payload = new_handle(Handle.CODE), _payload(request, decided, now=call.now)
        event = AuditEvent(
            tenant=request.client.service.tenant,
            at=call.now,
            action=Action.CODE_ISSUED,
            actor=payload.grant.person_id,
            subject=payload.grant.grant_id,
            trace=call.trace,
            detail={"client": payload.grant.client_id, **({} if payload.code_challenge else {"pkce": "waived"})},
        )
        audit = (event, *_outage_events(event, payload, decided.weighed))
        if not self.grants.issue_code(IssueCode(digest(code), payload, audit, request.pushed, mark=decided.mark)):
            return None
        if request.pushed is not None:
            self.pushed.forget(request.pushed)
        return self._send_back(Submission(request.client, request.values), {oauth.CODE: code})

    def _refuse(self, call: Call, submission: Submission, refusal: ProtocolError) -> Answer:
        client_id = submission.client.party.client_id
        details = {"trace": call.trace, "code": refusal.code, "cause": refusal.cause, "client": client_id}
        log.log(refusal.level, "authorization refused", extra=details)
        return self._send_back(submission, {oauth.ERROR: refusal.spec_error})

    def _send_back(self, submission: Submission, answer: dict[str, str]) -> Answer:
        """Answer at the client, always naming ourselves, so that it cannot mix us up (RFC 9207 §2)."""
        state, target = submission.get(oauth.STATE), submission.get(oauth.REDIRECT_URI)
        echoed = {oauth.STATE: state} if 0 < len(state) <= LONGEST_STATE else {}
        told = {**answer, **echoed, oauth.ISS: self.settings.issuer}
        if submission.get(oauth.RESPONSE_MODE) == oauth.FORM_POST:
            return SelfPost(target, told)
        return redirect_response(with_parameters(target, told))


def _payload(request: AuthorizationRequest, decided: Decided, *, now: datetime) -> CodePayload:
    client, session, limits = request.client, decided.session, decided.limits
    offline = offline_of(session.device, decided.weighed.kinds, client.service.space, limits, now=now)
    if oauth.OFFLINE_ACCESS not in request.scopes:
        offline = None
    scopes = tuple(scope for scope in request.scopes if offline or scope != oauth.OFFLINE_ACCESS)
    grant = Grant(
        new_id(Id.GRANT), session.person_id, client.party.client_id, session.sid, scopes, request.jkt, decided.audience,
        request.school,
    )  # fmt: skip
    return CodePayload(
        grant=grant,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        subject=decided.subject,
        authn=session.authn,
        claims=claims_of(request.scopes, client, named=request.claims.names),
        expires_at=now + limits.code,
        offline=offline,
        visit=session.visit,
    )


def _anew(request: AuthorizationRequest) -> AuthorizationRequest:
    """The request as the login sees it when the session at hand does not do."""
    return replace(request, prompt=request.prompt | {oauth.LOGIN})


def _is_at_school(request: AuthorizationRequest, portrait: Portrait, book: PolicyBook, *, now: datetime) -> bool:
    """The service is open to the person at the school in play, where one is named: not that of somebody else."""
    if not request.school or portrait.person is None:
        return not request.school
    service = request.client.service
    places = places_open(book.of(service.tenant), service, portrait.person, portrait.children, now=now)
    return request.school in {place.uai for place in places}


def _is_new(session: Session, started: datetime | None) -> bool:
    """Tell whether the session comes from a login that was made for this request."""
    return started is not None and session.opened_at >= started


def _outage_events(event: AuditEvent, payload: CodePayload, weighed: Weighed) -> tuple[AuditEvent, ...]:
    if not weighed.by_outage or weighed.outage_since is None:
        return ()
    since = weighed.outage_since.isoformat()
    detail = {**event.detail, "source": payload.authn.authority, "acr": payload.authn.acr, "since": since}
    return (replace(event, action=Action.OUTAGE_ACCEPTED, detail=detail),)
