"""Hostile deliveries: archives that escape or explode, XML that expands, reads files, calls home or never ends.

Archives are refused as a whole. A hostile file inside a set ends as a fault with its line, and nobody is retired.
"""

from __future__ import annotations

import gzip
import io
import resource
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault, FeedRow
from connectors.aaf import AafFeed, Limits
from tests import aaf

NAME = "ENT2D_Complet_20260905_Eleve_0000.xml"
GOOD = aaf.document([aaf.pupil("1")])
SMALL = Limits(expanded=1 << 20, ratio=20, ratio_from=1 << 16, members=20, header=1 << 16, between_records=1 << 18)


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def keys(path: Path, limits: Limits | None = None) -> list[str]:
    items = list(AafFeed(limits or Limits()).read([path]))
    return [item.record.key for item in items if isinstance(item, FeedRow)]


def refused(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(FeedRefused) as caught:
        keys(path, limits)
    assert caught.value.code == "PRE-4001"
    return caught.value.cause


# ---- archives that lead out ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"../{NAME}", f"/etc/{NAME}", f"a/../../{NAME}", f"..\\{NAME}", f"C:\\{NAME}"])
def test_a_tar_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    assert "leads out" in refused(tar_of(tmp_path / "x.tgz", (member(name), GOOD)))
    assert keys(tar_of(tmp_path / "ok.tgz", (member(f"folder/{NAME}"), GOOD))) == ["1"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.BLKTYPE])
def test_a_tar_member_that_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    link = member(NAME, type=kind, linkname="/etc/passwd")
    assert "plain file" in refused(tar_of(tmp_path / "x.tgz", (link, b"")))
    assert keys(tar_of(tmp_path / "ok.tgz", (member("f", type=tarfile.DIRTYPE), b""), (member(NAME), GOOD))) == ["1"]


def test_a_sparse_tar_member_is_refused(tmp_path: Path) -> None:
    sparse = member(NAME, pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "99999999999"})
    assert "plain file" in refused(tar_of(tmp_path / "x.tgz", (sparse, GOOD)))


@pytest.mark.parametrize("name", [f"../{NAME}", f"/etc/{NAME}", f"..\\{NAME}"])
def test_a_zip_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, GOOD)
    assert "leads out" in refused(tmp_path / "x.zip")


def test_a_zip_member_that_is_a_link_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo(NAME)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "plain file" in refused(tmp_path / "x.zip")


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.xml").write_bytes(GOOD)
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / NAME).symlink_to(tmp_path / "real.xml")
    assert "link" in refused(folder)


@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_one_name_twice_in_an_archive_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "tgz":
        tar_of(path, (member(NAME), GOOD), (member(f"again/{NAME}"), GOOD))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(NAME, GOOD)
            archive.writestr(f"again/{NAME}", GOOD)
    assert "twice" in refused(path)


@pytest.mark.parametrize("kind", ["tgz", "tar.gz", "zip"])
def test_what_is_no_archive_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    for content in (b"", b"not an archive at all", gzip.compress(b"neither is this")):
        path.write_bytes(content)
        refused(path)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    content = aaf.document([aaf.pupil(str(number)) for number in range(400)])
    whole = tar_of(tmp_path / "x.tgz", (member(NAME), content)).read_bytes()
    (tmp_path / "cut.tgz").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.tgz")


