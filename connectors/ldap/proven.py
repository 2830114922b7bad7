"""A directory that serves nobody before its certificate was shown to be checked (security rule D-10)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

from broker.domain.errors import UnavailableError
from connectors.ldap.directory import LdapDirectory, Question
from connectors.ldap.entries import Entry, Illegible
from connectors.ldap.names import Dn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProvenDirectory:
    """`Directory` over one whose self-test has passed: at start, else before whatever is asked first.

    A directory that is down, or wrong, at start keeps nobody from starting: only its own logins wait for it.
    """

    directory: LdapDirectory
    _passed: Event = field(default_factory=Event, repr=False, compare=False)

    def try_at_start(self) -> bool:
        """Test it now; a failure is logged, and the next question tries again."""
        try:
            self._prove()
        except UnavailableError as fault:
            log.error("the directory %s cannot be used yet: %s", self.directory.url, fault.cause)  # noqa: TRY400
            return False
        return True

    def find_one(self, question: Question) -> Entry:
        """See `Directory.find_one`."""
        self._prove()
        return self.directory.find_one(question)

    def check_password(self, dn: Dn, password: str) -> bool:
        """See `Directory.check_password`."""
        self._prove()
        return self.directory.check_password(dn, password)

    def search(self, question: Question) -> Iterator[Entry | Illegible]:
        """See `Directory.search`."""
        self._prove()
        return self.directory.search(question)

    def _prove(self) -> None:
        """Two threads may both test: what each is told is true."""
        if not self._passed.is_set():
            self.directory.self_test()
            self._passed.set()
