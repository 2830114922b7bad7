"""The port `Grants` on every database: subjects for ever, codes at most once, tokens as live as their session."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from broker.domain.acts import IssueCode, Redeem, RevokeGrant
from broker.domain.audit import Action, AuditEvent, Topic
from broker.domain.handles import digest
from broker.domain.identity import AuthnContext
from broker.domain.logouts import Logout, logout_named
from broker.domain.people import RecordKind, Space
from broker.domain.sessions import AccessToken, CodePayload, Grant, Offline, Redeemable
from broker.storage.schema import access_tokens, audit_events, consumptions, grants, records, sessions, subjects
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_outbox import SqlOutbox
from tests import builders as b
from tests.contract.statements import statements

NOW = b.NOW
CODE, TOKEN, REFRESH = digest("code"), digest("token"), digest("refresh")


@pytest.fixture
def port(sql_engine: Engine) -> SqlGrants:
    return SqlGrants(sql_engine)


@pytest.fixture
def payload(sql_engine: Engine) -> CodePayload:
    """What a code of a live session stands for."""
    with sql_engine.begin() as conn:
        person = b.add_person(conn)
        sid = b.add_session(conn, person, b.add_account(conn, person))
    return CodePayload(
        grant=Grant(grant_id="grt_1", person_id=person, client_id="cantine", sid=sid, scope=("openid", "profile")),
        redirect_uri="https://cantine.example/cb",
        code_challenge="c" * 43,
        nonce="n-1",
        subject="5" * 32,
        authn=AuthnContext(acr="eidas1", amr=("pwd", "otp"), auth_time=b.BEFORE, authority="ent1"),
        claims=("name", "children"),
        expires_at=NOW + timedelta(seconds=60),
    )


def event(action: Action, at: datetime = NOW) -> AuditEvent:
    return AuditEvent(tenant="99", at=at, action=action, actor="prs_x", subject="grt_1", detail={"client": "cantine"})


def issue(payload: CodePayload) -> IssueCode:
    return IssueCode(CODE, payload, (event(Action.CODE_ISSUED),))


def redeem(payload: CodePayload, *, token: str = TOKEN, now: datetime = NOW) -> Redeem:
    return Redeem(
        Redeemable.CODE, CODE, payload.grant.client_id, token, now + timedelta(minutes=5), REFRESH, now,
        (event(Action.CODE_REDEEMED, now),),
    )  # fmt: skip


def revoke(payload: CodePayload, *, why: str = "code_reused", now: datetime = NOW) -> RevokeGrant:
    return RevokeGrant(payload.grant.grant_id, why, now, (event(Action.CODE_REUSED),))


def actions(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        return list(conn.execute(select(audit_events.c.action).order_by(audit_events.c.id)).scalars())


# ---- codes -------------------------------------------------------------------------------------------------------


def test_a_code_is_read_back_as_it_was_issued(port: SqlGrants, payload: CodePayload) -> None:
    assert port.redeemable(Redeemable.CODE, CODE) is None
    port.issue_code(issue(payload))
    assert port.redeemable(Redeemable.CODE, CODE) == payload
    assert port.redeemable(Redeemable.CODE, digest("another")) is None


@pytest.mark.spec("RFC 6749 §4.1.2")
def test_a_code_is_redeemed_once(sql_engine: Engine, port: SqlGrants, payload: CodePayload) -> None:
    port.issue_code(issue(payload))
    assert port.redeem(redeem(payload))
    assert not port.redeem(redeem(payload, token=digest("second")))
    used = port.redeemable(Redeemable.CODE, CODE)
    assert used is not None
    assert used.used_at == NOW
    assert actions(sql_engine) == ["code_issued", "code_redeemed"]
    assert port.token(digest("second"), now=NOW) is None


def test_the_audit_event_is_written_whole(sql_engine: Engine, port: SqlGrants, payload: CodePayload) -> None:
    port.issue_code(issue(payload))
    port.redeem(redeem(payload))
    with sql_engine.connect() as conn:
        for row in conn.execute(select(audit_events)):
            assert (row.tenant, row.at, row.actor, row.subject) == ("99", NOW, "prs_x", "grt_1")
            assert (row.outcome, row.trace, row.detail) == ("done", "", {"client": "cantine"})


def test_an_expired_code_is_refused_from_its_very_last_instant(port: SqlGrants, payload: CodePayload) -> None:
    port.issue_code(issue(payload))
    assert not port.redeem(redeem(payload, now=payload.expires_at))
    assert port.redeem(redeem(payload, now=payload.expires_at - timedelta(microseconds=1)))


def test_an_unknown_code_and_another_kind_of_consumption_are_refused(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    assert not port.redeem(redeem(payload))
    port.issue_code(issue(payload))
    with sql_engine.begin() as conn:
        conn.execute(update(consumptions).values(kind="answer"))
    assert not port.redeem(redeem(payload))
    assert port.redeemable(Redeemable.CODE, CODE) is None


def _revoked_grant(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(update(grants).values(revoked_at=NOW))


def _revoked_session(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(update(sessions).values(revoked_at=NOW))


def _idle_session(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(update(sessions).values(idle_until=NOW))


def _ended_session(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(update(sessions).values(ends_at=NOW))


def _session_of_another(engine: Engine) -> None:
    """What an undo does: the session goes back to whom it belongs."""
    with engine.begin() as conn:
        conn.execute(update(sessions).values(person_id=b.add_person(conn)))


ENDS = [_revoked_grant, _revoked_session, _idle_session, _ended_session, _session_of_another]


@pytest.mark.parametrize("end", ENDS[1:])
def test_no_code_is_issued_on_a_session_that_is_over_or_another_person_s(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload, end: Callable[[Engine], None]
) -> None:
    assert port.issue_code(issue(payload))
    end(sql_engine)
    again = replace(payload, grant=replace(payload.grant, grant_id="grt_2"))
    assert not port.issue_code(replace(issue(again), code_digest=digest("code 2")))
    assert port.redeemable(Redeemable.CODE, digest("code 2")) is None
    with sql_engine.connect() as conn:
        assert conn.execute(select(grants.c.id)).scalars().all() == ["grt_1"]
    assert actions(sql_engine) == ["code_issued"]


@pytest.mark.parametrize("end", ENDS)
def test_a_code_dies_with_its_grant_and_session(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload, end: Callable[[Engine], None]
) -> None:
    port.issue_code(issue(payload))
    end(sql_engine)
    assert not port.redeem(redeem(payload))
    assert actions(sql_engine) == ["code_issued"]


@pytest.mark.parametrize("end", ENDS)
def test_a_token_dies_with_its_grant_and_session(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload, end: Callable[[Engine], None]
) -> None:
    port.issue_code(issue(payload))
    port.redeem(redeem(payload))
    token = port.token(TOKEN, now=NOW)
    assert token == AccessToken(payload.grant, payload.subject, payload.claims, NOW + timedelta(minutes=5))
    end(sql_engine)
    assert port.token(TOKEN, now=NOW) is None


def test_a_token_lives_until_it_expires(port: SqlGrants, payload: CodePayload) -> None:
    port.issue_code(issue(payload))
    port.redeem(redeem(payload))
    assert port.token(TOKEN, now=NOW + timedelta(minutes=5, microseconds=-1)) is not None
    assert port.token(TOKEN, now=NOW + timedelta(minutes=5)) is None
    assert port.token(digest("other"), now=NOW) is None


def test_thirty_two_redemptions_at_once_yield_one_token(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    port.issue_code(issue(payload))
    acts = [redeem(payload, token=digest(f"token {n}")) for n in range(32)]
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(port.redeem, acts))
    assert sum(won is not None for won in results) == 1
    with sql_engine.connect() as conn:
        stored = conn.execute(select(access_tokens.c.digest)).scalars().all()
        assert stored == [act.access_digest for act, won in zip(acts, results, strict=True) if won]
    assert actions(sql_engine) == ["code_issued", "code_redeemed"]


# ---- revocation --------------------------------------------------------------------------------------------------


def test_a_revocation_kills_the_token(sql_engine: Engine, port: SqlGrants, payload: CodePayload) -> None:
    port.issue_code(issue(payload))
    port.redeem(redeem(payload))
    port.revoke(revoke(payload))
    assert port.token(TOKEN, now=NOW) is None


def test_a_second_revocation_keeps_the_first_reason_and_is_audited(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    port.issue_code(issue(payload))
    port.revoke(revoke(payload))
    port.revoke(revoke(payload, why="later", now=NOW + timedelta(seconds=9)))
    with sql_engine.connect() as conn:
        assert conn.execute(select(grants.c.revoked_why, grants.c.revoked_at)).one() == ("code_reused", NOW)
    assert actions(sql_engine) == ["code_issued", "code_reused", "code_reused"]


# ---- subjects ----------------------------------------------------------------------------------------------------


def test_a_subject_is_kept_for_ever_and_differs_by_sector_and_space(sql_engine: Engine, port: SqlGrants) -> None:
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    first = port.subject(person, sector="cantine", space=Space.FAMILY, now=NOW)
    assert port.subject(person, sector="cantine", space=Space.FAMILY, now=NOW + timedelta(days=4000)) == first
    others = {
        port.subject(person, sector="cantine", space=Space.STAFF, now=NOW),
        port.subject(person, sector="pronote", space=Space.FAMILY, now=NOW),
        port.subject(other, sector="cantine", space=Space.FAMILY, now=NOW),
    }
    assert len(others | {first}) == 4


def test_a_retired_subject_is_never_given_again(sql_engine: Engine, port: SqlGrants) -> None:
    person = b.add_person(sql_engine)
    retired = b.add_subject(sql_engine, person, retired_at=NOW)
    assert port.subject(person, sector="cantine", space=Space.FAMILY, now=NOW) != retired


def test_a_subject_asked_for_a_merged_person_is_the_living_one_s(sql_engine: Engine, port: SqlGrants) -> None:
    living = b.add_person(sql_engine)
    merged = b.add_person(sql_engine, merged_into=living)
    assert port.subject(merged, sector="cantine", space=Space.FAMILY, now=NOW) == port.subject(
        living, sector="cantine", space=Space.FAMILY, now=NOW
    )


def test_nobody_has_no_subject(port: SqlGrants) -> None:
    with pytest.raises(LookupError):
        port.subject("prs_nobody", sector="cantine", space=Space.FAMILY, now=NOW)


def test_first_releases_at_once_draw_one_subject(sql_engine: Engine, port: SqlGrants) -> None:
    person = b.add_person(sql_engine)

    def ask(_: int) -> str:
        return port.subject(person, sector="cantine", space=Space.FAMILY, now=NOW)

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    with sql_engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(subjects)).scalar() == 1


# ---- what the hot acts cost --------------------------------------------------------------------------------------


def test_hot_acts_are_one_autocommit_statement_on_postgresql(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    costs = []
    for act in (
        lambda: port.issue_code(issue(payload)),
        lambda: port.redeemable(Redeemable.CODE, CODE),
        lambda: port.redeem(redeem(payload)),
        lambda: port.token(TOKEN, now=NOW),
    ):
        with statements(sql_engine) as seen:
            act()
        costs.append([alone for _, alone in seen])
    one = [True]
    if sql_engine.dialect.name == "postgresql":
        assert costs == [one, one, one, one]
    else:
        assert (costs[1], costs[3]) == (one, one)
        assert [costs[0][0], costs[2][0]] == [True, True]  # BEGIN IMMEDIATE, then the steps inside it
        assert (costs[0][1:], costs[2][1:]) == ([False] * 3, [False] * 4)


def test_a_known_subject_costs_one_autocommit_statement(sql_engine: Engine, port: SqlGrants) -> None:
    person = b.add_person(sql_engine)
    port.subject(person, sector="cantine", space=Space.FAMILY, now=NOW)
    with statements(sql_engine) as seen:
        port.subject(person, sector="cantine", space=Space.FAMILY, now=NOW)
    assert [alone for _, alone in seen] == [True]


def test_an_act_without_its_audit_event_is_not_written(port: SqlGrants, payload: CodePayload) -> None:
    with pytest.raises(IndexError):
        port.issue_code(replace(issue(payload), audit=()))
    assert port.redeemable(Redeemable.CODE, CODE) is None


# ---- refresh families --------------------------------------------------------------------------------------------

FAMILY = Offline(timedelta(hours=12), NOW + timedelta(days=30))


def refresh(shown: str, following: str, *, now: datetime = NOW, client_id: str = "cantine") -> Redeem:
    return Redeem(
        Redeemable.REFRESH, digest(shown), client_id, digest(f"token of {following}"), now + timedelta(minutes=5),
        digest(following), now, (event(Action.TOKEN_REFRESHED, now),),
    )  # fmt: skip


@pytest.fixture
def family(sql_engine: Engine, port: SqlGrants, payload: CodePayload) -> CodePayload:
    """A grant that is good offline, its code redeemed: the first refresh token is `refresh`."""
    with sql_engine.begin() as conn:
        b.attach(conn, b.add_record(conn, "k1", RecordKind.GUARDIAN), payload.grant.person_id)
    offline = replace(payload, offline=FAMILY)
    port.issue_code(issue(offline))
    assert port.redeem(redeem(offline)) is not None
    return offline


def test_a_code_yields_a_refresh_token_only_where_the_grant_is_good_offline(
    port: SqlGrants, payload: CodePayload
) -> None:
    port.issue_code(issue(payload))
    port.redeem(redeem(payload))
    assert port.redeemable(Redeemable.REFRESH, REFRESH) is None


@pytest.mark.spec("RFC 9700 §4.14.2")
def test_a_refresh_token_is_redeemed_once_and_stands_for_what_the_code_stood_for(
    sql_engine: Engine, port: SqlGrants, family: CodePayload
) -> None:
    stands_for = replace(family, expires_at=NOW + FAMILY.idle)
    assert port.redeem(refresh("refresh", "second")) == stands_for
    assert port.redeem(refresh("refresh", "third")) is None
    assert port.token(digest("token of second"), now=NOW) is not None
    assert port.token(digest("token of third"), now=NOW) is None
    assert port.redeem(refresh("second", "fourth")) == stands_for
    assert actions(sql_engine)[2:] == ["token_refreshed", "token_refreshed"]


def test_a_refresh_token_is_its_own_client_s_and_no_code(port: SqlGrants, family: CodePayload) -> None:
    assert port.redeem(refresh("refresh", "x", client_id="bourses")) is None
    assert port.redeem(replace(refresh("refresh", "x"), kind=Redeemable.CODE)) is None
    assert port.redeem(refresh("refresh", "x")) is not None


def test_a_refresh_token_ends_by_idleness_and_its_family_in_the_end(port: SqlGrants, family: CodePayload) -> None:
    assert port.redeem(refresh("refresh", "x", now=NOW + FAMILY.idle)) is None
    late = FAMILY.until - timedelta(hours=1)
    shown, at = "refresh", NOW
    while at < late:
        at = min(at + timedelta(hours=11), late)
        assert port.redeem(refresh(shown, f"at {at}", now=at)) is not None
        shown = f"at {at}"
    last = port.redeemable(Redeemable.REFRESH, digest(shown))
    assert last is not None
    assert last.expires_at == FAMILY.until
    assert port.redeem(refresh(shown, "x", now=FAMILY.until)) is None


@pytest.mark.parametrize("end", [_idle_session, _ended_session])
def test_a_family_outlives_the_idleness_of_its_session(
    sql_engine: Engine, port: SqlGrants, family: CodePayload, end: Callable[[Engine], None]
) -> None:
    end(sql_engine)
    assert port.token(TOKEN, now=NOW) is not None
    assert port.redeem(refresh("refresh", "x")) is not None


def _retired_person(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(update(records).values(retired_at=NOW))


@pytest.mark.parametrize("end", [_revoked_grant, _revoked_session, _session_of_another, _retired_person])
def test_a_family_dies_with_its_grant_its_session_s_sign_out_and_its_person(
    sql_engine: Engine, port: SqlGrants, family: CodePayload, end: Callable[[Engine], None]
) -> None:
    end(sql_engine)
    assert port.redeem(refresh("refresh", "x")) is None


def test_thirty_two_refreshes_at_once_yield_one_token(sql_engine: Engine, port: SqlGrants, family: CodePayload) -> None:
    acts = [refresh("refresh", f"n{n}") for n in range(32)]
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(port.redeem, acts))
    won = [act for act, result in zip(acts, results, strict=True) if result is not None]
    assert len(won) == 1
    with sql_engine.connect() as conn:
        of_refresh = conn.execute(select(consumptions.c.digest).where(consumptions.c.kind == "refresh")).scalars()
        assert set(of_refresh) == {REFRESH, won[0].refresh_digest}


def test_a_refresh_is_one_autocommit_statement_on_postgresql(
    sql_engine: Engine, port: SqlGrants, family: CodePayload
) -> None:
    with statements(sql_engine) as seen:
        assert port.redeem(refresh("refresh", "x")) is not None
    if sql_engine.dialect.name == "postgresql":
        assert [alone for _, alone in seen] == [True]


# ---- another school ----------------------------------------------------------------------------------------------


def of_school(payload: CodePayload, number: int, school: str, **changes: str) -> IssueCode:
    """A code of the same client and session for a school."""
    granted = replace(payload.grant, grant_id=f"grt_{number}", school=school, **changes)
    return replace(issue(replace(payload, grant=granted)), code_digest=digest(f"code {number}"))


def logouts(engine: Engine) -> list[Logout]:
    return [logout_named(entry.row) for entry in SqlOutbox(engine).due(now=NOW, limit=99, topics=(Topic.LOGOUT,))]


def test_a_code_for_another_school_ends_what_the_client_has_of_the_first(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    assert port.issue_code(of_school(payload, 1, "0990001A"))
    claimed = replace(redeem(payload), digest=digest("code 1"))
    assert port.redeem(claimed)
    token = port.token(TOKEN, now=NOW)
    assert token is not None
    assert token.grant.school == "0990001A"
    assert port.issue_code(of_school(payload, 2, "0990001A"))
    assert port.issue_code(of_school(payload, 3, "", client_id="bourses"))
    assert port.token(TOKEN, now=NOW), "the same school, and another client, leave it alone"
    assert port.issue_code(of_school(payload, 4, "0990002Y"))
    assert port.token(TOKEN, now=NOW) is None
    gone = Logout(payload.grant.sid, "cantine", payload.subject, school="0990001A", goes_on=True)
    assert logouts(sql_engine) == [gone], "told once of two grants"
    assert actions(sql_engine).count("school_changed") == 1
    kept = port.redeemable(Redeemable.CODE, digest("code 4"))
    assert kept is not None
    assert kept.grant.school == "0990002Y"


def test_a_code_for_a_school_is_not_issued_from_an_old_portrait(
    sql_engine: Engine, port: SqlGrants, payload: CodePayload
) -> None:
    if sql_engine.dialect.name != "postgresql":
        return
    assert port.issue_code(of_school(payload, 1, "0990001A"))
    assert not port.issue_code(replace(of_school(payload, 2, "0990002Y"), mark="another"))
    assert logouts(sql_engine) == []
