"""What a logout request must satisfy, one check a rule, in the order in which they run.

`SENDER_CHECKS` decide whether it comes from a client that may speak here at all: without that nothing of it is used and
the person is asked. `SESSION_CHECKS` decide whether the session of this browser may end without asking, `RETURN_CHECKS`
whether the browser may be led to the address that was given (RP-Initiated Logout §2, §3, §4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.domain.sessions import Session
from broker.protocol.oidc.authorize_checks import LONGEST_STATE
from broker.protocol.oidc.id_token import names_visit
from broker.protocol.oidc.provider import Client
from broker.wire import oauth
from broker.wire.jose import SignedClaims


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """What came. `hint`: the claims of an ID token that is ours; None without one. `client`: whom it was issued to."""

    values: Mapping[str, str]
    hint: SignedClaims | None
    client: Client | None
    session: Session | None

    def get(self, name: str) -> str:
        """A parameter, else the empty text."""
        return self.values.get(name, "")


class NotProven(Exception):
    """A rule does not hold: not a fault of the person, who is asked, or stays on our page."""


LogoutCheck = Callable[[LogoutRequest], None]


def check_hint(request: LogoutRequest) -> None:
    """An ID token of ours is shown: a bare link must sign nobody out."""
    if request.hint is None:
        raise NotProven("no hint of ours")


def check_client(request: LogoutRequest) -> None:
    """The hint was issued to a client that is still in the register."""
    if request.client is None:
        raise NotProven("hint of an unknown client")


def check_client_id(request: LogoutRequest) -> None:
    """`client_id`, where it is sent, names the client of the hint (RP-Initiated Logout §2)."""
    stated = request.get(oauth.CLIENT_ID)
    if stated and (request.client is None or stated != request.client.party.client_id):
        raise NotProven("hint of another client")


def check_service(request: LogoutRequest) -> None:
    """The service is not suspended: it ends nothing, and nobody is sent to it."""
    if request.client is None or request.client.service.is_suspended:
        raise NotProven("service suspended")


def check_session(request: LogoutRequest) -> None:
    """The hint names the visit of this browser, as this client knows it: not another's, and not one of before."""
    if request.session is None or request.hint is None or request.client is None:
        raise NotProven("no session here")
    if not names_visit(request.hint.get("sid"), request.client.party.client_id, sid=request.session.visit):
        raise NotProven("hint of another session")


def check_return_uri(request: LogoutRequest) -> None:
    """`post_logout_redirect_uri` is one that the client registered, byte for byte (no open redirector)."""
    registered = request.client.party.post_logout_redirect_uris if request.client else ()
    if request.get(oauth.POST_LOGOUT_REDIRECT_URI) not in registered:
        raise NotProven("absent or not registered")


def check_stranger(request: LogoutRequest) -> None:
    """To a client that registered itself leads only the end of a session in which it was used.

    A hint is good for ever here: kept by whoever got one, it would make our address lead anywhere.
    """
    if request.session is None and request.client is not None and request.client.service.registered is not None:
        raise NotProven("a client that registered itself, and no session to end")


def check_state(request: LogoutRequest) -> None:
    """`state` fits into the address it is sent back in."""
    if len(request.get(oauth.STATE)) > LONGEST_STATE:
        raise NotProven("state is too long")


SENDER_CHECKS: tuple[LogoutCheck, ...] = (check_hint, check_client, check_client_id, check_service)
SESSION_CHECKS: tuple[LogoutCheck, ...] = (check_session,)
RETURN_CHECKS: tuple[LogoutCheck, ...] = (check_return_uri, check_stranger, check_state)


def passes(checks: tuple[LogoutCheck, ...], request: LogoutRequest) -> bool:
    """Tell whether every rule holds."""
    try:
        for check in checks:
            check(request)
    except NotProven:
        return False
    return True
