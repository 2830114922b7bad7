"""The town's EduConnect-shaped provider over HTTP and HTTPS: what it grants, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from broker.demo.accounts import PASSWORD
from broker.demo.people import Site
from broker.demo.prepared import Town
from tests.certificates import ThrowAwayCa
from tests.towns import running_town, tls_of

VERIFIER = "v" * 43
NOW = 1_790_000_000.0


@dataclass(slots=True)
class Watch:
    """A clock in seconds that moves when told."""

    at: float = NOW

    def __call__(self) -> float:
        return self.at


@dataclass(slots=True)
class Browser:
    """A browser and the broker's back channel, against one provider."""

    town: Town
    http: httpx.Client
    base: str = ""
    params: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base = self.town.addresses.site(Site.EDUCONNECT)
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        self.params = {
            "response_type": "code", "client_id": "preau", "scope": "openid profile", "state": "etat-1",
            "nonce": "nonce-1", "redirect_uri": self.town.addresses.callback(Site.EDUCONNECT),
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256",
        }  # fmt: skip

    def authorize(self, **changed: str) -> httpx.Response:
        params = {name: value for name, value in {**self.params, **changed}.items() if value}
        return self.http.get(f"{self.base}/idp/profile/oidc/authorize", params=params)

    def sign_in(self, login: str, *, password: str = PASSWORD, profile: str = "responsable", stay: bool = False,
                **changed: str) -> httpx.Response:  # fmt: skip
        choice = self.http.get(self.base + self.authorize(**changed).headers["location"])
        handle = re.search(r'name="t" value="([^"]+)"', choice.text)
        assert handle is not None
        form = {"t": handle[1], "typeUser": profile, "j_username": login, "j_password": password}
        return self.http.post(f"{self.base}/idp/connexion", data=form | ({"rester": "oui"} if stay else {}))

    def code(self, login: str, **changed: str) -> str:
        return answer_of(self.sign_in(login, **changed))["code"]

    def token(self, code: str, **changed: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.params["redirect_uri"],
            "client_id": "preau", "client_secret": self.town.secret("educonnect"), "code_verifier": VERIFIER,
        }  # fmt: skip
        return self.http.post(f"{self.base}/idp/profile/oidc/token", data={**form, **changed})

    def userinfo(self, token: str) -> httpx.Response:
        return self.http.get(f"{self.base}/idp/profile/oidc/userinfo", headers={"Authorization": f"Bearer {token}"})


