"""An ENT's directory as a source of logins: a login and a password in, who this is out (SDET).

Whoever asks learns one thing: it was right or it was not. An unknown login, one that two entries bear, a wrong password
and a closed account get one answer, after the same two exchanges with the directory: where no entry was found, the
password goes to a name that is nobody's. A directory may still answer that bind sooner than one it has to compute a
hash for; `decoy_dn` can then name an entry that exists, with a password that nobody knows.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime

from broker.domain.errors import CredentialsRefused, UpstreamRefused
from broker.domain.identity import AccountKey, AuthnContext, UpstreamIdentity, UpstreamProtocol
from broker.domain.people import Reference
from connectors import sdet
from connectors.ldap.directory import BadSecret, Directory, NotOne, Question, secret_of
from connectors.ldap.entries import Entry
from connectors.ldap.filters import AllOf, AnyOf, BadLogin, Equals, login_of
from connectors.ldap.names import Dn, parse_dn

LOGIN = "ENTPersonLogin"
STATE = "ESCOPersonEtatCompte"
"""A local extension of several ENTs; where an entry does not have it, nothing is said against the account."""

CLOSED = frozenset({"BLOQUE", "DELETE", "INVALIDE"})

NOBODY = "preau-nobody-has-this-name"

_DISPLAY = (("displayName",), ("givenName", "sn"), ("cn",))


@dataclass(frozen=True, slots=True)
class LdapSource:
    """`PasswordConnector` over a directory. `url` is its address as configured, and the issuer of its accounts.

    `people` is the name below which persons stand; `subject_attribute` holds each entry's own id for good (`uid`, or
    the server's `entryUUID`): changing it later makes a stranger of everybody. `academies` maps the numbering
    authorities this directory may speak for (`AC-TEST`) to académie numbers; other references are dropped.
    """

    source_id: str
    url: str
    directory: Directory
    people: Dn
    login_attributes: tuple[str, ...] = (LOGIN,)
    subject_attribute: str = "uid"
    releases_references: bool = False
    academies: Mapping[str, str] = field(default_factory=dict)
    decoy_dn: Dn | None = None

    def place(self) -> AbstractContextManager[None]:
        """See `PasswordConnector.place`. Hashing is the directory's: its own bound is met when it is asked."""
        return nullcontext()

    def authenticate(
        self, *, login: str, password: str, now: datetime, admit: Callable[[str], bool]
    ) -> UpstreamIdentity:
        """Return who this is. Raises `CredentialsRefused`, `UpstreamRefused` or `UpstreamUnavailable`.

        See `PasswordConnector.authenticate`. An account is known to `admit` by the name of its entry: a second login
        attribute, or a spelling that only the directory takes for the same, is no second set of guesses.
        """
        try:
            asked = login_of(login)
            secret_of(password)
        except (BadLogin, BadSecret) as reason:
            raise CredentialsRefused(str(reason)) from None
        entry, missing = self._find(asked)
        if not admit(f"{self.url} {entry.dn}" if entry else ""):
            entry, missing = None, "too many guesses at this account, by whatever name"
        proven = self.directory.check_password(entry.dn if entry else self._decoy(), password)
        if entry is None:
            raise CredentialsRefused(missing)
        if not proven:
            raise CredentialsRefused("a wrong password")
        _check_open(entry)
        return self._identity(entry, now=now)

    def _find(self, login: str) -> tuple[Entry | None, str]:
        try:
            return self.directory.find_one(self._question(login)), ""
        except NotOne as reason:
            return None, str(reason)

    def _question(self, login: str) -> Question:
        logins = AnyOf(tuple(Equals(attribute, login) for attribute in self.login_attributes))
        displayed = (name for names in _DISPLAY for name in names)
        wanted = (self.subject_attribute, sdet.JOINTURE, STATE, *displayed)
        return Question(self.people, AllOf((Equals("objectClass", "ENTPerson"), logins)), wanted)

    def _decoy(self) -> Dn:
        return self.decoy_dn or parse_dn(f"uid={NOBODY},{self.people}")

    def _identity(self, entry: Entry, *, now: datetime) -> UpstreamIdentity:
        subject = entry.only(self.subject_attribute)
        if not subject:
            raise UpstreamRefused(f"an entry without exactly one {self.subject_attribute}")
        return UpstreamIdentity(
            key=AccountKey(UpstreamProtocol.LDAP, self.url, f"ldap:{self.subject_attribute}", subject),
            authn=AuthnContext(acr="", amr=("pwd",), auth_time=now, authority=self.source_id),
            references=self._references(entry),
            display=_display(entry),
            # A directory issues nothing: every proof of a password is one of its own.
            answer=secrets.token_urlsafe(32),
        )

    def _references(self, entry: Entry) -> tuple[Reference, ...]:
        if not self.releases_references:
            return ()
        found = sdet.distinct(sdet.parse_jointure(value, self.academies) for value in entry.all(sdet.JOINTURE))
        if found is None:
            raise UpstreamRefused("more references than one human can have")
        return found


def _check_open(entry: Entry) -> None:
    """After the bind, never before it: a closed account must not answer sooner than another."""
    states = {value.upper() for value in entry.all(STATE)}
    if states & CLOSED or STATE.lower() in entry.unreadable:
        raise CredentialsRefused("an account that is closed")


def _display(entry: Entry) -> str:
    for names in _DISPLAY:
        values = [entry.first(name) for name in names]
        if all(values):
            return " ".join(values)[:256]
    return ""
