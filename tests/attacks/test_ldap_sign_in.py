"""A-13, A-16, A-24, A-26, A-27, F-46 at the page where a password is written: guessing, locking out, finding out who.

The directory is a double that keeps what it is asked, so that "not even asked" can be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.accounts.known_devices import KnownDevice, read_device
from broker.app import Broker, build
from broker.domain.handles import Handle, new_handle
from broker.settings import load_settings
from broker.storage.schema import guesses
from broker.web.cookies import KNOWN_COOKIE
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock
from tests.ldap_double import ALINE, ALINES, BIND, SEARCH, Double, Heard, bound, done, double, found
from tests.ldap_stand import (
    LOGIN,
    PAGE,
    PASSWORD,
    WRONG,
    Writer,
    add_another_mother,
    add_mother,
    begin_anew,
    counted,
    open_ldap,
    refusal,
    text_of,
)
from tests.oidc_stand import Answer
from tests.whole_app import call

LOGIN_OF_UID = "T99000a1"
TWIN, TWIN_LOGIN, TWIN_PASSWORD = ALINE.replace("T99000a1", "T99000z9"), "àline.quemeneur", "un tout autre cartable"
TWINS = {"uid": ["T99000z9"], "ENTPersonJointure": ["AC-TEST$500199"], "displayName": ["Àline"]}
"""Somebody else, whose login the directory tells from the mother's and `fold_login` does not."""
LIMITS = "free = 5\nmost_of_network = 20\n"


def answering(heard: Heard) -> Sequence[bytes]:
    """One mother, found by either of her two names, and her twin by login; only the own password of each holds."""
    if heard.operation == BIND:
        is_right = b"cn=lecteur" in heard.octets or _holds(heard, ALINE, PASSWORD) or _holds(heard, TWIN, TWIN_PASSWORD)
        return [bound(heard, 0 if is_right else 49)]
    if heard.operation == SEARCH:
        if TWIN_LOGIN.encode() in heard.octets:
            return [found(heard, TWIN, TWINS), done(heard)]
        is_hers = any(name.encode() in heard.octets.lower() for name in (LOGIN, LOGIN_OF_UID.lower()))
        return [*([found(heard, ALINE, ALINES)] if is_hers else []), done(heard)]
    return [b""]


def _holds(heard: Heard, dn: str, password: str) -> bool:
    return dn.encode() in heard.octets and heard.octets.endswith(password.encode())


@dataclass
class Scene:
    """A broker, the directory behind it, and the folder of its settings."""

    broker: Broker
    directory: Double
    folder: Path
    clock: FakeClock

    def writer(self, *, address: str = "192.0.2.1", device: str = "shared") -> Writer:
        one = Writer(self.broker, address=address)
        one.choose(device=device)
        return one

    def binds(self, dn: str = ALINE) -> int:
        self.directory.settle()
        return sum(one.operation == BIND and dn.encode() in one.octets for one in self.directory.heard)

    def operations(self, work: Callable[[], object]) -> Counter[int]:
        self.directory.settle()
        self.directory.heard.clear()
        work()
        self.directory.settle()
        return Counter(self.directory.operations())


@pytest.fixture(scope="module")
def directory(throw_away_ca: ThrowAwayCa) -> Iterator[Double]:
    with double(answering, certificate=throw_away_ca.issue(stem="guessed")) as one:
        yield one


