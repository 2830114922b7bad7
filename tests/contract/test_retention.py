"""Each rule of the purge at its edge: kept to the instant, gone just after it, and nothing else gone with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, Table, func, insert, select, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.people import AttachmentState, RecordKind
from broker.storage import schema
from broker.storage.engine import reading, writing
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_purge import RULES, SqlPurge
from broker.storage.sql_sessions import SqlSessions
from broker.storage.trail import insert_audit
from policies.retention import Retention
from tests import builders as b
from tests.contract.acts import opening, proof, undoing
from tests.retention import shipped_spans

OVER = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
Counts = Mapping[str, int]
Planted = Mapping[str, int]
"""How many rows of each table are to go."""


def plant_session(engine: Engine) -> Planted:
    """A session that is over, what was granted in it, and one that ends a second later."""
    person = b.add_person(engine)
    account = b.add_account(engine, person)
    for ends_at in (OVER, OVER + timedelta(days=400)):
        sid = b.add_session(engine, person, account, ends_at=ends_at)
        grant = b.add_grant(engine, person, sid)
        with writing(engine) as conn:
            conn.execute(
                insert(schema.access_tokens).values(digest=grant, grant_id=grant, issued_at=OVER, expires_at=ends_at)
            )
    return {"sessions": 1, "grants": 1, "access_tokens": 1}


def plant_release(engine: Engine) -> Planted:
    person = b.add_person(engine)
    with writing(engine) as conn:
        for day in (OVER.date(), OVER.date() + timedelta(days=1)):
            row = {"person_id": person, "service_id": "cantine", "day": day, "claims_digest": "d", "claims": ["sub"]}
            conn.execute(insert(schema.releases).values(first_at=OVER, **row))
    return {"releases": 1}


def plant_guesses(engine: Engine) -> Planted:
    with writing(engine) as conn:
        for key, ends_at in (("a", OVER), ("b", OVER + timedelta(days=400))):
            row = {"key": key, "tries": 1, "began_at": OVER, "open_at": OVER, "ends_at": ends_at}
            conn.execute(insert(schema.guesses).values(**row))
    return {"guesses": 1}


def add_run(engine: Engine, name: str, state: str, **more: object) -> None:
    row = {"id": name, "feed": "99-2d", "tenant": "t", "academie": "99", "complete": True, "checksum": name, **more}
    with writing(engine) as conn:
        conn.execute(insert(schema.imports).values(state=state, **{"started_at": OVER, **row}))


def add_staged(engine: Engine, run: str) -> None:
    row = {"key": "1", "kind": "pupil", "op": "add", "content_hash": "", "relations": 0, "payload": "{}"}
    with writing(engine) as conn:
        conn.execute(insert(schema.staged_rows).values(import_id=run, phase=1, seq=1, **row))


def plant_held_run(engine: Engine) -> Planted:
    """A delivery nobody confirmed; beside it one at work, one that is being applied, and one that came later."""
    add_run(engine, "held", "held")
    add_run(engine, "busy", "staging", holder="h", lease_until=OVER + timedelta(days=1000))
    add_run(engine, "applying", "applying")
    add_run(engine, "younger", "held", started_at=OVER + timedelta(days=400))
    for run in ("held", "busy", "applying", "younger"):
        add_staged(engine, run)
    return {"staged_rows": 1}


def plant_killed_rehearsal(engine: Engine) -> Planted:
    add_run(engine, "rehearsal", "rehearsal", holder="h", lease_until=OVER)
    add_staged(engine, "rehearsal")
    return {"staged_rows": 1}


def plant_faults(engine: Engine) -> Planted:
    """Faults of a run that ended; those of one that waits for its confirmation stay."""
    add_run(engine, "done", "done", started_at=OVER - timedelta(hours=1), finished_at=OVER)
    add_run(engine, "waiting", "applying")
    with writing(engine) as conn:
        for run in ("done", "waiting"):
            row = {"file": "f", "line": 1, "reason": "r", "warning": False}
            conn.execute(insert(schema.import_faults).values(import_id=run, **row))
    return {"import_faults": 1}


def add_finding(engine: Engine, record: str, closed_at: datetime | None) -> None:
    row = {"uai": "0990001A", "feed": "99-2d", "record_id": record, "finding": "class_missing", "other": ""}
    with writing(engine) as conn:
        seen = {"first_seen": OVER, "first_seen_in": "imp_1", "last_seen": OVER}
        conn.execute(insert(schema.quality_findings).values(closed_at=closed_at, **row, **seen))


def plant_mended_finding(engine: Engine) -> Planted:
    """A finding that was mended; another of the same record is open again."""
    add_finding(engine, "99-2d:1", OVER)
    add_finding(engine, "99-2d:1", None)
    return {"quality_findings": 1}


def plant_past_facts(engine: Engine) -> Planted:
    """A relation, a place and a post that ended; the same ones stand again."""
    b.add_school(engine)
    _, adult = b.add_guardian(engine, "1")
    _, child = b.add_pupil(engine, "2")
    _, teacher = b.add_staff(engine, "3")
    for since, until in ((OVER - timedelta(days=9), OVER), (OVER, None)):
        b.add_guardianship(engine, adult, child, since=since, until=until)
        b.enrol(engine, child, since=since, until=until)
    b.add_post(engine, teacher, until=OVER)
    b.add_post(engine, teacher, function="DIR")
    return {"guardianships": 1, "enrolments": 1, "staff_posts": 1}


def plant_lifted_restriction(engine: Engine) -> Planted:
    _, adult = b.add_guardian(engine, "1")
    _, child = b.add_pupil(engine, "2")
    b.add_restriction(engine, adult, child, since=OVER - timedelta(days=9), until=OVER)
    b.add_restriction(engine, adult, child)
    return {"restrictions": 1}


def plant_retired_record(engine: Engine) -> Planted:
    """A pupil who left, with all that hangs on the record; beside it a live one, and one that a restriction names."""
    b.add_school(engine)
    _, adult = b.add_guardian(engine, "1")
    _, gone = b.add_pupil(engine, "2")
    _, stays = b.add_pupil(engine, "3")
    _, restricted = b.add_pupil(engine, "4")
    other = b.add_person(engine)
    b.attach(engine, gone, other, state=AttachmentState.PROPOSED)
    for child in (gone, stays, restricted):
        b.add_guardianship(engine, adult, child)
        b.enrol(engine, child)
        add_finding(engine, child, None)
    b.add_restriction(engine, adult, restricted)
    with writing(engine) as conn:
        retired = update(schema.records).where(schema.records.c.id.in_([gone, restricted]))
        conn.execute(retired.values(retired_at=OVER))
    return {"records": 1, "attachments": 2, "guardianships": 1, "enrolments": 1, "quality_findings": 1}


def plant_lifted_standing(engine: Engine) -> Planted:
    with writing(engine) as conn:
        for until in (OVER, None):
            row = {"kind": "service", "subject": "cantine", "state": "suspended", "tenant": "t", "reason": "r"}
            conn.execute(insert(schema.standings).values(since=OVER, until=until, actor="a", **row))
    return {"standings": 1}


def plant_registration(engine: Engine) -> Planted:
    with writing(engine) as conn:
        for client_id, ends_at in (("clt_un", OVER), ("clt_deux", OVER + timedelta(days=400))):
            row = {"client_id": client_id, "tenant": "ville", "token_digest": "d", "metadata": {}}
            at = {"registered_at": OVER, "changed_at": OVER, "expires_at": ends_at}
            conn.execute(insert(schema.registrations).values(**row, **at))
    return {"registrations": 1}


def plant_codes(engine: Engine) -> Planted:
    """A code, and a request to a second agent, that are over, beside those that are not."""
    person = b.add_person(engine)
    account = b.add_account(engine, person)
    with writing(engine) as conn:
        for code_id, expires_at in (("cod_un", OVER), ("cod_deux", OVER + timedelta(days=400))):
            row = {"id": code_id, "kind": "sms", "secret": "s", "person_id": person, "actor": "a", "most_tries": 5}
            conn.execute(insert(schema.codes).values(issued_at=OVER, expires_at=expires_at, **row))
            asked = {"tenant": "t", "act": "lettre", "person_id": person, "given": {}, "proofs": [], "reason": "perdu"}
            asked |= {"uai": "0990001A", "asked_by": person, "asked_account": account, "asked_at": OVER}
            conn.execute(insert(schema.desk_requests).values(id=code_id, expires_at=expires_at, **asked))
    return {"codes": 1, "desk_requests": 1}


def plant_contact_moves(engine: Engine) -> Planted:
    """What a feed and what a person changed, beside what stands: both are known as changes for as long."""
    row = {"record_id": "99-2d:1", "kind": "mobile", "was": "+33639980001", "value": "+33639980002"}
    given = {"person_id": b.add_person(engine), "kind": "mail", "value": "v", "actor": "a", "asked_at": OVER}
    with writing(engine) as conn:
        for at, until in ((OVER, OVER), (OVER + timedelta(days=400), None)):
            conn.execute(insert(schema.contact_moves).values(at=at, holds_until=at + timedelta(hours=72), **row))
            conn.execute(insert(schema.contacts).values(id=str(until), until=until, holds_until=OVER, **given))
    return {"contact_moves": 1, "contacts": 1}


def plant_old_secrets(engine: Engine) -> Planted:
    """A secret and the code of a class that were replaced, beside those that replaced them."""
    b.add_school(engine)
    person = b.add_person(engine)
    account = b.add_account(engine, person)
    with writing(engine) as conn:
        for key, until in (("un", OVER), ("deux", None)):
            secret = {"id": key, "account_id": account, "kind": "passphrase", "secret": "s", "since": OVER}
            young = {"code": key, "uai": "0990001A", "class_code": "CP", "since": OVER}
            conn.execute(insert(schema.credentials).values(until=until, **secret))
            conn.execute(insert(schema.class_codes).values(until=until, **young))
    return {"credentials": 1, "class_codes": 1}


def plant_notices(engine: Engine) -> Planted:
    person = b.add_person(engine)
    with writing(engine) as conn:
        for at in (OVER, OVER + timedelta(days=400)):
            conn.execute(insert(schema.notices).values(person_id=person, kind="secret_set", at=at, told={}))
    return {"notices": 1}


def plant_login_faults(engine: Engine) -> Planted:
    with writing(engine) as conn:
        for trace, at in (("000-0000-001", OVER), ("000-0000-002", OVER + timedelta(days=400))):
            row = {"code": "PRE-2001", "cause": "c", "path": "/", "person_id": "", "source_id": "", "service_id": ""}
            conn.execute(insert(schema.login_faults).values(trace=trace, at=at, hops=[], **row))
    return {"login_faults": 1}


def plant_posts(engine: Engine) -> Planted:
    """A post at the desk that was taken away, one whose time is over, one that stands."""
    person = b.add_person(engine)
    account = b.add_account(engine, person)
    ends = {"un": (OVER + timedelta(days=900), OVER), "deux": (OVER, None), "trois": (None, None)}
    with writing(engine) as conn:
        for key, (until, ended_at) in ends.items():
            row = {"id": key, "account_id": account, "profile": "accueil", "origin": "granted", "actor": "a"}
            conn.execute(insert(schema.desk_posts).values(since=OVER, until=until, ended_at=ended_at, **row))
    return {"desk_posts": 2}


def plant_names(engine: Engine) -> Planted:
    """What agents were called: one who came no more, one who came since, one with a post, one whose post is kept."""
    for name, came in (("Ana", OVER), ("Ben", OVER + timedelta(days=400)), ("Cid", OVER), ("Dan", OVER)):
        account = b.add_account(engine, b.add_person(engine), subject=name, linked_at=OVER - timedelta(days=400))
        with writing(engine) as conn:
            named = update(schema.accounts).where(schema.accounts.c.id == account)
            conn.execute(named.values(said_name=name, last_used=came))
            if name in {"Cid", "Dan"}:
                ended_at = OVER if name == "Dan" else None
                row = {"id": name, "account_id": account, "profile": "accueil", "origin": "granted", "actor": "a"}
                conn.execute(insert(schema.desk_posts).values(since=OVER, ended_at=ended_at, **row))
    return {}


EDGES: Mapping[str, tuple[str, Callable[[Engine], Planted]]] = {
    "a session": ("sessions", plant_session),
    "a release": ("releases", plant_release),
    "guesses of a day": ("guesses", plant_guesses),
    "a delivery nobody confirmed": ("unconfirmed_imports", plant_held_run),
    "a rehearsal that was killed": ("unconfirmed_imports", plant_killed_rehearsal),
    "faults of a delivery": ("import_faults", plant_faults),
    "a finding that was mended": ("import_faults", plant_mended_finding),
    "facts that ended": ("past_facts", plant_past_facts),
    "a restriction that was lifted": ("lifted_restrictions", plant_lifted_restriction),
    "a record that is delivered no more": ("retired_records", plant_retired_record),
    "a standing that was lifted": ("lifted_standings", plant_lifted_standing),
    "a client that registered itself": ("registrations", plant_registration),
    "a code": ("codes", plant_codes),
    "secrets that were replaced": ("old_secrets", plant_old_secrets),
    "a notice": ("notices", plant_notices),
    "a number that was changed": ("contact_moves", plant_contact_moves),
    "a login that did not work": ("login_faults", plant_login_faults),
    "posts at the desk": ("past_posts", plant_posts),
    "what an agent was called": ("agent_names", plant_names),
}


def counts(engine: Engine) -> Counts:
    def of(table: Table) -> int:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()

    with reading(engine) as conn:
        return {table.name: of(table) for table in schema.metadata.sorted_tables}


def purge(engine: Engine, now: datetime, *, only: str, limit: int = 100) -> int:
    """One purge in which every other number is out of reach: what goes, goes by this one."""
    spans = dict.fromkeys(shipped_spans(), timedelta(days=5000)) | {only: shipped_spans()[only]}
    return SqlPurge(engine, kept=lambda: spans).purge(now=now, limit=limit)


@pytest.mark.parametrize("edge", EDGES)
def test_what_is_over_is_kept_to_the_instant_and_goes_alone_just_after_it(sql_engine: Engine, edge: str) -> None:
    number, plant = EDGES[edge]
    planted = plant(sql_engine)
    before = counts(sql_engine)
    due = OVER + shipped_spans()[number]
    assert purge(sql_engine, due, only=number) == 0
    assert counts(sql_engine) == before
    after = timedelta(days=1) if edge == "a release" else SECOND
    assert purge(sql_engine, due + after, only=number) > 0
    gone = {name: count - counts(sql_engine)[name] for name, count in before.items()}
    assert {name: count for name, count in gone.items() if count} == planted


def test_an_agent_has_a_name_for_as_long_as_a_post_of_theirs_is_kept(sql_engine: Engine) -> None:
    plant_names(sql_engine)

    def names(days: int) -> set[str]:
        now = OVER + timedelta(days=days) + SECOND
        SqlPurge(sql_engine, kept=shipped_spans).purge(now=now, limit=100)
        with reading(sql_engine) as conn:
            return {name for (name,) in conn.execute(select(schema.accounts.c.said_name)) if name}

    spans = shipped_spans()
    assert names(spans["agent_names"].days) == {"Ben", "Cid", "Dan"}
    assert names(spans["past_posts"].days - 1) == {"Cid", "Dan"}
    assert names(spans["past_posts"].days) == {"Cid"}


def test_a_delivery_nobody_confirmed_can_no_longer_be_applied(sql_engine: Engine) -> None:
    plant_held_run(sql_engine)
    purge(sql_engine, OVER + shipped_spans()["unconfirmed_imports"] + SECOND, only="unconfirmed_imports")
    with reading(sql_engine) as conn:
        states = {row.id: row.state for row in conn.execute(select(schema.imports))}
    assert states == {"held": "superseded", "busy": "staging", "applying": "applying", "younger": "held"}


def test_what_an_undone_merge_moved_is_kept_as_long_for_who_saw_what_is_read_from_it(sql_engine: Engine) -> None:
    survivor, absorbed = b.add_person(sql_engine), b.add_person(sql_engine)
    act = opening(survivor, link=proof(survivor, absorbed, at=OVER), at=OVER)
    SqlSessions(sql_engine, b.HINTS).open(act)
    undo_for = timedelta(days=30)
    SqlLinks(sql_engine, undo_for=undo_for).undo(undoing(act.session.account_id, survivor, at=OVER))
    due = OVER + shipped_spans()["merge_pre_images"]
    assert [purge(sql_engine, now, only="merge_pre_images") for now in (due, due + SECOND)] == [0, 1]


def test_what_is_no_longer_over_under_its_lock_stays(sql_engine: Engine) -> None:
    """Between looking and forgetting it may have been renewed."""
    person = b.add_person(sql_engine)
    sid = b.add_session(sql_engine, person, b.add_account(sql_engine, person), ends_at=OVER)
    (rule,) = (rule for rule in RULES if rule.number == "sessions")
    with writing(sql_engine) as conn:
        for before, still in ((OVER, []), (OVER + SECOND, [(sid,)])):
            assert conn.execute(rule.still([sid]), {"before": before}).fetchall() == still


def test_every_number_has_a_rule_and_every_rule_a_number_and_an_edge() -> None:
    numbers = {field.name for field in fields(Retention)} | {"merge_pre_images"}
    assert {rule.number for rule in RULES} == numbers == set(shipped_spans())
    elsewhere = {"consumptions", "access_tokens", "outbox", "merge_pre_images"}  # in test_purge
    assert {number for number, _ in EDGES.values()} == numbers - elsewhere


def test_a_batch_is_bounded_and_the_next_one_goes_on(sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    for _ in range(5):
        b.add_grant(sql_engine, person, b.add_session(sql_engine, person, account, ends_at=OVER))
    now = OVER + timedelta(days=400)
    assert [purge(sql_engine, now, only="sessions", limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_rule_that_reads_a_table_rests_an_hour_once_it_found_little(sql_engine: Engine) -> None:
    sweeper = SqlPurge(sql_engine, kept=shipped_spans)
    now = OVER + timedelta(days=800)
    assert sweeper.purge(now=now, limit=10) == 0
    plant_past_facts(sql_engine)
    assert sweeper.purge(now=now + timedelta(minutes=59), limit=2) == 0
    taken = [sweeper.purge(now=now + timedelta(hours=1, minutes=n), limit=1) for n in range(3)]
    assert taken == [3, 0, 0]


def test_how_long_things_are_kept_may_change_while_the_purge_runs(sql_engine: Engine) -> None:
    plant_session(sql_engine)
    spans = dict(shipped_spans())
    sweeper = SqlPurge(sql_engine, kept=lambda: spans)
    now = OVER + timedelta(days=200)
    assert sweeper.purge(now=now, limit=10) == 1  # the access token, by its own number
    spans["sessions"] = timedelta(days=180)
    assert sweeper.purge(now=now, limit=10) == 1


def test_a_key_that_comes_back_after_its_record_is_gone_finds_nobody(sql_engine: Engine) -> None:
    """It may have been given to another child: rights, places and persons of the first one are not there any more."""
    plant_retired_record(sql_engine)
    purge(sql_engine, OVER + timedelta(days=731), only="retired_records")
    record = b.add_record(sql_engine, "2", RecordKind.PUPIL, given="Sacha", family="Durand")
    with reading(sql_engine) as conn:
        attached = select(schema.attachments.c.id).where(schema.attachments.c.record_id == record)
        related = select(schema.guardianships.c.since).where(schema.guardianships.c.child_record == record)
        assert [*conn.execute(attached), *conn.execute(related)] == []


def test_the_audit_trail_accounts_subjects_and_persons_are_never_purged(sql_engine: Engine) -> None:
    mother, _ = b.add_family(sql_engine)
    b.add_account(sql_engine, mother)
    b.add_subject(sql_engine, mother)
    event = AuditEvent(tenant="t", at=OVER, action=Action.SIGN_IN, actor="a", subject=mother)
    with writing(sql_engine) as conn:
        insert_audit(conn, [event])
    before = counts(sql_engine)
    SqlPurge(sql_engine, kept=shipped_spans).purge(now=OVER + timedelta(days=9000), limit=100)
    assert counts(sql_engine) == before
