"""The port `DeskRequests` on every database: a request is used once, in its time, and never by whoever asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, func, select, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import IssueCodes
from broker.domain.credentials import Code, CodeKind
from broker.domain.desk_requests import AnswerRequest, DeskAnswer, DeskRequest
from broker.domain.errors import AlreadyUsed
from broker.domain.handles import Id, new_id
from broker.storage.schema import audit_events, codes, desk_requests, notices, persons
from broker.storage.sql_codes import SqlCodes
from broker.storage.sql_desk_requests import SqlDeskRequests
from tests import builders as b
from tests.desks import HERE

NOW, LIFE = b.NOW, timedelta(minutes=30)


@pytest.fixture
def port(sql_engine: Engine) -> SqlDeskRequests:
    return SqlDeskRequests(sql_engine)


@pytest.fixture
def request_(sql_engine: Engine, port: SqlDeskRequests) -> DeskRequest:
    """A request of a first agent about somebody."""
    about, first = b.add_person(sql_engine), b.add_person(sql_engine)
    account = b.add_account(sql_engine, first, subject="premier")
    asked = DeskRequest(
        new_id(Id.DESK_REQUEST), "ac-test", "fenetre", about, ("piece",), "perdu", HERE, first, account, NOW,
        NOW + LIFE, {"nombre": "42"},
    )  # fmt: skip
    port.ask(asked, AuditEvent("ac-test", NOW, Action.AGENT_ASKED, first, about))
    return asked


def answering(engine: Engine, asked: DeskRequest, *, now: datetime = NOW) -> AnswerRequest:
    """The answer of another agent."""
    second = b.add_person(engine)
    account = b.add_account(engine, second, subject=new_id(Id.ACCOUNT))
    event = AuditEvent("ac-test", now, Action.WAIT_LIFTED, second, asked.person_id)
    told = AccessNotice(asked.person_id, NoticeKind.WAIT_LIFTED, now)
    return AnswerRequest(asked.request_id, "ac-test", DeskAnswer.DONE, second, account, now, (event,), (told,))


def done(engine: Engine) -> tuple[int, int]:
    """How many acts were written, and told."""
    with engine.connect() as conn:
        acts = select(func.count()).where(audit_events.c.action == Action.WAIT_LIFTED.value)
        return int(conn.execute(acts).scalar_one()), int(conn.execute(select(func.count(notices.c.id))).scalar_one())


def test_a_request_waits_whole_until_its_time_is_over(port: SqlDeskRequests, request_: DeskRequest) -> None:
    assert port.open("ac-test", now=NOW) == (request_,)
    assert port.open("ac-test", now=NOW + LIFE - timedelta(seconds=1)) == (request_,)
    assert port.open("ac-test", now=NOW + LIFE) == ()
    assert port.open("ville", now=NOW) == ()


def test_an_answer_is_written_once_with_what_it_tells(
    sql_engine: Engine, port: SqlDeskRequests, request_: DeskRequest
) -> None:
    port.answer(answering(sql_engine, request_))
    assert (port.open("ac-test", now=NOW), done(sql_engine)) == ((), (1, 1))
    with pytest.raises(AlreadyUsed):
        port.answer(answering(sql_engine, request_))
    assert done(sql_engine) == (1, 1)


def test_a_request_takes_the_place_of_the_same_agents_earlier_one_for_the_same_act(
    sql_engine: Engine, port: SqlDeskRequests, request_: DeskRequest
) -> None:
    other = b.add_person(sql_engine)
    account = b.add_account(sql_engine, other, subject="autre")
    beside = (
        replace(request_, act="lettre"), replace(request_, person_id=other),
        replace(request_, asked_by=other, asked_account=account),
    )  # fmt: skip
    event = AuditEvent("ac-test", NOW, Action.AGENT_ASKED, request_.asked_by, request_.person_id)
    kept = [replace(each, request_id=new_id(Id.DESK_REQUEST)) for each in beside]
    again = replace(request_, request_id=new_id(Id.DESK_REQUEST), asked_at=NOW + LIFE / 2, given={"nombre": "43"})
    for each in (*kept, again):
        port.ask(each, event)
    assert {each.request_id for each in port.open("ac-test", now=NOW + LIFE / 2)} == {
        each.request_id for each in (*kept, again)
    }
    with pytest.raises(AlreadyUsed):
        port.answer(answering(sql_engine, request_, now=NOW + LIFE / 2))


def test_of_requests_that_come_together_one_waits(
    sql_engine: Engine, port: SqlDeskRequests, request_: DeskRequest
) -> None:
    event = AuditEvent("ac-test", NOW, Action.AGENT_ASKED, request_.asked_by, request_.person_id)
    start = Barrier(4)

    def ask() -> None:
        start.wait()
        port.ask(replace(request_, request_id=new_id(Id.DESK_REQUEST), asked_at=NOW + LIFE / 2), event)

    threads = [Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(port.open("ac-test", now=NOW + LIFE / 2)) == 1


Faulty = Callable[[Engine, DeskRequest, AnswerRequest], AnswerRequest]


def _merged(engine: Engine, asked: DeskRequest, act: AnswerRequest) -> AnswerRequest:
    with engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == asked.asked_by).values(merged_into=act.by))
    return act


FAULTS: dict[str, Faulty] = {
    "by the first agent's own account": lambda _engine, asked, act: replace(act, account_id=asked.asked_account),
    "by the first agent": lambda _engine, asked, act: replace(act, by=asked.asked_by),
    "of another tenant": lambda _engine, _asked, act: replace(act, tenant="ville"),
    "too late": lambda _engine, _asked, act: replace(act, now=NOW + LIFE),
    "to no request": lambda _engine, _asked, act: replace(act, request_id="dkr_x"),
    "by whom the first agent was merged into": _merged,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_is_not_a_second_agents_changes_nothing(
    sql_engine: Engine, port: SqlDeskRequests, request_: DeskRequest, fault: str
) -> None:
    act = FAULTS[fault](sql_engine, request_, answering(sql_engine, request_))
    with pytest.raises(AlreadyUsed):
        port.answer(act)
    assert (len(port.open("ac-test", now=NOW)), done(sql_engine)) == (1, (0, 0))


def test_codes_are_kept_only_with_the_request_that_they_answer(
    sql_engine: Engine, port: SqlDeskRequests, request_: DeskRequest
) -> None:
    port_of_codes, answer = SqlCodes(sql_engine), replace(answering(sql_engine, request_), audit=(), notices=())
    assert port_of_codes.issue(_window(request_, answer)) == frozenset()
    with pytest.raises(AlreadyUsed):
        port_of_codes.issue(_window(request_, answer))
    with sql_engine.connect() as conn:
        assert conn.execute(select(func.count(codes.c.id))).scalar_one() == 1
        assert conn.execute(select(desk_requests.c.answer)).scalar_one() == "done"


def test_of_two_second_agents_at_once_one_acts(
    sql_engine: Engine, port: SqlDeskRequests, request_: DeskRequest
) -> None:
    acts = [answering(sql_engine, request_) for _ in range(2)]
    start, refused = Barrier(2), []

    def answer(act: AnswerRequest) -> None:
        start.wait()
        try:
            port.answer(act)
        except AlreadyUsed as fault:
            refused.append(fault)

    threads = [Thread(target=answer, args=(act,)) for act in acts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(refused), done(sql_engine)) == (1, (1, 1))


def _window(asked: DeskRequest, answer: AnswerRequest) -> IssueCodes:
    code = Code(new_id(Id.CODE), CodeKind.WINDOW, asked.person_id, "", HERE, NOW, NOW + LIFE, 0, 3)
    return IssueCodes((code,), answer.by, "", (), (), answer)