def answer_of(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 303, response.text
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> Iterator[Town]:
    with running_town(tmp_path_factory.mktemp("town"), now=watch) as running:
        yield running


@pytest.fixture
def browser(town: Town) -> Iterator[Browser]:
    with httpx.Client(trust_env=False) as http:
        yield Browser(town, http)


def test_a_mother_signs_in_and_every_key_she_has_is_released(browser: Browser) -> None:
    answer = answer_of(browser.sign_in("aline.quemeneur"))
    assert (answer["state"], answer["iss"]) == ("etat-1", browser.base)
    tokens = browser.token(answer["code"]).json()
    claims = browser.userinfo(tokens["access_token"]).json()
    assert claims["FrEduCtRefId"] == ["{AAF}99|x|610777", "{AAF}99|x|500101"]
    assert claims["FrEduCtPersonAffiliation"] == ["resp1d", "resp2d"]
    assert claims["FrEduOrigAuth"] == "ECT"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", claims["FrEduCtDateConnexion"])
    assert (claims["FrEduCtEleveUAI"], claims["FrEduCtEleveINE"], claims["FrEduCtEleveNiveau"]) == ("", "", "")
    assert re.fullmatch(r"[0-9a-f]{96}", claims["sub"])


def test_a_pupil_signs_in_by_the_pupils_form_only(browser: Browser) -> None:
    assert browser.sign_in("emre.yildirim.eleve").status_code == 200
    tokens = browser.token(browser.code("emre.yildirim.eleve", profile="eleve")).json()
    claims = browser.userinfo(tokens["access_token"]).json()
    assert (claims["FrEduCtEleveUAI"], claims["FrEduCtEleveNiveau"]) == ("9990003Z", "2213")
    assert claims["FrEduCtPersonAffiliation"] == ["eleve2d"]


def test_acr_values_eleve_opens_the_pupils_form_at_once(browser: Browser) -> None:
    location = browser.authorize(acr_values="eleve").headers["location"]
    assert location.startswith("/idp/connexion?")
    assert "typeUser=eleve" in location


def test_the_same_person_has_the_same_subject_at_each_login(browser: Browser) -> None:
    tokens = [browser.token(browser.code("aline.quemeneur")).json()["access_token"] for _ in range(2)]
    assert len({browser.userinfo(token).json()["sub"] for token in tokens}) == 1


def test_a_wrong_password_shows_the_form_again_and_gives_no_code(browser: Browser) -> None:
    refused = browser.sign_in("aline.quemeneur", password="autre")
    assert refused.status_code == 200
    assert 'role="alert"' in refused.text
    assert browser.sign_in("aline.quemeneur").status_code == 303


def test_a_wrong_client_secret_is_refused_and_the_code_still_serves_the_client(browser: Browser) -> None:
    code = browser.code("aline.quemeneur")
    refused = browser.token(code, client_secret="x" * 64)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert browser.token(code).status_code == 200


@pytest.mark.spec("RFC 6749 §4.1.2")
def test_a_code_used_twice_is_refused_and_kills_the_token_it_gave(browser: Browser) -> None:
    code = browser.code("aline.quemeneur")
    token = browser.token(code).json()["access_token"]
    assert browser.userinfo(token).status_code == 200
    refused = browser.token(code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert browser.userinfo(token).json()["error"] == "invalid_token"


def test_a_code_lives_a_minute(browser: Browser, watch: Watch) -> None:
    late, soon = browser.code("aline.quemeneur"), browser.code("aline.quemeneur")
    watch.at += 59
    assert browser.token(soon).status_code == 200
    watch.at += 1
    assert browser.token(late).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("changed", [{"code_verifier": "w" * 43}, {"redirect_uri": "http://127.0.0.1:1/retour/x"}])
def test_a_code_redeemed_with_a_wrong_verifier_or_address_is_refused(browser: Browser, changed: dict[str, str]) -> None:
    assert browser.token(browser.code("aline.quemeneur"), **changed).json()["error"] == "invalid_grant"
    assert browser.token(browser.code("aline.quemeneur")).status_code == 200


@pytest.mark.parametrize("changed", [{"client_id": "autre"}, {"redirect_uri": "http://127.0.0.1:1/"}])
def test_an_untrusted_request_gets_a_page_and_no_redirect(browser: Browser, changed: dict[str, str]) -> None:
    refused = browser.authorize(**changed)
    assert refused.status_code == 400
    assert "location" not in refused.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_wrong_request_goes_back_with_its_error(browser: Browser, changed: dict[str, str], error: str) -> None:
    answer = answer_of(browser.authorize(**changed))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "etat-1", browser.base)


def test_who_stays_signed_in_sees_no_form_unless_a_fresh_proof_is_asked(browser: Browser, watch: Watch) -> None:
    browser.sign_in("aline.quemeneur", stay=True)
    watch.at += 100
    assert "code" in answer_of(browser.authorize())
    assert "code" in answer_of(browser.authorize(prompt="none"))
    for fresh in ({"prompt": "login"}, {"max_age": "99"}):
        assert browser.authorize(**fresh).headers["location"].startswith("/idp/profil?")


def test_sign_out_ends_the_stay_and_returns_to_no_stranger(browser: Browser) -> None:
    browser.sign_in("aline.quemeneur", stay=True)
    out = f"{browser.base}/idp/profile/oidc/logout"
    known = browser.http.get(out, params={"post_logout_redirect_uri": f"{browser.town.issuer}/", "state": "s"})
    assert known.headers["location"] == f"{browser.town.issuer}/?state=s"
    assert browser.http.get(out, params={"post_logout_redirect_uri": "http://127.0.0.9/"}).status_code == 200
    assert answer_of(browser.authorize(prompt="none"))["error"] == "login_required"


def test_a_login_begun_in_another_browser_is_not_taken_up(browser: Browser) -> None:
    location = browser.authorize().headers["location"]
    browser.http.cookies.clear()
    assert browser.http.get(browser.base + location).status_code == 400


def test_the_provider_answers_over_https_with_an_issuer_of_its_own(tmp_path: Path, throw_away_ca: ThrowAwayCa) -> None:
    with (
        running_town(tmp_path, tls=tls_of(throw_away_ca)) as town,
        httpx.Client(verify=throw_away_ca.trust(), trust_env=False) as http,
    ):
        browser = Browser(town, http)
        metadata = browser.http.get(f"{browser.base}/.well-known/openid-configuration").json()
        assert metadata["issuer"] == browser.base
        assert browser.base.startswith("https://127.0.0.2:")
        assert browser.http.get(metadata["jwks_uri"]).json()["keys"][0]["kty"] == "RSA"
        answer = browser.sign_in("aline.quemeneur", stay=True)
        assert "Secure" in answer.headers["set-cookie"]
        assert browser.token(answer_of(answer)["code"]).status_code == 200
