"""Deliveries of every reader, spoilt at random: what a reader must keep to whatever it is given.

Shared by the sample that `make test` tries and by the long count in `tests/proof`.
"""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random

from sqlalchemy import Engine, func, select

from broker.directory import ImportRules, Intent, import_feed
from broker.directory.lease import is_gone
from broker.directory.staging import Stager
from broker.domain.errors import FeedRefused
from broker.domain.feed import Feed, FeedFault, FeedRow, PersonRecord
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from broker.domain.ports import IdentityFeed
from broker.storage import schema
from broker.storage.sql_imports import SqlImports
from connectors.aaf import AafFeed
from connectors.onde import OndeFeed
from connectors.onde.columns import CHILD_COLUMNS, GUARDIAN_COLUMNS, PUPIL_COLUMNS
from connectors.siecle import SiecleFeed
from connectors.vendor_csv import VendorColumns, VendorCsvFeed
from tests import aaf, ldif, siecle
from tests.clock import FakeClock
from tests.imports import OPENS

UAI = "9990002Y"
INE = "990000002EA"
DAY = date(2026, 9, 8)
SECONDS = 5.0
"""Processor time that reading a few hundred bytes never takes, however busy the machine."""
_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,63}")


@dataclass(frozen=True)
class Target:
    """A reader, the feed it delivers for, and the files of a good delivery."""

    name: str
    feed: Feed
    reader: IdentityFeed
    files: Mapping[str, bytes]
    separator: bytes
    """What stands between two fields."""
    packed: bool = True
    """Whether it may come as an archive."""


@dataclass
class Tally:
    """What became of the inputs: how many were tried, how many were read, how many went through a rehearsal."""

    tried: int = 0
    accepted: int = 0
    rehearsed: int = 0


def _table(head: Sequence[str], *rows: Mapping[str, str], more: Sequence[Sequence[str]] = ()) -> bytes:
    lines = [";".join([*head, *(CHILD_COLUMNS if more else ())])]
    cells = [[row.get(name, "") for name in head] for row in rows]
    lines += [";".join([*row, *(more[number] if more else ())]) for number, row in enumerate(cells)]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _aaf() -> Target:
    pupils = [aaf.pupil("20", "51$10$1$1$0$1", "52$20$0$1$0$0", ine=INE), aaf.pupil("21", "51$10$1$1$0$1", given="Zoé")]
    files = {
        "ENT2D_Complet_20260905_EtabEducNat_0000.xml": aaf.document([aaf.school()]),
        "ENT2D_Complet_20260905_Eleve_0000.xml": aaf.document(pupils),
        "ENT2D_Complet_20260905_PersRelEleve_0000.xml": aaf.document([aaf.guardian("51"), aaf.guardian("52")]),
    }
    return Target("AAF", Feed("99-2d", "ac-test", "99", "2D"), AafFeed(), files, b">")


def _onde() -> Target:
    one = {"Nom élève": "QUEMENEUR", "Prénom élève": "Maëlys", "Date naissance": "14/03/2018", "INE": INE}
    two = {"Nom élève": "LE GOFF", "Prénom élève": "Zoé", "Date naissance": "01/02/2017"}
    place = {"Libellé classe": "CM1 A", "Identifiant classe": "30412"}
    adult = {"Civilité Responsable": "Mme", "Nom responsable": "QUEMENEUR", "Prénom responsable": "Aline"}
    files = {
        "eleves.csv": _table(PUPIL_COLUMNS, one | place, two | place, two | place | {"Date naissance": "02/03/2017"}),
        "responsables.csv": _table(
            GUARDIAN_COLUMNS,
            adult | {"Téléphone portable": "06 39 98 00 01", "Courriel": "a@example.org"},
            adult | {"Prénom responsable": "Goulven", "Civilité Responsable": "M."},
            more=[("", "QUEMENEUR", "Maëlys", "CM1 A"), ("", "LE GOFF", "Zoé", "CM1 A")],
        ),
    }
    reader = OndeFeed(UAI, DAY, Quality.LEGAL_GUARDIAN)
    return Target("ONDE", Feed("onde.9990002y", "ac-test", "", "1D", UAI), reader, files, b";")


def _siecle() -> Target:
    relations = [siecle.relation("77", "88"), siecle.relation("77", "89", "2", link="20")]
    files = {
        "ElevesSansAdresses.xml": siecle.pupils_file(
            [siecle.pupil("77", ine=INE), siecle.pupil("78", left="01/09/2026")], [siecle.classes("77", "3A")]
        ),
        "ResponsablesAvecAdresses.xml": siecle.adults_file([siecle.adult("88"), siecle.adult("89")], relations),
    }
    return Target("SIECLE", Feed("siecle.9990002y", "ac-test", "", "2D", UAI), SiecleFeed(), files, b">")


