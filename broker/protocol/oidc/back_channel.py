"""Back-channel logout: a service is told, server to server, that a visit ended (OIDC Back-Channel Logout §2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from secrets import token_urlsafe
from urllib.parse import urlencode

from broker.domain.errors import UpstreamUnavailable
from broker.domain.keys import KeyPurpose
from broker.domain.logouts import Logout, LogoutUntold, Untold
from broker.domain.ports import Current, Services
from broker.protocol.oidc.id_token import sid_for
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.wire.jose import sign

TYP = "logout+jwt"
"""Keeps a logout token from passing for an ID token, and the reverse (Back-Channel Logout §2.4, RFC 8725 §3.11)."""
EVENT = "http://schemas.openid.net/event/backchannel-logout"

Post = Callable[[str, str], int]
"""Sends a form (already encoded) to an address and returns the status; raises `UpstreamUnavailable`.

It leads nowhere else: no redirect is followed, and no address inside a network that the settings do not open is called.
"""


@dataclass(frozen=True, slots=True)
class BackChannel:
    """`LogoutNotifier` for the OpenID Connect clients of the register.

    `post` calls the addresses of declared services, `strangers` those of clients that registered themselves: these
    must not lead into the networks that are open to the former.
    """

    settings: ProviderSettings
    services: Current[Services]
    signer: Signer
    post: Post
    strangers: Post

    def notify(self, logout: Logout, *, now: datetime) -> None:
        """See `LogoutNotifier.notify`. Each try is a token of its own: the last one may have run out on the way."""
        service = self.services.current().by_client(logout.client_id)
        party = service.party(logout.client_id) if service else None
        if party is None or not party.backchannel_logout_uri:
            raise LogoutUntold(Untold.NO_ADDRESS)
        claims = logout_claims(logout, self.settings, now=now)
        token = sign(claims, self.signer.ring().key(party.signing_alg, KeyPurpose.LOGOUT_TOKEN), typ=TYP)
        post = self.strangers if party.self_registered else self.post
        status = post(party.backchannel_logout_uri, urlencode({"logout_token": token}))
        if status == HTTPStatus.BAD_REQUEST:
            raise LogoutUntold(Untold.REFUSED)  # §2.8: read and refused; the same would be refused again
        if status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            raise UpstreamUnavailable(f"answered {status}")


def logout_claims(logout: Logout, settings: ProviderSettings, *, now: datetime) -> dict[str, object]:
    """What a logout token says. Never a nonce: with one it could be taken for an ID token (§2.4).

    Where the person only went on to another school, no `sub`: it would mean every session of theirs (§2.4, `sid`).
    """
    who = {} if logout.goes_on else {"sub": logout.subject}
    return {
        "iss": settings.issuer,
        "aud": logout.client_id,
        "iat": int(now.timestamp()),
        "exp": int((now + settings.logout_token).timestamp()),
        "jti": token_urlsafe(16),
        "events": {EVENT: {}},
        **who,
        "sid": sid_for(logout.client_id, sid=logout.visit, school=logout.school),
    }
