"""From a letter, an SMS or a window to a passphrase and a session, page by page, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select

from broker.accounts.letters import IssuedLetter
from broker.domain.credentials import new_letter_code
from broker.storage import schema
from tests.clock import FakeClock
from tests.own_accounts import BORN, CODES, GOOD, MOBILE, TYPED, family, letter, sent, window
from tests.web_stand import Answer, Client, WebStand, open_web

OWN = "maison"
NUMBER = re.compile(r'<p class="number"><strong dir="ltr">(\d{3})\u00a0(\d{3})</strong>')
ANOTHER_DAY = date(2013, 3, 7)


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        yield opened


def give_letter(stand: WebStand, person: str) -> IssuedLetter:
    assert stand.parts.ways_in is not None
    return letter(stand.world.engine, stand.parts.ways_in.activation.hashing, person)


def born(day: date) -> dict[str, str]:
    return {"jour": str(day.day), "mois": str(day.month), "annee": str(day.year)}


def fill(client: Client, page: Answer, path: str, **fields: str) -> Answer:
    """Send the form of a page, with the handle that stands in its address or in the form itself."""
    return client.post(path, {"csrf": page.token, **fields})


def handle_in(answer: Answer) -> str:
    return dict(parse_qsl(urlsplit(answer.location).query))["c"]


def write_code(client: Client, typed: str) -> Answer:
    return fill(client, client.get("/code"), "/code", code=typed, i="")


def write_birth_date(client: Client, handle: str, day: date = BORN) -> Answer:
    page = client.get(f"/code/naissance?c={handle}")
    return fill(client, page, "/code/naissance", c=handle, **born(day))


def choose(client: Client, handle: str, passphrase: str = GOOD) -> Answer:
    page = client.get(f"/code/passe?c={handle}")
    return fill(client, page, "/code/passe", c=handle, passe=passphrase, passe2=passphrase)


def activate(client: Client, typed: str, passphrase: str = GOOD) -> Answer:
    """The four screens of a letter; the last answer is that of the third form."""
    handle = handle_in(write_code(client, typed))
    assert write_birth_date(client, handle).location == f"/code/passe?c={handle}"
    return choose(client, handle, passphrase)


def sign_in(client: Client, login: str, password: str) -> Answer:
    left = client.leave(OWN)
    page = client.get(left.location)
    handle = dict(parse_qsl(urlsplit(left.location).query))["i"]
    return client.post(f"/connexion/{OWN}", {"csrf": page.token, "i": handle, "login": login, "password": password})


def test_a_letter_opens_an_access_in_four_screens(stand: WebStand) -> None:
    issued = give_letter(stand, family(stand.world.engine))
    client = stand.client()
    done = activate(client, issued.code.written)
    assert done.location.startswith("/code/pret?c=")
    assert "dominique.lefevre" in client.get(done.location).text
    assert "Inès" in client.get("/").text


def test_what_was_chosen_signs_in_afterwards_and_nothing_else_does(stand: WebStand) -> None:
    activate(stand.client(), give_letter(stand, family(stand.world.engine)).code.written)
    client = stand.client()
    assert sign_in(client, "Dominique.Lefevre", GOOD).location == "/"
    assert "Inès" in client.get("/").text
    assert sign_in(stand.client(), "dominique.lefevre", GOOD + "s").status == 403
    assert sign_in(stand.client(), "dominique.lefevre2", GOOD).status == 403


@pytest.mark.parametrize("typed", ["lower", "dashes", "lookalikes"])
def test_a_code_is_read_however_it_is_written(stand: WebStand, typed: str) -> None:
    code = give_letter(stand, family(stand.world.engine)).code.written
    forms = {
        "lower": code.lower(),
        "dashes": code.replace(" ", "-"),
        "lookalikes": code.replace("0", "O").replace("1", "l"),
    }
    assert write_code(stand.client(), forms[typed]).location.startswith("/code/naissance")


def test_a_wrong_code_and_an_unknown_one_are_told_alike(stand: WebStand) -> None:
    code = give_letter(stand, family(stand.world.engine)).code
    wrong = write_code(stand.client(), code.locator + "0" * 12)
    unknown = write_code(stand.client(), new_letter_code().written)
    nonsense = write_code(stand.client(), "bonjour")
    assert wrong.status == unknown.status == nonsense.status == 403
    token = [answer.body.replace(answer.token, "") for answer in (wrong, unknown, nonsense)]
    assert token[0] == token[1] == token[2]


def test_the_right_code_after_five_wrong_ones_is_refused(stand: WebStand) -> None:
    code = give_letter(stand, family(stand.world.engine)).code
    for _ in range(5):
        assert write_code(stand.client(), code.locator + "0" * 12).status == 403
    assert write_code(stand.client(), code.written).status == 403


def test_a_wrong_birth_date_counts_at_the_code(stand: WebStand) -> None:
    code = give_letter(stand, family(stand.world.engine)).code
    client = stand.client()
    handle = handle_in(write_code(client, code.written))
    for _ in range(5):
        assert write_birth_date(client, handle, ANOTHER_DAY).status == 403
    assert write_birth_date(client, handle).status == 403
    assert write_code(stand.client(), code.written).status == 403


def test_no_secret_is_chosen_before_the_birth_date(stand: WebStand) -> None:
    client = stand.client()
    handle = handle_in(write_code(client, give_letter(stand, family(stand.world.engine)).code.written))
    assert client.get(f"/code/passe?c={handle}").status == 400


def test_another_browser_cannot_go_on_with_a_code(stand: WebStand) -> None:
    """LR-16: a handle that is sent to somebody else is worth nothing there."""
    handle = handle_in(write_code(stand.client(), give_letter(stand, family(stand.world.engine)).code.written))
    assert stand.client().get(f"/code/naissance?c={handle}").status == 400


def test_beginning_again_costs_no_try(stand: WebStand) -> None:
    code = give_letter(stand, family(stand.world.engine)).code
    for _ in range(9):
        client = stand.client()
        assert write_birth_date(client, handle_in(write_code(client, code.written))).status == 303
    assert activate(stand.client(), code.written).location.startswith("/code/pret")


@pytest.mark.parametrize(
    ("passphrase", "says"),
    [
        ("azur peu", "Il est trop court."),
        ("motdepasse2026", "Trop de gens choisissent celui-là."),
        ("Dominique Lefevre!", "Il dit votre nom ou votre école."),
    ],
)
def test_a_weak_passphrase_is_not_taken_and_the_code_is_not_used_up(
    stand: WebStand, passphrase: str, says: str
) -> None:
    code = give_letter(stand, family(stand.world.engine)).code
    client = stand.client()
    refused = activate(client, code.written, passphrase)
    assert (refused.status, says in refused.text) == (400, True)
    assert passphrase not in refused.text
    assert activate(client, code.written).location.startswith("/code/pret")


def test_two_that_differ_are_not_taken(stand: WebStand) -> None:
    client = stand.client()
    handle = handle_in(write_code(client, give_letter(stand, family(stand.world.engine)).code.written))
    write_birth_date(client, handle)
    page = client.get(f"/code/passe?c={handle}")
    refused = fill(client, page, "/code/passe", c=handle, passe=GOOD, passe2=GOOD + "s")
    assert (refused.status, "Les deux ne sont pas pareils." in refused.text) == (400, True)


def test_four_words_are_offered_and_taken(stand: WebStand) -> None:
    client = stand.client()
    handle = handle_in(write_code(client, give_letter(stand, family(stand.world.engine)).code.written))
    write_birth_date(client, handle)
    page = client.get(f"/code/passe?c={handle}").text
    drawn = page.partition('<bdi lang="fr" dir="ltr">')[2].partition("</bdi>")[0]
    assert len(drawn.split()) == 4
    assert choose(client, handle, drawn).location.startswith("/code/pret")


def test_a_used_code_tells_the_day_and_lets_its_holder_close_the_access(stand: WebStand, clock: FakeClock) -> None:
    mother = family(stand.world.engine)
    code = give_letter(stand, mother).code
    thief = stand.client()
    activate(thief, code.written)
    client = stand.client()
    told = write_code(client, code.written)
    page = client.get(told.location)
    assert "Ce code a déjà servi le 14 septembre 2026." in page.text
    assert "Inès" in thief.get("/").text
    closed = fill(client, page, "/code/deja", c=handle_in(told))
    assert "L'accès est fermé" in closed.text
    clock.advance(timedelta(seconds=31))
    assert "Inès" not in thief.get("/").text
    assert sign_in(stand.client(), "dominique.lefevre", GOOD).status == 403, "the thief's secret ended with it"
    with stand.world.engine.connect() as conn:
        assert list(conn.scalars(select(schema.standings.c.subject))) == [mother]


def test_an_old_code_says_so_to_whoever_holds_it_whole(stand: WebStand, clock: FakeClock) -> None:
    code = give_letter(stand, family(stand.world.engine)).code
    clock.advance(timedelta(days=30))
    assert write_code(stand.client(), code.written).status == 410
    assert write_code(stand.client(), code.locator + "0" * 12).status == 403


# ---- SMS ---------------------------------------------------------------------------------------------------------


def ask_sms(client: Client, number: str = TYPED) -> str:
    return handle_in(fill(client, client.get("/perdu/mobile"), "/perdu/mobile", mobile=number, i=""))


def write_digits(client: Client, handle: str, digits: str, day: date = BORN) -> Answer:
    page = client.get(f"/perdu/code?c={handle}")
    return fill(client, page, "/perdu/code", c=handle, chiffres=digits, **born(day))


def digits_of(stand: WebStand) -> str:
    assert stand.parts.ways_in is not None
    return sent(stand.parts.ways_in)[-1][1]


def test_whoever_lost_everything_but_the_telephone_is_back_in_four_screens(stand: WebStand) -> None:
    family(stand.world.engine, mobile=MOBILE)
    client = stand.client()
    handle = ask_sms(client)
    assert write_digits(client, handle, digits_of(stand)).location == f"/code/passe?c={handle}"
    done = choose(client, handle)
    assert "dominique.lefevre" in client.get(done.location).text
    assert "Inès" in client.get("/").text


def test_a_number_that_nobody_has_gets_the_same_pages_and_no_sms(stand: WebStand) -> None:
    family(stand.world.engine, mobile=MOBILE)
    known, unknown = stand.client(), stand.client()
    pages = [
        client.get(f"/perdu/code?c={ask_sms(client, number)}")
        for client, number in ((known, TYPED), (unknown, "06 39 98 99 34"))
    ]
    texts = [page.body.replace(page.token, "") for page in pages]
    hidden = [text.partition('name="c" value="')[2][:47] for text in texts]
    assert texts[0].replace(hidden[0], "") == texts[1].replace(hidden[1], "")
    assert stand.parts.ways_in is not None
    assert [channel.to for channel, _ in sent(stand.parts.ways_in)] == [MOBILE]


@pytest.mark.parametrize(("right_digits", "right_day"), [(False, True), (True, False), (False, False)])
def test_digits_without_the_birth_date_or_the_other_way_round_open_nothing(
    stand: WebStand, *, right_digits: bool, right_day: bool
) -> None:
    """LR-13: which of the two was wrong is not told."""
    family(stand.world.engine, mobile=MOBILE)
    client = stand.client()
    handle = ask_sms(client)
    digits = digits_of(stand)
    wrong = f"{(int(digits) + 1) % 10**6:06}"
    answer = write_digits(client, handle, digits if right_digits else wrong, BORN if right_day else ANOTHER_DAY)
    assert answer.status == 403
    assert write_digits(client, handle, digits).status == 303


def test_digits_are_good_for_the_login_they_were_sent_for_and_for_ten_minutes(
    stand: WebStand, clock: FakeClock
) -> None:
    family(stand.world.engine, mobile=MOBILE)
    victim, thief = stand.client(), stand.client()
    handle = ask_sms(victim)
    digits = digits_of(stand)
    theirs = ask_sms(thief, "06 39 98 99 34")
    assert write_digits(thief, theirs, digits).status == 403
    clock.advance(timedelta(minutes=10))
    assert write_digits(victim, handle, digits).status == 403


def test_of_several_who_bear_a_number_the_child_says_who_is_meant(stand: WebStand) -> None:
    """One mother is two persons as long as nothing but her name joins the feeds of two académies."""
    family(stand.world.engine, mobile=MOBILE)
    family(stand.world.engine, mobile=MOBILE, key="502", given="Claude", born=ANOTHER_DAY)
    client = stand.client()
    handle = ask_sms(client)
    assert write_digits(client, handle, digits_of(stand), ANOTHER_DAY).status == 303
    assert "claude.lefevre" in client.get(choose(client, handle).location).text
    assert stand.parts.ways_in is not None
    assert len(sent(stand.parts.ways_in)) == 1


def test_parents_who_share_a_telephone_and_a_birth_date_come_in_another_way(stand: WebStand) -> None:
    family(stand.world.engine, mobile=MOBILE)
    family(stand.world.engine, mobile=MOBILE, key="502", given="Claude")
    client = stand.client()
    handle = ask_sms(client)
    assert write_digits(client, handle, digits_of(stand)).status == 403


def test_a_code_is_sent_five_times_a_day_to_any_number(stand: WebStand) -> None:
    client = stand.client()
    for _ in range(5):
        ask_sms(client, "06 39 98 99 34")
    page = client.get("/perdu/mobile")
    refused = fill(client, page, "/perdu/mobile", mobile="+33 6 39 98 99 34", i="")
    assert refused.status == 429
    assert refused.header("Retry-After")


# ---- windows -----------------------------------------------------------------------------------------------------


def number_on(client: Client) -> str:
    """The number that this browser's screen shows."""
    (digits,) = NUMBER.findall(client.get("/code/ouvert").body)
    return "".join(digits)


