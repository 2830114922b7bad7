"""Screens without a keyboard (RFC 8628): from the code on the screen to its tokens, and who must not get there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update

from broker.domain.audit import Action
from broker.domain.handles import USER_CODE_ALPHABET, digest, new_user_code, read_user_code
from broker.domain.people import Profil, Space
from broker.domain.services import ClientKind, GrantType, Service, TokenAuthMethod
from broker.domain.standings import InForce, StandingKind
from broker.protocol.oidc import device as checks
from broker.protocol.oidc.device import DeviceAuthorization
from broker.services.register import Register
from broker.storage.engine import reading, writing
from broker.storage.schema import audit_events, device_requests, sessions
from broker.wire import oauth
from tests import builders
from tests.clock import FakeClock
from tests.web_stand import Answer, Client, WebStand, open_web, service

SCOPE = "openid profile"
TEN_MINUTES = 600
OWN = frozenset({GrantType.DEVICE_CODE})


def screens(service_id: str = "ecran", **changes: Any) -> Service:
    """A service whose client is an app on a screen: public, without an address."""
    plain = service(service_id, names={"fr": "Le Tableau"}, **changes)
    party = replace(
        plain.parties[0], kind=ClientKind.NATIVE, auth_method=TokenAuthMethod.NONE, secret_digest="", redirect_uris=(),
        scopes=("openid", "profile", "offline_access"), grant_types=OWN,
    )  # fmt: skip
    return replace(plain, parties=(party,))


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, services=(screens(), screens("autre"), service())) as stand:
        stand.add_mother("Léa")
        yield stand


@pytest.fixture
def phone(web: WebStand) -> Client:
    """The mother's telephone, signed in."""
    browser = web.client()
    browser.sign_in()
    return browser


def begin(web: WebStand, client_id: str = "ecran", scope: str = SCOPE, **more: str) -> Any:
    form = {"client_id": client_id, "scope": scope, **more}
    answer = web.client().post("/device_authorization", form)
    return json.loads(answer.body) | {"status": answer.status}


def poll(web: WebStand, asked: Any, client_id: str = "ecran") -> Any:
    form = {"grant_type": oauth.DEVICE_GRANT, "device_code": asked["device_code"], "client_id": client_id}
    return json.loads(web.client().post("/token", form).body)


def write(phone: Client, code: str) -> Answer:
    return phone.post("/device", {"csrf": phone.get("/device").token, "code": code})


def form_of(confirm: Answer) -> dict[str, str]:
    """What the page that asks for yes or no sends."""
    assert confirm.status == 200
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', confirm.body)
    assert {name for name, _ in found} == {"csrf", "code", "vu"}
    return dict(found)


def answer(phone: Client, confirm: Answer, word: str = "oui") -> Answer:
    return phone.post("/device/reponse", {**form_of(confirm), "reponse": word})


def approve(phone: Client, asked: Any) -> Answer:
    return answer(phone, write(phone, asked["user_code"]))


# ---- the straight walk ---------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 8628 §3.2")
def test_a_screen_is_given_its_codes(web: WebStand) -> None:
    asked = begin(web)
    assert asked | {"device_code": "", "user_code": ""} == {
        "device_code": "", "user_code": "", "verification_uri": "https://preau.example/device", "expires_in": 600,
        "interval": 5, "status": 200,
    }  # fmt: skip
    assert read_user_code(asked["user_code"])
    assert "verification_uri_complete" not in asked, "an address with the code in it would be sent around"


