"""Answers that the browser carries by POST (OAuth 2.0 Form Post Response Mode): escaped, and no script but one."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from broker.app import Broker
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import Answer, Browser, authorize_url, basic, redemption
from tests.whole_app import ISSUER, call, open_app, signed_in

HOSTILE = "\"'><script>alert(1)</script>&amp;é"


class Fields(HTMLParser):
    """The form's address, its hidden fields, and every script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields, self.scripts, self._inside = "", {}, [""], False  # type: ignore[var-annotated]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self.action = told["action"] or ""
        if tag == "input":
            self.fields[told["name"]] = told["value"]
        self._inside = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts.append(data)
            self._inside = False


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture
def broker(tmp_path: Path, clock: FakeClock) -> Iterator[Broker]:
    with open_app(tmp_path, clock) as opened:
        yield opened


def posted(broker: Broker, browser: Browser, **changes: str | None) -> tuple[Answer, Fields]:
    answer = call(broker, "GET", authorize_url(response_mode="form_post", **changes), browser)
    assert (answer.status, answer.location) == (200, "")
    return answer, Fields(answer.body.decode())


def test_the_code_comes_in_a_form_and_is_redeemed(broker: Broker, clock: FakeClock) -> None:
    _, form = posted(broker, signed_in(broker, clock))
    assert form.action == "https://cantine.example/retour"
    assert set(form.fields) == {"code", "state", "iss"}
    assert (form.fields["state"], form.fields["iss"]) == ("etat-1", ISSUER)
    answer = call(broker, "POST", "/token", form=redemption(form.fields["code"]), headers=basic())
    assert answer.status == 200


def test_a_refusal_comes_in_a_form_too(broker: Broker) -> None:
    _, form = posted(broker, Browser(), prompt="none")
    assert form.fields == {"error": "login_required", "state": "etat-1", "iss": ISSUER}


def test_the_page_runs_one_script_and_leads_to_one_place(broker: Broker, clock: FakeClock) -> None:
    answer, form = posted(broker, signed_in(broker, clock))
    policy = answer.headers["content-security-policy"]
    (script,) = form.scripts[1:]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "form-action 'self' https://cantine.example;" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert b'<button type="submit"' in answer.body


def test_a_page_that_is_asked_for_runs_nothing(broker: Broker) -> None:
    assert "script-src" not in call(broker, "GET", "/connexion", Browser()).headers["content-security-policy"]


def test_what_the_request_brought_stays_text(broker: Broker, clock: FakeClock) -> None:
    answer, form = posted(broker, signed_in(broker, clock), state=HOSTILE)
    assert form.fields["state"] == HOSTILE
    assert len(form.scripts) == 2
    assert re.search(rb"<script>alert", answer.body) is None


@pytest.mark.parametrize("mode", ["fragment", "jwt", "FORM_POST"])
def test_another_mode_is_refused_by_redirect(broker: Broker, clock: FakeClock, mode: str) -> None:
    answer = call(broker, "GET", authorize_url(response_mode=mode), signed_in(broker, clock))
    assert answer.told["error"] == "invalid_request"


def test_without_a_verified_target_no_form_is_shown(broker: Broker, clock: FakeClock) -> None:
    asked = authorize_url(response_mode="form_post", redirect_uri="https://evil.example/")
    answer = call(broker, "GET", asked, signed_in(broker, clock))
    assert answer.status == 400
    assert b"evil.example" not in answer.body
