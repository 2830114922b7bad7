"""The register's book of addresses finds what asking every service finds, in the same order."""

from __future__ import annotations

import pytest

from broker.domain.cas import CasClient
from broker.services.cas_addresses import AddressBook, services_at
from tests.cas_stand import BOOKS, NOTES, cas_service
from tests.oidc_stand import service

SERVICES = (
    service(),
    cas_service("notes", CasClient((NOTES, "https://notes.example/autre"))),
    cas_service("livres", CasClient((BOOKS,))),
    cas_service("notes-profs", CasClient((NOTES, "https://profs.example:8443/"))),
    cas_service("local", CasClient(("http://127.0.0.1:9000/",))),
)
BOOK = AddressBook(SERVICES)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (NOTES, ["notes", "notes-profs"]),
        (f"{NOTES}page?x=1", ["notes", "notes-profs"]),
        ("https://notes.example/autre", ["notes"]),
        ("https://notes.example/autre/", []),
        (BOOKS, ["livres"]),
        (f"{BOOKS}/", []),
        ("https://profs.example:8443/a", ["notes-profs"]),
        ("https://profs.example/a", []),
        ("http://127.0.0.1:9000/a", ["local"]),
        ("http://127.0.0.1:9001/a", []),
        ("https://ailleurs.example/", []),
        ("https://notes.example@ailleurs.example/app/", []),
        ("https://ailleurs.example\\@notes.example/app/", []),
        ("https://NOTES.example/app/", []),
        ("http://notes.example/app/", []),
        ("https://notes.example/app/../", []),
        ("https://notes.example/app/" + "x" * 2048, []),
        ("", []),
    ],
)
def test_an_address_is_for_the_same_services_as_when_each_is_asked(url: str, found: list[str]) -> None:
    for _ in range(2):
        assert [each.service_id for each in BOOK.at(url)] == found
    assert BOOK.at(url) == services_at(SERVICES, url)
