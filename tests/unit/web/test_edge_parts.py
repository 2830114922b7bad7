"""The small pure parts of the edge: languages, cookies, form tokens, policy, names, numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.domain.errors import BadPageRequest, PreauError, every_fault
from broker.domain.identity import AccountState, AuthnContext
from broker.domain.people import RecordKind
from broker.domain.released import SUBJECT
from broker.domain.services import ClaimName, ServiceState
from broker.domain.sessions import Device, Session
from broker.portal import OfferState
from broker.portal.why import mask_reference
from broker.web import cookies, edge, forms, headers, languages, words
from broker.web.assets import load_style_sheet, templates_folder
from broker.web.render import isolate, name_in, web_address
from broker.web.sign_in import AFTER_STEP_UP

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
KEY = b"k" * 32


@pytest.mark.parametrize(
    ("asked", "kept", "code"),
    [("", "", "fr"), ("ar", "", "ar"), ("", "en", "en"), ("en", "ar", "en"), ("xx", "ar", "ar"), ("xx", "yy", "fr")],
)
def test_the_language_asked_for_wins_then_the_one_kept_then_french(asked: str, kept: str, code: str) -> None:
    assert languages.choose_language(asked=asked, kept=kept).code == code


def session(device: Device) -> Session:
    authn = AuthnContext("low", ("pwd",), NOW, "ent1")
    ends = NOW + timedelta(hours=12)
    return Session("sid_1", "d", "prs_1", "acc_1", authn, device, NOW, ends, ends)


def test_only_an_own_device_keeps_the_session_after_the_browser_closes() -> None:
    assert "Max-Age" not in cookies.session_cookie("pse_x", session(Device.SHARED), now=NOW)[1]
    assert "Max-Age=43200" in cookies.session_cookie("pse_x", session(Device.OWN), now=NOW)[1]


def test_a_shared_device_is_remembered_by_nothing() -> None:
    assert "Max-Age=0" in cookies.device_cookie(Device.SHARED)[1]


def test_a_form_token_belongs_to_one_browser_and_one_session() -> None:
    token = forms.form_token(KEY, browser="b", session="s")
    forms.check_form({"csrf": token}, KEY, browser="b", session="s")
    for browser, held in (("c", "s"), ("b", "t"), ("", "s")):
        with pytest.raises(BadPageRequest):
            forms.check_form({"csrf": token}, KEY, browser=browser, session=held)
    with pytest.raises(BadPageRequest):
        forms.check_form({"csrf": token}, b"other" * 8, browser="b", session="s")


def test_a_browser_without_a_cookie_passes_no_form_whatever_it_computes() -> None:
    with pytest.raises(BadPageRequest):
        forms.check_form({"csrf": forms.form_token(KEY, browser="", session="")}, KEY, browser="", session="")


def test_a_notice_is_sealed_with_everything_it_tells() -> None:
    seal = forms.seal_notice(KEY, ("PRE-2001", "1", "/"), browser="b")
    assert seal != forms.seal_notice(KEY, ("PRE-2001", "1", "/acces"), browser="b")
    assert seal != forms.seal_notice(KEY, ("PRE-2001", "1", "/"), browser="c")


def test_the_policy_of_a_page_names_each_return_origin_once_in_order() -> None:
    policy = headers.content_policy(["https://b.example", "https://a.example", "https://b.example"])
    assert "form-action 'self' https://a.example https://b.example;" in policy


def test_a_trace_number_is_ten_digits_in_groups() -> None:
    numbers = {edge.new_trace() for _ in range(50)}
    assert len(numbers) == 50
    assert all([len(part) for part in number.split("-")] == [3, 4, 3] for number in numbers)


@pytest.mark.parametrize(
    ("number", "shown"), [("500101", "••••01"), ("123", "••23"), ("12", "••••"), ("1", "••••"), ("", "••••")]
)
def test_a_file_number_shows_its_last_two_digits_at_most(number: str, shown: str) -> None:
    assert mask_reference(number) == shown


def test_a_name_is_isolated_escaped_and_marked_when_it_is_french_on_a_page_that_is_not() -> None:
    arabic, french = languages.BY_CODE["ar"], languages.BY_CODE["fr"]
    assert str(isolate("<b>")) == "<bdi>&lt;b&gt;</bdi>"
    assert str(name_in({"fr": "Cantine", "ar": "المطعم"}, arabic)) == "<bdi>المطعم</bdi>"
    assert str(name_in({"fr": "Cantine"}, arabic)) == '<bdi lang="fr">Cantine</bdi>'
    assert str(name_in({"fr": "Cantine"}, french)) == "<bdi>Cantine</bdi>"


def test_the_style_sheet_is_named_after_its_content() -> None:
    sheet = load_style_sheet(templates_folder())
    assert sheet.name.startswith("preau.")
    assert sheet == load_style_sheet(templates_folder())


def test_every_code_of_the_error_tree_is_used_once() -> None:
    def kinds(kind: type[PreauError]) -> list[type[PreauError]]:
        return [kind, *(found for child in kind.__subclasses__() for found in kinds(child))]

    codes = [kind.code for kind in kinds(PreauError) if kind.__module__.startswith("broker.domain")]
    assert len(codes) == len(set(codes))
    assert set(codes) <= set(every_fault())


def test_every_claim_state_and_fact_has_words() -> None:
    assert set(words.CLAIM) == {SUBJECT, *ClaimName}
    assert set(words.STATE) == set(ServiceState)
    assert set(words.OFFER) == set(OfferState)
    assert set(words.KIND) == set(RecordKind)
    assert set(words.LINK_STATE) == set(AccountState)
    assert set(words.STEP_UP) == set(AFTER_STEP_UP)


def test_the_whole_name_stands_for_its_parts_and_an_unknown_claim_comes_last() -> None:
    assert words.claims_to_tell(("new", "given_name", "name", "sub")) == ("sub", "name", "new")
    assert words.claims_to_tell(("given_name", "sub")) == ("sub", "given_name")


@pytest.mark.parametrize("text", ["javascript:alert(1)", "//evil.example", "data:text/html,x", " https://x", ""])
def test_only_a_web_address_becomes_a_link(text: str) -> None:
    assert web_address(text) == ""
    assert web_address("https://service.example/droits") == "https://service.example/droits"
