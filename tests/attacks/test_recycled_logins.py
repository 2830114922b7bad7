"""A login's name goes to somebody else once its holder has left: after a year without use it opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from broker.domain.acts import ReopenLink
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import LinkAmbiguous
from broker.domain.identity import EvidenceKind
from broker.federation import linking
from broker.storage.schema import accounts
from tests import builders
from tests.clock import FakeClock
from tests.federations import World, open_world, ref

MAIL = "jeanne.martin@ac-fictive.example"
YEAR = timedelta(days=365)


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        yield opened


def linked(world: World, *, kind: EvidenceKind = EvidenceKind.RESEMBLANCE, references: str = "") -> str:
    """An account that is known at the source by a work mail, and was used now."""
    mother, _, _ = world.family("500101")
    account = builders.add_account(world.engine, mother, subject=MAIL, issuer="https://educonnect.example")
    with world.engine.begin() as conn:
        kept = conn.execute(select(accounts.c.evidence).where(accounts.c.id == account)).scalar_one()
        evidence = {**kept, "kind": kind.value, "detail": {"references": references}}
        told = {"subject_format": "cas:user", "evidence": evidence, "last_used": world.clock()}
        conn.execute(update(accounts).where(accounts.c.id == account).values(**told))
    return account


def test_the_next_holder_of_a_mailbox_gets_nothing_of_who_had_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    linked(world)
    world.clock.advance(YEAR + timedelta(seconds=1))
    with pytest.raises(LinkAmbiguous):
        world.browser().sign_in("educonnect", MAIL)
    (refused,) = world.audit(Action.SIGN_IN_REFUSED)
    assert refused["detail"] == {"code": "PRE-2005", "source": "educonnect"}
    monkeypatch.setattr(linking, "_doubt", lambda *_, **__: "")
    browser = world.browser()
    browser.sign_in("educonnect", MAIL)
    assert len(browser.children()) == 1


def test_each_use_counts_so_that_a_login_of_every_summer_goes_on(world: World) -> None:
    linked(world)
    for _ in range(3):
        world.clock.advance(YEAR)
        assert world.browser().sign_in("educonnect", MAIL).session


def test_a_login_that_the_source_proves_anew_goes_on_however_long_it_rested(world: World) -> None:
    linked(world, kind=EvidenceKind.REFERENCE, references="99$500101")
    world.upstreams["educonnect"].releases[MAIL] = ref("500101")
    world.clock.advance(3 * YEAR)
    assert world.browser().sign_in("educonnect", MAIL).session


def test_an_administrator_who_asked_the_person_opens_it_again(world: World) -> None:
    account = linked(world)
    world.clock.advance(2 * YEAR)
    event = AuditEvent("ac-test", world.clock(), Action.LINK_REOPENED, actor="cli:test", detail={"account": account})
    links = world.federation.links
    assert links.reopen(ReopenLink(account, world.clock(), event))
    browser = world.browser()
    session = browser.sign_in("educonnect", MAIL).session
    (told,) = world.audit(Action.LINK_REOPENED)
    assert (told["subject"], told["detail"]) == (session.person_id, {"account": account})
    assert not links.reopen(ReopenLink("acc_x", world.clock(), replace(event, detail={})))
