"""What one person reads and downloads of their data never holds another adult's, nor a child they may not see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from broker.domain.people import AttachmentState, RecordKind
from tests import builders
from tests.clock import FakeClock
from tests.ledgers import told
from tests.web_stand import Client, WebStand, open_web

PATHS = ("/donnees", "/donnees/export", "/donnees/export.json")
FATHER_KEY, FATHER_NAME, FATHER_MAIL = "500202", "Karim", "karim@famille.example"
HIDDEN = "Lilarose"
INE = "123456789FJ"


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        mother = stand.add_mother("Léa")
        with stand.world.engine.begin() as conn:
            record = builders.add_record(
                conn, FATHER_KEY, RecordKind.GUARDIAN, given=FATHER_NAME, told={"mail": FATHER_MAIL}
            )
            father = builders.add_person(conn)
            builders.attach(conn, record, father)
            builders.add_guardianship(conn, record, f"{builders.FEED_2D}:90")
            _, hidden = builders.add_pupil(conn, "95", given=HIDDEN)
            builders.enrol(conn, hidden)
            builders.add_guardianship(conn, record, hidden)
        stand.knows("pere", FATHER_KEY)
        stand.ledger.note(told(father, "secret-du-pere", date(2026, 9, 1), "name"))
        stand.ledger.note(told(mother, "cantine", date(2026, 9, 1), "children"))
        yield stand


def signed_in(web: WebStand, user: str) -> Client:
    browser = web.client()
    browser.sign_in(user=user)
    return browser


@pytest.mark.parametrize("path", PATHS)
def test_the_mother_reads_nothing_of_the_father_nor_of_his_other_child(web: WebStand, path: str) -> None:
    text = signed_in(web, "mere").get(path).text
    marks = (FATHER_KEY, FATHER_NAME, FATHER_MAIL, HIDDEN, "secret-du-pere", "legal_guardian", "responsable légal")
    assert [mark for mark in marks if mark in text] == []


def test_the_father_himself_reads_all_of_it(web: WebStand) -> None:
    """The marks are real."""
    text = "".join(signed_in(web, "pere").get(path).text for path in PATHS)
    assert [mark for mark in (FATHER_KEY, FATHER_NAME, FATHER_MAIL, HIDDEN, "secret-du-pere") if mark not in text] == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("user", ["mere", "eleve"])
def test_no_national_number_leaves_by_these_pages(web: WebStand, path: str, user: str) -> None:
    with web.world.engine.begin() as conn:
        record = builders.add_record(conn, INE, RecordKind.PUPIL, given="Tom", ine=INE, told={"ine": INE})
        builders.attach(conn, record, builders.add_person(conn))
        builders.enrol(conn, record)
        builders.add_guardianship(conn, f"{builders.FEED_2D}:500101", record)
    web.knows("eleve", INE)
    answer = signed_in(web, user).get(path)
    assert answer.status == 200
    assert INE not in answer.text
    assert "Tom" in answer.text or path == "/donnees"


@pytest.mark.parametrize("path", PATHS)
def test_a_record_that_is_only_proposed_to_the_mother_is_not_hers_to_read(web: WebStand, path: str) -> None:
    attachments = web.world.rows("attachments")
    mother = next(str(row["person_id"]) for row in attachments if str(row["record_id"]).endswith(":500101"))
    with web.world.engine.begin() as conn:
        other = builders.add_record(conn, "700700", RecordKind.GUARDIAN, given="Homonyme")
        builders.attach(conn, other, mother, state=AttachmentState.PROPOSED)
    text = signed_in(web, "mere").get(path).text
    assert "700700" not in text
    assert "Homonyme" not in text