@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_an_archive_damaged_inside_a_long_member_is_refused_while_it_is_read(tmp_path: Path, kind: str) -> None:
    noise = "".join(chr(97 + number * 7919 % 26) for number in range(1000))
    content = aaf.document([aaf.pupil(str(number), given=noise[number : number + 40]) for number in range(900)])
    path = tmp_path / f"x.{kind}"
    if kind == "tgz":
        tar_of(path, (member(NAME), content))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(NAME, content)
    assert len(keys(path)) == 900
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) * 2 // 3
    damaged[middle : middle + 64] = bytes(64)
    path.write_bytes(damaged)
    refused(path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(NAME, GOOD)
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    refused(tmp_path / "x.zip")


# ---- archives that explode ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_an_archive_that_expands_too_densely_is_refused(tmp_path: Path, kind: str) -> None:
    bomb = GOOD + b"\n" * (900 << 10)
    path = tmp_path / f"x.{kind}"
    if kind == "tgz":
        tar_of(path, (member(NAME), bomb))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(NAME, bomb)
    assert "expands" in refused(path, SMALL)
    assert keys(path, Limits(ratio=10_000)) == ["1"]


def test_an_archive_beyond_the_whole_limit_is_refused(tmp_path: Path) -> None:
    noise = bytes(number * 7919 % 251 for number in range(2 << 20))
    path = tar_of(tmp_path / "x.tgz", (member("noise.bin"), noise), (member(NAME), GOOD))
    assert "expands" in refused(path, Limits(expanded=1 << 20))
    assert keys(path) == ["1"]


def test_a_zip_that_lies_about_its_sizes_is_counted_as_it_expands(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAME, GOOD + b" " * (4 << 20))
    content = bytearray((tmp_path / "x.zip").read_bytes())
    struct.pack_into("<I", content, content.rindex(b"PK\x01\x02") + 24, 100)
    (tmp_path / "x.zip").write_bytes(content)
    items = _read_or_refused(tmp_path / "x.zip")
    assert not any(isinstance(item, FeedRow) for item in items)


def _read_or_refused(path: Path) -> list[FeedRow | FeedFault]:
    try:
        return list(AafFeed(SMALL).read([path]))
    except FeedRefused:
        return []


@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_an_archive_of_very_many_members_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "tgz":
        tar_of(path, *((member(f"{number}.txt"), b"") for number in range(30)), (member(NAME), GOOD))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(30):
                archive.writestr(f"{number}.txt", b"")
            archive.writestr(NAME, GOOD)
    assert "too many" in refused(path, SMALL)
    assert keys(path) == ["1"]


def test_a_zip_directory_is_weighed_before_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(NAME, GOOD)
    content = bytearray((tmp_path / "x.zip").read_bytes())
    struct.pack_into("<I", content, content.rindex(b"PK\x05\x06") + 12, 1 << 30)
    (tmp_path / "x.zip").write_bytes(content)
    assert "too many" in refused(tmp_path / "x.zip")


def test_a_tar_header_of_any_size_is_not_read_into_memory(tmp_path: Path) -> None:
    header = member(NAME, pax_headers={"comment": "x" * (2 << 20)})
    assert "header" in refused(tar_of(tmp_path / "x.tgz", (header, GOOD)))


# ---- XML ----------------------------------------------------------------------------------------------------------


def hostile(doctype: str, inside: str) -> bytes:
    text = aaf.document([aaf.pupil("1"), aaf.pupil("2", family=inside)]).decode()
    return text.replace('<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">', doctype).encode()


def read_xml(tmp_path: Path, content: bytes) -> tuple[list[FeedRow], list[FeedFault]]:
    (tmp_path / NAME).write_bytes(content)
    items = list(AafFeed().read([tmp_path]))
    return [i for i in items if isinstance(i, FeedRow)], [i for i in items if isinstance(i, FeedFault)]


LAUGHS = (
    '<!DOCTYPE ficAlimMENESR [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
)


@pytest.mark.parametrize(
    ("doctype", "inside"),
    [
        (LAUGHS, "&a11;"),
        ('<!DOCTYPE ficAlimMENESR [<!ENTITY x SYSTEM "file:///etc/hostname">]>', "&x;"),
        ('<!DOCTYPE ficAlimMENESR [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>', "&x;"),
        ('<!DOCTYPE ficAlimMENESR [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>', "X"),
        ('<!DOCTYPE ficAlimMENESR [<!ENTITY x "harmless">]>', "X"),
    ],
)
def test_a_file_that_declares_entities_is_not_read(tmp_path: Path, doctype: str, inside: str) -> None:
    rows, faults = read_xml(tmp_path, hostile(doctype, inside))
    assert rows == []
    assert [fault.breaks for fault in faults] == [True]
    rows, faults = read_xml(tmp_path, hostile("", "X"))
    assert (len(rows), faults) == (2, [])


def test_an_entity_without_declaration_is_a_fault_of_its_record(tmp_path: Path) -> None:
    rows, (fault,) = read_xml(
        tmp_path, hostile('<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">', "QUE&secret;MENEUR")
    )
    assert [row.record.key for row in rows] == ["1"]
    assert ("entity" in fault.reason, fault.key) == (True, "2")


def test_the_dtd_beside_the_file_is_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "ficAlimMENESR.dtd").write_text('<!ENTITY secret "from the DTD">')
    _, faults = read_xml(tmp_path, hostile('<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">', "A&secret;"))
    assert len(faults) == 1


@pytest.mark.parametrize(
    "inside",
    [
        "<a>" * 300 + "</a>" * 300,
        "X" * (11 << 20),
        f'<a b="{"X" * (11 << 20)}"/>',
    ],
    ids=["deep nesting", "huge text", "huge attribute"],
)
def test_bulk_ends_the_file_and_not_the_process(tmp_path: Path, inside: str) -> None:
    rows, (fault,) = read_xml(tmp_path, hostile("", inside))
    assert [row.record.key for row in rows] == ["1"]
    assert fault.breaks


@pytest.mark.parametrize("filler", [b"<x/>", b"<!-- filler -->", b"   "])
def test_bulk_between_records_is_given_up_before_memory_fills(tmp_path: Path, filler: bytes) -> None:
    (tmp_path / NAME).write_bytes(GOOD.replace(b"</ficAlimMENESR>", b""))
    with (tmp_path / NAME).open("ab") as stream:
        for piece in _pieces(filler, 24 << 20):
            stream.write(piece)
        stream.write(b"</ficAlimMENESR>")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    items = list(AafFeed(Limits(between_records=1 << 20)).read([tmp_path]))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert isinstance(items[-1], FeedFault)
    assert items[-1].breaks
    assert grown < 64 << 10


def _pieces(filler: bytes, size: int) -> Iterator[bytes]:
    piece = filler * (4096 // len(filler))
    for _ in range(size // len(piece)):
        yield piece


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-7", "IBM037"])
def test_an_encoding_that_no_export_has_is_not_read(tmp_path: Path, encoding: str) -> None:
    content = GOOD.replace(b"UTF-8", encoding.encode(), 1)
    rows, (fault,) = read_xml(tmp_path, content)
    assert (rows, fault.breaks) == ([], True)


def test_the_reason_of_a_fault_does_not_repeat_what_the_file_says(tmp_path: Path) -> None:
    _, (fault,) = read_xml(tmp_path, hostile("", "SECRET</wrong>"))
    assert "SECRET" not in fault.reason


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_member_packed_as_no_export_is_refused(tmp_path: Path, packing: int) -> None:
    for way, told in ((packing, True), (zipfile.ZIP_DEFLATED, False), (zipfile.ZIP_STORED, False)):
        path = tmp_path / f"{way}.zip"
        with zipfile.ZipFile(path, "w", way) as archive:
            archive.writestr(NAME, GOOD)
        if told:
            assert "packed in a way no export is" in refused(path)
        else:
            assert keys(path) == ["1"]