@pytest.mark.spec("RFC 8628 §3.4")
def test_a_yes_on_the_telephone_opens_the_screen_once(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    confirm = write(phone, asked["user_code"].lower().replace("-", " "))
    assert "Le Tableau" in confirm.text
    assert asked["user_code"] in confirm.text
    assert poll(web, asked)["error"] == "authorization_pending", "looking is not letting in"
    done = answer(phone, confirm)
    assert (done.status, done.location[:18]) == (303, "/device?fait=oui&s")
    assert "C'est fait" in phone.get(done.location).text
    tokens = poll(web, asked)
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", SCOPE)
    told = web.client().get("/userinfo", Authorization=f"Bearer {tokens['access_token']}")
    assert told.status == 200
    assert poll(web, asked)["error"] == "invalid_grant"
    assert web.client().get("/userinfo", Authorization=f"Bearer {tokens['access_token']}").status == 401, "reused"


def test_yes_is_written_down_with_who_said_it(web: WebStand, phone: Client) -> None:
    approve(phone, begin(web))
    with reading(web.world.engine) as conn:
        found = conn.execute(select(audit_events).where(audit_events.c.action == Action.DEVICE_APPROVED)).one()
        owner = conn.execute(select(sessions.c.person_id)).scalar_one()
    assert (found.actor, found.detail) == (owner, {"client": "ecran"})


@pytest.mark.spec("RFC 8628 §3.5")
def test_a_no_is_final(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    confirm = write(phone, asked["user_code"])
    assert answer(phone, confirm, "non").location.startswith("/device?fait=non&s=")
    assert poll(web, asked)["error"] == "access_denied"
    assert answer(phone, confirm).status == 400
    assert poll(web, asked)["error"] == "access_denied"


def test_no_link_tells_anybody_that_a_screen_is_open_or_closed(web: WebStand, phone: Client) -> None:
    """Whoever reads "it is done", or "nothing was opened", would stop asking what the screen shows."""
    done = answer(phone, write(phone, begin(web)["user_code"])).location
    other = web.client()
    other.sign_in()
    assert "C'est fait" in phone.get(done).text
    forged = (done.replace("oui", "non"), done.partition("&")[0], f"{done[:-1]}%C3%A9", "/device?fait=non&s=")
    for browser, place in ((other, done), *((phone, place) for place in forged)):
        shown = browser.get(place)
        assert (shown.status, "Continuer" in shown.text) == (200, True), place
        assert not any(said in shown.text for said in ("C'est fait", "Rien n'a été ouvert"))


@pytest.mark.spec("RFC 8628 §3.5")
def test_a_screen_that_asks_too_often_is_slowed_down(web: WebStand, clock: FakeClock) -> None:
    asked = begin(web)
    told = []
    for wait in (0, 4, 9, 10, 5):
        clock.advance(wait)
        told.append(poll(web, asked)["error"])
    assert told == ["authorization_pending", "slow_down", "slow_down", "slow_down", "slow_down"]
    clock.advance(60)
    assert poll(web, asked)["error"] == "authorization_pending"


@pytest.mark.spec("RFC 8628 §3.5")
def test_a_code_is_over_after_ten_minutes(web: WebStand, phone: Client, clock: FakeClock) -> None:
    late, unread = begin(web), begin(web)
    clock.advance(TEN_MINUTES - 1)
    confirm = write(phone, late["user_code"])
    assert poll(web, unread)["error"] == "authorization_pending"
    clock.advance(1)
    assert (write(phone, late["user_code"]).status, answer(phone, confirm).status) == (400, 400)
    assert poll(web, unread)["error"] == "expired_token"


def test_a_yes_is_redeemed_before_the_code_is_over(web: WebStand, phone: Client, clock: FakeClock) -> None:
    asked = begin(web)
    approve(phone, asked)
    clock.advance(TEN_MINUTES)
    assert poll(web, asked)["error"] == "expired_token"


# ---- who gets codes, and what is redeemed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "error", "check"),
    [
        ({"scope": "profile"}, "invalid_scope", checks.check_openid),
        ({"scope": "openid children"}, "invalid_scope", checks.check_scope),
        ({"resource": "https://nobody.example/api"}, "invalid_target", checks.check_resource),
    ],
)
def test_a_screen_asks_for_what_its_descriptor_says(
    web: WebStand, form: dict[str, str], error: str, check: Callable[..., None]
) -> None:
    asked = {"client_id": "ecran", "scope": SCOPE, **form}
    assert begin(web, **asked)["error"] == error
    route = next(route for route in web.door._routes.values() if route.path == "/device_authorization")
    owner = route.answer.__self__  # type: ignore[attr-defined]
    assert isinstance(owner, DeviceAuthorization)
    target = checks.DeviceAsked(_client(web, "ecran"), asked, None)
    kept = [each for each in owner.checks if each is not check]
    for each in kept:
        each(target)


def _client(web: WebStand, client_id: str) -> Any:
    found = web.register.value.by_client(client_id)
    assert found is not None
    return checks.Client(found, found.parties[0])


def test_a_client_without_the_grant_has_no_screens(web: WebStand) -> None:
    plain = screens()
    party = replace(plain.parties[0], grant_types=frozenset({GrantType.AUTHORIZATION_CODE}))
    asked = begin(web)
    web.register.value = Register((replace(plain, parties=(party,)),))
    assert begin(web)["error"] == "unauthorized_client"
    assert poll(web, asked)["error"] == "unauthorized_client"


def test_another_clients_device_code_opens_nothing(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    approve(phone, asked)
    assert poll(web, asked, "autre")["error"] == "invalid_grant"
    assert "access_token" in poll(web, asked)


@pytest.mark.parametrize("shown", ["", "pdc_", "pdc_" + "x" * 43, "pco_" + "x" * 43])
def test_what_is_no_device_code_of_ours_is_refused(web: WebStand, shown: str) -> None:
    assert poll(web, {"device_code": shown})["error"] == "invalid_grant"


def test_a_family_lets_a_screen_have_nothing_that_is_renewed(web: WebStand, phone: Client) -> None:
    """A screen is a shared device, whosever telephone said yes."""
    asked = begin(web, scope="openid offline_access")
    approve(phone, asked)
    tokens = poll(web, asked)
    assert ("refresh_token" in tokens, tokens["scope"]) == (False, "openid")


def of_staff(*, offline: bool) -> Service:
    """Screens of a staff room; `offline`: what its descriptor says of renewing."""
    plain = screens("salle", space=Space.STAFF, profils=frozenset({Profil.ENSEIGNANT}))
    return replace(plain, parties=(replace(plain.parties[0], device_offline=offline),))


@pytest.fixture
def teacher(web: WebStand) -> Client:
    """A teacher's telephone, signed in, where the staff room has screens that renew."""
    with web.world.engine.begin() as conn:
        _, record = builders.add_staff(conn, "t1")
        builders.add_post(conn, record)
    web.knows("prof", "t1")
    web.register.value = Register((of_staff(offline=True),))
    browser = web.client()
    browser.sign_in(user="prof")
    return browser


def renewing(web: WebStand, phone: Client) -> Any:
    asked = begin(web, "salle", scope="openid offline_access")
    assert approve(phone, asked).status == 303
    return poll(web, asked, "salle")


def renew(web: WebStand, tokens: Any) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "salle"}
    return json.loads(web.client().post("/token", form).body)


@pytest.mark.spec("RFC 8628 §5.4")
def test_a_teachers_yes_is_not_renewed_unless_the_descriptor_says_so(web: WebStand, teacher: Client) -> None:
    """A month of tokens would be what somebody's code, written for a stranger's screen, is worth."""
    assert "refresh_token" in renewing(web, teacher)
    web.register.value = Register((of_staff(offline=False),))
    tokens = renewing(web, teacher)
    assert ("refresh_token" in tokens, tokens["scope"]) == (False, "openid")


def test_a_screen_renews_no_longer_than_the_session_of_who_said_yes(
    web: WebStand, teacher: Client, clock: FakeClock
) -> None:
    tokens = renewing(web, teacher)
    with reading(web.world.engine) as conn:
        left = conn.execute(select(sessions.c.ends_at)).scalar_one() - clock()
    clock.advance(left.total_seconds() / 2)  # its session is idle long since
    tokens = renew(web, tokens)
    clock.advance(left.total_seconds() / 2 - 1)
    tokens = renew(web, tokens)
    clock.advance(1)
    assert renew(web, tokens)["error"] == "invalid_grant"


def test_signing_out_ends_what_a_screen_renews(web: WebStand, teacher: Client) -> None:
    tokens = renew(web, renewing(web, teacher))
    teacher.post("/deconnexion", {"csrf": teacher.get("/deconnexion").token})
    assert renew(web, tokens)["error"] == "invalid_grant"


def test_a_screen_renews_no_longer_than_the_descriptor_says_so(web: WebStand, teacher: Client) -> None:
    tokens = renew(web, renewing(web, teacher))
    web.register.value = Register((of_staff(offline=False),))
    assert renew(web, tokens)["error"] == "invalid_grant"


# ---- who may say yes -----------------------------------------------------------------------------------------------


def test_nobody_says_yes_who_is_not_signed_in(web: WebStand) -> None:
    asked, stranger = begin(web), web.client()
    assert stranger.get("/device").location == "/connexion?but=ecran"
    token = stranger.get("/connexion?but=ecran").token
    for path in ("/device", "/device/reponse"):
        form = {"csrf": token, "code": asked["user_code"], "reponse": "oui"}
        assert stranger.post(path, form).location == "/connexion?but=ecran"
    assert poll(web, asked)["error"] == "authorization_pending"


def test_the_sign_in_leads_back_to_the_page(web: WebStand) -> None:
    browser = web.client()
    asked = browser.get("/device").location
    assert "Connectez-vous pour ouvrir un service sur un écran." in browser.get(asked).text
    left = browser.leave(target=asked)
    assert browser.come_back(left.location).location == "/device"


@pytest.mark.parametrize("path", ["/device", "/device/reponse"])
def test_no_other_page_writes_a_code_in_somebodys_name(web: WebStand, phone: Client, path: str) -> None:
    asked = begin(web)
    form = {**form_of(write(phone, asked["user_code"])), "reponse": "oui"}
    assert phone.post(path, {name: value for name, value in form.items() if name != "csrf"}).status == 400
    assert phone.post(path, form, Origin="https://evil.example").status == 400
    assert phone.get(f"/device?code={asked['user_code']}&reponse=oui").status == 200
    assert poll(web, asked)["error"] == "authorization_pending"


def test_an_answer_is_yes_or_no(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    confirm = write(phone, asked["user_code"])
    assert [answer(phone, confirm, word).status for word in ("", "OUI", "peut-être")] == [400, 400, 400]
    assert poll(web, asked)["error"] == "authorization_pending"


def test_policies_are_asked_before_the_person_is_and_with_the_yes(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    confirm = write(phone, asked["user_code"])
    web.register.value = Register((screens(profils=frozenset({Profil.ENSEIGNANT})),))
    assert (write(phone, asked["user_code"]).status, answer(phone, confirm).status) == (403, 403)
    web.register.value = Register((screens(),))
    assert write(phone, asked["user_code"]).status == 200


def test_policies_are_asked_again_when_the_screen_comes_for_its_tokens(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    approve(phone, asked)
    web.register.value = Register((screens(profils=frozenset({Profil.ENSEIGNANT})),))
    assert poll(web, asked)["error"] == "invalid_grant"


def test_a_suspended_service_is_on_no_screen(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    web.register.value = web.register.value.standing(InForce(suspended=frozenset({(StandingKind.SERVICE, "ecran")})))
    assert write(phone, asked["user_code"]).status == 400
    assert begin(web)["error"] == "unauthorized_client"


def test_signing_out_on_the_telephone_closes_the_screen(web: WebStand, phone: Client) -> None:
    before, after = begin(web), begin(web)
    approve(phone, before)
    approve(phone, after)
    tokens = poll(web, before)
    phone.post("/deconnexion", {"csrf": phone.get("/deconnexion").token})
    assert web.client().get("/userinfo", Authorization=f"Bearer {tokens['access_token']}").status == 401
    assert poll(web, after)["error"] == "expired_token"


def test_a_session_that_ended_meanwhile_says_no_yes(web: WebStand, phone: Client) -> None:
    asked = begin(web)
    confirm = write(phone, asked["user_code"])
    with writing(web.world.engine) as conn:
        conn.execute(update(sessions).values(revoked_at=web.world.clock()))
    said = answer(phone, confirm)
    assert "fait=oui" not in said.location
    with reading(web.world.engine) as conn:
        assert conn.execute(select(device_requests.c.decision)).scalar() is None


def test_of_many_answers_at_once_one_counts(web: WebStand, phone: Client) -> None:
    asked, gate = begin(web), Barrier(4)
    form = form_of(write(phone, asked["user_code"]))
    browsers = [web.client(cookies=dict(phone.cookies)) for _ in range(4)]

    def one(number: int) -> str:
        gate.wait()
        word = "oui" if number % 2 else "non"
        return browsers[number].post("/device/reponse", {**form, "reponse": word}).location

    with ThreadPoolExecutor(4) as pool:
        places = list(pool.map(one, range(4)))
    assert sum(place.startswith("/device?fait=") for place in places) == 1


# ---- guesses -------------------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 8628 §5.1")
def test_guesses_at_codes_are_counted_and_slowed_down(web: WebStand, phone: Client, clock: FakeClock) -> None:
    asked = begin(web)
    statuses = [write(phone, new_user_code()).status for _ in range(6)]
    assert statuses == [400] * 5 + [429]
    clock.advance(31)
    assert approve(phone, asked).status == 303


def test_the_answer_is_no_way_round_the_count(web: WebStand, phone: Client) -> None:
    """A code that this session was not asked about is answered by nobody: not another's, not in another's session."""
    asked, other = begin(web), begin(web)
    form = {**form_of(write(phone, asked["user_code"])), "reponse": "oui"}
    guessed = {**form, "code": read_user_code(other["user_code"])}
    elsewhere = web.client()
    elsewhere.sign_in()
    stolen = {**form, "csrf": elsewhere.get("/device").token}
    assert (phone.post("/device/reponse", guessed).status, elsewhere.post("/device/reponse", stolen).status) == (
        400,
        400,
    )
    assert poll(web, other)["error"] == poll(web, asked)["error"] == "authorization_pending"


def test_what_cannot_be_a_code_counts_too_and_the_right_one_does_not(web: WebStand, phone: Client) -> None:
    for _ in range(7):
        assert write(phone, begin(web)["user_code"]).status == 200
    assert [write(phone, "x").status for _ in range(6)] == [400] * 5 + [429]


@pytest.mark.spec("RFC 8628 §6.1")
def test_a_user_code_is_read_whatever_its_dress_and_nothing_else_is() -> None:
    code = new_user_code()
    assert set(code) <= set(USER_CODE_ALPHABET)
    assert len(USER_CODE_ALPHABET) == len(set(USER_CODE_ALPHABET)) == 20
    assert not set("AEIOUY01") & set(USER_CODE_ALPHABET)
    for dressed in (code, code.lower(), f" {code[:4]}-{code[4:]} ", f"{code[:4]}\u2011{code[4:]}"):
        assert read_user_code(dressed) == code
    for other in ("", code[:7], code + "B", "A" * 8, code[:7] + "ß", code[:7] + "\u212a"):
        assert read_user_code(other) == ""


def test_codes_are_kept_as_digests(web: WebStand) -> None:
    asked = begin(web)
    with reading(web.world.engine) as conn:
        row = conn.execute(select(device_requests)).one()
    assert row.digest == digest(asked["device_code"])
    assert row.user_code == digest(read_user_code(asked["user_code"]))
