"""Every reader with every broken delivery: what each cell of the table comes to, or why there is no such thing.

A good delivery stands, the broken one comes, and then a good one again: whatever the broken one comes to, nobody who
stood is lost by it and nothing of it is applied by halves.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path

import pytest

from broker.directory import ImportReport, ImportRules
from broker.domain.errors import PreauError
from broker.storage import schema
from broker.storage.engine import open_engine
from tests.clock import FakeClock
from tests.imports import Desk, export
from tests.sources import MINE, OTHER, SMALL, SOURCES, Source

PUPILS, LAST, NEXT, AGAIN = 10, date(2026, 9, 5), date(2026, 9, 6), date(2026, 9, 7)


class Comes(StrEnum):
    """What a broken delivery comes to."""

    REFUSED = "PRE-4001"
    HELD = "PRE-4002"
    STALE = "PRE-4004"
    NOTHING_TO_DO = "nothing_to_do"
    TAKEN = "done"
    """As though it were not broken: what stands afterwards is what stood."""
    TOLD = "told"
    """Done but for what is told, which stays as it stood."""
    TOLD_INCOMPLETE = "told, incomplete"
    """Besides, more may be lost than is told: the delivery retires nobody."""


REFUSED, HELD, STALE, TAKEN, TOLD = Comes.REFUSED, Comes.HELD, Comes.STALE, Comes.TAKEN, Comes.TOLD
NOTHING, INCOMPLETE = Comes.NOTHING_TO_DO, Comes.TOLD_INCOMPLETE
NO_ARCHIVE = "a directory is asked over the wire: pages and bytes are bounded (tests/services/test_ldap_answers.py)"
NO_CSV = "no CSV: nothing that reads it executes a cell, and no list that we write carries its names"


def of_each(*comes: Comes | str) -> Mapping[str, Comes | str]:
    """What it comes to with the readers in the order of `SOURCES`."""
    return dict(zip(SOURCES, comes, strict=True))


TABLE: Mapping[str, Mapping[str, Comes | str]] = {
    "truncated": of_each(INCOMPLETE, INCOMPLETE, INCOMPLETE, INCOMPLETE, INCOMPLETE),
    "a record twice": of_each(TAKEN, TAKEN, TOLD, TOLD, TOLD),
    "delivered twice": of_each(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "older than the last": of_each(STALE, STALE, STALE, STALE, STALE),
    "of a day to come": of_each(REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    # Neither an extraction of ONDE nor a directory says whose it is: the guard sees that everybody would go.
    "of another school": of_each(REFUSED, HELD, REFUSED, REFUSED, HELD),
    "another encoding": of_each(INCOMPLETE, REFUSED, REFUSED, REFUSED, TOLD),
    "three in ten removed": of_each(HELD, HELD, HELD, HELD, HELD),
    "a formula": of_each(NO_CSV, INCOMPLETE, NO_CSV, TOLD, NO_CSV),
    "a zip bomb": of_each(REFUSED, REFUSED, REFUSED, REFUSED, NO_ARCHIVE),
    "a path that leads out": of_each(REFUSED, REFUSED, REFUSED, REFUSED, NO_ARCHIVE),
}

CELLS = [
    pytest.param(variant, name, comes, id=f"{name}: {variant}")
    for variant, row in TABLE.items()
    for name, comes in row.items()
    if isinstance(comes, Comes)
]


def test_the_table_has_every_cell_and_a_reason_for_each_that_is_none() -> None:
    assert set(TABLE) == set(BREAK)
    assert all(set(row) == set(SOURCES) for row in TABLE.values())
    reasons = {comes for row in TABLE.values() for comes in row.values() if not isinstance(comes, Comes)}
    assert reasons == {NO_ARCHIVE, NO_CSV}


@pytest.fixture
def desk(sqlite_url: str, clock: FakeClock) -> Iterator[Desk]:
    engine = open_engine(sqlite_url)
    yield Desk(engine, clock, ImportRules(chunk=7))
    engine.dispose()


# ---- breaking -----------------------------------------------------------------------------------------------------


def _files(folder: Path, change: Callable[[bytes], bytes]) -> Path:
    for file in folder.iterdir():
        file.write_bytes(change(file.read_bytes()))
    return folder


def _good(source: Source, folder: Path, *, day: date = NEXT, pupils: int = PUPILS, uai: str = MINE) -> Path:
    return source.write(folder, pupils, day, uai)


def _truncated(source: Source, folder: Path) -> Path:
    """Cut within a line, an element or an entry."""
    mark = {".csv": b"\r\n", ".xml": b"<", ".ldif": b"\nsn"}[source.suffix]

    def cut(content: bytes) -> bytes:
        return content[: content.rindex(mark, 0, len(content) * 3 // 4) + 5]

    return _files(_good(source, folder), cut)


def _twice(source: Source, folder: Path) -> Path:
    """What is said of one person stands there twice; in a directory two entries bear one key."""

    def double(content: bytes) -> bytes:
        again = source.first.search(content)
        if again is None:
            return content
        one = again[0].replace(b"dn: uid=e0,", b"dn: uid=e0,ou=autre,")
        return content[: again.end()] + one + content[again.end() :]

    return _files(_good(source, folder), double)


def _of_another_school(source: Source, folder: Path) -> Path:
    """Their files under our name: another UAI where files say one, another académie, or else other people."""
    theirs = _good(source, folder, uai=OTHER)
    changes = {
        ".xml": (b'codeAcademieExport="99"', b'codeAcademieExport="14"'),
        ".csv": (b"F", b"G"),
        ".ldif": (b"uid=e", b"uid=z"),
    }
    if source is SOURCES["vendor"]:
        return theirs
    _files(theirs, lambda content: content.replace(*changes[source.suffix]))
    return _files(theirs, lambda content: content.replace(b"uid: e", b"uid: z").replace(b"Pr\xe9Gom", b"Pr\xe9nom"))


def _another_encoding(source: Source, folder: Path) -> Path:
    if source.suffix == ".ldif":
        return _files(_good(source, folder), lambda content: content.decode().encode("cp1252"))

    def encode(content: bytes) -> bytes:
        text = content.decode("utf-8" if source.feed.id == "99-2d" else "iso8859-15")
        return text.replace("UTF-8", "UTF-16").replace("ISO-8859-15", "UTF-16").encode("utf-16")

    return _files(_good(source, folder), encode)


def _formula(source: Source, folder: Path) -> Path:
    return _files(_good(source, folder), lambda content: content.replace(b"F1;", b"=cmd|'/C calc'!A0;"))


def _packed(source: Source, folder: Path, rename: Callable[[str], str] = str) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(_good(source, folder).iterdir()):
            archive.writestr(rename(file.name), file.read_bytes())
    return path


def _bomb(source: Source, folder: Path) -> Path:
    path = _packed(source, folder)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        name = f"ENT2D_Complet_{NEXT:%Y%m%d}_PersEducNat_0000{source.suffix}"
        archive.writestr(name, b"<ficAlimMENESR>" + b" " * (1 << 20))
    return path


BREAK: Mapping[str, Callable[[Source, Path], Path]] = {
    "truncated": _truncated,
    "a record twice": _twice,
    "delivered twice": lambda source, folder: _good(source, folder, day=LAST),
    "older than the last": lambda source, folder: _good(source, folder, day=date(2026, 9, 4), pupils=PUPILS + 1),
    "of a day to come": lambda source, folder: _good(source, folder, day=date(2062, 9, 6)),
    "of another school": _of_another_school,
    "another encoding": _another_encoding,
    "three in ten removed": lambda source, folder: _good(source, folder, pupils=7),
    "a formula": _formula,
    "a zip bomb": _bomb,
    "a path that leads out": lambda source, folder: _packed(source, folder, lambda name: f"../{name}"),
}
DAYS = {"delivered twice": LAST, "older than the last": date(2026, 9, 4), "of a day to come": date(2062, 9, 6)}

# ---- judging ------------------------------------------------------------------------------------------------------


def directory_of(desk: Desk) -> dict[str, list[object]]:
    """What stands, without the import's own book-keeping."""
    tables = ("persons", "attachments", "records", "guardianships", "enrolments", "schools", "classes")
    return {name: rows for name, rows in export(desk.engine).items() if name in tables}