def open_window(stand: WebStand, client: Client, person: str) -> str:
    """A window for a person at this browser's screen, as whoever helps opens it; returns the number."""
    assert stand.parts.ways_in is not None
    number = number_on(client)
    bound = stand.parts.ways_in.screens.bound_by(number, window=CODES.window_life, now=stand.world.clock())
    window(stand.world.engine, person, bound)
    return number


def come_in(client: Client, *, day: date = BORN) -> Answer:
    """Below the number, write a birth date."""
    return fill(client, client.get("/code/ouvert"), "/code/ouvert", i="", **born(day))


def test_a_window_lets_its_person_choose_a_secret_by_a_birth_date(stand: WebStand) -> None:
    client = stand.client()
    number = open_window(stand, client, family(stand.world.engine))
    came = come_in(client)
    assert choose(client, handle_in(came)).location.startswith("/code/pret")
    assert "Inès" in client.get("/").text
    assert come_in(client).status == 409
    assert number_on(client) != number


def test_a_window_is_guessed_at_three_times(stand: WebStand) -> None:
    client = stand.client()
    open_window(stand, client, family(stand.world.engine))
    for _ in range(3):
        assert come_in(client, day=ANOTHER_DAY).status == 403
    assert come_in(client).status == 409


def test_before_the_window_is_open_and_after_it_the_page_says_so(stand: WebStand, clock: FakeClock) -> None:
    client = stand.client()
    early = come_in(client)
    assert (early.status, "L'école n'a pas encore ouvert votre accès." in early.text) == (409, True)
    open_window(stand, client, family(stand.world.engine))
    clock.advance(timedelta(minutes=10))
    assert come_in(client).status == 409


