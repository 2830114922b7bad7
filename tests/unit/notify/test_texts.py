"""Every text people receive: whole in each language, short enough for its way, without what must not be in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.credentials import LetterCode, read_letter_code
from broker.notify.gsm import segments, strangers
from broker.notify.texts import WORDS, NoticeTexts, code_mail, code_text, letter_text
from broker.telling import open_words

TRANSLATE = open_words()
AT = datetime(2026, 9, 12, 10, 24, tzinfo=ZoneInfo("Europe/Paris"))
LONGEST_PHONE = "+262 692 12 34 56 78"
LONGEST_SITE = "connexion.ecoles-et-lycees.collectivite-de-demonstration.example.fr"
MOST = {"fr": 1, "en": 1, "ar": 2}
HOLD, LIFE = timedelta(hours=72), timedelta(minutes=10)
TEXTS = NoticeTexts(TRANSLATE, f"https://{LONGEST_SITE}", LONGEST_PHONE, lambda: timedelta(hours=719))


def notice(kind: NoticeKind, language: str) -> AccessNotice:
    return AccessNotice("prs_1", kind, AT, {"language": language})


def test_every_kind_has_its_words() -> None:
    assert set(WORDS) == set(NoticeKind)


@pytest.mark.parametrize("language", MOST)
@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if WORDS[kind].by_text])
def test_a_text_message_at_its_longest_has_no_more_segments_than_its_language_may(
    kind: NoticeKind, language: str
) -> None:
    told = TEXTS.text(notice(kind, language), "+33639980001")
    assert told is not None
    assert segments(told.text) <= MOST[language], told.text
    assert language == "ar" or not strangers(told.text)


@pytest.mark.parametrize("language", MOST)
def test_a_code_at_its_longest_has_no_more_segments_than_its_language_may(language: str) -> None:
    text = code_text("482913", lasts=LIFE, site=LONGEST_SITE, language=language, translate=TRANSLATE)
    assert segments(text) <= MOST[language]
    assert language == "ar" or not strangers(text)


@pytest.mark.parametrize("language", MOST)
def test_a_code_from_the_desk_at_its_longest_has_no_more_segments_than_its_language_may(language: str) -> None:
    code = LetterCode("AB12", "CD34EF56GH78")
    text = letter_text(code, issuer=f"https://{LONGEST_SITE}", minutes=60, language=language, translate=TRANSLATE)
    assert segments(text) <= MOST[language], text
    assert language == "ar" or not strangers(text)


def test_a_code_from_the_desk_leads_to_the_page_that_takes_it() -> None:
    code = LetterCode("AB12", "CD34EF56GH78")
    text = letter_text(code, issuer="https://sso.example.fr", minutes=30, language="fr", translate=TRANSLATE)
    assert text == (
        "Ecole : votre code marche 30 min. Ne le donnez à personne.\nhttps://sso.example.fr/code#AB12-CD34-EF56-GH78"
    )
    assert read_letter_code(text.rpartition("#")[2]) == code


def test_the_last_line_of_a_code_binds_it_to_our_address() -> None:
    text = code_text("482913", lasts=LIFE, site="portail.exemple.fr", language="fr", translate=TRANSLATE)
    assert text == (
        "Ecole : votre code est 482913. Il marche 10 minutes. Ne le donnez à personne.\n@portail.exemple.fr #482913"
    )


def test_a_code_by_mail_says_the_code_and_leads_nowhere() -> None:
    mail = code_mail("a@example.org", "482913", lasts=LIFE, language="fr", translate=TRANSLATE)
    assert "482913" in mail.text
    assert "482913" not in mail.subject
    assert "http" not in mail.text


def test_a_text_message_is_what_was_promised() -> None:
    told = NoticeTexts(TRANSLATE, "https://sso.example.fr", "01 23 45 67 89", lambda: HOLD).text(
        notice(NoticeKind.SECRET_SET, "fr"), "+33639980001"
    )
    assert told is not None
    assert told.text == (
        "Le mot de passe de votre accès a changé le 12/09 à 10h24. Ce n'est pas vous ? Appelez le 01 23 45 67 89."
    )


@pytest.mark.parametrize(("hold", "told"), [(HOLD, "dans 3 jours."), (timedelta(days=7), "dans 7 jours.")])
def test_how_long_a_new_contact_waits_is_what_the_policies_say(hold: timedelta, told: str) -> None:
    texts = NoticeTexts(TRANSLATE, "https://sso.example.fr", "", lambda: hold)
    for kind in (NoticeKind.CONTACT_ASKED, NoticeKind.CONTACT_CHANGED):
        assert told in texts.mail(notice(kind, "fr"), "a@example.org").text


def test_without_a_number_the_school_is_named() -> None:
    texts = NoticeTexts(TRANSLATE, "https://sso.example.fr", "", lambda: HOLD)
    told = texts.text(notice(NoticeKind.SECRET_SET, "fr"), "+33639980001")
    assert told is not None
    assert told.text.endswith("Ce n'est pas vous ? Appelez votre école.")


def test_the_groups_of_a_number_stay_in_order_in_an_arabic_line() -> None:
    told = TEXTS.text(notice(NoticeKind.SECRET_SET, "ar"), "+33639980001")
    assert told is not None
    assert "\u200e" + LONGEST_PHONE.replace(" ", "\u00a0") in told.text


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_mail_is_in_french_first_and_then_in_the_readers_language(kind: NoticeKind) -> None:
    french, both = (TEXTS.mail(notice(kind, language), "a@example.org") for language in ("fr", "ar"))
    assert both.text.startswith(french.text.rstrip("\n"))
    assert TRANSLATE("Bonjour,", "ar") in both.text
    assert TRANSLATE("Bonjour,", "ar") not in french.text
    assert "\n" not in french.subject


def test_a_language_nobody_translated_into_is_told_in_french() -> None:
    told = TEXTS.text(notice(NoticeKind.SECRET_SET, "ta"), "+33639980001")
    assert told is not None
    assert told.text.startswith("Le mot de passe")


def test_one_notice_to_one_address_has_one_key_and_another_has_its_own() -> None:
    first, again, other = (
        TEXTS.mail(notice(kind, "fr"), "a@example.org").key
        for kind in (NoticeKind.SECRET_SET, NoticeKind.SECRET_SET, NoticeKind.WINDOW_OPENED)
    )
    assert first == again != other
