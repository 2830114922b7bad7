"""Where a person decides about a screen: find what its code stands for, then yes or no, once (RFC 8628 §3.3).

A user code is short, so every code that is typed counts as a guess, in SQL, by person and by network, and the right one
takes the guess back. The policies are asked before the person is, and again with the yes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from broker.accounts.session_life import offline_of
from broker.domain.acts import ApproveDevice
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import AccessDenied
from broker.domain.handles import Id, digest, new_id, read_user_code
from broker.domain.ports import Current, DeviceRequests, Grants, Services
from broker.domain.services import Service
from broker.domain.sessions import Audience, CodePayload, Device, DeviceRequest, Grant, Offline, Session
from broker.federation import GuessGate
from broker.federation.service_gate import ServiceGate
from broker.protocol.oidc.provider import Client, claims_of
from broker.protocol.oidc.targets import Target, find_target
from broker.services.access import Weighed
from broker.wire import oauth
from policies import ThrottleTable


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides: a signed-in person, from where, under which trace number."""

    session: Session
    address: str
    trace: str
    now: datetime


@dataclass(frozen=True, slots=True)
class WaitingScreen:
    """A screen that waits, found by its code (plain), and the service that it wants to open."""

    user_code: str
    request: DeviceRequest
    client: Client
    target: Target | None

    @property
    def service(self) -> Service:
        """The service to be named to the person."""
        return self.client.service


@dataclass(frozen=True, slots=True)
class DeviceDesk:
    """The decisions and what they work with."""

    services: Current[Services]
    requests: DeviceRequests
    grants: Grants
    gate: ServiceGate
    guesses: GuessGate

    def find(self, typed: str, by: Decider) -> WaitingScreen | None:
        """The screen whose code was typed, if its service is open to the person; None when there is no such code.

        Raises `MustWait` and `GuessesSpent` before it looks, `AccessDenied` when policies close the service.
        """
        user_code = read_user_code(typed)
        turn = self.guesses.enter_code(by.session.person_id, by.address, table=self._throttle(), now=by.now)
        screen = self._look(user_code, now=by.now)
        if screen is None:
            return None
        turn.was_right()
        self._weigh(screen, by)
        return screen

    def again(self, user_code: str, by: Decider) -> WaitingScreen | None:
        """The screen of a code that this session found already, which counts as no guess. Raises `AccessDenied`."""
        screen = self._look(user_code, now=by.now)
        if screen is not None:
            self._weigh(screen, by)
        return screen

    def _look(self, user_code: str, *, now: datetime) -> WaitingScreen | None:
        request = self.requests.waiting(digest(user_code), now=now) if user_code else None
        return self._screen(user_code, request) if request else None

    def approve(self, screen: WaitingScreen, by: Decider) -> bool:
        """Let the screen in; False when somebody decided meanwhile, or the code or session is over."""
        payload = self._payload(screen, by, self._weigh(screen, by))
        event = self._event(Action.DEVICE_APPROVED, screen, by, subject=payload.grant.grant_id)
        return self.requests.approve(ApproveDevice(digest(screen.user_code), payload, by.now, event))

    def deny(self, screen: WaitingScreen, by: Decider) -> bool:
        """Keep the screen out; False when somebody decided meanwhile, or the code is over."""
        event = self._event(Action.DEVICE_DENIED, screen, by)
        return self.requests.deny(digest(screen.user_code), now=by.now, audit=event)

    def _throttle(self) -> ThrottleTable:
        return self.gate.policies.current().installation.throttle

    def _screen(self, user_code: str, request: DeviceRequest) -> WaitingScreen | None:
        """None when the service or its API was closed, or declared otherwise, since the device asked."""
        services = self.services.current()
        service = services.by_client(request.client_id)
        party = service.party(request.client_id) if service else None
        target = find_target(services, {oauth.RESOURCE: request.resource}) if request.resource else None
        if service is None or party is None or service.is_suspended or (request.resource and target is None):
            return None
        return WaitingScreen(user_code, request, Client(service, party), target)

    def _weigh(self, screen: WaitingScreen, by: Decider) -> Weighed:
        book = self.gate.policies.current()
        weighed = self.gate.weigh(screen.service, by.session, book, now=by.now)
        also = screen.target.service if screen.target else screen.service
        if not weighed.allowed or not self.gate.weigh(also, by.session, book, now=by.now).allowed:
            raise AccessDenied("policies close the service to the person")
        return weighed

    def _payload(self, screen: WaitingScreen, by: Decider, weighed: Weighed) -> CodePayload:
        """What the device's code will stand for."""
        request, client, session = screen.request, screen.client, by.session
        offline = self._offline(screen, by, weighed)
        scopes = tuple(scope for scope in request.scope if offline or scope != oauth.OFFLINE_ACCESS)
        grant = Grant(new_id(Id.GRANT), session.person_id, request.client_id, session.sid, scopes)
        if screen.target:
            there = self._subject(screen.target.service, by)
            grant = replace(grant, audience=Audience(screen.target.resource.uri, there))
        return CodePayload(
            grant=grant,
            redirect_uri="",
            code_challenge="",
            nonce="",
            subject=self._subject(client.service, by),
            authn=session.authn,
            claims=claims_of(request.scope, client),
            expires_at=request.expires_at,
            offline=offline,
            visit=session.visit,
        )

    def _offline(self, screen: WaitingScreen, by: Decider, weighed: Weighed) -> Offline | None:
        """How long the screen renews its tokens; None unless its descriptor says so in words.

        A screen is a shared device, whosever telephone said yes, and perhaps a stranger's (RFC 8628 §5.4): what
        somebody was talked into ends with the session that they said it in, at the latest.
        """
        if not screen.client.party.device_offline or oauth.OFFLINE_ACCESS not in screen.request.scope:
            return None
        limits = self.gate.policies.current().installation.sessions
        offline = offline_of(Device.SHARED, weighed.kinds, screen.service.space, limits, now=by.now)
        return replace(offline, until=min(offline.until, by.session.ends_at)) if offline else None

    def _subject(self, service: Service, by: Decider) -> str:
        return self.grants.subject(by.session.person_id, sector=service.sector, space=service.space, now=by.now)

    def _event(self, action: Action, screen: WaitingScreen, by: Decider, *, subject: str = "") -> AuditEvent:
        return AuditEvent(
            tenant=screen.service.tenant,
            at=by.now,
            action=action,
            actor=by.session.person_id,
            subject=subject,
            trace=by.trace,
            detail={"client": screen.request.client_id},
        )