def _vendor() -> Target:
    head = ("login", "family", "given", "born", "ine", "uai")
    one = dict(zip(head, ("maelys", "QUEMENEUR", "Maëlys", "14/03/2012", INE, UAI), strict=True))
    two = dict(zip(head, ("zoe", "LE GOFF", "Zoé", "01/02/2012", "", UAI), strict=True))
    columns = VendorColumns("login", "family", "given", birth_date="born", ine="ine", school="uai")
    reader = VendorCsvFeed(UAI, DAY, RecordKind.PUPIL, columns)
    files = {"liste.csv": _table(head, one, two)}
    return Target("CSV", Feed("cantine.9990002y", "ac-test", "", "", UAI), reader, files, b";")


_SCHOOL = f"ENTStructureSIREN=19999002200011,ou=structures,{ldif.BASE}"
_DIRECTORY = f"""dn: {_SCHOOL}
objectClass: ENTEtablissement
ENTStructureSIREN: 19999002200011
ENTStructureUAI: {UAI}
ENTStructureNomCourant: COLLEGE DES GRANDS PRES
ENTStructureClasses: 3A$3EME$10310019110

dn: uid=a1,ou=people,{ldif.BASE}
objectClass: ENTAuxPersRelEleve
uid: a1
ENTPersonJointure: AC-TEST$500101
sn: QUEMENEUR
givenName: Aline
ENTPersRelRapprochSecondaire: uid=a2,ou=people,{ldif.BASE}

dn: uid=a2,ou=people,{ldif.BASE}
objectClass: ENTAuxPersRelEleve
objectClass: ENTAuxEnseignant
uid: a2
sn: LEROY
givenName: Ruben
ENTPersonStructRattach: {_SCHOOL}

dn: uid=e1,ou=people,{ldif.BASE}
objectClass: ENTEleve
uid: e1
sn: QUEMENEUR
givenName:: TWHDq2x5cw==
ENTPersonDateNaissance: 14/03/2012
ENTEleveINE: {INE}
ENTEleveClasses: {_SCHOOL}$3A
ENTElevePersRelEleve: uid=a1,ou=people,{ldif.BASE}$10$1$1$0$1
ENTElevePersRelEleve: uid=a2,ou=people,{ldif.BASE}$20$0$1$0$0

"""


def _ldap() -> Target:
    """A directory is no file and has no archive: what it answers is spoilt as LDIF."""
    feed = Feed("ent", "ac-test", "99", "")
    return Target("LDAP", feed, ldif.LdifFeed(DAY), {"annuaire.ldif": _DIRECTORY.encode()}, b":", packed=False)


TARGETS = (_aaf(), _onde(), _siecle(), _vendor(), _ldap())

# ---- spoiling -----------------------------------------------------------------------------------------------------

_NASTY = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"&x;", b"<!--", b"<![CDATA[", b"]]>", b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
    b"<?xml version='1.0' encoding='UTF-7'?>", b"=cmd()", b"@SUM(1)", b'"', b'""', b";;;;", b"\r", b"\n\n", b"\x85",
    b"\xe2\x80\xae", b"31/02/2012", b"0000000000", b"-1", b"9" * 80, b"x" * 5_000, b"$$$$$$", b"../../x", b"\xc2\xbd",
    INE.encode() * 3, b"  ", b"\t",
)  # fmt: skip
_ENCODINGS = ("utf-8-sig", "cp1252", "iso-8859-15", "utf-16", "utf-16-le", "utf-7", "cp037")