def test_a_browser_keeps_its_number_until_it_asks_for_another(stand: WebStand, clock: FakeClock) -> None:
    client, other = stand.client(), stand.client()
    number = number_on(client)
    clock.advance(timedelta(minutes=20))
    assert number_on(client) == number != number_on(other)
    changed = fill(client, client.get("/code/ouvert"), "/code/ouvert", i="", autre="1")
    assert changed.location.startswith("/code/ouvert")
    assert number_on(client) != number


def test_a_number_stays_for_as_long_as_its_window_and_is_then_another(stand: WebStand, clock: FakeClock) -> None:
    """Also where the window is opened in the last minute in which the number may be read out."""
    client = stand.client()
    number_on(client)
    clock.advance(timedelta(minutes=29))
    assert stand.parts.ways_in is not None
    number = number_on(client)
    bound = stand.parts.ways_in.screens.bound_by(number, window=CODES.window_life, now=clock())
    assert bound
    clock.advance(timedelta(minutes=9))
    assert number_on(client) == number
    assert stand.parts.ways_in.screens.bound_by(number, window=CODES.window_life, now=clock()) == ""
    clock.advance(timedelta(minutes=2))
    assert number_on(client) != number


def test_a_number_is_drawn_so_often_for_one_network_and_not_more(stand: WebStand) -> None:
    assert stand.parts.ways_in is not None
    table = stand.parts.ways_in.federation.upstreams.rules(OWN).throttle
    client = stand.client()
    open_window(stand, client, family(stand.world.engine))
    for _ in range(int(table.most_of_network) - 1):
        stand.parts.ways_in.gate.enter_screen("192.0.2.1", table=table, now=stand.world.clock())
    assert stand.client().get("/code/ouvert").status == 429
    assert client.get("/code/ouvert").status == 200
    assert come_in(client).status == 303
    assert stand.client().get("/code/ouvert").status == 200, "whoever came in by one is no flood"


# ---- around ------------------------------------------------------------------------------------------------------


def test_a_login_that_a_service_asked_for_goes_on_where_it_led(stand: WebStand) -> None:
    issued = give_letter(stand, family(stand.world.engine))
    client = stand.client()
    left = client.leave(OWN)
    interaction = dict(parse_qsl(urlsplit(left.location).query))["i"]
    page = client.get(f"/code?i={interaction}")
    handle = handle_in(fill(client, page, "/code", code=issued.code.written, i=interaction))
    write_birth_date(client, handle)
    assert 'href="/"' in client.get(choose(client, handle).location).body


@pytest.mark.parametrize("path", ["/code?code=ABCD", "/code/passe?passe=x", "/code/naissance?jour=1"])
def test_a_secret_in_an_address_is_refused(stand: WebStand, path: str) -> None:
    client = stand.client()
    page = client.get("/code")
    assert client.post(path, {"csrf": page.token, "code": "x"}).status == 400


def test_without_a_source_of_our_own_there_are_no_such_pages(sqlite_url: str, clock: FakeClock) -> None:
    with open_web(sqlite_url, clock) as stand:
        assert {stand.client().get(path).status for path in ("/code", "/perdu", "/perdu/mobile", "/code/ouvert")} == {
            404
        }
