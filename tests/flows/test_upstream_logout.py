"""Signing out upstream too: the local end first, then the source's own logout, then a page that says how it went."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.domain.standings import InForce, StandingKind
from broker.federation.farewells import Farewell
from tests.clock import FakeClock
from tests.federations import BASE
from tests.logouts import is_signed_in
from tests.web_stand import Answer, Client, WebStand, open_web

LED, OFFERED = "ent2", "educonnect"
DONE, LEFT, TODO = "Terminé là aussi.", "Votre navigateur y est allé.", "À terminer vous-même."


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as opened:
        opened.add_mother("Léa")
        for source in opened.world.upstreams.values():
            source.logs_out = True
        yield opened


def signed_out(stand: WebStand, source: str = LED, *, device: str = "shared") -> tuple[Client, Answer]:
    """A browser that signed in by a source and out again, at the page that says so."""
    client = stand.client()
    client.sign_in(source, device=device)
    client.post("/deconnexion", {"csrf": client.get("/deconnexion").token})
    assert not is_signed_in(client)
    return client, client.get("/au-revoir")


def back_from(client: Client, source: str = LED, **changes: str) -> Answer:
    """Go to the source and be led back as it does."""
    away = client.get(f"/au-revoir/{source}")
    asked = dict(parse_qsl(urlsplit(away.location).query))
    assert asked["back"] == f"{BASE}/au-revoir/{source}/retour"
    return client.get(f"/au-revoir/{source}/retour?{urlencode({'state': asked['state'], **changes})}")


def test_the_browser_is_led_through_the_source_and_back_to_the_page(stand: WebStand) -> None:
    client, page = signed_out(stand)
    assert page.header("Refresh") == f"3; url=/au-revoir/{LED}"
    assert TODO in page.text
    assert back_from(client).location == "/au-revoir"
    page = client.get("/au-revoir")
    assert (DONE in page.text, page.header("Refresh")) == (True, "")
    assert client.get(f"/au-revoir/{LED}").location == "/au-revoir", "nothing is left to do there"


def test_a_source_that_does_not_lead_back_harms_nothing(stand: WebStand) -> None:
    client, _ = signed_out(stand)
    client.get(f"/au-revoir/{LED}")
    page = client.get("/au-revoir")
    assert (LEFT in page.text, page.header("Refresh")) == (True, "")


@pytest.mark.parametrize("state", ["", "pst_" + "x" * 43])
def test_a_return_with_another_state_tells_nothing(stand: WebStand, state: str) -> None:
    client, _ = signed_out(stand)
    back_from(client, state=state)
    assert DONE not in client.get("/au-revoir").text


@pytest.mark.parametrize(("device", "offered"), [("shared", True), ("own", False)])
def test_where_nobody_is_led_it_is_offered_on_a_shared_device(stand: WebStand, device: str, offered: bool) -> None:
    client, page = signed_out(stand, OFFERED, device=device)
    assert page.header("Refresh") == ""
    assert (f'href="/au-revoir/{OFFERED}"' in page.body) is offered
    if offered:
        assert back_from(client, OFFERED).location == "/au-revoir"
        assert DONE in client.get("/au-revoir").text


def test_a_source_without_a_logout_is_not_on_the_page(stand: WebStand) -> None:
    stand.world.upstreams[LED].logs_out = False
    _, page = signed_out(stand)
    assert (TODO in page.text, page.header("Refresh")) == (False, "")


def test_a_source_that_fails_at_that_moment_keeps_nobody_signed_in(stand: WebStand) -> None:
    client = stand.client()
    client.sign_in(LED)
    stand.world.upstreams[LED].fails = UpstreamUnavailable("down")
    client.post("/deconnexion", {"csrf": client.get("/deconnexion").token})
    assert not is_signed_in(client)
    assert "Vous êtes déconnecté" in client.get("/au-revoir").text


def test_nobody_is_led_to_a_source_that_an_administrator_closed(stand: WebStand) -> None:
    client = stand.client()
    client.sign_in(LED)
    stand.world.standings.value = InForce(suspended=frozenset({(StandingKind.SOURCE, LED)}))
    client.post("/deconnexion", {"csrf": client.get("/deconnexion").token})
    assert client.get("/au-revoir").header("Refresh") == ""


def test_every_source_of_the_visit_is_ended_and_each_gets_what_its_login_left(stand: WebStand) -> None:
    stand.world.upstreams[LED].hint, stand.world.upstreams[OFFERED].hint = "de l'ENT", "d'EduConnect"
    client = stand.client()
    client.sign_in(LED)
    client.sign_in(OFFERED)
    client.post("/deconnexion", {"csrf": client.get("/deconnexion").token})
    page = client.get("/au-revoir")
    assert page.text.count(TODO) == 2
    assert stand.world.upstreams[LED].hints == ["de l'ENT"]
    assert stand.world.upstreams[OFFERED].hints == ["d'EduConnect"]
    assert [row["source_hint"] for row in stand.world.rows("sessions")] == [None, None], "erased with the visit"


def test_another_browser_is_led_nowhere(stand: WebStand) -> None:
    signed_out(stand)
    other = stand.client()
    for path in (f"/au-revoir/{LED}", "/au-revoir/inconnu", f"/au-revoir/{LED}/retour?state=x"):
        answer = other.get(path)
        assert (answer.status, answer.location, answer.header("Referrer-Policy")) == (303, "/au-revoir", "no-referrer")


ONWARD = "https://cantine.example/au-revoir"


def signed_out_by_service(stand: WebStand, *, comes_back: bool, device: str) -> Client:
    """A browser that signed in by a source, and out again at a service that wants it back."""
    stand.world.upstreams[LED].comes_back = comes_back
    client = stand.client()
    client.sign_in(LED, device=device)
    handle = stand.world.federation.sign_out(client.cookies["__Host-preau-session"], trace="t", onward=ONWARD)
    client.cookies = {"__Host-preau-farewell": handle}
    return client


@pytest.mark.parametrize("device", ["own", "shared"])
def test_whoever_signs_out_at_a_service_goes_upstream_on_the_way_if_that_leads_back(
    stand: WebStand, device: str
) -> None:
    client = signed_out_by_service(stand, comes_back=True, device=device)
    assert client.get("/au-revoir").location == f"/au-revoir/{LED}"
    back_from(client)
    assert client.get("/au-revoir").location == ONWARD


def test_a_source_that_leads_nobody_back_is_left_open_without_a_word_on_an_own_device_alone(
    stand: WebStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sits at a shared screen next would come in by that source as the person before."""
    own = signed_out_by_service(stand, comes_back=False, device="own")
    assert own.get("/au-revoir").location == ONWARD
    shared = signed_out_by_service(stand, comes_back=False, device="shared")
    page = shared.get("/au-revoir")
    assert (page.status, page.header("Refresh")) == (200, "")
    assert f'href="/au-revoir/{LED}"' in page.body
    assert f'href="{ONWARD}"' in page.body
    with monkeypatch.context() as patch:
        patch.setattr(Farewell, "asks", False)
        assert shared.get("/au-revoir").location == ONWARD
    assert shared.get(f"/au-revoir/{LED}").location.startswith(f"https://{LED}.example/logout")
    assert shared.get("/au-revoir").location == ONWARD, "they have been there"


