"""A book read again while one is in force: what is sound is taken, each faulty layer keeps what it had."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from broker.domain.errors import PolicyError
from policies import BookReader, PolicyBook, load_book
from tests.policy_facts import access

CLOSED = '@id("{}") @reason("Fermé.") forbid (principal, action == Action::"access", resource);\n'
TENANTS = ("autre", "ville")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for tenant in TENANTS:
        write(tmp_path, f"{tenant}/sessions.toml", 'shared_idle = "10 min"\n')
    return tmp_path


def write(place: Path, name: str, text: str) -> None:
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_text(text, encoding="utf-8")


def start(place: Path) -> tuple[BookReader, PolicyBook]:
    reader = BookReader(None, place, TENANTS)
    return reader, reader.read()


def test_one_tenants_fault_holds_back_no_other_tenants_closing(place: Path) -> None:
    reader, book = start(place)
    write(place, "autre/access.cedar", "permit (")
    write(place, "ville/access.cedar", CLOSED.format("v.closed"))
    again = reader.again(book)
    assert again.problems == ("override of autre/access.cedar:1: unexpected end of input",)
    assert not again.book.of("ville").access(access()).allowed
    assert again.book.of("autre").version == book.of("autre").version
    with pytest.raises(PolicyError):
        load_book(None, place, TENANTS)
    (place / "autre" / "access.cedar").unlink()
    repaired = reader.again(again.book)
    assert (repaired.problems, repaired.book.version) == ((), load_book(None, place, TENANTS).version)


def test_a_fault_of_the_installation_keeps_everything_and_all_is_told(place: Path) -> None:
    reader, book = start(place)
    write(place, "sessions.toml", 'code = "1 h"\n')
    write(place, "ville/access.cedar", CLOSED.format("v.closed"))
    write(place, "autre/linking.toml", "undo = 1\n")
    again = reader.again(book)
    assert again.book is book
    assert again.problems == (
        "override of sessions.toml:1: code: from 5 s to 60 s is wanted",
        "override of autre/linking.toml:1: undo: unknown key",
    )


def test_a_faulty_tenants_last_good_text_stands_on_the_installations_new_one(place: Path) -> None:
    reader, book = start(place)
    write(place, "autre/sessions.toml", "= =")
    write(place, "access.cedar", CLOSED.format("here.closed"))
    autre = reader.again(book).book.of("autre")
    assert not autre.access(access()).allowed
    assert autre.sessions.shared_idle == timedelta(minutes=10)


def test_a_tenants_text_that_no_longer_fits_is_kept_as_it_was(place: Path) -> None:
    write(place, "autre/access.cedar", CLOSED.format("x.closed").replace("forbid", "permit"))
    reader, book = start(place)
    write(place, "access.cedar", CLOSED.format("x.closed"))
    again = reader.again(book)
    assert len(again.problems) == 1
    assert again.book.of("autre") is book.of("autre")
    assert not again.book.of("ville").access(access()).allowed


def test_a_tenant_that_begins_with_a_fault_has_the_installations(tmp_path: Path) -> None:
    reader, book = start(tmp_path)
    write(tmp_path, "ville/sessions.toml", "= =")
    again = reader.again(book)
    assert again.book is book
    assert again.book.of("ville") is book.installation
    (tmp_path / "ville" / "sessions.toml").unlink()
    assert reader.again(book).problems == ()


def test_a_folder_of_no_tenant_holds_back_nobody(place: Path) -> None:
    reader, book = start(place)
    (place / "vile").mkdir()
    write(place, "ville/access.cedar", CLOSED.format("v.closed"))
    again = reader.again(book)
    assert again.problems == (f"{place / 'vile'}: no tenant has this name",)
    assert not again.book.of("ville").access(access()).allowed


def test_what_did_not_change_is_the_same_value(place: Path) -> None:
    reader, book = start(place)
    assert reader.again(book).book is book
    write(place, "ville/sessions.toml", 'shared_idle = "5 min"\n')
    again = reader.again(book).book
    assert again.of("autre") is book.of("autre")
    assert again.installation is book.installation
    assert again.of("ville").sessions.shared_idle == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("linking.toml", "undo_by_person", "20 d"),
        ("linking.toml", "undo_by_academie", "100 d"),
        ("sessions.toml", "interaction", "10 min"),
        ("sessions.toml", "code", "30 s"),
        ("sessions.toml", "pushed", "60 s"),
        ("sessions.toml", "device_code", "5 min"),
        ("sessions.toml", "access_token", "4 min"),
        ("sessions.toml", "id_token", "4 min"),
        ("sessions.toml", "copy", "20 s"),
    ],
)
def test_a_number_of_the_installation_is_refused_in_a_tenants_file(
    place: Path, name: str, key: str, value: str
) -> None:
    text = f'\n{key} = "{value}"\n'
    write(place, f"ville/{name}", text)
    with pytest.raises(PolicyError) as caught:
        load_book(None, place, TENANTS)
    assert caught.value.problems == (f"override of ville/{name}:2: {key}: only the installation sets this number",)
    (place / "ville" / name).unlink()
    write(place, name, text)
    assert load_book(None, place, TENANTS).installation.version != load_book().installation.version
