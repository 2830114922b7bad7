"""ID tokens: what they say, and what one that comes back as a hint may decide (OIDC Core §2, §3.1.2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe

from broker.domain.handles import digest
from broker.domain.sessions import CodePayload
from broker.protocol.oidc.provider import ProviderSettings
from broker.wire.jose import KeySet, SigningKey, TokenRefused, left_half_hash, sign, verify_id_token_hint

TYP = "JWT"
_SID_LENGTH = 32


@dataclass(frozen=True, slots=True)
class HintRules:
    """What an `id_token_hint` must satisfy: one of ours, for this client."""

    keys: KeySet
    issuer: str
    client_id: str


def id_token_claims(
    payload: CodePayload, settings: ProviderSettings, *, access_token: str, now: datetime, alg: str = "ES256"
) -> dict[str, object]:
    """What the ID token says: who, proven how and when. Nothing of the person's life: that is asked at userinfo."""
    authn = payload.authn
    claims: dict[str, object] = {
        "iss": settings.issuer,
        "sub": payload.subject,
        "aud": payload.grant.client_id,
        "exp": int((now + settings.id_token).timestamp()),
        "iat": int(now.timestamp()),
        "auth_time": int(authn.auth_time.timestamp()),
        "jti": token_urlsafe(16),
        "sid": sid_for(payload.grant.client_id, sid=payload.visit or payload.grant.sid, school=payload.grant.school),
        "at_hash": left_half_hash(access_token, alg=alg),
    }
    methods = [method for method in authn.amr if ":" not in method]  # ours to keep: `origin:ECT` is no RFC 8176 method
    optional = {"nonce": payload.nonce, "acr": authn.acr, "amr": methods}
    return {**claims, **{name: value for name, value in optional.items() if value}}


def sid_for(client_id: str, *, sid: str, school: str = "") -> str:
    """The session as this client knows it (OIDC Back-Channel Logout §2.1).

    Another value at each client: one session id for all would let services put their pairwise subjects side by side.
    Another one for each school in play, so that the session of one can end and that of the next stand: the school is
    what the client named itself, and stands behind in clear.
    """
    known = digest(f"{sid}|{client_id}")[:_SID_LENGTH]
    return f"{known}.{school}" if school else known


def names_visit(stated: object, client_id: str, *, sid: str) -> bool:
    """Tell whether this is what `sid_for` gave the client for the visit, whatever school was in play."""
    return isinstance(stated, str) and stated.partition(".")[0] == sid_for(client_id, sid=sid)


def issue_id_token(
    payload: CodePayload, settings: ProviderSettings, key: SigningKey, *, access_token: str, now: datetime
) -> str:
    """Sign an ID token for what was redeemed."""
    claims = id_token_claims(payload, settings, access_token=access_token, now=now, alg=key.alg)
    return sign(claims, key, typ=TYP)


def names_another(hint: str, subject: str, rules: HintRules) -> bool:
    """Tell whether a hint is there and does not verifiably name this subject."""
    if not hint:
        return False
    try:
        claims = verify_id_token_hint(hint, rules.keys, issuer=rules.issuer, audience=rules.client_id)
    except TokenRefused:
        return True
    return bool(claims["sub"] != subject)
