"""The town as one thing: `prepare` writes a data folder, `serve_sites` runs the sites, `describe` tells who is who.

`preau demo` calls `prepare`, runs the real import on each of `town.feeds`, enters `town.restrictions`, then runs
`serve_sites` in a thread beside the broker. Nothing here talks to the broker except over HTTP.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

from broker.demo.aaf import Delivery, write_delivery
from broker.demo.accounts import accounts_of
from broker.demo.addresses import Addresses
from broker.demo.changes import changes_of
from broker.demo.configuration import (
    CLIENTS,
    FEED_1D,
    FEED_2D,
    SANDBOX,
    Extra,
    SecretFolder,
    write_service,
    write_settings,
)
from broker.demo.description import description, sandbox
from broker.demo.families import RESTRICTED, strangers, twelve
from broker.demo.generate import generated
from broker.demo.people import Degree, Population
from broker.demo.prepared import Feed, RestrictedPair, Tls, Town
from broker.demo.records import entries_of
from broker.demo.saml_files import write_files
from broker.demo.schools import SCHOOLS
from broker.demo.sites import start_sites
from broker.demo.staff import staff_of_the_town

DEFAULT_ISSUER = "http://127.0.0.1:8000"
__all__ = [
    "Feed",
    "RestrictedPair",
    "Tls",
    "Town",
    "describe",
    "population_of",
    "prepare",
    "school_year",
    "serve_sites",
]

_BEGINS = (9, 12)
"""Month and day from which on the town lives in a new school year: both its September exports are made by then, and
no import takes files of a day yet to come."""


def population_of(year: int) -> Population:
    """Return everybody who lives in the town in the school year that begins in `year`; always the same people."""
    return Population(year, SCHOOLS, (*twelve(year), *generated(year)), staff_of_the_town(), strangers())


def school_year(today: date) -> int:
    """Return the year in which the school year begins that the town lives in on a day."""
    return today.year if (today.month, today.day) >= _BEGINS else today.year - 1


def prepare(
    folder: Path,
    *,
    issuer: str = DEFAULT_ISSUER,
    sites_port: int | None = None,
    tls: Tls | None = None,
    year: int | None = None,
    registration: bool = False,
    saml: bool = False,
    desk: bool = False,
) -> Town:
    """Write everything the broker needs into `folder`, and return where it all is.

    Writes `feeds/`, `preau.toml`, `services/*.toml` and `secrets/` (0600, kept when they exist). The sites answer on
    127.0.0.2 and following, all on `sites_port` (else the issuer's port), over https when `tls` is given. `year` is
    the first year of the school year (else today's): the same year gives the same bytes. `registration`: whoever tries
    a client of theirs on the invented people registers it (RFC 7591), and is gone in a day. `saml`: EduConnect is a
    source in SAML too. `desk`: agents of the académie sign in at a provider of theirs.
    """
    year = school_year(datetime.now(UTC).date()) if year is None else year
    port = sites_port or urlsplit(issuer).port or 443
    addresses = Addresses(issuer, "https" if tls else "http", port)
    population = population_of(year)
    store = SecretFolder(folder / "secrets")
    store.ensure_master()
    for name in ("educonnect", "educonnect-subjects", "academie", *(client.client_id for client in CLIENTS)):
        store.ensure(name)
    settings = folder / "preau.toml"
    if saml:
        write_files(folder, addresses)
    extra = Extra(registration=registration, saml=saml, desk=desk)
    write_settings(settings, addresses, ca_file=tls.authority if tls else None, extra=extra)
    _write_services(folder / "services", addresses)
    feeds, delta = _write_feeds(folder / "feeds", population)
    accounts = accounts_of(population)
    town = Town(
        folder, addresses, settings, feeds, delta, _restrictions(population), population, accounts, tls, saml, desk
    )
    (folder / SANDBOX).write_text(sandbox(town), encoding="utf-8")
    return town


def describe(town: Town) -> str:
    """Return the addresses and the demo people as text for a terminal."""
    return description(town)


def serve_sites(town: Town, stop: Event) -> None:
    """Serve every site of the town until `stop` is set; returns when all have closed. Run it in a thread.

    Raises `OSError` when an address is taken.
    """
    with start_sites(town):
        stop.wait()


def _write_services(folder: Path, addresses: Addresses) -> None:
    folder.mkdir(exist_ok=True)
    for client in CLIENTS:
        write_service(folder / f"{client.client_id}.toml", client, addresses)


def _write_feeds(folder: Path, population: Population) -> tuple[tuple[Feed, ...], Feed]:
    made_on = date(population.year, 9, 5)
    feeds = []
    for feed_id, degree in ((FEED_2D, Degree.SECOND), (FEED_1D, Degree.FIRST)):
        delivery = Delivery(degree, made_on, complete=True)
        files = write_delivery(folder / degree.lower(), delivery, entries_of(population, degree))
        feeds.append(Feed(feed_id, degree.value, files))
    later = Delivery(Degree.SECOND, date(population.year, *_BEGINS), complete=False)
    files = write_delivery(folder / "delta-2d", later, changes_of(population))
    return tuple(feeds), Feed(FEED_2D, Degree.SECOND.value, files)


def _restrictions(population: Population) -> tuple[RestrictedPair, ...]:
    """Every record of the restricted adult with every record of the children: the decision is about persons."""
    adult_ref, child_refs = RESTRICTED
    feed = {Degree.FIRST: FEED_1D, Degree.SECOND: FEED_2D}
    adults = [adult for family in population.families for adult in family.adults if adult.ref == adult_ref]
    pupils = [pupil for family in population.families for pupil in family.pupils if pupil.ref in child_refs]
    return tuple(
        RestrictedPair(f"{feed[degree]}:{key}", f"{feed[place.degree]}:{place.key}")
        for adult in adults
        for degree, key in sorted(adult.keys.items())
        for pupil in pupils
        for place in pupil.places
    )
