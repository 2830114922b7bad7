"""The list of modules and the marks of the tests are one and the same; what a test of a plan sends goes over TLS."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import oidf_plans
from tests.carriage import HttpsFront, carried_by
from tests.certificates import ThrowAwayCa
from tests.oidc_stand import HOST, Answer, run_app
from tests.oidf_plans import Module, listed, marked, table


@pytest.fixture(scope="module")
def carried() -> set[Module]:
    """The modules that tests carry."""
    return marked()


def test_every_module_of_the_list_is_tested_and_no_other(carried: set[Module]) -> None:
    assert carried == set(listed())


def test_the_readme_tells_of_these_plans_that_all_their_modules_passed_and_that_nobody_certified(
    carried: set[Module],
) -> None:
    """What did not pass makes its own test fail: here the table must only be as new as the tests."""
    page = oidf_plans.README.read_text(encoding="utf-8")
    assert oidf_plans.with_table(page, dict.fromkeys(carried, True)) == page
    assert "**Not certified**" in page.partition("<!-- plans:")[0].rpartition("\n\n")[0].rpartition("## Tests")[2]


def test_the_list_is_the_foundations() -> None:
    assert len(listed()) == len(set(listed())) == 174


def test_a_module_is_counted_once_all_its_tests_passed() -> None:
    first, second = listed()[:2]
    counted = table({first: True, second: False})
    assert counted[2:4] == [f"| {first.plan} | 1 | 1 |", f"| {second.plan} | 38 | 0 |"]
    assert table({Module(first.plan, "of no list"): True})[-1] == "| total | 174 | 0 |"


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Scheme", environ["wsgi.url_scheme"])])
    return [environ["wsgi.input"].read(), environ["REMOTE_ADDR"].encode()]


def broken(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise ZeroDivisionError


def ask(app: Any = echo, *, host: str = HOST) -> Answer:
    asked = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": "", "HTTP_HOST": host}
    return run_app(app, {**asked, "wsgi.input": BytesIO(b"asked of ")}, None)


def test_a_request_crosses_a_socket() -> None:
    answer = ask()
    assert (answer.status, answer.body, answer.headers["x-scheme"]) == (200, b"asked of 127.0.0.1", "https")


def test_a_certificate_of_another_name_is_not_taken() -> None:
    with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
        ask(host="autre.example")


def test_an_authority_that_is_not_trusted_is_not_taken(throw_away_ca: ThrowAwayCa, tmp_path: Path) -> None:
    with HttpsFront(throw_away_ca, hosts=(HOST,)) as front:
        front._trust = ThrowAwayCa(tmp_path).trust()
        with carried_by(front), pytest.raises(httpx.ConnectError, match="verify failed"):
            ask()


def test_an_error_in_the_application_is_an_error_of_the_test() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(broken)
