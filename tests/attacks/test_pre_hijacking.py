"""LR-04: five ways to sit in somebody's access before they come (Sudhodanan, Paverd 2022), and to stay: none stays.

In each the attacker has had the access for a while, by a letter that was photographed; the owner then sets a secret
by a letter of their own. What the attacker holds afterwards is tried out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import AskContact, ChangeFactor
from broker.domain.credentials import Contact, ContactKind, Credential, CredentialKind
from broker.storage import sql_credentials
from broker.storage.sql_contacts import SqlContacts
from broker.storage.sql_credentials import SqlCredentials
from tests.clock import FakeClock
from tests.flows.test_ways_in import OWN, activate, ask_sms, give_letter, sign_in
from tests.own_accounts import GOOD, family, sent
from tests.web_stand import Client, WebStand, open_web

THEIRS = "osier lagune tournevis"
HOLD = timedelta(hours=72)
PLANTED = "+33639989999"
LOGIN = "dominique.lefevre"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        yield opened


@pytest.fixture
def mother(stand: WebStand) -> str:
    return family(stand.world.engine)


@pytest.fixture
def attacker(stand: WebStand, mother: str) -> Client:
    """Signed in with the photographed letter, on a device called their own."""
    client = stand.client()
    client.cookies["__Host-preau-device"] = "own"
    activate(client, give_letter(stand, mother).code.written, THEIRS)
    assert "Inès" in client.get("/").text
    return client


def owner_comes(stand: WebStand, mother: str, clock: FakeClock) -> None:
    activate(stand.client(), give_letter(stand, mother).code.written, GOOD)
    clock.advance(timedelta(seconds=31))


def test_1_the_passphrase_that_was_set_before_is_over(
    stand: WebStand, mother: str, attacker: Client, clock: FakeClock
) -> None:
    """Classic-federated merge: the account exists, with the attacker's secret, before its owner comes."""
    assert sign_in(stand.client(), LOGIN, THEIRS).status == 303
    owner_comes(stand, mother, clock)
    assert sign_in(stand.client(), LOGIN, THEIRS).status == 403
    assert sign_in(stand.client(), LOGIN, GOOD).status == 303


def test_2_the_session_that_was_open_before_is_over(
    stand: WebStand, mother: str, attacker: Client, clock: FakeClock
) -> None:
    """Unexpired session."""
    owner_comes(stand, mother, clock)
    assert "Inès" not in attacker.get("/").text


def test_3_the_passkey_and_the_number_that_were_planted_lead_nowhere(
    stand: WebStand, mother: str, attacker: Client, clock: FakeClock
) -> None:
    """Trojan identifier: another way in, added while the access was held; the number is in force, not only held."""
    credentials = SqlCredentials(stand.world.engine)
    found = credentials.by_identifier(LOGIN)
    assert found is not None
    key = Credential("crd_p", found.account_id, CredentialKind.PASSKEY, "key", clock(), public_id="planted")
    event = AuditEvent("ac-test", clock(), Action.FACTOR_ADDED, mother)
    told = AccessNotice(mother, NoticeKind.FACTOR_ADDED, clock())
    assert credentials.change_factor(ChangeFactor(found.account_id, clock(), event, told, added=key))
    plant_number(stand, mother, clock)
    clock.advance(2 * HOLD)
    assert by_planted_number(stand) == 1
    owner_comes(stand, mother, clock)
    clock.advance(2 * HOLD)
    assert credentials.by_public_id("planted") is None
    assert by_planted_number(stand) == 1


def test_4_a_change_of_number_that_was_asked_for_before_never_counts(
    stand: WebStand, mother: str, attacker: Client, clock: FakeClock
) -> None:
    """Unexpired change of e-mail: asked for before, to take effect once the owner is in."""
    plant_number(stand, mother, clock)
    clock.advance(timedelta(hours=1))
    owner_comes(stand, mother, clock)
    clock.advance(2 * HOLD)
    assert by_planted_number(stand) == 0


def test_5_nobody_becomes_somebody_by_saying_so(stand: WebStand, mother: str, attacker: Client) -> None:
    """Non-verifying identity provider: a name, a mail address, a number prove nothing at any door (LR-02)."""
    account = stand.world.federation.sources.get("ent1")
    assert account is not None
    stranger = stand.client()
    stranger.sign_in("ent1", user=LOGIN)
    assert "Inès" not in stranger.get("/").text


def test_the_planted_number_would_lead_back_in_were_it_not_ended(
    stand: WebStand, mother: str, attacker: Client, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can fail: without the end of contacts the attacker's number is sent a code again."""
    monkeypatch.setattr(sql_credentials, "_end_contacts", lambda *_args, **_named: None)
    plant_number(stand, mother, clock)
    clock.advance(2 * HOLD)
    owner_comes(stand, mother, clock)
    assert by_planted_number(stand) == 1


def plant_number(stand: WebStand, mother: str, clock: FakeClock) -> None:
    now = clock()
    contact = Contact("cnt_planted", ContactKind.MOBILE, PLANTED, now, now + HOLD)
    event = AuditEvent("ac-test", now, Action.CONTACT_ASKED, mother)
    told = AccessNotice(mother, NoticeKind.CONTACT_ASKED, now)
    SqlContacts(stand.world.engine).ask(AskContact(mother, contact, event, told))


def by_planted_number(stand: WebStand) -> int:
    """Ask for a code to the attacker's number; how many were sent to it so far."""
    ask_sms(stand.client(), PLANTED)
    assert stand.parts.ways_in is not None
    return len(sent(stand.parts.ways_in))