# ---- a CAS source ends the session ------------------------------------------------------------------------------


def told(ticket: str, root: str = "LogoutRequest") -> str:
    return (
        f'<samlp:{root} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="LR-1" Version="2.0">'
        '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">@NOT_USED@</saml:NameID>'
        f"<samlp:SessionIndex>{ticket}</samlp:SessionIndex></samlp:{root}>"
    )


def tell(stand: WebStand, request: str, *, source: str = LED, raw: bool = False) -> Answer:
    if raw:
        return stand.client().send("POST", f"/retour/{source}", form=request, headers={"Content-Type": "text/xml"})
    return stand.client().send("POST", f"/retour/{source}?etat=x", form={"logoutRequest": request})


@pytest.mark.spec("CAS §2.3.3")
@pytest.mark.parametrize("raw", [False, True])
def test_a_cas_source_ends_the_session_that_its_ticket_opened(stand: WebStand, raw: bool) -> None:
    client = stand.client()
    client.sign_in(LED)
    assert tell(stand, told("ST-ent2-1"), raw=raw).status == 200
    assert not is_signed_in(client)


def test_a_request_over_several_lines_is_read_as_lemonldap_and_apereo_write_it(stand: WebStand) -> None:
    client = stand.client()
    client.sign_in(LED)
    assert tell(stand, told("ST-ent2-1").replace("><", ">\r\n\t<")).status == 200
    assert not is_signed_in(client)


@pytest.mark.parametrize("more", ["&logoutRequest=x", "&a=1&a=2", "&a=%ff", "&a=1" * 9])
def test_a_form_that_could_be_read_in_two_ways_ends_nothing(stand: WebStand, more: str) -> None:
    client = stand.client()
    client.sign_in(LED)
    form = urlencode({"logoutRequest": told("ST-ent2-1")})
    assert stand.client().send("POST", f"/retour/{LED}", form=form + more).status == 400
    assert is_signed_in(client)


def test_it_ends_the_visit_though_the_person_proved_more_in_the_meantime(stand: WebStand) -> None:
    client = stand.client()
    client.sign_in(LED)
    client.sign_in(OFFERED)
    tell(stand, told("ST-ent2-1"))
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("source", "request_", "status"),
    [
        (LED, told("ST-ent2-2"), 200),
        (OFFERED, told("ST-ent2-1"), 200),
        ("ent1", told("ST-ent2-1"), 200),
        (LED, told("ST-ent2-1").replace("Index>", "Index><!DOCTYPE x>", 1), 400),
        (LED, told("ST-ent2-1", "LogoutResponse"), 400),
        (LED, told("ST-ent2-1").replace("</samlp:L", "<samlp:SessionIndex>ST-2</samlp:SessionIndex></samlp:L"), 400),
        (LED, told("pas un ticket"), 400),
        (LED, "", 400),
    ],
)
def test_a_request_that_names_no_ticket_of_that_source_ends_nothing(
    stand: WebStand, source: str, request_: str, status: int
) -> None:
    client = stand.client()
    client.sign_in(LED)
    assert tell(stand, request_, source=source).status == status
    assert is_signed_in(client)


def test_the_way_back_of_a_login_is_a_page_as_before(stand: WebStand) -> None:
    assert stand.client().get(f"/retour/{LED}?state=x&ticket=y").status == 303
    assert stand.client().send("HEAD", f"/retour/{LED}").status in {303, 405}


def test_whoever_changes_persons_is_led_through_the_source_before_the_sign_in_page(stand: WebStand) -> None:
    """Not by the form itself, whose redirects may lead to no other site (CSP `form-action`)."""
    client = stand.client()
    client.sign_in(LED)
    client.post("/deconnexion", {"csrf": client.get("/deconnexion").token, "suite": "connexion"})
    page = client.get("/au-revoir")
    assert (page.status, page.header("Refresh")) == (200, f"3; url=/au-revoir/{LED}")
    assert back_from(client).location == "/au-revoir"
    assert client.get("/au-revoir").location == "/connexion"
