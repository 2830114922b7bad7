"""The ports `OwnLogins` and `Credentials` on every database: one act sets a secret, and leaves no other way in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent, Topic
from broker.domain.credential_acts import ChangeFactor, IssueCodes, NewAccount, SetSecret
from broker.domain.credentials import Code, CodeKind, Credential, CredentialKind
from broker.domain.errors import CodeRefused, PersonSuspended, PreauError
from broker.domain.handles import Id, new_id
from broker.domain.identity import AccountKey, AccountState, Evidence, EvidenceKind, UpstreamProtocol
from broker.domain.standings import StandingKind, StandingState
from broker.storage import schema
from broker.storage.sql_access_notices import SqlAccessNotices
from broker.storage.sql_codes import SqlCodes
from broker.storage.sql_credentials import STILL_TOLD, SqlCredentials
from broker.storage.sql_standings import SqlStandings
from tests import builders as b
from tests.builders import NOW
from tests.contract.test_standings import suspending

PASSPHRASE = frozenset({CredentialKind.PASSPHRASE})
EVERY = frozenset(CredentialKind)
HASH = "hash 1"
LATER = NOW + timedelta(hours=1)


@dataclass(frozen=True)
class Stand:
    engine: Engine
    port: SqlCredentials
    person: str
    code: str


@pytest.fixture
def stand(sql_engine: Engine) -> Stand:
    person = b.add_person(sql_engine)
    return Stand(sql_engine, SqlCredentials(sql_engine), person, give_code(sql_engine, person))


def give_code(engine: Engine, person: str, locator: str = "AB12") -> str:
    code = Code(
        code_id=new_id(Id.CODE), kind=CodeKind.LETTER, person_id=person, secret="hash", uai="", issued_at=NOW,
        expires_at=NOW + timedelta(days=30), tries=0, most_tries=5, locator=locator,
    )  # fmt: skip
    assert not SqlCodes(engine).issue(IssueCodes((code,), "cli:test", "", (), ()))
    return code.code_id


def setting(stand: Stand, *, secret: str = HASH, names: tuple[str, ...] = ("camille.martin",)) -> SetSecret:
    account_id = new_id(Id.ACCOUNT)
    key = AccountKey(UpstreamProtocol.OWN, "https://preau.example", "credential", account_id)
    evidence = Evidence(EvidenceKind.ACTIVATION_CODE, "code:letter", LATER, {"code": stand.code})
    credential = Credential(new_id(Id.CREDENTIAL), account_id, CredentialKind.PASSPHRASE, secret, LATER)
    return SetSecret(
        code_id=stand.code,
        person_id=stand.person,
        account=NewAccount(account_id, key, "maison", names, evidence),
        credential=credential,
        now=LATER,
        audit=(AuditEvent("ville", LATER, Action.SECRET_SET, stand.person, subject=stand.person),),
        notices=(AccessNotice(stand.person, NoticeKind.SECRET_SET, LATER, {"ecole": "Collège"}),),
    )


def test_a_first_secret_makes_the_account_with_its_evidence(stand: Stand) -> None:
    act = setting(stand)
    account = stand.port.set_secret(act)
    found = stand.port.by_identifier("camille.martin")
    assert found is not None
    assert (found.account_id, found.secret, account.identifier) == (account.account_id, "hash 1", "camille.martin")
    with stand.engine.connect() as conn:
        row = conn.execute(select(schema.accounts)).one()
    assert (row.person_id, row.state, row.protocol) == (stand.person, AccountState.LINKED.value, "own")
    assert row.evidence["kind"] == EvidenceKind.ACTIVATION_CODE.value
    assert stand.port.identifiers([account.account_id]) == {account.account_id: "camille.martin"}


def test_the_act_leaves_its_audit_event_and_its_notice_and_has_it_sent(stand: Stand) -> None:
    stand.port.set_secret(setting(stand))
    assert [each.kind for each in SqlAccessNotices(stand.engine).of_person(stand.person, limit=5)] == [
        NoticeKind.SECRET_SET
    ]
    with stand.engine.connect() as conn:
        assert list(conn.scalars(select(schema.audit_events.c.action))) == [Action.SECRET_SET.value]
        assert list(conn.scalars(select(schema.outbox.c.topic))) == [Topic.NOTICE.value]


def test_a_code_sets_one_secret(stand: Stand) -> None:
    stand.port.set_secret(setting(stand))
    with pytest.raises(CodeRefused):
        stand.port.set_secret(setting(stand, secret="hash 2"))
    found = stand.port.by_identifier("camille.martin")
    assert found is not None
    assert found.secret == "hash 1"


def test_of_twenty_who_use_a_code_at_once_one_sets_the_secret(stand: Stand) -> None:
    def use(number: int) -> bool:
        try:
            stand.port.set_secret(setting(stand, secret=f"hash {number}", names=(f"name {number}",)))
        except CodeRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use, range(20))) == 1
    with stand.engine.connect() as conn:
        assert len(conn.execute(select(schema.credentials)).fetchall()) == 1


@pytest.mark.parametrize("spoilt", [{"expires_at": LATER}, {"ended_at": NOW}, {"used_at": NOW}])
def test_an_old_ended_or_used_code_sets_nothing(stand: Stand, spoilt: dict[str, object]) -> None:
    with stand.engine.begin() as conn:
        conn.execute(update(schema.codes).values(**spoilt))
    with pytest.raises(CodeRefused):
        stand.port.set_secret(setting(stand))
    assert stand.port.by_identifier("camille.martin") is None


def test_anothers_code_sets_nothing_for_oneself(stand: Stand) -> None:
    stranger = b.add_person(stand.engine)
    with pytest.raises(CodeRefused):
        stand.port.set_secret(replace(setting(stand), person_id=stranger))
    with pytest.raises(CodeRefused):
        stand.port.set_secret(replace(setting(stand), person_id="prs_nobody"))


def test_a_code_of_a_person_who_was_merged_is_good_for_whom_they_are_now(stand: Stand) -> None:
    kept = b.add_person(stand.engine)
    with stand.engine.begin() as conn:
        conn.execute(update(schema.persons).where(schema.persons.c.id == stand.person).values(merged_into=kept))
    stand.port.set_secret(replace(setting(stand), person_id=kept))
    with stand.engine.connect() as conn:
        assert conn.scalar(select(schema.accounts.c.person_id)) == kept


def test_a_second_secret_keeps_account_and_identifier_and_ends_the_first(stand: Stand) -> None:
    first = stand.port.set_secret(setting(stand))
    again = replace(stand, code=give_code(stand.engine, stand.person, "CD34"))
    second = stand.port.set_secret(setting(again, secret="hash 2", names=("another",)))
    assert second == first
    assert [each.secret for each in stand.port.of_account(first.account_id, EVERY)] == ["hash 2"]


def test_a_taken_identifier_gives_way_to_the_next(stand: Stand) -> None:
    stand.port.set_secret(setting(stand))
    other = b.add_person(stand.engine)
    second = replace(stand, person=other, code=give_code(stand.engine, other, "CD34"))
    account = stand.port.set_secret(setting(second, names=("camille.martin", "camille.martin2")))
    assert account.identifier == "camille.martin2"


def test_sessions_codes_passkeys_and_contacts_of_before_end_with_it(stand: Stand) -> None:
    """LR-04: whoever was in before, by whatever way, has none left."""
    first = stand.port.set_secret(setting(stand))
    ent = b.add_account(stand.engine, stand.person)
    sid = b.add_session(stand.engine, stand.person, ent)
    b.add_grant(stand.engine, stand.person, sid)
    passkey = Credential("crd_p", first.account_id, CredentialKind.PASSKEY, "key", NOW, public_id="p")
    totp = Credential("crd_t", first.account_id, CredentialKind.TOTP, "seed", NOW)
    event = AuditEvent("ville", NOW, Action.FACTOR_ADDED, "x")
    told = AccessNotice(stand.person, NoticeKind.FACTOR_ADDED, NOW)
    for factor in (passkey, totp):
        assert stand.port.change_factor(ChangeFactor(first.account_id, NOW, event, told, added=factor))
    hold_contact(stand, "cnt_held", holds_until=LATER + timedelta(hours=1))
    hold_contact(stand, "cnt_in_force", holds_until=NOW)
    again = replace(stand, code=give_code(stand.engine, stand.person, "CD34"))
    window = give_window(stand)
    stand.port.set_secret(setting(again, secret="hash 2"))
    kinds = {each.kind for each in stand.port.of_account(first.account_id, EVERY)}
    assert kinds == {CredentialKind.PASSPHRASE, CredentialKind.TOTP}
    with stand.engine.connect() as conn:
        assert conn.scalar(select(schema.sessions.c.revoked_at)) == LATER
        assert conn.scalar(select(schema.grants.c.revoked_at)) == LATER
        assert conn.scalar(select(schema.codes.c.ended_at).where(schema.codes.c.id == window)) == LATER
        assert set(conn.scalars(select(schema.contacts.c.until))) == {LATER + STILL_TOLD}
        assert Topic.SESSIONS_CHANGED.value in set(conn.scalars(select(schema.outbox.c.topic)))


def give_window(stand: Stand) -> str:
    code = Code("cod_w", CodeKind.WINDOW, stand.person, "", "", NOW, LATER + timedelta(minutes=9), 0, 3)
    SqlCodes(stand.engine).issue(IssueCodes((code,), "cli:test", "", (), ()))
    return code.code_id


def hold_contact(stand: Stand, contact_id: str, *, holds_until: object) -> None:
    with stand.engine.begin() as conn:
        conn.execute(
            insert(schema.contacts).values(
                id=contact_id, person_id=stand.person, kind="mobile", value="+33600000000", actor="x", asked_at=NOW,
                holds_until=holds_until,
            )
        )  # fmt: skip


def test_another_persons_sessions_and_secrets_stay(stand: Stand) -> None:
    other = b.add_person(stand.engine)
    b.add_session(stand.engine, other, b.add_account(stand.engine, other))
    second = replace(stand, person=other, code=give_code(stand.engine, other, "CD34"))
    stand.port.set_secret(setting(second, names=("other",)))
    with stand.engine.begin() as conn:
        conn.execute(update(schema.sessions).values(revoked_at=None))
    stand.port.set_secret(setting(stand))
    with stand.engine.connect() as conn:
        assert conn.scalar(select(schema.sessions.c.revoked_at)) is None
    assert stand.port.by_identifier("other") is not None


def test_a_closed_access_takes_no_secret_and_its_code_is_not_used_up(stand: Stand) -> None:
    SqlStandings(stand.engine).set(suspending(StandingKind.PERSON, stand.person, state=StandingState.SUSPENDED))
    with pytest.raises(PersonSuspended):
        stand.port.set_secret(setting(stand))
    with stand.engine.connect() as conn:
        assert conn.scalar(select(schema.codes.c.used_at)) is None
        assert conn.execute(select(schema.accounts)).fetchall() == []


def test_a_closed_source_takes_no_secret_either(stand: Stand) -> None:
    SqlStandings(stand.engine).set(suspending(StandingKind.SOURCE, "maison"))
    with pytest.raises(PreauError):
        stand.port.set_secret(setting(stand))


# ---- factors -----------------------------------------------------------------------------------------------------


def factor(stand: Stand, credential: Credential | None = None, *, ended: str = "") -> ChangeFactor:
    event = AuditEvent("ville", NOW, Action.FACTOR_ADDED, "x")
    told = AccessNotice(stand.person, NoticeKind.FACTOR_ADDED, NOW)
    return ChangeFactor(account_of(stand), NOW, event, told, added=credential, ended=ended)


def account_of(stand: Stand) -> str:
    with stand.engine.connect() as conn:
        return str(conn.scalar(select(schema.accounts.c.id)))


def test_a_passkey_is_found_by_its_id_until_it_is_ended(stand: Stand) -> None:
    account = stand.port.set_secret(setting(stand)).account_id
    key = Credential("crd_p", account, CredentialKind.PASSKEY, "key", NOW, public_id="p", label="Téléphone")
    assert stand.port.change_factor(factor(stand, key))
    assert not stand.port.change_factor(factor(stand, replace(key, credential_id="crd_q")))
    assert stand.port.by_public_id("p") == key
    assert stand.port.change_factor(factor(stand, ended="crd_p"))
    assert not stand.port.change_factor(factor(stand, ended="crd_p"))
    assert stand.port.by_public_id("p") is None


def test_a_code_of_an_application_is_used_once(stand: Stand) -> None:
    account = stand.port.set_secret(setting(stand)).account_id
    stand.port.change_factor(factor(stand, Credential("crd_t", account, CredentialKind.TOTP, "seed", NOW)))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: stand.port.used("crd_t", counter=7, now=NOW), range(12))) == 1
    assert not stand.port.used("crd_t", counter=6, now=NOW)
    assert stand.port.used("crd_t", counter=8, now=NOW)
    assert not stand.port.used("crd_unknown", counter=1, now=NOW)


def test_a_passkey_that_never_counts_is_no_repetition_of_itself(stand: Stand) -> None:
    account = stand.port.set_secret(setting(stand)).account_id
    stand.port.change_factor(
        factor(stand, Credential("crd_p", account, CredentialKind.PASSKEY, "k", NOW, public_id="p"))
    )
    stand.port.change_factor(factor(stand, Credential("crd_t", account, CredentialKind.TOTP, "seed", NOW)))
    assert [stand.port.used("crd_p", counter=0, now=NOW) for _ in range(2)] == [True, True]
    assert not stand.port.used("crd_t", counter=0, now=NOW)


def test_costlier_parameters_replace_the_hash_unless_the_secret_changed_meanwhile(stand: Stand) -> None:
    account = stand.port.set_secret(setting(stand)).account_id
    (kept,) = stand.port.of_account(account, PASSPHRASE)
    stand.port.rehash(kept.credential_id, was="hash 0", secret="stale")
    assert stand.port.of_account(account, PASSPHRASE) == (kept,)
    stand.port.rehash(kept.credential_id, was="hash 1", secret="costlier")
    assert [each.secret for each in stand.port.of_account(account, PASSPHRASE)] == ["costlier"]