def _flip(content: bytes, random: Random, _separator: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random.randint(1, 4)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _cut(content: bytes, random: Random, _separator: bytes) -> bytes:
    return content[: random.randrange(len(content))]


def _slices(content: bytes, random: Random) -> tuple[bytes, bytes, bytes]:
    first, last = sorted(random.randrange(len(content) + 1) for _ in range(2))
    return content[:first], content[first:last], content[last:]


def _double(content: bytes, random: Random, _separator: bytes) -> bytes:
    before, part, after = _slices(content, random)
    return before + part * random.randint(2, 4) + after


def _drop(content: bytes, random: Random, _separator: bytes) -> bytes:
    before, _, after = _slices(content, random)
    return before + after


def _insert(content: bytes, random: Random, _separator: bytes) -> bytes:
    before, part, after = _slices(content, random)
    return before + random.choice(_NASTY) + (part if random.random() < 0.5 else b"") + after


def _fields(content: bytes, random: Random, separator: bytes) -> bytes:
    """Swap, double, drop or replace whole fields, lines and elements."""
    by = separator if random.random() < 0.7 else b"\n"
    parts = content.split(by)
    one, other = random.randrange(len(parts)), random.randrange(len(parts))
    match random.randrange(4):
        case 0:
            parts[one], parts[other] = parts[other], parts[one]
        case 1:
            parts.insert(one, parts[other])
        case 2:
            del parts[one]
        case _:
            parts[one] = random.choice(_NASTY) + parts[one][parts[one].find(b"<") :] * (by == b">")
    return by.join(parts)


def _encode(content: bytes, random: Random, _separator: bytes) -> bytes:
    text = content.decode(random.choice(("utf-8", "iso-8859-15")), "replace")
    return text.encode(random.choice(_ENCODINGS), "replace")


_WAYS: Sequence[Callable[[bytes, Random, bytes], bytes]] = (
    _flip, _cut, _double, _drop, _insert, _fields, _fields, _fields, _encode,
)  # fmt: skip


def spoil(content: bytes, random: Random, separator: bytes) -> bytes:
    """A content changed in one to three ways."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content = random.choice(_WAYS)(content, random, separator) if content else content
    return content


# ---- judging ------------------------------------------------------------------------------------------------------


@dataclass
class Bench:
    """A folder in which a target's delivery lies, with one file or the archive spoilt at a time."""

    target: Target
    folder: Path
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._plain = self.folder / self.target.name / "plain"
        self._zip = self.folder / self.target.name / "set.zip"
        self._plain.mkdir(parents=True)
        for name, content in self.target.files.items():
            (self._plain / name).write_bytes(content)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.target.files.items():
                archive.writestr(name, content)
        self._packed = packed.getvalue()

    def try_one(self, random: Random, *, engine: Engine, rehearse_every: int) -> None:
        """Spoil the delivery, read it, and put every so manyth that can be read through a rehearsal."""
        if self.target.packed and random.random() < 0.1:
            self._zip.write_bytes(
                _flip(self._packed, random, b"") if random.random() < 0.7 else spoil(self._packed, random, b"P")
            )
            self._judge(self._zip, engine, rehearse_every)
            return
        name = random.choice(list(self.target.files))
        good = self.target.files[name]
        path = self._plain / name
        path.write_bytes(spoil(good, random, self.target.separator))
        self._judge(self._plain, engine, rehearse_every)
        path.write_bytes(good)

    def _judge(self, path: Path, engine: Engine, rehearse_every: int) -> None:
        self.tally.tried += 1
        began = time.process_time()
        accepted = read_through(self.target.reader, path)
        assert time.process_time() - began < SECONDS, "reading did not end in time"
        if not accepted:
            return
        self.tally.accepted += 1
        if self.tally.accepted % rehearse_every == 0:
            rehearse(self.target, path, engine)
            self.tally.rehearsed += 1


def read_through(reader: IdentityFeed, path: Path) -> bool:
    """Read a delivery and check everything it gives; False when it is refused as a whole."""
    try:
        header = reader.open([path])
        items = list(reader.read([path]))
        if isinstance(reader, OndeFeed):
            assert not any(INE in question.name for question in reader.questions([path]))
        if isinstance(reader, ldif.LdifFeed):
            besides = list(reader.told_besides())
            items += [one for one in besides if isinstance(one, FeedFault)]
    except FeedRefused as refused:
        header, items, told = None, [], refused.cause
    if header is None:
        assert INE not in told
        return False
    for item in items:
        check_item(item)
    if isinstance(reader, OndeFeed | VendorCsvFeed):
        keys = [item.key if isinstance(item, FeedFault) else item.record.key for item in items]
        assert not any(INE in key for key in keys), "a key that is made here holds no INE"
    stager = Stager(in_charge_sees=False, size=50)
    staged = sum(len(batch.rows) for batch in stager.batches(items))
    assert staged >= sum(isinstance(item, FeedRow) for item in items)
    return True


def check_item(item: FeedRow | FeedFault) -> None:
    """No record without key or name, no fault without reason, and no INE in the reason."""
    if isinstance(item, FeedFault):
        assert item.reason
        assert INE not in item.reason
        assert INE not in item.file
        assert not item.key or _KEY.fullmatch(item.key), item
        return
    record = item.record
    assert _KEY.fullmatch(record.key), record
    if isinstance(record, PersonRecord) and {"family", "given"} <= record.stated:
        assert record.name.family
        assert record.name.given
        assert all(_KEY.fullmatch(one.adult_key) for one in record.relations)


_TOUCHED = (
    schema.persons, schema.attachments, schema.records, schema.guardianships, schema.enrolments, schema.schools,
    schema.school_keys, schema.classes, schema.staged_rows, schema.imports, schema.import_faults, schema.outbox,
)  # fmt: skip


def rehearse(target: Target, path: Path, engine: Engine) -> None:
    """Let the whole import look at a delivery without applying it: nothing of it may be left behind."""
    try:
        report = import_feed(
            feed=target.feed,
            paths=[path],
            imports=SqlImports(engine, is_gone=is_gone),
            reader=target.reader,
            clock=FakeClock(OPENS),
            rules=ImportRules(readers=1),
            intent=Intent.REHEARSE,
        )
        assert report.state == "rehearsed"
    except FeedRefused:
        pass  # a delivery of another school or degree than the feed's: refused by its header
    with engine.connect() as conn:
        left = {table.name: conn.execute(select(func.count()).select_from(table)).scalar_one() for table in _TOUCHED}
    assert not any(left.values()), left
