"""What a school (ONDE, SIECLE) or a vendor hands over, broken or hostile: refused, held or told, never half.

Each delivery goes through the reader and, where that says more, through the whole import.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from broker.directory import ImportRules, Intent
from broker.domain.errors import FeedRefused, ImportHeld, ImportStale
from broker.domain.feed import FeedFault, FeedRow, PersonRecord
from broker.storage import schema
from broker.storage.engine import open_engine
from connectors.delivery import Limits
from connectors.siecle import SiecleFeed
from tests import siecle
from tests.clock import FakeClock
from tests.imports import Desk, export
from tests.sources import MINE, OTHER, SMALL, SOURCES, Source

STRICT = ImportRules(chunk=7)


@pytest.fixture
def desk(sqlite_url: str, clock: FakeClock) -> Iterator[Desk]:
    engine = open_engine(sqlite_url)
    yield Desk(engine, clock, STRICT)
    engine.dispose()


@pytest.fixture(params=["onde", "siecle", "vendor"])
def source(request: pytest.FixtureRequest) -> Source:
    return SOURCES[request.param]


def directory_of(desk: Desk) -> dict[str, list[object]]:
    """What stands, without the import's own book-keeping."""
    tables = ("persons", "attachments", "records", "guardianships", "enrolments", "schools", "classes")
    return {name: rows for name, rows in export(desk.engine).items() if name in tables}


# ---- through the whole import (F-43) ------------------------------------------------------------------------------


def test_thirty_in_a_hundred_removals_wait_for_a_human_and_nothing_is_applied(
    desk: Desk, tmp_path: Path, source: Source
) -> None:
    assert source.deliver(desk, tmp_path / "1", 10, 1) == "done"
    before = directory_of(desk)
    with pytest.raises(ImportHeld) as held:
        source.deliver(desk, tmp_path / "2", 7, 2)
    assert held.value.code == "PRE-4002"
    assert directory_of(desk) == before
    assert source.deliver(desk, tmp_path / "3", 10, 3) == "done"


def test_a_delivery_older_than_the_last_is_refused(desk: Desk, tmp_path: Path, source: Source) -> None:
    assert source.deliver(desk, tmp_path / "1", 3, 5) == "done"
    before = directory_of(desk)
    with pytest.raises(ImportStale) as stale:
        source.deliver(desk, tmp_path / "2", 4, 4)
    assert stale.value.code == "PRE-4004"
    assert directory_of(desk) == before
    assert source.deliver(desk, tmp_path / "3", 4, 6) == "done"


def test_a_delivery_handed_over_twice_is_nothing_to_do(desk: Desk, tmp_path: Path, source: Source) -> None:
    assert source.deliver(desk, tmp_path / "1", 3, 5) == "done"
    before = directory_of(desk)
    assert source.deliver(desk, tmp_path / "2", 3, 5) == "nothing_to_do"
    assert source.deliver(desk, tmp_path / "3", 3, 5, packed=True) == "nothing_to_do"
    assert directory_of(desk) == before


def test_a_delivery_of_another_school_is_refused(desk: Desk, tmp_path: Path, source: Source) -> None:
    day = date(2026, 9, 1)
    theirs = source.write(tmp_path / "theirs", 3, day, OTHER)
    with pytest.raises(FeedRefused, match=OTHER) as refused:
        desk.run(theirs, feed=source.feed, reader=source.reader(day, OTHER, Limits()))
    assert refused.value.code == "PRE-4001"
    assert directory_of(desk)["records"] == []
    assert source.deliver(desk, tmp_path / "mine", 3, 1) == "done"


@pytest.mark.parametrize("part", [0.5, 0.75, 0.9])
def test_a_delivery_cut_short_retires_nobody_and_takes_no_right_away(
    desk: Desk, tmp_path: Path, source: Source, part: float
) -> None:
    """The cut is within a line or an entry; where it falls between two, the guard is what holds it (see above)."""
    source.deliver(desk, tmp_path / "1", 10, 1)
    rights, records = desk.open_guardianships(), desk.rows(schema.records, "id", "retired_at")
    folder = source.write(tmp_path / "2", 10, date(2026, 9, 2), MINE)
    for file in folder.iterdir():
        content = file.read_bytes()
        last = content.rindex(b"\r\n" if source.suffix == ".csv" else b"<", 0, int(len(content) * part))
        file.write_bytes(content[: last + 5])
    report = desk.run(folder, feed=source.feed, reader=source.reader(date(2026, 9, 2), MINE, Limits()))
    assert (report.state, report.complete) == ("done", False)
    assert desk.open_guardianships() == rights
    assert desk.rows(schema.records, "id", "retired_at") == records


