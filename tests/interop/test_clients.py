"""openid-client, Authlib and idpyoidc, each in a process of its own: sign-in, userinfo, refresh, both logouts."""

from __future__ import annotations

import pytest

from tests.browser.town import RunningTown
from tests.certificates import ThrowAwayCa
from tests.interop.parties import AUTHLIB, IDPYOIDC, NODE, Party
from tests.interop.visits import LEVELS, SHARED, SIGN_IN_PATH, answer, sign_in, sign_out, soon, verified
from tests.scripted_browser import ScriptedBrowser

pytestmark = pytest.mark.interop
each_client = pytest.mark.parametrize("client_id", [NODE, AUTHLIB, IDPYOIDC])


@each_client
@pytest.mark.spec("OIDC Core §3.1")
@pytest.mark.spec("OIDC Core §5.3")
def test_it_signs_the_mother_in_believes_the_signature_and_reads_who_she_is(
    client_id: str, browser: ScriptedBrowser, town: RunningTown, party_at: dict[str, str],
    parties: dict[str, Party], throw_away_ca: ThrowAwayCa,
) -> None:  # fmt: skip
    asked = browser.open(party_at[client_id])
    assert asked.url.startswith(town.origin + SIGN_IN_PATH)
    told = answer(sign_in(browser))
    alg = parties[client_id].signing_alg
    token = verified(told["id_token"], issuer=town.origin, audience=client_id, alg=alg, trust=throw_away_ca.trust())
    assert (told["claims"]["sub"], told["claims"]["sid"]) == (token["sub"], token["sid"])
    about = answer(browser.open("/moi"))
    assert (about["sub"], about["given_name"]) == (token["sub"], "Aline")
    assert sorted(child["level"] for child in about["children"]) == LEVELS


@each_client
@pytest.mark.spec("OIDC Core §12.2")
@pytest.mark.spec("RFC 6749 §6")
def test_it_renews_its_tokens_twice_and_she_is_the_same_person(
    client_id: str, browser: ScriptedBrowser, town: RunningTown, party_at: dict[str, str],
    parties: dict[str, Party], throw_away_ca: ThrowAwayCa,
) -> None:  # fmt: skip
    browser.open(party_at[client_id])
    first = answer(sign_in(browser))
    second, third = (answer(browser.open("/renouveler")) for _ in range(2))
    assert second["access_token"] != third["access_token"]
    alg = parties[client_id].signing_alg
    token = verified(third["id_token"], issuer=town.origin, audience=client_id, alg=alg, trust=throw_away_ca.trust())
    kept = ("sub", "sid", "auth_time")
    assert [token[name] for name in kept] == [first["claims"][name] for name in kept]
    assert answer(browser.open("/moi"))["sub"] == token["sub"]


@each_client
@pytest.mark.spec("OIDC Core §11")
def test_on_a_shared_device_it_is_given_nothing_to_renew_with(
    client_id: str, browser: ScriptedBrowser, party_at: dict[str, str]
) -> None:
    browser.open(party_at[client_id])
    assert not answer(sign_in(browser, device=SHARED))["renewable"]
    assert answer(browser.open("/moi"))["given_name"] == "Aline"
    answer(browser.open("/renouveler"), 502)


@each_client
@pytest.mark.spec("RP-Initiated Logout §2")
@pytest.mark.spec("RP-Initiated Logout §3")
def test_a_logout_that_it_begins_ends_the_visit_and_comes_back_to_it(
    client_id: str, browser: ScriptedBrowser, town: RunningTown, party_at: dict[str, str]
) -> None:
    browser.open(party_at[client_id])
    answer(sign_in(browser))
    assert answer(browser.open("/sortir")) == {"bye": True}
    assert browser.open("/").url.startswith(town.origin + SIGN_IN_PATH), "the broker still knew her"


@pytest.mark.parametrize("client_id", [NODE, AUTHLIB])
@pytest.mark.spec("RFC 6749 §5.2")
def test_after_a_sign_out_at_the_broker_its_tokens_buy_nothing(
    client_id: str, browser: ScriptedBrowser, another_browser: ScriptedBrowser, town: RunningTown,
    party_at: dict[str, str],
) -> None:  # fmt: skip
    """Neither library takes a logout token: they hold on to theirs, and learn it when they use them."""
    browser.open(party_at[client_id])
    answer(sign_in(browser))
    answer(another_browser.open(f"{party_at[client_id]}/renouveler"))
    sign_out(browser, town.origin)
    assert answer(another_browser.open("/renouveler"), 502)["error"] == "invalid_grant"
    answer(another_browser.open("/moi"), 502)


@pytest.mark.spec("Back-Channel Logout §2.5")
@pytest.mark.spec("Back-Channel Logout §2.6")
def test_idpyoidc_is_told_of_a_sign_out_and_believes_the_logout_token(
    browser: ScriptedBrowser, another_browser: ScriptedBrowser, town: RunningTown, party_at: dict[str, str]
) -> None:
    browser.open(party_at[IDPYOIDC])
    answer(sign_in(browser))
    seen = f"{party_at[IDPYOIDC]}/seance"
    assert answer(another_browser.open(seen)) == {"open": True}
    sign_out(browser, town.origin)
    assert soon(lambda: answer(another_browser.open(seen)) == {"open": False})


@pytest.mark.spec("OIDC Core §8.1")
def test_programs_of_one_service_know_the_mother_as_one_subject(
    browser: ScriptedBrowser, party_at: dict[str, str]
) -> None:
    browser.open(party_at[NODE])
    subjects = {answer(sign_in(browser))["claims"]["sub"]}
    subjects |= {answer(browser.open(party_at[client_id]))["claims"]["sub"] for client_id in (AUTHLIB, IDPYOIDC)}
    assert len(subjects) == 1
