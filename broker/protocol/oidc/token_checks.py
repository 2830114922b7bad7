"""What the redemption of a code must satisfy, one check a rule (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import InvalidGrant, UnsupportedGrantType
from broker.domain.sessions import CodePayload
from broker.protocol.oidc.client_auth import AuthenticatedClient
from broker.wire import oauth

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Redemption:
    """A proven client, what it sends, and what its code stands for."""

    client: AuthenticatedClient
    form: Mapping[str, str]
    payload: CodePayload
    now: datetime


RedemptionCheck = Callable[[Redemption], None]


class CodeReused(Exception):
    """A code that was already redeemed comes again: the answer is also to revoke what it gave."""


def check_grant_type(form: Mapping[str, str]) -> None:
    """Only `authorization_code`: no password grant (RFC 9700 §2.4)."""
    if form.get(oauth.GRANT_TYPE) != oauth.AUTHORIZATION_CODE:
        raise UnsupportedGrantType("not authorization_code")


def check_owner(redemption: Redemption) -> None:
    """The code was issued to this very client."""
    if redemption.payload.grant.client_id != redemption.client.party.client_id:
        raise InvalidGrant("a code of another client")


def check_unused(redemption: Redemption) -> None:
    """The code was never redeemed. Asked before the rest: a replay counts even when it is clumsy."""
    if redemption.payload.used_at is not None:
        raise CodeReused


def check_redirect_uri(redemption: Redemption) -> None:
    """`redirect_uri` is the one that the request used (RFC 6749 §4.1.3)."""
    if redemption.form.get(oauth.REDIRECT_URI) != redemption.payload.redirect_uri:
        raise InvalidGrant("another redirect_uri")


def check_verifier_shape(redemption: Redemption) -> None:
    """A verifier is 43 to 128 unreserved characters: a short one could be guessed (RFC 7636 §4.1)."""
    if not _VERIFIER.fullmatch(redemption.form.get(oauth.CODE_VERIFIER, "")):
        raise InvalidGrant("absent or malformed code_verifier")


def check_verifier(redemption: Redemption) -> None:
    """The verifier hashes to the challenge of the request (RFC 7636 §4.6)."""
    verifier = redemption.form.get(oauth.CODE_VERIFIER, "")
    made = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    if not hmac.compare_digest(made, redemption.payload.code_challenge.encode()):
        raise InvalidGrant("code_verifier does not match")


def check_unexpired(redemption: Redemption) -> None:
    """The code is younger than its minute."""
    if redemption.now >= redemption.payload.expires_at:
        raise InvalidGrant("expired code")


REDEMPTION_CHECKS: tuple[RedemptionCheck, ...] = (
    check_owner,
    check_unused,
    check_redirect_uri,
    check_verifier_shape,
    check_verifier,
    check_unexpired,
)
