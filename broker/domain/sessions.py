"""Sessions, grants and tokens: who is signed in, and what a service was granted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broker.domain.identity import AuthnContext


class Device(StrEnum):
    """`shared` unless the person says the device is theirs alone."""

    SHARED = "shared"
    OWN = "own"


HALF = "half"
"""In `amr`: the second factor of this login has not been shown yet."""
SECOND_FACTORS = frozenset({"otp", "hwk"})
"""Values of `amr` (RFC 8176 §2) that a second factor of ours adds: a one-time code, a key of the person's device."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. The cookie holds the handle behind `handle_digest`.

    `continues` is the first session of the visit that this one goes on: the same person proved more, or again, in the
    same browser. Empty: it is the first. Services know the visit (`sid` of an ID token), so that none is left behind
    at its end, and none is told of an end that did not happen.
    """

    sid: str
    handle_digest: str
    person_id: str
    account_id: str
    authn: AuthnContext
    device: Device
    opened_at: datetime
    idle_until: datetime
    ends_at: datetime
    revoked_at: datetime | None = None
    continues: str = ""

    @property
    def visit(self) -> str:
        """The visit it belongs to, by the id of its first session."""
        return self.continues or self.sid

    @property
    def is_half(self) -> bool:
        """Tell whether it opens nothing but the page that asks for its second factor."""
        return HALF in self.authn.amr

    @property
    def has_second(self) -> bool:
        """Tell whether the person also showed something that only they have."""
        return not self.is_half and not SECOND_FACTORS.isdisjoint(self.authn.amr)

    def is_live(self, now: datetime) -> bool:
        """Tell whether the session opens anything at `now`."""
        return self.revoked_at is None and now < self.idle_until and now < self.ends_at


@dataclass(frozen=True, slots=True)
class Audience:
    """The API that tokens are for (RFC 8707), by its address, and its service's own identifier of the person."""

    uri: str
    subject: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person granted one client in one session; revoking it kills every token made from it.

    `jkt`: thumbprint of the key that its code and tokens are bound to (RFC 9449 §6); empty: to none. `audience`: the
    API that its tokens are for; None: for userinfo. `school`: the UAI in play, of which alone the client is told;
    empty: it named none. What the same client was granted in the same visit for another school ends with it.
    """

    grant_id: str
    person_id: str
    client_id: str
    sid: str
    scope: tuple[str, ...]
    jkt: str = ""
    audience: Audience | None = None
    school: str = ""


class Redeemable(StrEnum):
    """What is redeemed for tokens, once."""

    CODE = "code"
    REFRESH = "refresh"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Offline:
    """How long a service may renew its tokens by itself: each refresh token for `idle`, all of them until `until`."""

    idle: timedelta
    until: datetime


@dataclass(frozen=True, slots=True)
class CodePayload:
    """Everything an authorization code stands for, fixed when it is issued (RFC 6749 §4.1, RFC 7636 §4.4).

    The refresh tokens that follow from it stand for the same. `offline` None: none follow. `expires_at` and `used_at`
    are those of the code or refresh token that was read. `visit`: the session as services know it; empty in what was
    issued before there were visits: the session's own id then.
    """

    grant: Grant
    redirect_uri: str
    code_challenge: str
    nonce: str
    subject: str
    authn: AuthnContext
    claims: tuple[str, ...]
    expires_at: datetime
    used_at: datetime | None = None
    offline: Offline | None = None
    visit: str = ""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A live opaque access token as userinfo reads it. `subject` is the service's own identifier of the person."""

    grant: Grant
    subject: str
    claims: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device that has no keyboard asks (RFC 8628 §3.1), until a person decides on another one.

    `resource`: address of the API that tokens are asked for; empty: none in particular.
    """

    client_id: str
    scope: tuple[str, ...]
    expires_at: datetime
    resource: str = ""


class Polled(StrEnum):
    """What a device is told that asks whether somebody decided (RFC 8628 §3.5)."""

    PENDING = "pending"
    TOO_SOON = "too_soon"
    DENIED = "denied"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """What a client may do in its own name (RFC 6749 §4.4): there is no person behind it, and nothing told of one.

    `jkt` as in `Grant`; `resource`: address of the API it is for, empty: none in particular.
    """

    client_id: str
    scope: tuple[str, ...]
    expires_at: datetime
    jkt: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class ChildToken:
    """What a client may do for one child in a guardian's place (RFC 8693 §1.1, delegation), while the guardian may.

    `grant` and `claims` are those of the guardian's token it came from, `session` the guardian's; `guardian` and
    `child` are the service's own identifiers of the two. `child_id` is the child's person. `jkt` as in `Grant`.
    """

    grant: Grant
    claims: tuple[str, ...]
    session: Session
    guardian: str
    child: str
    child_id: str
    client_id: str
    scope: tuple[str, ...]
    expires_at: datetime
    jkt: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One line of "Derniers passages": when, by which source, on what kind of device."""

    at: datetime
    source_id: str
    device: Device