@pytest.fixture(scope="module")
def served(
    directory: Double, throw_away_ca: ThrowAwayCa, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder, clock = tmp_path_factory.mktemp("guessed"), FakeClock()
    (folder / "policies").mkdir()
    (folder / "policies" / "throttle.toml").write_text(LIMITS, "utf-8")
    url, more = f"ldaps://127.0.0.1:{directory.port}", 'login_attributes = ["ENTPersonLogin", "uid"]'
    with open_ldap(
        folder, clock, url=url, ca=throw_away_ca.certificate, secret="secret", template=sqlite_template, more=more
    ) as broker:
        add_mother(broker)
        add_another_mother(broker, key="500199", child="Ewen")
        yield Scene(broker, directory, folder, clock)


@pytest.fixture
def scene(served: Scene) -> Scene:
    """One broker for all: each test begins with nothing counted and nothing heard."""
    begin_anew(served.broker, served.clock)
    served.directory.settle()
    served.directory.heard.clear()
    return served


# ---- guessing ----------------------------------------------------------------------------------------------------


def test_guesses_at_once_from_many_threads_and_two_processes_are_five(scene: Scene) -> None:
    """The count is claimed before the directory is asked: no race between looking and counting."""
    with closing(build(load_settings(scene.folder / "preau.toml", {}), clock=scene.clock)) as other:
        writers = [Writer(broker, address=f"192.0.2.{n}") for n in range(8) for broker in (scene.broker, other)]
        for writer in writers:
            writer.choose()
        with ThreadPoolExecutor(8) as pool:
            statuses = Counter(pool.map(lambda writer: writer.write(password=WRONG).status, writers))
    assert statuses == {403: 5, 429: 11}
    assert scene.binds() == 5


def test_one_login_in_every_spelling_is_one_login(scene: Scene) -> None:
    spellings = (LOGIN.upper(), f" {LOGIN} ", "Aline.Quémeneur", "ａｌｉｎｅ.quemeneur", "aline.quemeneur\u0301")
    statuses = [scene.writer(address=f"192.0.2.{n}").write(name, WRONG).status for n, name in enumerate(spellings)]
    assert statuses == [403] * 5
    assert scene.writer(address="192.0.2.9").write().status == 429


def test_a_second_name_of_an_account_is_no_second_set_of_guesses_and_tells_nothing(scene: Scene) -> None:
    """Guessed at five times by her uid: her login then answers as a wrong one does, and her password is not tried."""
    writer = scene.writer()
    told = {text_of(writer.write(LOGIN_OF_UID, WRONG)) for _ in range(5)}
    before = scene.binds()
    answer = writer.write(LOGIN, PASSWORD)
    assert answer.status == 403
    assert {text_of(answer)} == told
    assert scene.binds() == before
    assert scene.binds("preau-nobody-has-this-name") > 0
    scene.clock.advance(30)
    assert writer.write(LOGIN, PASSWORD).status == 303


def test_stuffing_from_one_network_ends_before_the_directory_hears_of_it(scene: Scene) -> None:
    own = scene.writer(device="own")
    assert own.write().status == 303
    crowd = scene.writer()
    statuses = [crowd.write(f"eleve.{number}", "un-mot-vole").status for number in range(21)]
    assert statuses == [403] * 20 + [429]
    assert "Réessayez dans 1 heure." in text_of(crowd.write())
    assert scene.operations(crowd.write) == Counter()
    assert scene.writer(address="198.51.100.1").write().status == 303
    own.choose(device="own")
    assert own.write().status == 429
    scene.clock.advance(timedelta(hours=1))
    own.choose(device="own")
    assert own.write().status == 303
    crowd.choose()
    assert crowd.write().status == 303


def test_whoever_signs_in_does_not_use_up_the_network(scene: Scene) -> None:
    assert [scene.writer().write().status for _ in range(3)] == [303] * 3
    with scene.broker.stores.engine.connect() as conn:
        assert conn.execute(select(guesses.c.tries)).scalars().all() == [0]


def test_guesses_that_are_refused_do_not_make_the_wait_longer(scene: Scene) -> None:
    """Never a lock-out: whoever hammers at a login keeps its owner out no longer than the wait."""
    writer = scene.writer()
    assert [writer.write(password=WRONG).status for _ in range(30)] == [403] * 5 + [429] * 25
    scene.clock.advance(30)
    assert scene.writer().write().status == 303


# ---- a known device ----------------------------------------------------------------------------------------------


def test_a_mark_is_worth_nothing_for_another_login_on_another_device_or_made_up(scene: Scene) -> None:
    own = scene.writer(device="own")
    assert own.write().status == 303
    mark = own.browser.cookies[KNOWN_COOKIE]
    device, _, tag = mark.partition(".")
    guesser = scene.writer()
    for _ in range(5):
        guesser.write("eleve.1", WRONG)
        guesser.write(LOGIN, WRONG)
    assert guesser.write("eleve.1", WRONG).status == 429
    other = new_handle(Handle.DEVICE)
    forged = [mark, f"{other}.{tag}", f"{device}.{'0' * 32}", f"{device}.{tag}x", device, "", "." * 9, f"{mark}.\u00e9"]
    statuses = []
    for cookie in forged:
        guesser.browser.cookies[KNOWN_COOKIE] = cookie
        statuses.append(guesser.write("eleve.1", WRONG).status)
        if cookie != mark:
            statuses.append(guesser.write(LOGIN, PASSWORD).status)
    assert set(statuses) == {429}
    guesser.browser.cookies[KNOWN_COOKIE] = mark
    assert guesser.write(LOGIN, PASSWORD).status == 303


def test_a_stolen_mark_is_five_guesses_more_and_no_others(scene: Scene) -> None:
    own = scene.writer(device="own")
    own.write()
    thief = scene.writer()
    thief.browser.cookies[KNOWN_COOKIE] = own.browser.cookies[KNOWN_COOKIE]
    assert [thief.write(password=WRONG).status for _ in range(6)] == [403] * 5 + [429]


def test_strangers_guesses_at_an_account_do_not_keep_its_owners_own_device_out(scene: Scene) -> None:
    """By both of its names and from everywhere: wherever else, the owner waits too."""
    own = scene.writer(device="own")
    assert own.write().status == 303
    for number, login in enumerate([LOGIN, LOGIN_OF_UID] * 5):
        assert scene.writer(address=f"198.51.100.{number}").write(login, WRONG).status == 403
    assert scene.writer(address="198.51.100.9").write().status == 429
    own.choose(device="own")
    assert own.write().status == 303


def test_a_device_that_knows_a_twin_of_the_login_has_no_guesses_of_its_own_at_the_account(scene: Scene) -> None:
    """Its own login is right on a new device each time: neither account nor network forgets a guess."""
    owner = scene.writer(address="198.51.100.1", device="own")
    assert owner.write().status == 303
    before, statuses = scene.binds(), []
    for _ in range(4):
        twin = scene.writer(device="own")
        assert twin.write(TWIN_LOGIN, TWIN_PASSWORD).status == 303
        twin.choose(device="own")
        statuses += [twin.write(LOGIN, f"{WRONG} {len(statuses)}").status for _ in range(5)]
    assert statuses == [403] * 20
    assert scene.binds() - before == 5
    assert scene.writer().write(TWIN_LOGIN, TWIN_PASSWORD).status == 429
    owner.choose(device="own")
    assert owner.write().status == 303


def test_a_device_remembers_a_few_logins_the_last_used_first() -> None:
    device = KnownDevice(new_handle(Handle.DEVICE))
    for number in range(10):
        device = device.remembering(b"k", f"login {number}", f"account {number}")
    device = device.remembering(b"k", "login 5", "account 5")
    for name in ("login", "account"):
        assert [number for number in range(10) if device.knows(b"k", f"{name} {number}")] == list(range(2, 10))
    assert not device.knows(b"another key", "login 5")
    assert read_device(device.write()) == device


# ---- finding out who has an account ------------------------------------------------------------------------------


def test_an_unknown_login_and_a_wrong_password_cannot_be_told_apart(scene: Scene) -> None:
    """Same words, same status, same headers, as many exchanges with the directory and as many rows of guesses."""
    known, unknown = (seen_of(scene, login) for login in (LOGIN, "personne.du.tout"))
    assert known.answers == unknown.answers
    assert known.exchanges == unknown.exchanges
    assert (known.rows, unknown.rows) == (3, 2)  # the network's row is there from the first on
    assert known.answers[-1][0] == 429


@dataclass(frozen=True)
class Seen:
    """What somebody who asks after a login can see, and what it costs us."""

    exchanges: Counter[int]
    answers: list[tuple[int, str, list[str]]]
    rows: int


def seen_of(scene: Scene, login: str) -> Seen:
    writer, before = scene.writer(), counted(scene.broker)
    answers: list[Answer] = []
    exchanges = scene.operations(lambda: answers.append(writer.write(login, WRONG)))
    answers += [writer.write(login, WRONG) for _ in range(5)]
    told = [(one.status, text_of(one), sorted(one.headers)) for one in answers]
    return Seen(exchanges, told, counted(scene.broker) - before)


# ---- the page, its form and the session --------------------------------------------------------------------------


def test_a_planted_session_cookie_is_never_the_one_that_opens(scene: Scene) -> None:
    planted = new_handle(Handle.SESSION)
    writer = scene.writer()
    writer.browser.cookies[SESSION_COOKIE] = planted
    writer.go(f"{PAGE}?i={writer.interaction}")
    assert writer.write().status == 303
    assert writer.browser.cookies[SESSION_COOKIE] != planted
    assert scene.broker.federation.session(planted) is None


def test_whoever_was_signed_in_here_is_signed_out_by_the_next(scene: Scene) -> None:
    writer = scene.writer()
    writer.write()
    first = writer.browser.cookies[SESSION_COOKIE]
    writer.choose()
    writer.write()
    assert writer.browser.cookies[SESSION_COOKIE] != first
    assert scene.broker.federation.session(first) is None


def test_a_form_that_is_not_of_this_page_and_browser_is_no_guess(scene: Scene) -> None:
    writer, other = scene.writer(), scene.writer()
    form = {"csrf": writer.token, "i": writer.interaction, "login": LOGIN, "password": PASSWORD}
    forged = {**form, "csrf": form["csrf"][:-1] + ("0" if form["csrf"][-1] != "0" else "1")}
    foreign = {"origin": "https://evil.example"}
    assert writer.post(PAGE, forged).status == 400
    assert writer.post(f"{PAGE}?password=x", form).status == 400
    assert writer.post(f"{PAGE}?i=1&i=2", form).status == 400
    assert call(scene.broker, "POST", PAGE, writer.browser, form=form, headers=foreign).status == 400
    assert refusal(other.post(PAGE, {**form, "csrf": other.token})) == "PRE-2001"
    assert counted(scene.broker) == 0
    assert scene.binds() == 0
    assert writer.post(PAGE, form).status == 303


def test_the_page_is_for_sources_that_check_passwords_and_for_them_alone(scene: Scene) -> None:
    writer = scene.writer()
    for source in ("ent1", "personne"):
        assert writer.get(f"/connexion/{source}?i={writer.interaction}").status == 404
        form = {"csrf": writer.token, "i": writer.interaction, "login": LOGIN, "password": PASSWORD}
        assert refusal(writer.post(f"/connexion/{source}", form)) == "PRE-3021"
    assert refusal(writer.get("/retour/annuaire?state=x&ticket=y")) == "PRE-3021"
    assert scene.binds() == 0


def test_steps_of_the_page_are_counted_by_volume_as_every_step_of_a_login(scene: Scene) -> None:
    writer = Writer(scene.broker)
    statuses = Counter(writer.post(PAGE, {"x": "y"}).status for _ in range(601))
    assert statuses == {400: 600, 429: 1}


def test_a_lost_browser_cookie_ends_the_login_and_not_more(scene: Scene) -> None:
    writer = scene.writer()
    del writer.browser.cookies[BROWSER_COOKIE]
    assert writer.get(f"{PAGE}?i={writer.interaction}").status == 400
    assert counted(scene.broker) == 0
