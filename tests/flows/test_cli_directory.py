"""`preau demo --prepare-only`, then what an administrator asks of the directory: import, person, keys, audit, db."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from broker.__main__ import main
from broker.app import build
from broker.domain.people import RecordKind
from broker.settings import load_settings
from broker.storage import schema
from broker.storage.engine import open_engine
from tests import builders
from tests.servers import free_port

MOTHER_2D, MOTHER_1D = "99-2d:500101", "99-1d:610777"
FATHER_2D, CHILD_1D = "99-2d:500152", "99-1d:100391"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town, imported once."""
    folder = tmp_path_factory.mktemp("town")
    assert main(["demo", "--data", str(folder), "--port", str(free_port()), "--prepare-only"]) == 0
    return folder


@pytest.fixture
def town(prepared: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(prepared, tmp_path / "town")


def run(town: Path, capsys: pytest.CaptureFixture[str], line: str, *, status: int = 0) -> Any:
    """Run a command on the town and return the JSON it prints."""
    capsys.readouterr()
    assert main([*line.split(), "--config", str(town / "preau.toml"), "--json"]) == status
    return json.loads(capsys.readouterr().out)


def text(town: Path, capsys: pytest.CaptureFixture[str], line: str, *, status: int = 0) -> tuple[str, str]:
    """Run a command on the town and return what it prints, on both streams."""
    capsys.readouterr()
    assert main([*line.split(), "--config", str(town / "preau.toml")]) == status
    captured = capsys.readouterr()
    return captured.out, captured.err


def files(town: Path, folder: str) -> str:
    return " ".join(str(path) for path in sorted((town / "feeds" / folder).iterdir()))


def test_a_second_preparation_changes_nothing(town: Path) -> None:
    database = town / "var" / "preau.sqlite"
    before = database.read_bytes()
    assert main(["demo", "--data", str(town), "--port", str(free_port()), "--prepare-only"]) == 0
    assert database.read_bytes() == before


def test_a_person_is_found_by_the_key_of_a_record(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = run(town, capsys, f"person find {MOTHER_2D}")
    assert (found["record"], found["kind"], found["family_name"]) == (MOTHER_2D, "guardian", "QUEMENEUR")
    assert "QUEMENEUR" in text(town, capsys, f"person find {MOTHER_2D}")[0]
    assert run(town, capsys, "person find 99-2d:none", status=1) == []


@pytest.mark.parametrize("who", ["98-2d:1", "500101"])
def test_a_key_of_no_feed_is_told(town: Path, capsys: pytest.CaptureFixture[str], who: str) -> None:
    for verb in ("find", "show"):
        out, err = text(town, capsys, f"person {verb} {who}", status=1)
        assert (out, "feeds: 99-2d, 99-1d" in err) == ("", True)


def test_a_person_is_shown_with_children_records_and_what_is_proposed(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = run(town, capsys, f"person show {MOTHER_2D}")
    assert shown["roles"] == ["guardian"]
    assert {child["given"] for child in shown["children"]} == {"Maëlys", "Ewen"}
    assert [record["record_id"] for record in shown["records"]] == [MOTHER_2D]
    assert [proposal["record_id"] for proposal in shown["proposals"]] == [MOTHER_1D]
    assert shown["logins"] == []
    out, _ = text(town, capsys, f"person show {shown['person_id']}")
    assert "Maëlys" in out
    assert "PROPOSED RECORD" in out
    assert "no live person" in text(town, capsys, "person show prs_nobody", status=1)[1]
    assert "no live record" in text(town, capsys, "person show 99-2d:none", status=1)[1]


def test_the_courts_decision_stands_after_the_preparation(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(town, capsys, f"person show {FATHER_2D}")["children"] == []


def test_a_restriction_is_entered_and_lifted(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mother = run(town, capsys, f"person show {MOTHER_2D}")
    child = next(child["child_id"] for child in mother["children"] if child["given"] == "Maëlys")
    told = run(town, capsys, f"person restrict {MOTHER_2D} {child}")
    assert (told["action"], told["adult"], told["child"]) == ("restriction_set", mother["person_id"], child)
    assert {c["given"] for c in run(town, capsys, f"person show {MOTHER_2D}")["children"]} == {"Ewen"}
    assert run(town, capsys, f"person unrestrict {MOTHER_2D} {child}")["count"] == 1
    assert {c["given"] for c in run(town, capsys, f"person show {MOTHER_2D}")["children"]} == {"Ewen", "Maëlys"}
    out, _ = text(town, capsys, f"person unrestrict {MOTHER_2D} {child}", status=1)
    assert "restriction lifted  0" in out
    assert "no live record" in text(town, capsys, f"person restrict {MOTHER_2D} 99-2d:none", status=1)[1]


def test_what_each_feed_tells_is_shown_and_a_right_is_affirmed(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mother = run(town, capsys, f"person show {MOTHER_2D}")
    child = next(child["child_id"] for child in mother["children"] if child["given"] == "Maëlys")
    assert {(fact["fact"], fact["record"]) for fact in mother["facts"]} >= {("family_name", MOTHER_2D)}
    assert all(fact["told_on"] for fact in mother["facts"])
    assert {(right["adult_record"], right["feed"], right["withdrawn"]) for right in mother["rights"]} == {
        (MOTHER_2D, "99-2d", None)
    }
    told = run(town, capsys, f"person affirm {MOTHER_2D} {child}")
    assert (told["action"], told["count"]) == ("guardianship_affirmed", 1)
    out, _ = text(town, capsys, f"person show {MOTHER_2D}")
    assert "TAKEN BACK" in out
    assert "guardianship affirmed  0" in text(town, capsys, f"person affirm {child} {MOTHER_2D}", status=1)[0]


def test_a_delta_is_rehearsed_then_applied_then_known(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"import aaf {files(town, 'delta-2d')} --feed 99-2d"
    rehearsed = run(town, capsys, f"{line} --dry-run")
    assert rehearsed["state"] == "rehearsed"
    assert "ADDED" in text(town, capsys, f"{line} --dry-run")[0]
    assert run(town, capsys, line)["state"] == "done"
    assert run(town, capsys, line)["state"] == "nothing_to_do"


def test_a_delivery_that_removes_too_much_waits_for_a_human(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emptied = shutil.copytree(town / "feeds" / "2d", tmp_path / "emptied")
    for path in emptied.iterdir():
        later = path.with_name(path.name.replace("20260905", "20261005"))
        content = path.read_text(encoding="utf-8")
        if "_PersEducNat_" in path.name:
            start, end = content.index("<addRequest"), content.rindex("</addRequest>") + len("</addRequest>")
            content = content[:start] + content[end:]
        later.write_text(content, encoding="utf-8")
        path.unlink()
    line = f"import aaf {emptied} --feed 99-2d"
    held = run(town, capsys, line, status=1)
    assert held["state"] == "held"
    assert "staff records would be retired" in held["reason"]
    out, err = text(town, capsys, line, status=1)
    assert "REMOVED" in out
    assert "PRE-4002" in err
    assert "--confirm" in err
    assert run(town, capsys, f"{line} --confirm")["state"] == "done"


def test_files_of_another_feed_are_refused(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = text(town, capsys, f"import aaf {files(town, '2d')} --feed 99-1d", status=1)
    assert err.startswith("preau: PRE-4001: ")
    _, err = text(town, capsys, f"import aaf {files(town, '2d')} --feed 98-2d", status=1)
    assert err == "preau: no feed 98-2d; there are: 99-2d, 99-1d\n"


def test_keys_are_listed_once_the_broker_has_started(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(town, capsys, "keys list") == []
    build(load_settings(town / "preau.toml", {})).close()
    keys = run(town, capsys, "keys list")
    (key,) = [one for one in keys if (one["purpose"], one["state"]) == ("id_token", "active")]
    assert key["alg"] == "ES256"
    assert set(key) >= {"kid", "purpose", "alg", "state", "created_at"}
    assert key["kid"] in text(town, capsys, "keys list")[0]


def test_the_audit_trail_is_verified(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = run(town, capsys, "audit verify")
    assert waiting["sound"]
    assert {fault["kind"] for fault in waiting["faults"]} == {"unsealed"}
    assert "unsealed" in text(town, capsys, "audit verify")[0]
    assert run(town, capsys, "audit verify --tenant nobody") == {"tenants": ["nobody"], "sound": True, "faults": []}


def test_an_edited_trail_fails_the_verification(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broker = build(load_settings(town / "preau.toml", {}))
    for tenant in broker.stores.audit.tenants():
        broker.stores.audit.seal(tenant, now=broker.clock(), limit=1000)
    assert "nothing was changed" in text(town, capsys, "audit verify")[0]
    with broker.stores.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE audit_events SET actor = 'nobody' WHERE id = 1")
    broker.close()
    assert "edited" in {fault["kind"] for fault in run(town, capsys, "audit verify", status=1)["faults"]}


def test_a_database_of_another_version_is_refused_and_brought_up(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert text(town, capsys, "db upgrade")[0] == "the database is up to date already\n"
    for path in (town / "var").iterdir():
        path.unlink()
    for line in ("keys list", "serve"):
        assert "run `preau db upgrade`" in text(town, capsys, line, status=1)[1]
    assert text(town, capsys, "db upgrade")[0] == "the database was upgraded\n"
    assert run(town, capsys, "keys list") == []


def test_another_master_secret_is_told(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(load_settings(town / "preau.toml", {})).close()
    (town / "secrets" / "master").write_bytes(b"x" * 32)
    assert "sealed under another secret" in text(town, capsys, "serve", status=1)[1]


def test_the_worker_is_not_started_beside_memory(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "runs inside `preau serve`" in text(town, capsys, "work", status=1)[1]


# ---- records in doubt ----

DOUBTFUL = "99-1d:doubt"


@pytest.fixture
def frozen(town: Path) -> dict[str, str]:
    """A record in doubt, of the person of another."""
    engine = open_engine(f"sqlite:///{town / 'var' / 'preau.sqlite'}")
    person, home = builders.add_pupil(engine, "home")
    record = builders.add_record(engine, "doubt", RecordKind.PUPIL, feed=builders.FEED_1D)
    with engine.begin() as conn:
        evidence = {"other": home, "frozen": record}
        conn.execute(
            insert(schema.attachments).values(
                id="att_doubt", record_id=record, person_id=person, state="frozen", evidence_kind="same_ine",
                evidence=evidence, actor="feed:99-1d", at=builders.BEFORE,
            )
        )  # fmt: skip
    engine.dispose()
    return {"record": record, "person": person}


def audited(town: Path) -> list[tuple[str, str, Any]]:
    engine = open_engine(f"sqlite:///{town / 'var' / 'preau.sqlite'}")
    row = schema.audit_events.c
    with engine.connect() as conn:
        found = conn.execute(select(row.tenant, row.action, row.detail).where(row.actor.startswith("cli:")))
        told = [tuple(each) for each in found if each.action.startswith("record_")]
    engine.dispose()
    return told


def test_what_waits_for_a_decision_is_listed(
    town: Path, frozen: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (told,) = run(town, capsys, "person frozen")
    assert (told["record_id"], told["person_id"], told["evidence"]) == (DOUBTFUL, frozen["person"], "same_ine")
    assert DOUBTFUL in text(town, capsys, "person frozen")[0]


def test_a_record_is_thawed_once_and_for_a_reason(
    town: Path, frozen: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["person", "thaw", DOUBTFUL, "--config", str(town / "preau.toml")])
    told = run(town, capsys, f"person thaw {DOUBTFUL} --reason seen")
    assert told == {"record": DOUBTFUL, "action": "record_thawed", "person": frozen["person"]}
    assert "is not frozen" in text(town, capsys, f"person thaw {DOUBTFUL} --reason seen", status=1)[1]
    assert run(town, capsys, "person frozen") == []
    assert [(action, detail) for _, action, detail in audited(town)] == [("record_thawed", {"record": DOUBTFUL})]


def test_a_record_is_split_from_its_person(
    town: Path, frozen: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = text(town, capsys, f"person split {DOUBTFUL} --reason seen")
    assert "record split" in out
    (found,) = run(town, capsys, f"person find {DOUBTFUL}")
    assert found["person_id"] != frozen["person"]
    assert found["person_id"] in out
    ((_, action, detail),) = audited(town)
    assert (action, detail) == ("record_split", {"record": DOUBTFUL, "into": found["person_id"]})
    assert "belongs to no person" in text(town, capsys, "person split 99-1d:none --reason seen", status=1)[1]


def test_a_login_that_nobody_used_for_long_is_opened_again_by_its_account(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_engine(load_settings(town / "preau.toml", {}).database_url)
    account = builders.add_account(engine, builders.add_person(engine))
    assert run(town, capsys, f"link reopen {account}")["account"] == account
    assert text(town, capsys, f"link reopen {account}")[0].startswith("account")
    assert "no account acc_x" in text(town, capsys, "link reopen acc_x", status=1)[1]
    with engine.connect() as conn:
        used = conn.execute(select(schema.accounts.c.last_used).where(schema.accounts.c.id == account)).scalar_one()
        told = select(schema.audit_events.c.subject).where(schema.audit_events.c.action == "link_reopened")
        assert (used is not None, len(conn.execute(told).all())) == (True, 2)
    engine.dispose()
