"""The youngest over WSGI, on real rows: a class by its code, a first name, four pictures; and choosing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from broker.domain.people import RecordKind
from broker.domain.school import Level
from broker.storage import schema
from broker.web.assets import templates_folder
from broker.web.pictures import PICTURES
from broker.wire.http import SESSION_COOKIE
from tests import builders
from tests.clock import FakeClock
from tests.flows.test_ways_in import come_in, number_on, open_window
from tests.web_stand import Answer, Client, WebStand, open_web

OWN, ECOLE, COLLEGE = "maison", "0990002B", "0990001A"
BORN = date(2019, 5, 4)
MINE = ("3", "11", "3", "20")
NAME = re.compile(r'href="(/classe/[A-Z]{6}/[0-9a-f]{20}\?i=)"><bdi lang="fr">([^<]+)</bdi>')


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        with opened.world.engine.begin() as conn:
            builders.add_school(conn, ECOLE, name="École Jules-Ferry", level=Level.ECOLE)
            builders.add_school(conn, COLLEGE, name="Collège Rosa-Parks")
        yield opened


def add_pupil(stand: WebStand, key: str, given: str, *, uai: str = ECOLE, label: str = "CP A") -> str:
    """A pupil of a class, born on `BORN`; returns the person."""
    with stand.world.engine.begin() as conn:
        record = builders.add_record(conn, key, RecordKind.PUPIL, given=given, family="Petit", birth_date=BORN)
        person = builders.add_person(conn)
        builders.attach(conn, record, person)
        builders.enrol(conn, record, uai, class_code=label)
        conn.execute(schema.search_pending.insert(), [{"record_id": record}])
    return person


def code_of(stand: WebStand, label: str = "CP A", uai: str = ECOLE) -> str:
    return stand.parts.young_classes.code_of(uai, label, now=stand.world.clock())


def come_to_window(stand: WebStand, client: Client, person: str) -> Answer:
    open_window(stand, client, person)
    return come_in(client, day=BORN)


def rows(pictures: tuple[str, ...]) -> dict[str, str]:
    return dict(zip("pqrs", pictures, strict=True))


def choose(stand: WebStand, person: str, pictures: tuple[str, ...] = MINE) -> Answer:
    """In a window, choose pictures."""
    client = stand.client()
    handle = dict(parse_qsl(urlsplit(come_to_window(stand, client, person).location).query))["c"]
    page = client.get(f"/code/images?c={handle}")
    return client.post("/code/images", {"csrf": page.token, "c": handle, **rows(pictures)})


def names_of(client: Client, code: str) -> dict[str, str]:
    """First names of a class, with their addresses."""
    asked = client.get("/classe")
    led = client.post("/classe", {"csrf": asked.token, "i": "", "classe": code.lower()})
    return {name: path for path, name in NAME.findall(client.get(led.location).body)}


def show(client: Client, path: str, pictures: tuple[str, ...]) -> Answer:
    page = client.get(path)
    return client.post(path.partition("?")[0], {"csrf": page.token, "i": "", **rows(pictures)})


# ---- choosing -----------------------------------------------------------------------------------------------------


def test_a_young_pupil_chooses_pictures_in_a_window_and_comes_in_by_them(stand: WebStand) -> None:
    person = add_pupil(stand, "1", "Zoé")
    chosen = choose(stand, person)
    assert chosen.location == "/"
    (kept,) = stand.world.rows("credentials")
    assert kept["kind"] == "pictures"
    assert str(kept["secret"]).startswith("$argon2id$")
    client = stand.client()
    path = names_of(client, code_of(stand))["Zoé"]
    assert show(client, path, MINE).location == "/"
    assert "Espace élève" in client.get("/").text


def test_who_is_older_is_asked_for_a_passphrase_and_gets_no_pictures(stand: WebStand) -> None:
    person = add_pupil(stand, "1", "Zoé", uai=COLLEGE, label="6B")
    client = stand.client()
    led = come_to_window(stand, client, person)
    handle = dict(parse_qsl(urlsplit(led.location).query))["c"]
    assert client.get(f"/code/passe?c={handle}").status == 200
    assert client.get(f"/code/images?c={handle}").status == 404
    form = {"csrf": client.get(f"/code/passe?c={handle}").token, "c": handle, **rows(MINE)}
    assert client.post("/code/images", form).status == 404
    assert stand.world.rows("credentials") == []


OTHERS_TRY_FIRST = (("1", "1", "1", "1"), ("1", "2", "1", "2"))
NONE_OF_OURS = (("1", "2", "3", "24"), ("1", "", "2", "3"), ("1", "2", "3", "-1"), ("1", "2", "3", "٣"))


@pytest.mark.parametrize("pictures", OTHERS_TRY_FIRST + NONE_OF_OURS)
def test_pictures_that_all_try_first_or_that_are_none_are_not_kept(stand: WebStand, pictures: tuple[str, ...]) -> None:
    assert choose(stand, add_pupil(stand, "1", "Zoé"), pictures).status == 400
    assert stand.world.rows("credentials") == []


def test_a_window_sets_pictures_once(stand: WebStand) -> None:
    person = add_pupil(stand, "1", "Zoé")
    client = stand.client()
    handle = dict(parse_qsl(urlsplit(come_to_window(stand, client, person).location).query))["c"]
    page = client.get(f"/code/images?c={handle}")
    form = {"csrf": page.token, "c": handle, **rows(MINE)}
    assert client.post("/code/images", form).location == "/"
    client.cookies.pop(SESSION_COOKIE)
    assert client.post("/code/images", {**form, "csrf": client.get("/connexion").token}).status == 400


# ---- coming in ----------------------------------------------------------------------------------------------------


def test_the_order_of_the_pictures_matters(stand: WebStand) -> None:
    choose(stand, add_pupil(stand, "1", "Zoé"))
    client = stand.client()
    path = names_of(client, code_of(stand))["Zoé"]
    wrong = show(client, path, tuple(reversed(MINE)))
    assert (wrong.status, "pas dans le bon ordre" in wrong.text) == (403, True)
    assert SESSION_COOKIE not in client.cookies
    assert show(client, path, MINE).location == "/"


def test_guesses_are_slowed_down_as_for_passwords_whatever_the_browser(stand: WebStand, clock: FakeClock) -> None:
    choose(stand, add_pupil(stand, "1", "Zoé"))
    path = names_of(stand.client(), code_of(stand))["Zoé"]
    for place in range(5):
        assert show(stand.client(), path, ("0", "1", "2", str(place + 3))).status == 403
    waited = show(stand.client(), path, MINE)
    assert (waited.status, bool(waited.header("Retry-After"))) == (429, True)
    clock.advance(timedelta(seconds=31))
    assert show(stand.client(), path, MINE).location == "/"


def test_no_more_than_25_guesses_a_day_are_looked_at(stand: WebStand, clock: FakeClock) -> None:
    choose(stand, add_pupil(stand, "1", "Zoé"))
    path, looked_at = names_of(stand.client(), code_of(stand))["Zoé"], 0
    for place in range(40):
        looked_at += show(stand.client(), path, ("0", "1", str(place % 24), "2")).status == 403
        clock.advance(timedelta(minutes=16))
    assert looked_at <= 26


def test_pictures_open_nobody_elses_access(stand: WebStand) -> None:
    choose(stand, add_pupil(stand, "1", "Zoé"))
    choose(stand, add_pupil(stand, "2", "Adam"), ("4", "5", "6", "7"))
    client = stand.client()
    assert show(client, names_of(client, code_of(stand))["Adam"], MINE).status == 403


def test_whoever_has_no_pictures_yet_is_told_what_everybody_is_told(stand: WebStand) -> None:
    choose(stand, add_pupil(stand, "1", "Zoé"))
    add_pupil(stand, "2", "Adam")
    client = stand.client()
    names = names_of(client, code_of(stand))
    told = [show(client, names[name], ("0", "1", "2", "3")) for name in ("Zoé", "Adam")]
    assert [answer.status for answer in told] == [403, 403]
    bodies = [re.sub(r"pcs_\w+|/classe/[^\"]+|Zoé|Adam|pfx", "", answer.body) for answer in told]
    assert bodies[0] == bodies[1]


# ---- the code of a class ------------------------------------------------------------------------------------------


def test_a_code_shows_first_names_of_its_class_alone(stand: WebStand) -> None:
    for key, given, label in (("1", "Zoé", "CP A"), ("2", "Adam", "CP A"), ("3", "Léo", "CP B")):
        add_pupil(stand, key, given, label=label)
    page = stand.client().get(f"/classe/{code_of(stand)}").body
    assert re.findall(r'fr">(Zoé|Adam|Léo)<', page) == ["Adam", "Zoé"]
    assert "Petit" not in page
    assert "prs_" not in page


def test_two_who_are_called_alike_are_told_apart(stand: WebStand) -> None:
    add_pupil(stand, "1", "Zoé")
    add_pupil(stand, "2", "Zoé")
    assert stand.client().get(f"/classe/{code_of(stand)}").body.count("Zoé P.") == 2


def test_a_code_of_none_shows_nothing_and_trying_codes_is_counted(stand: WebStand) -> None:
    client = stand.client()
    assert client.get("/classe/BCDFGH").status == 404
    asked = client.get("/classe")
    assert client.post("/classe", {"csrf": asked.token, "i": "", "classe": "bcdfgh"}).status == 400
    table, gate = stand.world.policies.installation.throttle, stand.parts.passwords.gate
    for _ in range(298):
        gate.enter_network("192.0.2.1", table=table, now=stand.world.clock())
    assert client.get("/classe/BCDFGH").status == 429


def test_a_class_of_a_college_has_no_page_even_with_a_code(stand: WebStand) -> None:
    add_pupil(stand, "1", "Zoé", uai=COLLEGE, label="6B")
    assert stand.client().get(f"/classe/{code_of(stand, '6B', COLLEGE)}").status == 404


def test_a_class_keeps_its_code(stand: WebStand) -> None:
    assert code_of(stand) == code_of(stand)
    assert code_of(stand) != code_of(stand, "CP B")


def test_the_page_of_a_pupil_is_found_by_no_other_class(stand: WebStand) -> None:
    add_pupil(stand, "1", "Zoé")
    add_pupil(stand, "2", "Léo", label="CP B")
    client = stand.client()
    path = names_of(client, code_of(stand))["Zoé"]
    assert client.get(path.replace(code_of(stand), code_of(stand, "CP B"))).status == 404


# ---- the pictures -------------------------------------------------------------------------------------------------


def test_there_are_24_pictures_each_with_a_word_and_small() -> None:
    drawn = (templates_folder() / "pictures.html").read_text(encoding="utf-8").splitlines()[1:]
    assert len(drawn) == len(set(drawn)) == len(set(PICTURES)) == 24
    assert max(len(line.encode()) for line in drawn) <= 300


def test_the_page_works_by_radios_and_words_alone(stand: WebStand) -> None:
    choose(stand, add_pupil(stand, "1", "Zoé"))
    client = stand.client()
    page = client.get(names_of(client, code_of(stand))["Zoé"])
    assert page.body.count('type="radio"') == 4 * 24
    assert "<script" not in page.body
    assert all(page.text.count(f"</svg>{name}</label>") == 4 for name in PICTURES)


# ---- a window that a parent opens ----------------------------------------------------------------------------------


def with_mother(stand: WebStand, child: str, *, may_act: bool = True) -> Client:
    """The mother of a pupil, signed in."""
    with stand.world.engine.begin() as conn:
        record = (
            conn.execute(schema.attachments.select().where(schema.attachments.c.person_id == child)).one().record_id
        )
        _, mother = builders.add_guardian(conn, "500101")
        builders.add_guardianship(conn, mother, record, may_act=may_act)
    stand.knows("mere", "500101")
    browser = stand.client()
    browser.sign_in("ent2")
    return browser


def test_a_parent_opens_ten_minutes_in_which_the_child_chooses(stand: WebStand, clock: FakeClock) -> None:
    child = add_pupil(stand, "1", "Zoé")
    mother = with_mother(stand, child)
    assert 'href="/enfants"' in mother.get("/").body
    page = mother.get("/enfants")
    client = stand.client()
    number = number_on(client)
    opened = mother.post("/enfants", {"csrf": page.token, "enfant": child, "numero": f"{number[:3]} {number[3:]}"})
    assert "C'est ouvert 10 minutes pour" in opened.text
    led = come_in(client, day=BORN)
    assert client.get(led.location).location.startswith("/code/images")
    (event,) = stand.world.audit("window_opened")
    assert (event["subject"], event["detail"]["by"]) == (child, "guardian")  # type: ignore[index]
    assert {str(row["person_id"]) for row in stand.world.rows("notices")} == {child, str(event["actor"])}


def test_a_window_of_a_parent_is_over_after_ten_minutes(stand: WebStand, clock: FakeClock) -> None:
    child = add_pupil(stand, "1", "Zoé")
    mother = with_mother(stand, child)
    client = stand.client()
    form = {"csrf": mother.get("/enfants").token, "enfant": child, "numero": number_on(client)}
    assert mother.post("/enfants", form).status == 200
    clock.advance(timedelta(minutes=11))
    assert come_in(client, day=BORN).status == 409


def test_a_parent_who_types_a_number_that_no_screen_shows_opens_nothing(stand: WebStand) -> None:
    child = add_pupil(stand, "1", "Zoé")
    mother = with_mother(stand, child)
    shown = number_on(stand.client())
    wrong = f"{(int(shown) + 1) % 10**6:06}"
    for typed in (wrong, "", shown[:5], "abcdef"):
        refused = mother.post("/enfants", {"csrf": mother.get("/enfants").token, "enfant": child, "numero": typed})
        assert (refused.status, "Aucun écran ne montre ce numéro." in refused.text) == (403, True), typed
    assert stand.world.rows("codes") == []
    form = {"csrf": mother.get("/enfants").token, "enfant": child, "numero": shown}
    assert mother.post("/enfants", form).status == 200


def test_a_parent_who_tries_numbers_out_has_to_wait(stand: WebStand) -> None:
    child = add_pupil(stand, "1", "Zoé")
    mother = with_mother(stand, child)
    shown = number_on(stand.client())
    form = {"csrf": mother.get("/enfants").token, "enfant": child}
    wrong = f"{(int(shown) + 1) % 10**6:06}"
    assert [mother.post("/enfants", {**form, "numero": wrong}).status for _ in range(6)] == [403] * 5 + [429]
    assert mother.post("/enfants", {**form, "numero": shown}).status == 429
    assert stand.world.rows("codes") == []


def test_a_parent_opens_few_windows_a_day_for_one_child(stand: WebStand) -> None:
    """Each lets three birth dates be tried: by a stolen login all of a school year's would be tried within the hour."""
    child = add_pupil(stand, "R1", "Inès")
    mother = with_mother(stand, child)
    shown = number_on(stand.client())
    form = {"csrf": mother.get("/enfants").token, "enfant": child, "numero": shown}
    assert [mother.post("/enfants", form).status for _ in range(7)] == [200] * 6 + [429]


