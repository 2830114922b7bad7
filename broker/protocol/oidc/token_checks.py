"""What the redemption of a code (RFC 6749 §4.1.3, RFC 7636 §4.6) or refresh token (§6) must satisfy, one check a rule.

They run on what was claimed, before anything of it leaves: a redemption that fails one has spent its code, and what was
stored for it is revoked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import Action
from broker.domain.errors import DeviceCodeExpired, InvalidGrant, InvalidScope, InvalidTarget
from broker.domain.handles import Handle
from broker.domain.sessions import CodePayload, Redeemable
from broker.protocol.oidc.client_auth import AuthenticatedClient
from broker.protocol.oidc.targets import Target, check_taken, check_target
from broker.wire import oauth

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Redemption:
    """A proven client, what it sends, what its code or refresh token stands for, and the key it proved, if any.

    `target` is the API that the grant is for, as it is declared now.
    """

    client: AuthenticatedClient
    form: Mapping[str, str]
    payload: CodePayload
    now: datetime
    jkt: str = ""
    target: Target | None = None


RedemptionCheck = Callable[[Redemption], None]


class Reused(Exception):
    """What was already redeemed comes again: the answer is also to revoke all that it gave."""


def check_owner(redemption: Redemption) -> None:
    """It was issued to this very client."""
    if redemption.payload.grant.client_id != redemption.client.party.client_id:
        raise InvalidGrant("another client's")


def check_unused(redemption: Redemption) -> None:
    """It was never redeemed. Asked before the rest: a replay counts even when it is clumsy."""
    if redemption.payload.used_at is not None:
        raise Reused


def check_redirect_uri(redemption: Redemption) -> None:
    """`redirect_uri` is the one that the request used (RFC 6749 §4.1.3)."""
    if redemption.form.get(oauth.REDIRECT_URI) != redemption.payload.redirect_uri:
        raise InvalidGrant("another redirect_uri")


def check_challenged(redemption: Redemption) -> None:
    """A code without a challenge is for a client that still has a waiver, and comes without a verifier.

    With one, the client did send a challenge, which somebody took out of its request (RFC 9700 §4.8).
    """
    if redemption.payload.code_challenge:
        return
    if not redemption.client.party.pkce_waiver or oauth.CODE_VERIFIER in redemption.form:
        raise InvalidGrant("no code_challenge")


def check_verifier_shape(redemption: Redemption) -> None:
    """A verifier is 43 to 128 unreserved characters: a short one could be guessed (RFC 7636 §4.1)."""
    if not redemption.payload.code_challenge:
        return
    if not _VERIFIER.fullmatch(redemption.form.get(oauth.CODE_VERIFIER, "")):
        raise InvalidGrant("absent or malformed code_verifier")


def check_verifier(redemption: Redemption) -> None:
    """The verifier hashes to the challenge of the request (RFC 7636 §4.6)."""
    if not redemption.payload.code_challenge:
        return
    verifier = redemption.form.get(oauth.CODE_VERIFIER, "")
    made = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    if not hmac.compare_digest(made, redemption.payload.code_challenge.encode()):
        raise InvalidGrant("code_verifier does not match")


def check_unexpired(redemption: Redemption) -> None:
    """The code is younger than its minute, the refresh token was not idle too long."""
    if redemption.now >= redemption.payload.expires_at:
        raise InvalidGrant("expired")


def check_offline(redemption: Redemption) -> None:
    """The client may still renew its tokens by itself, and on a screen: its descriptor may have changed since."""
    party = redemption.client.party
    on_screen = not redemption.payload.redirect_uri  # alone a device's code has no address
    if oauth.OFFLINE_ACCESS not in party.scopes or (on_screen and not party.device_offline):
        raise InvalidGrant("no longer offline")


def check_scope(redemption: Redemption) -> None:
    """No scope beyond what was granted (RFC 6749 §6); less is answered with what was granted, and said (§3.3)."""
    if not set(redemption.form.get(oauth.SCOPE, "").split()) <= set(redemption.payload.grant.scope):
        raise InvalidScope("more than was granted")


def check_key(redemption: Redemption) -> None:
    """What is bound to a key is redeemed with a proof of that key (RFC 9449 §5, §10)."""
    bound = redemption.payload.grant.jkt
    if bound and not hmac.compare_digest(bound, redemption.jkt):
        raise InvalidGrant("bound to another key")


def check_resource(redemption: Redemption) -> None:
    """Tokens for no other API than the one that was granted (RFC 8707 §2.2); who names none gets those."""
    asked, audience = redemption.form.get(oauth.RESOURCE, ""), redemption.payload.grant.audience
    if asked and asked != (audience.uri if audience else ""):
        raise InvalidTarget("another API than was granted")


def check_audience(redemption: Redemption) -> None:
    """The API is still declared, open, this client's, and takes some of it: its descriptor may have changed since."""
    audience = redemption.payload.grant.audience
    if audience:
        check_target({oauth.RESOURCE: audience.uri}, redemption.target, redemption.client)
        check_taken(redemption.payload.grant.scope, redemption.target)


CODE_CHECKS: tuple[RedemptionCheck, ...] = (
    check_owner,
    check_unused,
    check_redirect_uri,
    check_challenged,
    check_verifier_shape,
    check_verifier,
    check_key,
    check_resource,
    check_audience,
    check_unexpired,
)

REFRESH_CHECKS: tuple[RedemptionCheck, ...] = (
    check_owner,
    check_unused,
    check_offline,
    check_scope,
    check_key,
    check_resource,
    check_audience,
    check_unexpired,
)


def check_device_unexpired(redemption: Redemption) -> None:
    """The device's code is not over: in words that tell the device to begin anew (RFC 8628 §3.5)."""
    if redemption.now >= redemption.payload.expires_at:
        raise DeviceCodeExpired("expired")


DEVICE_CHECKS: tuple[RedemptionCheck, ...] = (
    check_owner,
    check_unused,
    check_key,
    check_resource,
    check_audience,
    check_device_unexpired,
)
"""Of a device's code (RFC 8628 §3.4): 256 bits that the client drew from us itself, so no address and no verifier."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to get tokens: by what, where it stands in the form, its checks, and how the trail calls its ends."""

    kind: Redeemable
    handle: Handle
    parameter: str
    checks: tuple[RedemptionCheck, ...]
    redeemed: Action
    reused: Action
    refused: Action


WAYS: Mapping[str, Way] = {
    oauth.AUTHORIZATION_CODE: Way(
        Redeemable.CODE, Handle.CODE, oauth.CODE, CODE_CHECKS,
        Action.CODE_REDEEMED, Action.CODE_REUSED, Action.CODE_REFUSED,
    ),
    oauth.REFRESH_TOKEN: Way(
        Redeemable.REFRESH, Handle.REFRESH_TOKEN, oauth.REFRESH_TOKEN, REFRESH_CHECKS,
        Action.TOKEN_REFRESHED, Action.REFRESH_REUSED, Action.REFRESH_REFUSED,
    ),
    oauth.DEVICE_GRANT: Way(
        Redeemable.DEVICE, Handle.DEVICE_CODE, oauth.DEVICE_CODE, DEVICE_CHECKS,
        Action.DEVICE_REDEEMED, Action.DEVICE_REUSED, Action.DEVICE_REFUSED,
    ),
}  # fmt: skip
"""By grant type. Nothing else gives tokens: no password grant (RFC 9700 §2.4)."""
