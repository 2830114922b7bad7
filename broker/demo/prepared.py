"""What `prepare` returns: where everything of a town lies, and who lives in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.demo.addresses import Addresses
from broker.demo.configuration import SecretFolder
from broker.demo.people import Account, Family, Population, Site


@dataclass(frozen=True, slots=True)
class Feed:
    """A delivery on disk, to be imported whole: `preau import aaf` with these files, for the feed of this id."""

    feed_id: str
    degree: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class RestrictedPair:
    """A court restriction to enter after the import, as record ids (`99-1d:610792`)."""

    adult: str
    child: str


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files for https sites: certificate and key of the sites, and the authority that clients are to trust."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class Town:
    """A prepared data folder.

    `settings` is the broker's `preau.toml`; `feeds` stand in the order of their import; `delta` is a later day's
    change of the 2D feed, which nobody has to import. `saml`: EduConnect answers in SAML too. `desk`: agents sign in.
    """

    folder: Path
    addresses: Addresses
    settings: Path
    feeds: tuple[Feed, ...]
    delta: Feed
    restrictions: tuple[RestrictedPair, ...]
    population: Population
    accounts: tuple[Account, ...]
    tls: Tls | None
    saml: bool = False
    desk: bool = False

    @property
    def issuer(self) -> str:
        """Address of the broker."""
        return self.addresses.issuer

    def secret(self, name: str) -> str:
        """Return a secret of the data folder (`educonnect`, or a service's client id)."""
        return SecretFolder(self.folder / "secrets").read(name)

    def family(self, number: str) -> Family:
        """Return one of the twelve families, or `1b`. Raises `StopIteration` for another number."""
        return next(family for family in self.population.families if family.number == number)

    def login(self, person: str, site: Site) -> str:
        """Return a person's login at a site (`1-mere`, EDUCONNECT). Raises `LookupError` when there is none."""
        for account in self.accounts:
            if account.person == person and account.site is site:
                return account.login
        raise LookupError(f"{person} has no account at {site}")
