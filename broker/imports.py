"""The readers of feeds put together with the stores: what an operator hands over becomes a run of the one import.

Part of the composition root, beside `app` and `stores`: only here a kind of feed is known by its reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import policies
from broker.directory import ImportReport, ImportRules, Intent, Progress, import_feed, refuse_to_wait
from broker.directory.lease import is_gone
from broker.domain.errors import FeedRefused, ImportBusy, ImportHeld, SettingsError
from broker.domain.feed import Feed
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from broker.domain.ports import IdentityFeed
from broker.domain.school import uai_is_plausible
from broker.settings import FeedKind, FeedSettings, GuardiansAre, ListOf, Settings, read_secret
from broker.storage.sql_imports import SqlImports
from broker.stores import Stores, utc_now
from connectors.aaf import AafFeed
from connectors.ldap import LdapDirectory, LdapFeed
from connectors.ldap.names import parse_dn
from connectors.onde import OndeFeed
from connectors.onde.reviews import UNDECIDED, read_decisions, write_questions
from connectors.siecle import SiecleFeed
from connectors.vendor_csv import VendorColumns, VendorCsvFeed
from connectors.vendor_csv.columns import column_faults

_SAYS_NEITHER = "the files name neither their school nor their day: the operator does"
_UAI = re.compile(r"[0-9]{7}[A-Z]")
_KEY_ATTRIBUTE = "uid"
_KINDS = {ListOf.PUPILS: RecordKind.PUPIL, ListOf.GUARDIANS: RecordKind.GUARDIAN}
_QUALITIES = {GuardiansAre.CONTACT: Quality.CONTACT, GuardiansAre.LEGAL: Quality.LEGAL_GUARDIAN}


@dataclass(frozen=True, slots=True)
class Handover:
    """What an operator hands over: the files, and what they do not say of themselves (school, day they were made).

    `decided` is a table of answers to what a delivery leaves open.
    """

    paths: Sequence[Path] = ()
    school: str = ""
    made_on: date | None = None
    decided: Path | None = None


def import_delivery(
    settings: Settings,
    stores: Stores,
    book: policies.PolicyBook,
    *,
    feed_id: str,
    handover: Handover,
    intent: Intent,
    progress: Callable[[Progress], None],
    patience: Callable[[ImportBusy], None] = refuse_to_wait,
) -> ImportReport:
    """Import one delivery of a configured feed. Raises `SettingsError` for an unknown feed, and what the import raises.

    A feed that schools deliver is one for each school: leases, runs, guards and retirement are that school's own.
    """
    configured = _configured(settings, feed_id)
    linking = book.of(configured.tenant).linking
    with ExitStack() as opened:
        reader = _open_reader(configured, handover, opened)
        return import_feed(
            feed=_feed_of(configured, reader, handover, intent=intent),
            paths=handover.paths,
            imports=SqlImports(stores.engine, is_gone=is_gone),
            reader=reader,
            clock=utc_now,
            rules=ImportRules(
                mass_change_percent=linking.mass_change_percent,
                mass_change_window=linking.mass_change_window,
                mass_change_few=linking.mass_change_few,
                in_charge_sees=linking.in_charge_sees,
                propose_from=linking.propose_from,
                contact_hold=book.installation.codes.contact_hold,
                patience=patience,
            ),
            intent=intent,
            progress=progress,
        )


def write_review(settings: Settings, *, feed_id: str, handover: Handover, to: Path) -> int:
    """Write what a delivery of an école leaves to a human, as a table to be answered; returns how many questions.

    Nothing is imported. Raises `SettingsError`, `FeedRefused`, `FileExistsError` or `OSError`.
    """
    questions = _onde(_configured(settings, feed_id), handover).questions(handover.paths)
    write_questions(to, questions)
    return len(questions)


# ---- which feed ---------------------------------------------------------------------------------------------------


def _configured(settings: Settings, feed_id: str) -> FeedSettings:
    found = next((one for one in settings.feeds if one.id == feed_id), None)
    if found is None:
        raise SettingsError((f"feeds: there is no {feed_id}",))
    return found


def _feed_of(configured: FeedSettings, reader: IdentityFeed, handover: Handover, *, intent: Intent) -> Feed:
    feed = Feed(
        id=configured.id,
        tenant=configured.tenant,
        # Only national keys are an académie's: a record without académie answers to no login (`People.by_reference`).
        academie=configured.academie,
        degree=configured.degree_of_schools,
    )
    if not configured.kind.by_school:
        return feed
    school = handover.school.upper() or reader.open(handover.paths).school
    _check_school(school, intent=intent)
    return Feed(f"{feed.id}.{school.lower()}", feed.tenant, feed.academie, feed.degree, school=school)


def _check_school(school: str, *, intent: Intent) -> None:
    """Refuse what is no UAI. Of real ones a few have a wrong check letter, but a slip of the hand looks the same."""
    if not _UAI.fullmatch(school):
        raise FeedRefused(f"{school[:16] or 'an empty text'} is no UAI: seven digits and a letter are wanted")
    if intent is Intent.APPLY and not uai_is_plausible(school):
        raise ImportHeld(f"the check letter of UAI {school} does not hold")


# ---- its reader ---------------------------------------------------------------------------------------------------


def _open_reader(configured: FeedSettings, handover: Handover, opened: ExitStack) -> IdentityFeed:
    """The reader of a feed, closed with `opened`. Raises `SettingsError` or what says that it cannot be read."""
    return _READERS[configured.kind](configured, handover, opened)


def _aaf(_configured: FeedSettings, _handover: Handover, _opened: ExitStack) -> IdentityFeed:
    return AafFeed()


def _onde(configured: FeedSettings, handover: Handover, _opened: ExitStack | None = None) -> OndeFeed:
    if not handover.school or handover.made_on is None:
        raise FeedRefused(_SAYS_NEITHER)
    guardians = _QUALITIES[configured.guardians or GuardiansAre.CONTACT]
    decisions = read_decisions(handover.decided) if handover.decided else UNDECIDED
    return OndeFeed(handover.school.upper(), handover.made_on, guardians, decisions=decisions)


def _siecle(configured: FeedSettings, _handover: Handover, _opened: ExitStack) -> IdentityFeed:
    return SiecleFeed(configured.level)


def _ldap(configured: FeedSettings, _handover: Handover, opened: ExitStack) -> IdentityFeed:
    """The directory, proven to be the right one before anything is asked of it (security rule D-10)."""
    directory, feed = _directory_of(configured)
    opened.callback(feed.close)
    directory.self_test()
    return feed


def _directory_of(configured: FeedSettings) -> tuple[LdapDirectory, LdapFeed]:
    """The directory as configured; no connection is made yet. Raises `SettingsError`."""
    if faults := tuple(_faults_of_directory(configured)):
        raise SettingsError(faults)
    secret = configured.reader_password_file
    try:
        directory = LdapDirectory(
            configured.url, configured.reader_dn, read_secret(secret) if secret else "", configured.ca_file
        )
        feed = LdapFeed(
            configured.id,
            directory,
            people=parse_dn(configured.people_dn),
            structures=parse_dn(configured.structures_dn),
            today=lambda: utc_now().date(),
            key_attribute=configured.key_attribute or _KEY_ATTRIBUTE,
            academies=configured.academies,
        )
    except (OSError, ValueError) as fault:
        raise SettingsError((f"feeds.{configured.id}: cannot be opened ({type(fault).__name__})",)) from fault
    return directory, feed


def _csv(configured: FeedSettings, handover: Handover, _opened: ExitStack) -> IdentityFeed:
    if not handover.school or handover.made_on is None:
        raise FeedRefused(_SAYS_NEITHER)
    if faults := tuple(_faults_of_list(configured)):
        raise SettingsError(faults)
    return VendorCsvFeed(
        handover.school.upper(),
        handover.made_on,
        _KINDS[configured.people or ListOf.PUPILS],
        VendorColumns(**configured.columns),
        separator=configured.separator or ";",
        level=configured.level,
    )


_READERS: Mapping[FeedKind, Callable[[FeedSettings, Handover, ExitStack], IdentityFeed]] = {
    FeedKind.AAF: _aaf,
    FeedKind.ONDE: _onde,
    FeedKind.SIECLE: _siecle,
    FeedKind.CSV: _csv,
    FeedKind.LDAP: _ldap,
}


# ---- what only its reader sees in the settings of a feed ---------------------------------------------------------


def feed_faults(settings: Settings) -> Iterator[str]:
    """Faults of feeds that sound settings still hide; what is missing they tell already."""
    for configured in settings.feeds:
        yield from _FAULTS.get(configured.kind, _none)(configured)


def _none(_configured: FeedSettings) -> Iterator[str]:
    yield from ()


def _faults_of_list(configured: FeedSettings) -> Iterator[str]:
    if configured.columns and configured.people:
        faults = column_faults(configured.columns, _KINDS[configured.people])
        yield from (f"feeds.{configured.id}.{fault}" for fault in faults)


def _faults_of_directory(configured: FeedSettings) -> Iterator[str]:
    for name in ("reader_dn", "people_dn", "structures_dn"):
        try:
            parse_dn(getattr(configured, name) or "dc=example")
        except ValueError:
            yield f"feeds.{configured.id}.{name}: no name of an entry, as ou=personnes,dc=example,dc=org"


_FAULTS: Mapping[FeedKind, Callable[[FeedSettings], Iterator[str]]] = {
    FeedKind.CSV: _faults_of_list,
    FeedKind.LDAP: _faults_of_directory,
}