def test_a_right_withdrawn_in_siecle_falls_with_the_next_delivery(desk: Desk, tmp_path: Path) -> None:
    feed, reader = SOURCES["siecle"].feed, SiecleFeed()
    desk.run(siecle.family(tmp_path / "1", day="01/09/2026"), feed=feed, reader=reader)
    assert desk.open_guardianships() == {("880101", "771200"), ("880102", "771200")}
    later = siecle.family(tmp_path / "2", day="02/09/2026", father=False)
    desk.run(later, feed=feed, reader=reader, intent=Intent.CONFIRM)
    assert desk.open_guardianships() == {("880101", "771200")}


def test_a_vendors_list_joins_nobody_and_opens_no_child(desk: Desk, tmp_path: Path) -> None:
    desk.run(siecle.family(tmp_path / "1"), feed=SOURCES["siecle"].feed, reader=SiecleFeed())
    rights, before = desk.open_guardianships(), desk.persons()
    folder = tmp_path / "2"
    folder.mkdir()
    (folder / "liste.csv").write_text(f"Identifiant;Nom;Prénom;UAI\naq;QUEMENEUR;Aline;{MINE}\n", encoding="utf-8")
    desk.run(folder, feed=SOURCES["vendor"].feed, reader=SOURCES["vendor"].reader(date(2026, 9, 9), MINE, Limits()))
    assert desk.open_guardianships() == rights
    assert [one for one in desk.persons() if one not in before] == [
        [record for (record,) in desk.rows(schema.records, "id") if record.startswith("cantine.")]
    ]


# ---- cells and encodings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1"])
@pytest.mark.parametrize("name", ["onde", "vendor"])
def test_a_name_that_a_spreadsheet_would_execute_is_told_and_taken_nowhere(
    tmp_path: Path, name: str, formula: str
) -> None:
    source = SOURCES[name]
    folder = source.write(tmp_path, 2, date(2026, 9, 1), MINE)
    for file in folder.iterdir():
        cell = f'"{formula}"' if "\r" in formula else formula
        file.write_bytes(file.read_bytes().replace(b"F1;", f"{cell};".encode()))
    items = list(source.reader(date(2026, 9, 1), MINE, Limits()).read([folder]))
    assert [one.reason for one in items if isinstance(one, FeedFault) and not one.warning]
    names = [one.record.name for one in items if isinstance(one, FeedRow) and isinstance(one.record, PersonRecord)]
    assert {one.family for one in names} == {"F0"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_an_encoding_that_no_export_has_is_refused(tmp_path: Path, source: Source, encoding: str) -> None:
    folder = source.write(tmp_path, 2, date(2026, 9, 1), MINE)
    reader = source.reader(date(2026, 9, 1), MINE, Limits())
    assert reader.open([folder]).school == MINE
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().decode("iso8859-15").replace("ISO-8859-15", encoding).encode(encoding))
    with pytest.raises(FeedRefused) as refused:
        reader.open([folder])
    assert refused.value.code == "PRE-4001"


# ---- archives -----------------------------------------------------------------------------------------------------


def packed(source: Source, tmp_path: Path, rename: Callable[[str], str] = str) -> Path:
    folder = source.write(tmp_path / "plain", 2, date(2026, 9, 1), MINE)
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.writestr(rename(file.name), file.read_bytes())
    return path


def refusal(source: Source, path: Path, limits: Limits = SMALL) -> str:
    with pytest.raises(FeedRefused) as refused:
        source.reader(date(2026, 9, 1), MINE, limits).open([path])
    assert refused.value.code == "PRE-4001"
    return refused.value.cause


@pytest.mark.parametrize("prefix", ["../", "/etc/", "a/../../", "..\\", "C:\\"])
def test_a_member_that_leads_out_of_its_archive_is_refused(tmp_path: Path, source: Source, prefix: str) -> None:
    assert "leads out" in refusal(source, packed(source, tmp_path, lambda name: prefix + name))
    reader = source.reader(date(2026, 9, 1), MINE, SMALL)
    assert reader.open([packed(source, tmp_path, lambda name: f"export/{name}")]).school == MINE


def test_an_archive_that_explodes_is_refused_before_it_fills_anything(tmp_path: Path, source: Source) -> None:
    path = packed(source, tmp_path)
    assert source.reader(date(2026, 9, 1), MINE, SMALL).open([path]).school == MINE
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"bomb{source.suffix}", b"<BEE_ELEVES>" + b" " * (1 << 20))
    assert "expands beyond" in refusal(source, path)


