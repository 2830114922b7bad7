"""The composition root: settings become a broker, or every reason why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from broker.app import Broker, answers, build, build_worker, open_ephemeral
from broker.demo.town import prepare
from broker.domain.errors import SettingsError
from broker.settings import Settings, SourceKind, load_settings
from broker.storage.engine import open_engine
from broker.storage.memory_store import MemoryStore
from broker.storage.redis_store import RedisStore
from broker.storage.schema import enrolments
from broker.storage.sealing import load_master_secret
from broker.stores import bring_up_to_date, utc_now
from policies import Assurance
from tests.builders import add_family
from tests.clock import FakeClock
from tests.whole_app import call

ISSUER = "http://127.0.0.1:8000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A migrated installation as the town's files set it up, without its people."""
    town = prepare(tmp_path, issuer=ISSUER, year=2026)
    load_master_secret(tmp_path / "secrets" / "master")
    settings = load_settings(town.settings, {})
    bring_up_to_date(settings)
    return settings


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    built = build(settings, clock=FakeClock())
    yield built
    built.close()


def problems(settings: Settings) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        build(settings)
    return caught.value.problems


def get(broker: Broker, path: str, *, origin: str = ISSUER) -> httpx.Response:
    with httpx.Client(transport=httpx.WSGITransport(app=broker.wsgi), base_url=origin) as client:
        return client.get(path)


def test_a_broker_answers_pages_and_protocol_under_its_own_name_only(broker: Broker) -> None:
    assert get(broker, "/sante").json() == {"status": "ok"}
    assert get(broker, "/.well-known/openid-configuration").json()["issuer"] == ISSUER
    assert "EduConnect" in get(broker, "/").text
    assert get(broker, "/", origin="http://127.0.0.9:8000").status_code == 421
    assert call(broker, "GET", "/device?s=\xe9").status == 400, "a raw byte in a query, not percent-encoded"


def test_enrolments_end_by_the_clock_of_their_school(broker: Broker) -> None:
    engine, before = broker.stores.engine, datetime(2026, 9, 20, 12, 59, tzinfo=UTC)
    mother, _ = add_family(engine, uai="9830001A", children=("Léa",))
    with engine.begin() as conn:
        conn.execute(update(enrolments).values(ends_on=date(2026, 9, 20)))
    for told in (broker.stores.people.children_of, broker.stores.details.child_places):
        assert [len(told(mother, now=now)) for now in (before, before + timedelta(minutes=1))] == [1, 0]


def test_signing_keys_are_made_once_and_opened_again(settings: Settings) -> None:
    first = build(settings)
    keys = get(first, "/jwks").json()
    first.close()
    second = build(settings)
    assert get(second, "/jwks").json() == keys
    assert [key["alg"] for key in keys["keys"]] == ["ES256"] * 4, "an active and a next one for each of two purposes"
    second.close()


def test_sources_keep_what_their_settings_say(broker: Broker) -> None:
    educonnect, petits_pres, grand_large, _ = broker.federation.sources.descriptions()
    assert (educonnect.feeds, educonnect.assurance) == (frozenset({"99-1d", "99-2d"}), Assurance.STANDARD)
    assert (petits_pres.feeds, grand_large.feeds) == (frozenset({"99-1d"}), frozenset({"99-2d"}))
    assert petits_pres.releases_references


def test_forms_may_lead_to_the_sources_and_nowhere_else(broker: Broker) -> None:
    policy = get(broker, "/connexion").headers["content-security-policy"]
    (actions,) = (part for part in policy.split("; ") if part.startswith("form-action"))
    assert actions == "form-action 'self' http://127.0.0.2:8000 http://127.0.0.3:8000 http://127.0.0.4:8000"


def test_faults_of_policies_and_services_are_told_together(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "policies"
    own.mkdir()
    (own / "linking.toml").write_text("undo = 1\n", encoding="utf-8")
    (settings.services_dir / "broken.toml").write_text("= 1", encoding="utf-8")
    told = problems(replace(settings, policies_dir=own))
    assert [problem for problem in told if problem.startswith("override of linking.toml:1: undo: unknown key")]
    assert [problem for problem in told if problem.startswith("broken.toml:1: ")]
    (own / "linking.toml").unlink()
    (settings.services_dir / "broken.toml").unlink()
    build(replace(settings, policies_dir=own)).close()


def test_a_database_that_was_not_migrated_is_refused(settings: Settings, tmp_path: Path) -> None:
    fresh = replace(settings, database_url=f"sqlite:///{tmp_path}/fresh.sqlite")
    assert problems(fresh) == ("the database is not at the schema of this version: run `preau db upgrade`",)
    assert bring_up_to_date(fresh)
    assert not bring_up_to_date(fresh)
    build(fresh).close()


def test_a_source_that_cannot_be_opened_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    cas = next(source for source in settings.sources if source.kind is SourceKind.CAS)
    wrong = replace(settings, sources=(replace(cas, ca_file=tmp_path / "ca.pem"),))
    assert problems(wrong) == ("sources.ent-petits-pres: cannot be opened (SSLError)",)


def test_another_master_secret_is_refused(settings: Settings) -> None:
    build(settings).close()
    settings.secrets.master_file.write_bytes(b"x" * 32)
    assert problems(settings) == ("secrets.master_file: the signing keys were sealed under another secret",)


def test_a_data_folder_that_cannot_be_made_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (problem,) = problems(replace(settings, data_dir=tmp_path / "file" / "var"))
    assert problem.startswith(f"data_dir: {tmp_path}/file/var cannot be made")


def test_what_may_vanish_is_kept_in_memory_unless_there_is_a_redis(settings: Settings) -> None:
    master = load_master_secret(settings.secrets.master_file)
    memory = open_ephemeral(settings, master, clock=utc_now)
    redis = open_ephemeral(replace(settings, redis_url="redis://127.0.0.1:1/0"), master, clock=utc_now)
    assert isinstance(memory, MemoryStore)
    assert isinstance(redis, RedisStore)
    redis.close()
    memory.close()


def test_the_worker_sweeps_what_may_vanish_too(broker: Broker) -> None:
    clock = FakeClock()
    memory = MemoryStore(clock)
    memory.put("k", b"v", ttl=1)
    worker = build_worker(broker.stores, memory, broker.policies, broker.keys, clock=clock)
    assert worker.tick(clock.advance(2)).swept == 1


def test_a_database_that_does_not_answer_is_said_to(broker: Broker, tmp_path: Path) -> None:
    assert answers(broker.stores.engine)
    nowhere = open_engine(f"sqlite:///{tmp_path}/none/none.sqlite")
    assert not answers(nowhere)
    nowhere.dispose()


def test_the_clock_is_utc() -> None:
    assert utc_now().tzname() == "UTC"
