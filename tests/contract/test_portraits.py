"""The port `Portraits` on every database: the same person as the other ports tell, and no act by an old portrait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine, delete, update

from broker.domain.acts import ApproveDevice, IssueCode, OpenDeviceRequest, Redeem
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import StorageUnavailable
from broker.domain.handles import digest
from broker.domain.identity import AuthnContext
from broker.domain.people import Space
from broker.domain.portraits import DetailClaims
from broker.domain.sessions import Audience, CodePayload, DeviceRequest, Grant, Offline, Redeemable
from broker.storage.hot import Line
from broker.storage.schema import enrolments, guardianships, persons, records, subjects
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_device_requests import SqlDeviceRequests
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_portraits import SqlPortraits
from tests import builders as b

NOW = b.NOW
CODE, TOKEN, REFRESH = digest("code"), digest("token"), digest("refresh")
UAI = "0990001A"
MOTHER, LEA = f"{b.FEED_2D}:G{UAI}", f"{b.FEED_2D}:E{UAI}0"
EVERY = DetailClaims(frozenset({"email"}), frozenset({"vecteur"}), frozenset({"login"}))
OFFLINE = Offline(timedelta(hours=12), NOW + timedelta(days=30))


@dataclass(frozen=True)
class Stand:
    """A mother of two, signed in, known at one service."""

    engine: Engine
    people: SqlPeople
    details: SqlDetails
    grants: SqlGrants
    portraits: SqlPortraits
    mother: str
    children: list[str]
    payload: CodePayload

    def issue(self, mark: str = "") -> bool:
        event = AuditEvent("99", NOW, Action.CODE_ISSUED, actor=self.mother)
        return self.grants.issue_code(IssueCode(CODE, self.payload, (event,), mark=mark))

    def redeem(self, kind: Redeemable, shown: str, *, token: str = TOKEN, refresh: str = REFRESH) -> Redeem:
        event = AuditEvent("99", NOW, Action.CODE_REDEEMED, actor="cantine")
        return Redeem(kind, shown, "cantine", token, NOW + timedelta(minutes=5), refresh, NOW, (event,))

    def token(self) -> None:
        assert self.issue()
        assert self.grants.redeem(self.redeem(Redeemable.CODE, CODE))


def build(sql_engine: Engine) -> Stand:
    mother, children = b.add_family(sql_engine, uai=UAI, children=("Léa", "Tom"))
    sid = b.add_session(sql_engine, mother, b.add_account(sql_engine, mother, subject="camille.martin"))
    people, details, grants = SqlPeople(sql_engine), SqlDetails(sql_engine), SqlGrants(sql_engine)
    subject = grants.subject(mother, sector="cantine", space=Space.FAMILY, now=NOW)
    payload = CodePayload(
        grant=Grant("grt_1", mother, "cantine", sid, ("openid",)),
        redirect_uri="https://cantine.example/cb", code_challenge="c" * 43, nonce="n", subject=subject,
        authn=AuthnContext("eidas1", ("pwd",), b.BEFORE, "ent1"), claims=("email", "vecteur", "login"),
        expires_at=NOW + timedelta(seconds=60), offline=OFFLINE,
    )  # fmt: skip
    portraits = SqlPortraits(grants, people, details)
    return Stand(sql_engine, people, details, grants, portraits, mother, children, payload)


@pytest.fixture
def stand(sql_engine: Engine) -> Stand:
    return build(sql_engine)


def on_postgresql(stand: Stand) -> bool:
    return stand.engine.dialect.name == "postgresql"


def test_a_portrait_says_what_the_ports_say_of_the_person_and_the_children(stand: Stand) -> None:
    b.add_post(stand.engine, b.add_record(stand.engine, "S1", b.RecordKind.STAFF), UAI)
    b.attach(stand.engine, f"{b.FEED_2D}:S1", stand.mother)
    drawn = stand.portraits.read(stand.mother, now=NOW)
    assert drawn.person == stand.people.person(stand.mother, now=NOW)
    assert drawn.children == stand.people.children_of(stand.mother, now=NOW)
    assert [card.may_act for card in drawn.children] == [True, True]
    _may_only_see(stand)
    drawn = stand.portraits.read(stand.mother, now=NOW)
    assert drawn.children == stand.people.children_of(stand.mother, now=NOW)
    assert {card.given: card.may_act for card in drawn.children} == {"Léa": False, "Tom": True}
    if on_postgresql(stand):
        assert drawn.subjects == {("cantine", Space.FAMILY): stand.payload.subject}


def test_a_portrait_of_a_pupil_and_of_nobody(stand: Stand) -> None:
    child = stand.portraits.read(stand.children[0], now=NOW)
    assert child.person == stand.people.person(stand.children[0], now=NOW)
    assert child.children == ()
    nobody = stand.portraits.read("prs_nobody", now=NOW)
    assert (nobody.person, nobody.children) == (None, ())


def test_a_portrait_is_remembered_for_its_quarter_of_an_hour(stand: Stand) -> None:
    assert stand.portraits.remembered(stand.mother, now=NOW) is None
    drawn = stand.portraits.read(stand.mother, now=NOW)
    again = stand.portraits.remembered(stand.mother, now=NOW + timedelta(minutes=14))
    assert again is (drawn if on_postgresql(stand) else None)
    assert stand.portraits.remembered(stand.mother, now=NOW + timedelta(minutes=15)) is None
    if on_postgresql(stand):
        assert stand.portraits.read(stand.mother, now=NOW + timedelta(minutes=1)) is drawn


def _right_over(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(guardianships).where(guardianships.c.child_record == LEA).values(until=NOW))


def _may_only_see(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(guardianships).where(guardianships.c.child_record == LEA).values(may_act=False))


def _restricted(stand: Stand) -> None:
    b.add_restriction(stand.engine, MOTHER, LEA)


def _child_moves_class(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(enrolments).where(enrolments.c.record_id == LEA).values(class_code="5B"))


def _child_leaves(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(delete(enrolments).where(enrolments.c.record_id == LEA))


def _record_retired(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(records).where(records.c.id == MOTHER).values(retired_at=NOW))


def _merged_away(stand: Stand) -> None:
    other = b.add_person(stand.engine)
    with stand.engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == stand.mother).values(merged_into=other))


def _subject_retired(stand: Stand) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(subjects).where(subjects.c.person_id == stand.mother).values(retired_at=NOW))


def _becomes_staff(stand: Stand) -> None:
    b.attach(stand.engine, b.add_record(stand.engine, "S1", b.RecordKind.STAFF), stand.mother)


CHANGES = (
    _right_over, _may_only_see, _restricted, _child_moves_class, _child_leaves, _record_retired, _merged_away,
    _subject_retired, _becomes_staff,
)  # fmt: skip


@pytest.mark.services
@pytest.mark.parametrize("change", CHANGES)
def test_no_code_is_issued_by_a_portrait_that_no_longer_holds(
    postgres_engine: Engine, change: Callable[[Stand], None]
) -> None:
    """Whatever a decision reads of a person is in the mark: the act that names an old one stores nothing."""
    stand = build(postgres_engine)
    mark = stand.portraits.read(stand.mother, now=NOW).mark
    change(stand)
    assert not stand.issue(mark)
    assert stand.grants.redeemable(Redeemable.CODE, CODE) is None
    assert stand.portraits.read(stand.mother, now=NOW).mark != mark
    assert stand.issue(stand.portraits.read(stand.mother, now=NOW).mark)


def test_a_refresh_draws_the_person_of_the_moment(stand: Stand) -> None:
    stand.token()
    _right_over(stand)
    renewal = stand.portraits.renew(stand.redeem(Redeemable.REFRESH, REFRESH, token="t2", refresh="r2"))
    assert renewal is not None
    assert replace(renewal.payload, expires_at=NOW) == replace(stand.payload, expires_at=NOW)
    assert [card.given for card in renewal.portrait.children] == ["Tom"]
    assert stand.portraits.renew(stand.redeem(Redeemable.REFRESH, REFRESH, token="t3", refresh="r3")) is None


def test_a_device_code_draws_the_person_of_the_moment(stand: Stand) -> None:
    """Minutes lie between the yes on the telephone and the question of the screen."""
    screens, asked = SqlDeviceRequests(stand.engine), DeviceRequest("cantine", ("openid",), NOW + timedelta(minutes=10))
    assert screens.open(OpenDeviceRequest(CODE, digest("user code"), asked, 5, NOW))
    approved = AuditEvent("99", NOW, Action.DEVICE_APPROVED, actor=stand.mother)
    assert screens.approve(ApproveDevice(digest("user code"), stand.payload, NOW, approved))
    _right_over(stand)
    renewal = stand.portraits.renew(stand.redeem(Redeemable.DEVICE, CODE))
    assert renewal is not None
    assert renewal.payload == stand.payload
    assert [card.given for card in renewal.portrait.children] == ["Tom"]
    assert stand.portraits.renew(stand.redeem(Redeemable.DEVICE, CODE, token="t2", refresh="r2")) is None


def test_the_api_of_a_grant_is_read_by_every_statement(stand: Stand) -> None:
    api = Audience("https://menus.example/api", "6" * 32)
    for_api = replace(stand, payload=replace(stand.payload, grant=replace(stand.payload.grant, audience=api)))
    assert for_api.issue(stand.portraits.read(stand.mother, now=NOW).mark)
    redeemed = stand.grants.redeem(stand.redeem(Redeemable.CODE, CODE))
    renewal = stand.portraits.renew(stand.redeem(Redeemable.REFRESH, REFRESH, token="t2", refresh="r2"))
    found = stand.portraits.of_token(TOKEN, claims=EVERY, now=NOW)
    token = stand.grants.token(TOKEN, now=NOW)
    assert redeemed and renewal and found and token  # noqa: PT018 (each is a value)
    assert [one.grant.audience for one in (redeemed, renewal.payload, found.token, token)] == [api] * 4


def test_a_token_is_found_with_its_person_and_the_details_that_its_claims_need(stand: Stand) -> None:
    stand.token()
    lea = stand.grants.subject(stand.children[0], sector="cantine", space=Space.FAMILY, now=NOW)
    stand.grants.subject(stand.children[1], sector="lycee", space=Space.FAMILY, now=NOW)
    found = stand.portraits.of_token(TOKEN, claims=EVERY, now=NOW)
    assert found is not None
    assert found.token == stand.grants.token(TOKEN, now=NOW)
    assert found.portrait.person == stand.people.person(stand.mother, now=NOW)
    assert found.details.records == stand.details.records_of(stand.mother, now=NOW)
    assert found.details.children == stand.details.child_places(stand.mother, now=NOW)
    assert found.details.logins == stand.details.logins_of(stand.mother)
    assert found.details.logins
    if on_postgresql(stand):
        assert found.child_subjects == {stand.children[0]: lea}
    nothing = DetailClaims(frozenset({"name"}), frozenset(), frozenset())
    bare = stand.portraits.of_token(TOKEN, claims=nothing, now=NOW)
    assert bare is not None
    assert (bare.details.records, bare.details.children, bare.details.logins) == ((), (), ())
    assert stand.portraits.of_token(digest("other"), claims=EVERY, now=NOW) is None
    assert stand.portraits.of_token(TOKEN, claims=EVERY, now=NOW + timedelta(minutes=5)) is None


# ---- the connections of hot statements ---------------------------------------------------------------------------


def _cut(engine: Engine) -> None:
    """End every other connection of this database, as a restart of the server would."""
    with engine.connect() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.services
def test_a_reading_survives_a_lost_connection_and_an_act_says_so_once(postgres_engine: Engine) -> None:
    stand = build(postgres_engine)
    stand.portraits.read(stand.mother, now=NOW)
    _cut(postgres_engine)
    assert stand.portraits.read(stand.mother, now=NOW).person is not None
    _cut(postgres_engine)
    with pytest.raises(StorageUnavailable):
        stand.issue()
    assert stand.issue()


@pytest.mark.services
def test_a_statement_that_the_server_gives_up_leaves_its_connection_good(postgres_engine: Engine) -> None:
    stand = build(postgres_engine)
    hot = stand.grants.hot
    assert hot is not None
    stand.token()

    def refused(line: Line, *_: object) -> object:
        return line._checked(line.connection.pgconn.exec_(b"SELECT 1/0"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Line, "run", refused)
        with pytest.raises(psycopg.errors.DivisionByZero):
            stand.grants.token(TOKEN, now=NOW)
    assert stand.grants.token(TOKEN, now=NOW) is not None


@pytest.mark.services
def test_a_text_that_libpq_would_cut_short_is_refused(postgres_engine: Engine) -> None:
    stand = build(postgres_engine)
    stand.token()
    assert stand.grants.token(TOKEN, now=NOW) is not None
    with pytest.raises(ValueError, match="NUL"):
        stand.grants.token(f"{TOKEN}\0x", now=NOW)