def handed_over(desk: Desk, source: Source, path: Path, day: date) -> ImportReport | PreauError:
    try:
        return desk.run(path, feed=source.feed, reader=source.reader(day, MINE, SMALL))
    except PreauError as refused:
        return refused


def comes_to(got: ImportReport | PreauError) -> str:
    if isinstance(got, PreauError):
        return got.code
    if not got.complete:
        return INCOMPLETE
    return TOLD if any(not fault.warning for fault in got.faults) else got.state


@pytest.mark.parametrize(("variant", "name", "comes"), CELLS)
def test_a_broken_delivery_comes_to_what_the_table_says_and_loses_nobody(
    desk: Desk, tmp_path: Path, variant: str, name: str, comes: Comes
) -> None:
    source = SOURCES[name]
    assert source.deliver(desk, tmp_path / "good", PUPILS, LAST.day) == "done"
    before = directory_of(desk)
    broken = BREAK[variant](source, tmp_path / "broken")
    assert comes_to(handed_over(desk, source, broken, DAYS.get(variant, NEXT))) == comes
    assert directory_of(desk) == before
    if comes is not HELD:
        assert desk.rows(schema.staged_rows, "import_id") == []
    shutil.rmtree(tmp_path / "broken")
    assert source.deliver(desk, tmp_path / "again", PUPILS, AGAIN.day) in {TAKEN, NOTHING}
    assert directory_of(desk) == before


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_delivery_unbroken_is_taken(desk: Desk, tmp_path: Path, name: str) -> None:
    source = SOURCES[name]
    source.deliver(desk, tmp_path / "good", PUPILS, LAST.day)
    before = directory_of(desk)
    whole = _good(source, tmp_path / "whole", pupils=PUPILS + 1)
    assert comes_to(handed_over(desk, source, whole, NEXT)) == TAKEN
    assert len(directory_of(desk)["records"]) == len(before["records"]) + (2 if name == "onde" else 1)


def test_a_directory_that_came_back_to_what_it_said_once_is_taken(desk: Desk, tmp_path: Path) -> None:
    """Were it an older delivery handed over anew, the child it told of by mistake would stay for good."""
    source = SOURCES["ldap"]
    source.deliver(desk, tmp_path / "good", 30, LAST.day)
    before = desk.open_guardianships()
    assert source.deliver(desk, tmp_path / "mistake", 31, NEXT.day) == "done"
    assert len(desk.open_guardianships()) == len(before) + 1
    assert source.deliver(desk, tmp_path / "mended", 30, NEXT.day) == "done"
    assert desk.open_guardianships() == before
