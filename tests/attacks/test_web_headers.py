"""Security headers, cookie attributes, caches and the Host header, on every route there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from http.cookies import SimpleCookie
from typing import Any

import pytest

from broker.web import edge as edge_module
from broker.web import headers as headers_module
from broker.web.edge import HEALTH, Edge
from tests.clock import FakeClock
from tests.federations import BASE
from tests.web_stand import HOST, Client, WebStand, open_web

FOREIGN_HOSTS = (
    "evil.example", f"{HOST}.evil.example", f"evil.example:443@{HOST}", f"{HOST}:8443", f"{HOST}@evil.example", "",
    f"{HOST}, evil.example", f"evil.example, {HOST}", f" {HOST}", f"{HOST}.", "127.0.0.1", "[::1]", f"{HOST}/x",
)  # fmt: skip
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=63072000",
}


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("Léa")
        yield stand


def routes(web: WebStand) -> list[tuple[str, str]]:
    """Every method and path, of the pages and of the protocol door, with values in the place of variables."""
    filled = {
        "source_id": "ent1", "account_id": "acc_x", "name": "preau.css", "service_id": "x", "code": "PRE-3001",
        "person_id": "prs_x", "number": "123-4567-890", "ref": "x",
    }  # fmt: skip
    found = [
        (
            method,
            web.pages.url_map.bind(HOST).build(rule.endpoint, {name: filled.get(name, "x") for name in rule.arguments}),
        )
        for rule in web.pages.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]
    found += [(route.method, route.path) for route in _door_routes(web)]
    return [*found, ("GET", "/no-such-page"), ("POST", "/no-such-page"), ("PUT", "/")]


def _door_routes(web: WebStand) -> Any:
    return tuple(web.door._routes.values())


def signed_in(web: WebStand) -> Client:
    browser = web.client()
    browser.sign_in()
    return browser


@pytest.mark.parametrize("who", ["stranger", "mother"])
def test_every_answer_of_every_route_carries_the_headers(web: WebStand, who: str) -> None:
    assert len(routes(web)) > 25
    for method, path in routes(web):
        browser = web.client() if who == "stranger" else signed_in(web)
        answer = browser.send(method, path, form={} if method == "POST" else None)
        for name, value in EVERYWHERE.items():
            assert answer.header(name) == value, (method, path, name)
        policy = answer.header("Content-Security-Policy")
        assert "default-src 'none'" in policy, (method, path)
        assert "frame-ancestors 'none'" in policy, (method, path)
        assert "unsafe" not in policy, (method, path)
        assert answer.header("Referrer-Policy") in {"same-origin", "no-referrer"}, (method, path)
        assert answer.header("Permissions-Policy"), (method, path)
        assert answer.header("Server") == "preau", (method, path)
        assert not answer.header("X-Powered-By"), (method, path)


def test_the_headers_come_from_one_place_and_go_with_it(web: WebStand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_module, "base_headers", lambda **_: ())
    bare = Client(Edge(web.door, issuer=BASE), web.world)
    assert not bare.get("/.well-known/openid-configuration").header("Strict-Transport-Security")


def test_over_http_no_browser_is_bound_to_https() -> None:
    names = [name for name, _ in headers_module.base_headers(secure=False)]
    assert "Strict-Transport-Security" not in names
    assert "X-Content-Type-Options" in names


def test_a_page_is_kept_by_no_cache_and_varies_by_cookie(web: WebStand) -> None:
    mother = signed_in(web)
    for path in ("/", "/acces", "/pourquoi", "/deconnexion", "/connexion", "/no-such-page", "/avis"):
        answer = mother.get(path)
        assert answer.header("Cache-Control") == "no-store", path
        assert "Cookie" in answer.header("Vary"), path


def test_only_the_page_of_a_login_lets_its_form_lead_elsewhere(web: WebStand) -> None:
    sign_in = web.client().get("/connexion").header("Content-Security-Policy")
    assert "form-action 'self' https://educonnect.example https://ent1.example https://ent2.example;" in sign_in
    mother = signed_in(web)
    linking = mother.get("/acces").header("Content-Security-Policy")
    assert "form-action 'self' https://ent1.example https://ent2.example;" in linking, "one more login begins here"
    for path in ("/", "/pourquoi", "/deconnexion", "/no-such-page"):
        assert "form-action 'self';" in mother.get(path).header("Content-Security-Policy"), path


def test_no_page_holds_a_script_or_a_style_of_its_own(web: WebStand) -> None:
    mother = signed_in(web)
    for path in ("/", "/acces", "/pourquoi", "/deconnexion", "/connexion?but=acces", "/no-such-page"):
        body = mother.get(path).body.lower()
        assert "<script" not in body, path
        assert "<style" not in body, path
        assert " style=" not in body, path
        assert " on" not in {piece[:3] for piece in body.split('"') if piece.endswith("=")}, path


def test_every_cookie_is_host_only_secure_unreadable_and_lax(web: WebStand) -> None:
    mother = web.client()
    answers = [mother.get("/connexion?lang=ar"), mother.sign_in(device="own"), mother.get("/")]
    answers.append(mother.post("/deconnexion", {"csrf": mother.get("/deconnexion").token}))
    seen = set()
    for answer in answers:
        for name, value in answer.headers:
            if name != "Set-Cookie":
                continue
            (cookie,) = SimpleCookie(value).values()
            seen.add(cookie.key)
            assert cookie.key.startswith("__Host-preau-")
            assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax")
            assert cookie["secure"]
            assert cookie["httponly"]
    assert seen == {f"__Host-preau-{name}" for name in ("session", "browser", "lang", "farewell")}


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_gets_421_on_every_route_and_nothing_else(web: WebStand, host: str) -> None:
    for method, path in routes(web):
        if path == HEALTH:
            continue
        answer = web.client(host=host).send(method, path)
        assert (answer.status, answer.body) == (421, ""), (method, path)


def test_only_the_edge_stops_a_foreign_host(web: WebStand) -> None:
    assert Client(web.door, web.world, host="evil.example").get("/connexion").status == 200


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}:443"])
def test_the_brokers_own_host_is_served_in_every_spelling(web: WebStand, host: str) -> None:
    assert web.client(host=host).get("/connexion").status == 200


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"]
)
def test_no_header_moves_an_address_to_another_host_or_path(web: WebStand, name: str) -> None:
    plain, told = web.client(), web.client()
    expected = plain.get("/connexion")
    answer = told.get("/connexion", **{name: "evil.example"})
    assert answer.status == 200
    assert "evil.example" not in answer.body
    left = told.leave("ent1")
    assert "back=https://preau.example/retour/ent1" in left.location
    assert expected.header("Content-Security-Policy") == answer.header("Content-Security-Policy")


def test_a_cookie_that_comes_twice_counts_as_absent(web: WebStand) -> None:
    """A neighbour that plants a second cookie of the name gains nothing: which of the two is ours cannot be known."""
    mother = signed_in(web)
    session = mother.cookies["__Host-preau-session"]
    browser = Client(web.app, web.world, {"__Host-preau-session": f"{session}; __Host-preau-session=pse_x"})
    assert "Vos enfants" not in browser.get("/").body
    assert "Vos enfants" in mother.get("/").body


def test_a_session_of_the_wrong_shape_is_never_looked_up(web: WebStand) -> None:
    looked: list[str] = []

    class Watched:
        def session(self, handle: str) -> None:
            looked.append(handle)

    from broker.web.pages import create_pages

    watched = create_pages(replace(web.parts, federation=Watched()))  # type: ignore[arg-type]
    for value in ("x", "pbr_" + "a" * 43, "pse_", "pse_" + "a" * 42, "pse_" + "a" * 44):
        Client(watched, web.world, {"__Host-preau-session": value}).get("/")
    assert not looked
    Client(watched, web.world, {"__Host-preau-session": "pse_" + "a" * 43}).get("/")
    assert looked
