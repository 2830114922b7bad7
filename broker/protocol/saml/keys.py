"""The keys that sign as identity provider, opened once, kept as objects; what our metadata says of them.

Made like every signing key (`key_care`) and looked after with them. Service providers keep our metadata for weeks, so a
next key is announced for as long (security S-47): the next, the active and the retiring one are all published there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broker.domain.errors import StorageUnavailable
from broker.domain.keys import KeyPurpose, KeyState, StoredKey
from broker.protocol.endpoint import Call
from broker.protocol.oidc.signing import KeyVault, Signer
from broker.protocol.saml.name_ids import OFFERED
from broker.protocol.saml.provider import METADATA_LIFE, IdentityProvider
from broker.wire.http import PlainResponse
from broker.wire.jose import private_pem
from broker.wire.saml.metadata import OwnMetadata, write_own
from broker.wire.saml.signing import XmlSigningKey, open_signing_key

ALG = "RS256"
WANTED = (KeyPurpose.SAML_SIGNING, ALG)
MEDIA_TYPE = "application/samlmetadata+xml"
_WRITTEN_FOR = timedelta(hours=1)
_ORDER = (KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRING)


class SamlKeys:
    """The keys of this process. The first is made when somebody first asks: many installations speak no SAML."""

    def __init__(self, vault: KeyVault, signer: Signer, *, name: str) -> None:
        self._vault = vault
        self._signer = signer
        self._name = name
        self._opened: dict[str, XmlSigningKey] = {}
        self._rows: tuple[StoredKey, ...] = ()
        self.keys: tuple[XmlSigningKey, ...] = ()
        self.refresh()

    def current(self) -> tuple[XmlSigningKey, ...]:
        """Every published key, the one that signs first."""
        if not self._active():
            self._signer.ensure([WANTED])
            self.refresh()
        return self.keys

    def signing(self) -> XmlSigningKey:
        """The key that signs now."""
        return self.current()[0]

    def refresh(self) -> bool:
        """Look whether a key moved on; tells whether one did. A database that is away leaves the keys as they were."""
        try:
            rows = _of_saml(self._vault.keys.published())
        except StorageUnavailable:
            return False
        if rows == self._rows:
            return False
        self._opened = {row.kid: self._opened.get(row.kid) or self._open(row) for row in rows}
        self.keys = tuple(self._opened[row.kid] for row in rows)
        self._rows = rows
        return True

    def _active(self) -> bool:
        return bool(self._rows) and self._rows[0].state is KeyState.ACTIVE

    def _open(self, row: StoredKey) -> XmlSigningKey:
        pem = private_pem(self._vault.open(row))
        return open_signing_key(pem, kid=row.kid, name=self._name, born=row.created_at)


@dataclass(slots=True)
class MetadataEndpoint:
    """Our metadata, written and signed anew each hour and whenever a key moves."""

    idp: IdentityProvider
    keys: SamlKeys
    _written: tuple[tuple[XmlSigningKey, ...], datetime, bytes] | None = field(default=None, init=False)

    def answer(self, call: Call) -> PlainResponse:
        """The document (Metadata §4.1.1); any cache may keep it for an hour."""
        headers = (
            ("Content-Type", MEDIA_TYPE),
            ("Cache-Control", f"public, max-age={int(_WRITTEN_FOR.total_seconds())}"),
        )
        return PlainResponse(200, headers, self._document(call.now))

    def _document(self, now: datetime) -> bytes:
        keys, known = self.keys.current(), self._written
        if known is not None and known[0] == keys and timedelta(0) <= now - known[1] < _WRITTEN_FOR:
            return known[2]
        own = OwnMetadata(self.idp.entity_id, self.idp.addresses, keys, OFFERED, until=now + METADATA_LIFE)
        self._written = keys, now, write_own(own)
        return self._written[2]


def _of_saml(rows: Iterable[StoredKey]) -> tuple[StoredKey, ...]:
    ours = (row for row in rows if row.purpose is KeyPurpose.SAML_SIGNING and row.state in _ORDER)
    return tuple(sorted(ours, key=lambda row: (_ORDER.index(row.state), row.kid)))