def test_whoever_may_only_see_the_child_opens_nothing(stand: WebStand) -> None:
    child = add_pupil(stand, "1", "Zoé")
    father = with_mother(stand, child, may_act=False)
    home = father.get("/")
    form = {"csrf": home.token, "numero": number_on(stand.client())}
    assert "Zoé" in home.body
    assert 'href="/enfants"' not in home.body
    assert father.get("/enfants").status == 404
    assert father.post("/enfants", {**form, "enfant": child}).status == 404
    assert stand.world.rows("codes") == []


def test_nobody_opens_a_window_for_the_child_of_somebody_else(stand: WebStand) -> None:
    mother, other = with_mother(stand, add_pupil(stand, "1", "Zoé")), add_pupil(stand, "2", "Adam")
    form = {"csrf": mother.get("/enfants").token, "numero": number_on(stand.client())}
    assert mother.post("/enfants", {**form, "enfant": other}).status == 404
    assert stand.world.rows("codes") == []


def test_a_child_at_a_tablet_left_open_opens_nothing_by_it(stand: WebStand, clock: FakeClock) -> None:
    child = add_pupil(stand, "1", "Zoé")
    mother = with_mother(stand, child)
    form = {"csrf": mother.get("/enfants").token, "enfant": child, "numero": number_on(stand.client())}
    clock.advance(timedelta(minutes=6))
    refused = mother.post("/enfants", form)
    assert (refused.status, "but=enfants" in refused.body) == (403, True)
    assert stand.world.rows("codes") == []