def test_too_many_members_one_name_twice_and_links_are_refused(tmp_path: Path, source: Source) -> None:
    path = packed(source, tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(SMALL.members):
            archive.writestr(f"{number}.txt.gz", b"")
    assert "too many members" in refusal(source, path)
    path = packed(source, tmp_path)
    first = min((tmp_path / "plain").iterdir())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"again/{first.name}", first.read_bytes())
    assert "twice" in refusal(source, path)
    link = zipfile.ZipInfo(f"link{source.suffix}")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = packed(source, tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "plain file" in refusal(source, path)


def test_a_cut_or_damaged_archive_is_refused(tmp_path: Path, source: Source) -> None:
    path = packed(source, tmp_path)
    content = path.read_bytes()
    for spoilt in (content[:-30], content[:40] + b"\0" * 40 + content[80:], b"", b"PK"):
        path.write_bytes(spoilt)
        assert "not readable" in refusal(source, path)


# ---- XML ----------------------------------------------------------------------------------------------------------

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE BEE_ELEVES [<!ENTITY canary SYSTEM "file://{canary}">]>',
        '<!DOCTYPE BEE_ELEVES [<!ENTITY canary "text">]>',
        f'<!DOCTYPE BEE_ELEVES [<!ENTITY l0 "ha">{_LAUGHS}<!ENTITY canary "&l11;">]>',
        '<!DOCTYPE BEE_ELEVES [<!ENTITY % out SYSTEM "file://{canary}"> %out;]>',
    ],
)
def test_a_file_that_declares_entities_is_refused_and_reads_no_other(tmp_path: Path, doctype: str) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_text("SECRET", encoding="ascii")
    folder = tmp_path / "set"
    one = siecle.pupil("77", given="&canary;" if "canary SYSTEM" in doctype or 'canary "' in doctype else "Zoé")
    hostile = siecle.document(
        "BEE_ELEVES", siecle.parameters(), one, prolog=doctype.replace("{canary}", str(canary))
    )  # fmt: skip
    siecle.write_set(folder, hostile)
    with pytest.raises(FeedRefused) as refused:
        SiecleFeed().open([folder])
    assert refused.value.code == "PRE-4001"
    assert "SECRET" not in refused.value.cause


def test_a_dtd_elsewhere_is_never_fetched(tmp_path: Path) -> None:
    doctype = f'<!DOCTYPE BEE_ELEVES SYSTEM "{tmp_path.as_uri()}/nowhere.dtd">'
    siecle.write_set(tmp_path, siecle.document("BEE_ELEVES", siecle.parameters(), siecle.pupil("77"), prolog=doctype))
    rows = [one for one in SiecleFeed().read([tmp_path]) if isinstance(one, FeedRow)]
    assert [one.record.key for one in rows] == [MINE, "77"]


def test_an_undeclared_entity_and_bulk_without_entries_end_the_file(tmp_path: Path) -> None:
    spoilt = siecle.pupils_file([siecle.pupil("77"), siecle.pupil("78", given="&canary;")])
    faults = [one for one in SiecleFeed().read([siecle.write_set(tmp_path, spoilt)]) if isinstance(one, FeedFault)]
    assert [one.breaks for one in faults] == [True]
    bulk = siecle.document("BEE_ELEVES", siecle.parameters(), siecle.pupil("77"), "<X>" + "y" * (1 << 19) + "</X>")
    siecle.write_set(tmp_path, bulk)
    paced = SiecleFeed(limits=Limits(between_records=1 << 18))
    faults = [one for one in paced.read([tmp_path]) if isinstance(one, FeedFault)]
    assert [("too much data" in one.reason, one.breaks) for one in faults] == [(True, True)]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda name, end: (name.replace(b"one", b"\x9fne"), end), "not readable"),
        (lambda name, end: (name, end[:16] + b"\xff\xff\xff\x7f" + end[20:]), "not readable"),
        (lambda name, end: (b"\0" + name[1:], end), "without a name"),
    ],
    ids=["a name that is no text", "a directory before the file", "no name"],
)
def test_a_directory_that_no_library_expects_refuses_the_archive(
    tmp_path: Path, source: Source, spoil: Callable[[bytes, bytes], tuple[bytes, bytes]], reason: str
) -> None:
    """Found by the long count: what the zip module raises there is none of its own errors."""
    path = packed(source, tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("one-é.xyz", b"")
    content = path.read_bytes()
    at, end = content.rindex(b"one-"), content.rindex(b"PK\x05\x06")
    name, tail = spoil(content[at:end], content[end:])
    assert source.reader(date(2026, 9, 1), MINE, SMALL).open([path]).school == MINE
    path.write_bytes(content[:at] + name + tail)
    assert reason in refusal(source, path)
