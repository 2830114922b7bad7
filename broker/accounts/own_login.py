"""People's own accounts as a source of logins: a name and a passphrase in, who this is out, like any other source.

Whoever asks learns one thing: it was right or it was not. An unknown name and a wrong passphrase get one answer after
the same question to the database and the same work of argon2id.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime

from broker.accounts.hashing import Hashing
from broker.domain.credentials import Credential
from broker.domain.errors import CredentialsRefused, UnavailableError
from broker.domain.identity import AccountKey, AuthnContext, UpstreamIdentity, UpstreamProtocol
from broker.domain.ports import OwnLogins

FORMAT = "credential"
_LONGEST = 128


@dataclass(frozen=True, slots=True)
class OwnLogin:
    """`PasswordConnector` over our own secrets. `issuer` is our own address, and the issuer of its accounts."""

    source_id: str
    issuer: str
    logins: OwnLogins
    hashing: Hashing

    def place(self) -> AbstractContextManager[None]:
        """See `PasswordConnector.place`."""
        return self.hashing.place()

    def authenticate(
        self, *, login: str, password: str, now: datetime, admit: Callable[[str], bool]
    ) -> UpstreamIdentity:
        """Return who this is. Raises `CredentialsRefused`, `HashingCrowded`. See `PasswordConnector.authenticate`."""
        found = self.logins.by_identifier(fold_identifier(login))
        admitted = admit(found.account_id if found else "")
        if not self.hashing.verify(found.secret if found and admitted else "", password) or found is None:
            raise CredentialsRefused("unknown, wrong or guessed at too often")
        self._keep_up(found, password)
        return identity_of(self.source_id, self.issuer, found.account_id, now=now)

    def _keep_up(self, found: Credential, password: str) -> None:
        """Hash anew what was hashed under cheaper parameters, while the passphrase is here. A full pool can wait."""
        if self.hashing.is_cheap(found.secret):
            with suppress(UnavailableError):
                self.logins.rehash(found.credential_id, was=found.secret, secret=self.hashing.hash(password))


def identity_of(source_id: str, issuer: str, account_id: str, *, now: datetime) -> UpstreamIdentity:
    """Who has just proven this account. Every proof is one of its own: nothing that could be replayed is issued."""
    return UpstreamIdentity(
        key=account_key(issuer, account_id),
        authn=AuthnContext(acr="", amr=("pwd",), auth_time=now, authority=source_id),
        answer=secrets.token_urlsafe(32),
    )


def account_key(issuer: str, account_id: str) -> AccountKey:
    """The key of an own account: its random id stands for itself, whatever its person is called now."""
    return AccountKey(UpstreamProtocol.OWN, issuer, FORMAT, account_id)


def fold_identifier(typed: str) -> str:
    """An identifier as it is kept: no case, no accents, no blanks; what is far too long is nobody's."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", typed[: 2 * _LONGEST]).casefold())
    return "".join(char for char in plain if not unicodedata.combining(char) and not char.isspace())[:_LONGEST]
