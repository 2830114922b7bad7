"""What an administrator changes while the broker runs: files and standings, in force with the watcher's next look."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.app import Broker, build
from broker.domain.errors import SettingsError, StorageUnavailable
from broker.domain.standings import InForce, StandingKind
from broker.live import Live
from broker.storage.sql_standings import SqlStandings
from policies import PolicyBook
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import Browser, authorize_url, basic, redemption
from tests.whole_app import call, open_app, signed_in


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture
def broker(tmp_path: Path, clock: FakeClock) -> Iterator[Broker]:
    with open_app(tmp_path, clock) as opened:
        yield opened


@pytest.fixture
def mother(broker: Broker, clock: FakeClock) -> Browser:
    return signed_in(broker, clock)


def preau(tmp_path: Path, *words: str) -> int:
    """The command of another process, with a connection of its own."""
    return main([*words, "--config", str(tmp_path / "preau.toml")])


def gets_a_code(broker: Broker, browser: Browser) -> bool:
    return "code" in call(broker, "GET", authorize_url(), browser).told


def test_a_service_suspended_by_another_process_is_refused_everywhere_with_the_next_look(
    broker: Broker, mother: Browser, tmp_path: Path
) -> None:
    code = call(broker, "GET", authorize_url(), mother).told["code"]
    spent = call(broker, "GET", authorize_url(), mother).told["code"]
    token = call(broker, "POST", "/token", form=redemption(spent), headers=basic()).json["access_token"]
    said = [sys.executable, "-m", "broker", "service", "suspend", "cantine", "--reason", "essai"]
    subprocess.run([*said, "--config", str(tmp_path / "preau.toml")], check=True, capture_output=True)
    broker.watcher.look()
    page = call(broker, "GET", authorize_url(), mother)
    assert (page.status, page.location) == (403, "")
    refused = call(broker, "POST", "/token", form=redemption(code), headers=basic())
    assert (refused.status, refused.json["error"]) == (400, "unauthorized_client")
    bearer = {"Authorization": f"Bearer {token}"}
    assert call(broker, "GET", "/userinfo", headers=bearer).json["error"] == "invalid_token"
    assert preau(tmp_path, "service", "resume", "cantine", "--reason", "fini") == 0
    broker.watcher.look()
    assert call(broker, "POST", "/token", form=redemption(code), headers=basic()).status == 200
    assert call(broker, "GET", "/userinfo", headers=bearer).status == 200


def test_until_the_watcher_looked_one_request_never_meets_two_versions(broker: Broker, tmp_path: Path) -> None:
    before = broker.services.current()
    assert preau(tmp_path, "service", "suspend", "cantine", "--reason", "essai") == 0
    assert broker.services.current() is before
    broker.watcher.look()
    assert broker.services.current() is not before
    assert not before.all()[0].is_suspended
    assert broker.services.current().all()[0].is_suspended


def test_a_new_descriptor_is_there_and_a_broken_one_changes_nothing(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = (tmp_path / "services" / "cantine.toml").read_text("utf-8")
    other = text.replace('"cantine"', '"garderie"').replace('alg = "ES256"', 'alg = "RS256"')
    (tmp_path / "services" / "garderie.toml").write_text(other, "utf-8")
    broker.watcher.look()
    assert [service.service_id for service in broker.services.current().all()] == ["cantine", "garderie"]
    (tmp_path / "services" / "garderie.toml").write_text(other.replace("purpose", "porpoise"), "utf-8")
    with caplog.at_level(logging.ERROR, logger="broker.live"):
        broker.watcher.look()
        broker.watcher.look()
    assert [service.service_id for service in broker.services.current().all()] == ["cantine", "garderie"]
    assert len([record for record in caplog.records if "porpoise" in record.getMessage()]) == 1
    (tmp_path / "services" / "garderie.toml").unlink()
    broker.watcher.look()
    assert [service.service_id for service in broker.services.current().all()] == ["cantine"]


def test_a_service_that_begins_to_want_another_algorithm_finds_its_key(
    broker: Broker, mother: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "services" / "cantine.toml"
    file.write_text(file.read_text("utf-8").replace("scopes =", 'signing_alg = "RS256"\nscopes ='), "utf-8")
    broker.watcher.look()
    code = call(broker, "GET", authorize_url(), mother).told["code"]
    assert call(broker, "POST", "/token", form=redemption(code), headers=basic()).status == 200


def test_a_secret_renewed_in_its_file_is_the_one_that_counts(broker: Broker, mother: Browser, tmp_path: Path) -> None:
    file, kept = tmp_path / "services" / "cantine.toml", tmp_path / "services" / "secret"
    kept.write_text("k" * 43, "ascii")
    lines = [line for line in file.read_text("utf-8").splitlines() if "client_secret_sha256" not in line]
    lines.insert(lines.index('client_id = "cantine"'), 'client_secret_file = "secret"')
    file.write_text("\n".join(lines), "utf-8")
    broker.watcher.look()
    kept.write_text("n" * 43, "ascii")
    broker.watcher.look()
    code = call(broker, "GET", authorize_url(), mother).told["code"]
    for secret, status in (("k" * 43, 401), ("n" * 43, 200)):
        shown = basic(secret=secret)
        assert call(broker, "POST", "/token", form=redemption(code), headers=shown).status == status


def faulty(tmp_path: Path) -> Path:
    """A descriptor of somebody else that cannot be read."""
    path = tmp_path / "services" / "autre.toml"
    path.write_text('service_id = "autre\n', "utf-8")
    return path


def test_a_faulty_file_of_anybody_keeps_no_standing_out_of_force(
    broker: Broker, mother: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = faulty(tmp_path)
    broker.watcher.look()
    assert gets_a_code(broker, mother)
    assert preau(tmp_path, "service", "suspend", "cantine", "--reason", "essai") == 0
    broker.watcher.look()
    assert call(broker, "GET", authorize_url(), mother).status == 403
    assert preau(tmp_path, "service", "resume", "cantine", "--reason", "fini") == 0
    broker.watcher.look()
    assert gets_a_code(broker, mother)
    assert preau(tmp_path, "service", "suspend", "autre", "--reason", "essai") == 0
    assert "service autre is taken as written" in capsys.readouterr().err
    bad.write_text((tmp_path / "services" / "cantine.toml").read_text("utf-8").replace('"cantine"', '"autre"'), "utf-8")
    broker.watcher.look()
    other = broker.services.current().by_id("autre")
    assert other is not None
    assert other.is_suspended


def test_while_the_database_is_silent_the_last_known_standings_stay_and_files_are_read(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert preau(tmp_path, "service", "suspend", "cantine", "--reason", "essai") == 0
    broker.watcher.look()

    def silent(_: SqlStandings) -> InForce:
        raise StorageUnavailable("silent")

    monkeypatch.setattr(SqlStandings, "in_force", silent)
    file = tmp_path / "services" / "cantine.toml"
    file.write_text(file.read_text("utf-8").replace("La Cantine", "Le Restaurant"), "utf-8")
    broker.watcher.look()
    (held,) = broker.services.current().all()
    assert (held.names["fr"], held.is_suspended) == ("Le Restaurant", True)
    monkeypatch.undo()
    assert preau(tmp_path, "service", "resume", "cantine", "--reason", "fini") == 0
    broker.watcher.look()
    assert not broker.services.current().all()[0].is_suspended


@pytest.mark.parametrize("kind", ["service", "source", "school", "link", "person"])
def test_what_an_administrator_closes_waits_for_no_other_file_to_be_mended(
    tmp_path: Path, clock: FakeClock, kind: str
) -> None:
    with open_app(tmp_path, clock, more='policies_dir = "policies"\n') as broker:
        mother = signed_in(broker, clock)
        session = broker.federation.session(mother.cookies["__Host-preau-session"])
        assert session is not None
        subjects = {"service": "cantine", "source": "ent1", "school": "0990001A"}
        subject = {**subjects, "link": session.account_id, "person": session.person_id}[kind]
        faulty(tmp_path)
        (tmp_path / "policies" / "access.cedar").write_text("permit (", "utf-8")
        assert preau(tmp_path, kind, "suspend", subject, "--reason", " essai ") == 0
        assert preau(tmp_path, kind, "resume", subject, "--reason", " fini ") == 0
        (row,) = broker.stores.standings.history(StandingKind(kind), subject)
        assert (row.reason, row.until_reason) == ("essai", "fini")
        assert preau(tmp_path, "service", "verify", "cantine", "--reason", "vu") == 1


def test_a_faulty_file_at_the_start_refuses_to_serve(tmp_path: Path, clock: FakeClock) -> None:
    with open_app(tmp_path, clock) as broker:
        settings = broker.settings
    file = tmp_path / "services" / "cantine.toml"
    file.write_text(file.read_text("utf-8").replace('tenant = "ville"', 'tenant = "vile"'), "utf-8")
    faulty(tmp_path)
    with pytest.raises(SettingsError) as refused:
        build(settings, clock=clock)
    assert [problem.partition(":")[0] for problem in refused.value.problems] == ["autre.toml", "cantine.toml"]


def test_one_authorization_reads_the_policies_once(
    broker: Broker, mother: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(broker, "GET", authorize_url(), mother)
    reads: list[str] = []
    inner = type(broker.policies).current

    def counted(live: Live[PolicyBook]) -> PolicyBook:
        if live is broker.policies:
            reads.append("read")
        return inner(live)

    monkeypatch.setattr(Live, "current", counted)
    assert gets_a_code(broker, mother)
    assert len(reads) == 1


@pytest.mark.parametrize("kind", ["source", "link", "person"])
def test_what_is_suspended_from_the_command_line_ends_the_session(
    broker: Broker, mother: Browser, tmp_path: Path, kind: str
) -> None:
    session = broker.federation.session(mother.cookies["__Host-preau-session"])
    assert session is not None
    subject = {"source": "ent1", "link": session.account_id, "person": session.person_id}[kind]
    assert preau(tmp_path, kind, "suspend", subject, "--reason", "essai") == 0
    assert broker.stores.sessions.find(session.handle_digest, now=broker.clock()) is None
    assert preau(tmp_path, kind, "resume", subject, "--reason", "fini") == 0
    assert preau(tmp_path, kind, "resume", subject, "--reason", "fini") == 1


def test_a_suspended_school_opens_no_service(broker: Broker, mother: Browser, tmp_path: Path) -> None:
    assert gets_a_code(broker, mother)
    assert preau(tmp_path, "school", "suspend", "0990001A", "--reason", "essai") == 0
    broker.watcher.look()
    assert call(broker, "GET", authorize_url(), mother).told["error"] == "access_denied"
    assert preau(tmp_path, "school", "resume", "0990001A", "--reason", "fini") == 0
    broker.watcher.look()
    assert gets_a_code(broker, mother)


def test_every_act_is_audited_without_its_reason(broker: Broker, tmp_path: Path) -> None:
    for words in (("suspend",), ("resume",), ("verify",)):
        assert preau(tmp_path, "service", *words, "cantine", "--reason", "Madame Martin a écrit") == 0
    with broker.stores.engine.connect() as conn:
        rows = conn.exec_driver_sql("SELECT action, actor, subject, tenant, detail FROM audit_events").fetchall()
    told = [row for row in rows if row.action.startswith("standing_")]
    assert [row.action for row in told] == ["standing_set", "standing_lifted", "standing_set"]
    assert {(row.subject, row.tenant) for row in told} == {("cantine", "ville")}
    assert all(row.actor.startswith("cli:") for row in told)
    assert "Martin" not in str(rows)
    (kept, _) = broker.stores.standings.history(StandingKind.SERVICE, "cantine")
    assert kept.reason == "Madame Martin a écrit"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("service", "suspend", "canteen"), "no service canteen; there are: cantine"),
        (("source", "suspend", "ent9"), "no source ent9; there are: ent1"),
        (("person", "suspend", "prs_absent"), "no such person"),
        (("person", "suspend", "nobody"), "neither an id (prs_…) nor FEED:KEY"),
        (("person", "suspend", "99-2d:0"), "no live record 99-2d:0"),
        (("link", "suspend", "acc_absent"), "PRE-4005: no such link"),
        (("school", "suspend", "0999999Z"), "PRE-4005: no such school"),
        (("service", "resume", "cantine"), "ville has not suspended cantine"),
    ],
)
def test_what_is_not_there_closes_nothing(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert preau(tmp_path, *words, "--reason", "essai") == 1
    assert told in capsys.readouterr().err
    assert not broker.stores.standings.in_force().suspended


def test_without_a_reason_or_for_a_tenant_that_is_not_there_nothing_is_closed(broker: Broker, tmp_path: Path) -> None:
    closing = ("service", "suspend", "cantine", "--reason")
    assert preau(tmp_path, *closing, "essai", "--tenant", "ailleurs") == 1
    assert preau(tmp_path, *closing, " ") == 1
    assert not broker.stores.standings.in_force().suspended
    assert preau(tmp_path, *closing, "essai", "--tenant", "ville") == 0
    assert broker.stores.standings.in_force().suspended


def test_the_command_tells_what_still_stands(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preau(tmp_path, "service", "verify", "cantine", "--reason", "vu", "--json") == 0
    assert preau(tmp_path, "service", "suspend", "cantine", "--reason", "essai") == 0
    capsys.readouterr()
    assert preau(tmp_path, "service", "resume", "cantine", "--reason", "fini", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["lifted"], [row["state"] for row in said["standing"]]) == (1, ["verified"])
    assert preau(tmp_path, "service", "show", "cantine", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "verified"
    assert preau(tmp_path, "service", "suspend", "cantine", "--reason", "essai") == 0
    assert "stands: suspended by ville since " in capsys.readouterr().out
    assert broker.stores.standings.in_force().suspended


def test_a_policy_changed_on_disk_is_in_force_with_the_next_look(tmp_path: Path, clock: FakeClock) -> None:
    with open_app(tmp_path, clock, more='policies_dir = "policies"') as broker:
        before = broker.policies.current()
        (tmp_path / "policies" / "sessions.toml").write_text('code = "30 s"\n', "utf-8")
        broker.watcher.look()
        after = broker.policies.current()
        assert (after.installation.sessions.code.total_seconds(), after.version != before.version) == (30, True)
        (tmp_path / "policies" / "sessions.toml").write_text('code = "soon"\n', "utf-8")
        broker.watcher.look()
        assert broker.policies.current() is after


def test_a_tenants_folder_that_is_a_symbolic_link_is_followed_too(tmp_path: Path, clock: FakeClock) -> None:
    with open_app(tmp_path, clock, more='policies_dir = "policies"\n') as broker:
        browser = signed_in(broker, clock)
        real = tmp_path / "elsewhere"
        real.mkdir()
        (tmp_path / "policies" / "ville").symlink_to(real)
        broker.watcher.look()
        assert gets_a_code(broker, browser)
        closed = '@id("v.closed") @reason("Fermé.") forbid (principal, action == Action::"access", resource);'
        (real / "access.cedar").write_text(closed, "utf-8")
        broker.watcher.look()
        assert not gets_a_code(broker, browser)
        (real / "access.cedar").write_text(f"forbid when {{ {'(' * 1000} }};", "utf-8")
        broker.watcher.look()
        assert not gets_a_code(broker, browser)
        (real / "access.cedar").unlink()
        broker.watcher.look()
        assert gets_a_code(broker, browser)
