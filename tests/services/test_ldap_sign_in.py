"""A mother signs in with her ENT's own password, on our page, before a real slapd: the whole broker at work."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from broker.app import Broker, build
from broker.domain.guesses import GuessCounter, GuessRule
from broker.settings import load_settings
from broker.storage.schema import accounts, guesses, metadata
from broker.wire.http import SESSION_COOKIE
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock
from tests.conftest import needs
from tests.directories import Ent, ent
from tests.ldap_stand import (
    LOGIN,
    PAGE,
    PASSWORD,
    WRONG,
    Writer,
    add_mother,
    audited,
    begin_anew,
    counted,
    open_ldap,
    refusal,
    text_of,
)
from tests.oidc_stand import VERIFIER, challenge_of
from tests.whole_app import ISSUER

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def server(throw_away_ca: ThrowAwayCa) -> Iterator[Ent]:
    needs("slapd")
    with ent(throw_away_ca) as running:
        yield running


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("annuaire")


@pytest.fixture(scope="module")
def served(server: Ent, sqlite_template: Path, folder: Path, clock: FakeClock) -> Iterator[Broker]:
    with open_ldap(
        folder, clock, url=server.url, ca=server.ca, secret=server.secret, template=sqlite_template
    ) as opened:
        add_mother(opened)
        yield opened


@pytest.fixture
def broker(served: Broker, clock: FakeClock) -> Broker:
    """One broker for all: each test begins with nothing counted."""
    begin_anew(served, clock)
    return served


def test_a_mother_signs_in_and_is_linked_by_her_national_key(broker: Broker, server: Ent) -> None:
    writer = Writer(broker)
    page = writer.choose()
    assert page.status == 200
    assert "Mon collège" in text_of(page)
    arrived = writer.write(login="  Aline.QUEMENEUR ")
    assert (arrived.status, arrived.headers["location"]) == (303, "/")
    assert "Maëlys" in text_of(writer.get("/"))
    assert audited(broker).count("link_created") == 1
    with broker.stores.engine.connect() as conn:
        row = conn.execute(select(accounts)).one()
    assert (row.protocol, row.issuer, row.subject_format, row.subject) == ("ldap", server.url, "ldap:uid", "T99000a1")
    assert counted(broker) == 1  # the network's row, which counts none any more


def test_a_service_that_asked_is_reached_in_the_end(broker: Broker) -> None:
    asked = {
        "client_id": "cantine", "redirect_uri": "https://cantine.example/retour", "response_type": "code",
        "scope": "openid", "state": "s", "nonce": "n", "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }  # fmt: skip
    writer = Writer(broker)
    begun = writer.get(f"/authorize?{urlencode(asked)}")
    page = writer.choose(target=begun.headers["location"])
    assert "La Cantine" in text_of(page)
    assert "form-action 'self' https://cantine.example;" in page.headers["content-security-policy"]
    back = writer.get(writer.write().headers["location"].removeprefix(ISSUER))
    assert back.headers["location"].startswith("https://cantine.example/retour?code=")


FAULTS = {
    "wrong": (LOGIN, WRONG), "unknown": ("nobody.at.all", PASSWORD), "closed": ("ruben.leroy.ancien", "ancien compte"),
    "overlong": (LOGIN, "x" * 1025), "NUL": (LOGIN, "a\0b"), "a filter": ("*", PASSWORD),
    "a long login": ("x" * 300, PASSWORD), "a name": ("uid=T99000a1,ou=people,dc=ent-test,dc=fr", PASSWORD),
    "two entries": ("double.emploi", "deux fois le meme"),
}  # fmt: skip


def test_whatever_is_wrong_is_said_in_the_same_words(broker: Broker) -> None:
    writer = Writer(broker)
    writer.choose()
    answers = {name: writer.write(*fault) for name, fault in FAULTS.items()}
    assert {answer.status for answer in answers.values()} == {403}
    assert len({text_of(answer) for answer in answers.values()}) == 1
    page = answers["wrong"].body.decode()
    assert "L'identifiant ou le mot de passe ne va pas." in text_of(answers["wrong"])
    assert 'aria-invalid="true" aria-describedby="login-fault"' in page
    assert f'name="login" value="{LOGIN}"' in page
    assert audited(broker)[-len(FAULTS) :] == ["sign_in_refused"] * len(FAULTS)
    assert SESSION_COOKIE not in writer.browser.cookies
    assert writer.write().status == 303


def test_what_is_not_written_is_asked_for_and_counts_as_no_guess(broker: Broker) -> None:
    writer = Writer(broker)
    writer.choose()
    for login, password, told in (("", "x", ["login"]), (" ", "", ["login", "password"]), (LOGIN, "", ["password"])):
        answer = writer.write(login, password)
        assert answer.status == 400
        assert re.findall(r'href="#(login|password)"', answer.body.decode()) == told
        assert re.findall(r'aria-describedby="(\w+)-fault"', answer.body.decode()) == told
    english = writer.get(f"{PAGE}?i={writer.interaction}&lang=en")
    assert f'href="{PAGE}?i={writer.interaction}&amp;lang=ar"' in answer.body.decode()
    assert "Write your password" in text_of(english)
    assert counted(broker) == 0


def test_after_five_guesses_even_the_right_password_waits_and_a_restart_gives_none_back(
    broker: Broker, clock: FakeClock, folder: Path
) -> None:
    for _ in range(5):
        writer = Writer(broker)
        writer.choose()
        assert writer.write(password=WRONG).status == 403
    waits = writer.write()
    assert (waits.status, waits.headers["retry-after"]) == (429, "30")
    assert "Réessayez dans 1 minute." in text_of(waits)
    with closing(build(load_settings(folder / "preau.toml", {}), clock=clock)) as again:
        other = Writer(again, address="198.51.100.7")
        other.choose()
        assert other.write().status == 429
        clock.advance(29)
        assert other.write().status == 429
        clock.advance(1)
        assert other.write().status == 303
    assert writer.write(password=WRONG).status == 403  # the right password cleared the count


def test_a_device_that_the_account_knows_never_waits_for_strangers(broker: Broker, clock: FakeClock) -> None:
    own, lent = Writer(broker), Writer(broker)
    assert own.sign_in(device="own").status == 303
    assert lent.sign_in().status == 303
    assert "__Host-preau-known" in own.browser.cookies
    assert "__Host-preau-known" not in lent.browser.cookies
    stranger = Writer(broker)
    stranger.choose()
    for _ in range(25):
        assert stranger.write(password=WRONG).status == 403
        clock.advance(15 * 60)
        stranger.choose()
    spent = stranger.write()
    assert spent.status == 429
    assert "Il y a eu trop d'essais aujourd'hui." in text_of(spent)
    lent.choose()
    assert lent.write().status == 429
    own.choose(device="own")
    assert own.write(password=WRONG).status == 403
    assert own.write().status == 303
    assert own.sign_in(device="shared").status == 303
    assert own.sign_in(device="shared").status == 429  # lent to somebody: it is known no more
    clock.advance(24 * 3600)
    stranger.choose()
    assert stranger.write().status == 303


def test_a_source_that_was_closed_meanwhile_lets_nobody_in(broker: Broker, folder: Path) -> None:
    from broker.__main__ import main

    writer = Writer(broker)
    writer.choose()
    config = ["--config", str(folder / "preau.toml")]
    assert main(["source", "suspend", "annuaire", "--reason", "panne", *config]) == 0
    broker.watcher.look()
    assert refusal(writer.write()) == "PRE-2011"
    assert main(["source", "resume", "annuaire", "--reason", "fini", *config]) == 0
    broker.watcher.look()
    assert writer.write().status == 303


def test_a_stranger_to_every_feed_is_told_so_on_a_page_that_holds_no_password(broker: Broker) -> None:
    writer = Writer(broker)
    writer.choose()
    answer = writer.write("o'brien, *(x)", "parenthese et etoile")
    assert (answer.status, refusal(answer)) == (303, "PRE-2003")


def test_a_password_is_written_down_nowhere(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    writer = Writer(broker)
    writer.choose()
    answers = [writer.write(password=WRONG), writer.write()]
    assert [answer.status for answer in answers] == [403, 303]
    with broker.stores.engine.connect() as conn:
        held = [str(row) for table in metadata.sorted_tables for row in conn.execute(select(table))]
    told = [record.getMessage() + str(record.__dict__) for record in caplog.records]
    for secret in (WRONG, PASSWORD):
        assert not [line for line in (*held, *told, *(a.body.decode() for a in answers)) if secret in line]
    assert not [line for line in held if LOGIN in line]


def test_a_directory_of_another_certificate_serves_nobody_and_keeps_nobody_else_out(
    server: Ent, sqlite_template: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    (tmp_path / "other").mkdir()
    other = ThrowAwayCa(tmp_path / "other")
    with open_ldap(
        tmp_path, clock, url=server.url, ca=other.certificate, secret=server.secret, template=sqlite_template
    ) as broker:
        assert "cannot be used yet: the directory's certificate was refused" in caplog.text
        writer = Writer(broker)
        writer.choose()
        assert [refusal(writer.write()) for _ in range(5)] == ["PRE-5002"] * 5
        page = text_of(writer.get("/connexion"))
        assert "Ne répond pas en ce moment" in page
        assert writer.write().status == 429  # what was not answered counts at the account ...
        assert counted(broker) == 2  # ... and not at the network, whose count went back each time
        network = GuessCounter(broker_network(broker), GuessRule(most=1, window=timedelta(hours=1), free=1))
        assert broker.stores.guesses.claim([network], now=clock()) is None
        assert writer.get(PAGE).headers["location"] == "/connexion"


def broker_network(broker: Broker) -> str:
    """The key that counts none: the network's."""
    with broker.stores.engine.connect() as conn:
        return str(conn.execute(select(guesses.c.key).where(guesses.c.tries == 0)).scalar_one())
