"""From an act's notice to a mail and an SMS: a real database, the worker, a real relay, a real gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from broker.app import Broker
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.jobs.work import Worker
from broker.storage.engine import writing
from broker.storage.schema import outbox, records
from broker.storage.trail import insert_notices
from broker.telling import open_notice_teller
from tests import builders as b
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock
from tests.mail_relay import PASSWORD, Relay, mail_relay
from tests.sms_gateway import SmsGateway, sms_gateway
from tests.whole_app import open_app

MORE = """
help_phone = "01 23 45 67 89"
mail.host = "127.0.0.1"
mail.port = {port}
mail.sender = "ecole@example.fr"
mail.login = "preau"
mail.password_file = "mail"
mail.ca_file = "{ca}"
sms.url = "{url}"
"""
NIGHT = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)
"""22:30 in Paris."""


@pytest.fixture
def relay(throw_away_ca: ThrowAwayCa) -> Iterator[Relay]:
    with mail_relay(throw_away_ca.issue(stem="notices-relay")) as listening:
        yield listening


@pytest.fixture
def gateway() -> Iterator[SmsGateway]:
    with sms_gateway() as listening:
        yield listening


@pytest.fixture
def broker(
    relay: Relay, gateway: SmsGateway, throw_away_ca: ThrowAwayCa, tmp_path: Path, clock: FakeClock
) -> Iterator[Broker]:
    clock.set(b.NOW)
    (tmp_path / "mail").write_text(PASSWORD, "utf-8")
    more = MORE.format(port=relay.port, ca=throw_away_ca.certificate, url=gateway.url)
    with open_app(tmp_path, clock, more=more) as broker:
        yield broker


@pytest.fixture
def worker(broker: Broker, clock: FakeClock) -> Iterator[Worker]:
    with ExitStack() as opened:
        yield open_notice_teller(broker.settings, broker.stores, broker.policies, opened, clock=clock)


def mother_of(engine: Engine) -> str:
    mother, _ = b.add_family(engine)
    with engine.begin() as conn:
        content = json.dumps({"mobile": "+33639980001", "mail": "parent@example.org"})
        conn.execute(update(records).where(records.c.kind == "guardian").values(content=content))
    return mother


def note(engine: Engine, person: str, kind: NoticeKind, at: datetime, **told: str) -> None:
    with writing(engine) as conn:
        insert_notices(conn, [AccessNotice(person, kind, at, told)])


def waiting(engine: Engine) -> int:
    with engine.connect() as conn:
        return len(conn.execute(select(outbox).where(outbox.c.done_at.is_(None))).all())


def test_a_person_is_told_by_mail_and_by_sms(
    broker: Broker, worker: Worker, relay: Relay, gateway: SmsGateway, clock: FakeClock
) -> None:
    engine = broker.stores.engine
    note(engine, mother_of(engine), NoticeKind.SECRET_SET, clock())
    worker.tick(clock())
    worker.tick(clock())
    (mail,), ((_, posted),) = relay.mails, gateway.posted
    assert mail["to"] == "parent@example.org"
    assert mail["subject"] == "Votre mot de passe a changé"
    assert json.loads(posted) == {
        "to": "+33639980001",
        "text": "Le mot de passe de votre accès a changé le 14/09 à 10h00. "
        "Ce n'est pas vous ? Appelez le 01 23 45 67 89.",
    }
    assert waiting(engine) == 0
    assert broker.stores.sms_counts.of_days(clock().date(), clock().date()) == {"0990001A": 1}


def test_a_family_is_told_in_its_language(
    broker: Broker, worker: Worker, relay: Relay, gateway: SmsGateway, clock: FakeClock
) -> None:
    engine = broker.stores.engine
    note(engine, mother_of(engine), NoticeKind.SECRET_SET, clock(), language="ar")
    worker.tick(clock())
    worker.tick(clock())
    (mail,), ((_, posted),) = relay.mails, gateway.posted
    assert "تغيرت كلمة سر دخولك" in json.loads(posted)["text"]
    assert "Le mot de passe de votre accès a changé" in mail.get_content()
    assert "تغيرت كلمة سر دخولك" in mail.get_content()


def test_a_relay_that_is_down_delays_no_sms_and_sends_none_twice(
    broker: Broker, worker: Worker, relay: Relay, gateway: SmsGateway, clock: FakeClock
) -> None:
    engine = broker.stores.engine
    relay.replies["DATA"] = "452 full"
    note(engine, mother_of(engine), NoticeKind.SECRET_SET, clock())
    for _ in range(4):
        worker.tick(clock())
        clock.advance(60)
    assert (len(relay.mails), len(gateway.posted)) == (0, 1)
    relay.replies.clear()
    clock.advance(600)
    worker.tick(clock())
    assert (len(relay.mails), len(gateway.posted)) == (1, 1)
    assert waiting(engine) == 0


def test_what_may_wait_waits_for_the_morning_and_what_warns_does_not(
    broker: Broker, worker: Worker, relay: Relay, clock: FakeClock
) -> None:
    engine = broker.stores.engine
    clock.set(NIGHT)
    mother = mother_of(engine)
    note(engine, mother, NoticeKind.LETTER_ISSUED, clock())
    note(engine, mother, NoticeKind.WINDOW_OPENED, clock())
    for _ in range(3):
        worker.tick(clock())
    assert [mail["subject"] for mail in relay.mails] == ["L'école vous laisse choisir un nouveau mot de passe"]
    clock.set(datetime(2026, 9, 15, 4, 59, tzinfo=UTC))
    worker.tick(clock())
    assert len(relay.mails) == 1
    clock.advance(timedelta(minutes=1))
    worker.tick(clock())
    worker.tick(clock())
    assert [mail["subject"] for mail in relay.mails][1:] == ["Une lettre pour vous"]


def test_an_act_repeated_forty_times_costs_ten_messages_and_stands_in_the_portal_each_time(
    broker: Broker, worker: Worker, relay: Relay, gateway: SmsGateway, clock: FakeClock
) -> None:
    engine = broker.stores.engine
    mother = mother_of(engine)
    for _ in range(40):
        note(engine, mother, NoticeKind.SECRET_SET, clock())
        clock.advance(timedelta(minutes=1))
        worker.tick(clock())
        worker.tick(clock())
    note(engine, mother, NoticeKind.FACTOR_ADDED, clock())
    worker.tick(clock())
    worker.tick(clock())
    assert (len(relay.mails), len(gateway.posted), waiting(engine)) == (11, 11, 0)
    assert len(broker.stores.access_notices.of_person(mother, limit=100)) == 41


def test_no_child_is_named_in_what_is_sent(
    broker: Broker, worker: Worker, relay: Relay, gateway: SmsGateway, clock: FakeClock
) -> None:
    engine = broker.stores.engine
    mother = mother_of(engine)
    for kind in NoticeKind:
        note(engine, mother, kind, clock(), child="Léa", school="Etablissement 0990001A")
    for _ in range(8):
        worker.tick(clock())
    assert len(relay.mails) == len(NoticeKind)
    sent = [mail.get_content() for mail in relay.mails] + [posted for _, posted in gateway.posted]
    assert not [text for text in sent if "Léa" in text or "0990001A" in text]


def test_without_relay_and_gateway_nothing_stays_in_the_outbox(tmp_path: Path, clock: FakeClock) -> None:
    with open_app(tmp_path, clock) as broker, ExitStack() as opened:
        engine = broker.stores.engine
        note(engine, mother_of(engine), NoticeKind.SECRET_SET, clock())
        open_notice_teller(broker.settings, broker.stores, broker.policies, opened, clock=clock).tick(clock())
        assert waiting(engine) == 0
