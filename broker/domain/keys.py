"""Signing keys as they stand at rest, the states they go through, and when the next step is due.

A key is `next` (published, does not sign), then `active` (the one that signs), then `retiring` (published, so that what
it signed can still be checked), then `retired`: gone from the published set, its private half erased.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from broker.domain.audit import AuditEvent


class KeyState(StrEnum):
    """Where a key is in its life; it only goes forward."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"


class KeyPurpose(StrEnum):
    """What a key signs: one key per purpose, so that giving one up costs nothing elsewhere."""

    ID_TOKEN = "id_token"  # noqa: S105 (a purpose)
    LOGOUT_TOKEN = "logout_token"  # noqa: S105
    ACCESS_TOKEN = "access_token"  # noqa: S105
    SAML_SIGNING = "saml_signing"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key at rest. `sealed` is the private JWK encrypted under the installation's master secret.

    A retired key has none. `since`: when it came into its state.
    """

    kid: str
    purpose: KeyPurpose
    alg: str
    state: KeyState
    public_jwk: str
    sealed: bytes
    created_at: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class KeyMove:
    """A key that goes from one state to a later one."""

    kid: str
    before: KeyState
    after: KeyState


@dataclass(frozen=True, slots=True)
class ChangeKeys:
    """Moves and new keys that happen together or not at all, with what the audit trail says of them.

    Moves are made in their order: the active key leaves before the next one takes its place.
    """

    now: datetime
    audit: tuple[AuditEvent, ...]
    moves: tuple[KeyMove, ...] = ()
    added: tuple[StoredKey, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyTimes:
    """How long a key is announced before it may sign, signs, and is published afterwards."""

    announced: timedelta
    active: timedelta
    retiring: timedelta


def key_in(keys: Iterable[StoredKey], state: KeyState) -> StoredKey | None:
    """The first key of a state, among keys of one purpose and algorithm."""
    return next((key for key in keys if key.state is state), None)


def may_sign_from(key: StoredKey, times: KeyTimes) -> datetime:
    """From when a `next` key may sign: whoever keeps a copy of the published keys has it by then."""
    return key.since + times.announced


def is_due(active: StoredKey, following: StoredKey, times: KeyTimes, *, now: datetime) -> bool:
    """Tell whether the active key has signed for its time and the next one may take over."""
    return active.since + times.active <= now and may_sign_from(following, times) <= now


def is_over(key: StoredKey, times: KeyTimes, *, now: datetime) -> bool:
    """Tell whether nothing that this retiring key signed can matter any more."""
    return key.state is KeyState.RETIRING and key.since + times.retiring <= now
