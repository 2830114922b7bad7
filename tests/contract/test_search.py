"""The port `Search` on every database: within the agent's schools alone, folded, forgiving, page after page."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, update

from broker.domain.handles import Id, new_id
from broker.domain.people import RecordKind
from broker.domain.search import Hits, read_asked, skeleton
from broker.storage.engine import transact
from broker.storage.schema import audit_events, codes, enrolments, records, search_pending
from broker.storage.sql_search import SqlSearch
from broker.storage.sql_search_index import refresh
from tests import builders as b
from tests.desks import HERE, THERE, family

SCOPE = frozenset({HERE})


@pytest.fixture
def port(sql_engine: Engine) -> SqlSearch:
    for uai in (HERE, THERE):
        b.add_school(sql_engine, uai)
    return SqlSearch(sql_engine)


def find(port: SqlSearch, typed: str, scope: frozenset[str] = SCOPE, **page: object) -> Hits:
    return port.find(read_asked(typed), scope, **page)  # type: ignore[arg-type]


def names(hits: Hits) -> list[str]:
    return [f"{hit.given} {hit.family}" for hit in hits.rows]


def test_an_adult_is_found_by_name_however_it_is_written(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Nadia BÉN-SALAH", child="Inès")
    for typed in ("ben salah nadia", "Bén-Salah", "nad", "SALAH", "  nadia   ben "):
        assert "Nadia BÉN-SALAH" in names(find(port, typed)), typed
    assert not find(port, "nadia martin").rows


def test_a_row_tells_the_children_of_an_adult_and_the_class_of_a_pupil(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès")
    adult, pupil = sorted(find(port, "benali").rows, key=lambda hit: hit.kind is RecordKind.PUPIL)
    assert (adult.children, adult.class_label, adult.uai) == (("Inès 6eB",), "", HERE)
    assert (pupil.given, pupil.class_label) == ("Inès", "6eB")


@pytest.mark.parametrize(
    "typed", ["Khadidjia Bensalem", "Kadidja Bensallem", "Cadidja bensalème", "Khadidja Bensalemm"]
)
def test_a_misspelt_name_is_found_where_nobody_is_written_so(sql_engine: Engine, port: SqlSearch, typed: str) -> None:
    family(sql_engine, "1", name="Khadidja BENSALEM", child="Inès")
    found = find(port, typed)
    assert (found.near, names(found)) == (True, ["Khadidja BENSALEM"])


def test_nobody_is_offered_by_likeness_while_somebody_is_written_so(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Anne DUPONT", child="Inès")
    family(sql_engine, "2", name="Anne DUPOND", child="Léo")
    assert names(find(port, "anne dupont")) == ["Anne DUPONT"]


def test_a_class_lists_its_pupils_alone(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès", label="6e B")
    family(sql_engine, "2", name="Anne DUPONT", child="Léo", label="5e A")
    assert names(find(port, "6eb")) == ["Inès BENALI"]


def test_a_telephone_is_found_by_its_end_and_as_a_whole(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès", mobile="+33199001242")
    for typed in ("1242", "01 99 00 12 42", "+33199001242", "0033199001242"):
        assert names(find(port, typed)) == ["Nadia BENALI"], typed
    assert not find(port, "1243").rows


def test_a_whole_number_leads_to_its_persons_at_any_school(sql_engine: Engine, port: SqlSearch) -> None:
    mother = family(sql_engine, "1", name="Nadia BENALI", child="Inès", uai=THERE, mobile="+33199001242")
    assert port.by_mobile("0199001242") == (mother,)
    assert port.by_mobile("1242") == ()


def test_another_school_is_never_shown(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès", uai=THERE, mobile="+33199001242")
    for typed in ("nadia", "benali", "6eb", "1242", "0199001242", "bennali"):
        assert not find(port, typed).rows, typed
        assert find(port, typed, frozenset({THERE})).rows, typed
    assert not find(port, "nadia", frozenset()).rows


def test_that_somebody_is_elsewhere_is_told_of_a_whole_name_or_number_alone(
    sql_engine: Engine, port: SqlSearch
) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès", uai=THERE, mobile="+33199001242")
    assert [find(port, typed).outside for typed in ("nadia benali", "Benali Nadia", "0199001242")] == [1, 1, 1]
    assert [find(port, typed).outside for typed in ("nadia", "benali", "1242", "nad ben", "ines benali")] == [0] * 5


def test_a_letter_and_a_trace_lead_to_their_person_within_the_scope(sql_engine: Engine, port: SqlSearch) -> None:
    mother = family(sql_engine, "1", name="Nadia BENALI", child="Inès")
    code = {
        "id": new_id(Id.ACCOUNT), "kind": "letter", "locator": "5S31", "secret": "x", "person_id": mother,
        "actor": "cli:test", "issued_at": b.NOW, "expires_at": b.NOW, "most_tries": 5,
    }  # fmt: skip
    seen = {
        "tenant": "t", "at": b.NOW, "action": "sign_in", "actor": "x", "subject": mother, "outcome": "done",
        "trace": "482-9137-710", "detail": {},
    }  # fmt: skip
    with sql_engine.begin() as conn:
        conn.execute(insert(codes), [code])
        conn.execute(insert(audit_events), [seen])
    for typed in ("5s31", "lettre n° 5S31", "482-9137-710", "4829137710"):
        assert names(find(port, typed)) == ["Nadia BENALI"], typed
        elsewhere = find(port, typed, frozenset({THERE}))
        assert (elsewhere.rows, elsewhere.outside) == ((), 1), typed


def test_pages_follow_each_other_and_show_everybody_once(sql_engine: Engine, port: SqlSearch) -> None:
    for number in range(45):
        uai = HERE if number % 2 else THERE
        family(sql_engine, str(100 + number), name=f"Nadia DURAND{number:02}x", child=f"Zoé{number}", uai=uai)
    scope, after, seen = SCOPE | {THERE}, "", []
    for _ in range(10):
        page = find(port, "nadia", scope, after=after, limit=7)
        assert len(page.rows) <= 7
        seen += [hit.person_id for hit in page.rows]
        after = page.after
        if not after:
            break
    assert len(seen) == len(set(seen)) == 45


@pytest.mark.parametrize("after", ["x", "[]", '{"a":1}', "[1,2,3,4]", '["0","0","0"]', '[0,"0990002B","n:","x"]'])
def test_a_made_up_place_opens_no_school(sql_engine: Engine, port: SqlSearch, after: str) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès", uai=THERE)
    assert not find(port, "nadia", after=after).rows


def test_a_child_that_moves_takes_its_parents_along(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès")
    with sql_engine.begin() as conn:
        conn.execute(update(enrolments).values(uai=THERE))
        child = conn.execute(records.select().where(records.c.kind == "pupil")).one().id
        conn.execute(insert(search_pending), [{"record_id": child}])
    transact(sql_engine, refresh)
    assert not find(port, "nadia").rows
    assert names(find(port, "nadia", frozenset({THERE}))) == ["Nadia BENALI"]


def test_who_left_is_found_no_more_even_before_the_keys_are_written(sql_engine: Engine, port: SqlSearch) -> None:
    family(sql_engine, "1", name="Nadia BENALI", child="Inès")
    with sql_engine.begin() as conn:
        conn.execute(update(records).values(retired_at=b.NOW))
    assert not find(port, "nadia").rows


def test_a_person_stands_at_the_schools_of_their_children(sql_engine: Engine, port: SqlSearch) -> None:
    mother = family(sql_engine, "1", name="Nadia BENALI", child="Inès", uai=THERE)
    assert port.schools_of(mother) == {THERE}


def test_what_sounds_alike_has_one_skeleton() -> None:
    for alike in (("dupont", "dupond", "dupon"), ("philippe", "filipe"), ("mathieu", "matieu"), ("quentin", "kantin")):
        assert len({skeleton(word) for word in alike}) == 1, alike
    assert skeleton("martin") != skeleton("morel")
