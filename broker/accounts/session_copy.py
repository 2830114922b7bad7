"""The short copy of a session outside the database, as bytes.

It saves a query a request for a few seconds and is never a truth: a copy that cannot be read, or that answers for
another cookie than the one asked for (a store that mixes up replies), counts as absent.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache

from broker.domain.clock import require_utc
from broker.domain.identity import AuthnContext
from broker.domain.sessions import Device, Session

KIND = "session/2"


def copy_key(handle_digest: str) -> str:
    """Where the copy is kept."""
    return f"session:{handle_digest}"


def encode_session(session: Session) -> bytes:
    """Write a copy."""
    return json.dumps(
        {
            "kind": KIND,
            "sid": session.sid,
            "handle": session.handle_digest,
            "person": session.person_id,
            "account": session.account_id,
            "acr": session.authn.acr,
            "amr": session.authn.amr,
            "auth_time": session.authn.auth_time.isoformat(),
            "authority": session.authn.authority,
            "proven": session.authn.proven,
            "device": session.device,
            "opened": session.opened_at.isoformat(),
            "idle": session.idle_until.isoformat(),
            "ends": session.ends_at.isoformat(),
            "continues": session.continues,
        }
    ).encode()


def decode_session(copy: bytes | None, *, handle_digest: str) -> Session | None:
    """Read the copy of this very session, or None. Revoked sessions are never copied."""
    return _decoded(copy, handle_digest) if copy is not None else None


@lru_cache(maxsize=4096)
def _decoded(copy: bytes, handle_digest: str) -> Session | None:
    """The same bytes are the same session: whoever opens several services in a row is read once."""
    try:
        fields = json.loads(copy)
        if fields["kind"] != KIND or fields["handle"] != handle_digest:
            return None
        return Session(
            sid=str(fields["sid"]),
            handle_digest=handle_digest,
            person_id=str(fields["person"]),
            account_id=str(fields["account"]),
            authn=AuthnContext(
                acr=str(fields["acr"]),
                amr=tuple(str(method) for method in fields["amr"]),
                auth_time=_instant(fields["auth_time"]),
                authority=str(fields["authority"]),
                proven=fields["proven"] is True,
            ),
            device=Device(fields["device"]),
            opened_at=_instant(fields["opened"]),
            idle_until=_instant(fields["idle"]),
            ends_at=_instant(fields["ends"]),
            continues=str(fields["continues"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _instant(text: str) -> datetime:
    return require_utc(datetime.fromisoformat(text))
