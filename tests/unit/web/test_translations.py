"""Every language is whole, says the same things, and speaks plainly."""

from __future__ import annotations

import re

import pytest

from broker.web.languages import FRENCH, LANGUAGES
from tests.catalogue import missing, msgids, obsolete, read_catalogue

TRANSLATED = [language.code for language in LANGUAGES if language is not FRENCH]
PLACEHOLDER = re.compile(r"%\(\w+\)s")
LATIN = re.compile(r"[A-Za-zÀ-ÿ]{2}")
VOWELS = re.compile("[\u064b-\u0652]")
TO_SEVERAL = re.compile(r"(?!لكم من الوقت)\b\w+(?:كم|وا|تموها?)\b|\b[أا]نتم\b")
"""Words said to several people, imperatives first; « for how long » only looks like one."""
SENTENCE = re.compile(r"[^.!?:؟]+[.!?:؟]")
LONGEST, MEAN = 22, 15
FORBIDDEN = (
    "veuillez", "authentifi", "erreur", "session expirée", "procéd", "identité numérique", "s'identifier",
    "login", "e-mail invalide", "échec",
)  # fmt: skip


def sentences(text: str) -> list[str]:
    found = [part.strip() for part in SENTENCE.findall(text)]
    return [part for part in found if len(part.split()) > 1] or [text]


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_language_lacks_nothing_and_keeps_nothing_old(code: str) -> None:
    assert missing(code) == ()
    assert obsolete(code) == ()


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_is_never_fuzzy_and_has_the_same_placeholders(code: str) -> None:
    for message in read_catalogue(code):
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        assert sorted(PLACEHOLDER.findall(str(message.string))) == sorted(PLACEHOLDER.findall(str(message.id)))


def test_a_translation_into_arabic_holds_no_latin_word_that_nothing_isolates() -> None:
    for message in read_catalogue("ar"):
        assert not message.id or not LATIN.search(PLACEHOLDER.sub("", str(message.string))), message.id


def test_arabic_speaks_to_one_person_everywhere() -> None:
    """« vous » to one reader is أنت there, as most of its sentences had it; أنتم beside it reads as two people."""
    for message in read_catalogue("ar"):
        assert not message.id or not TO_SEVERAL.search(VOWELS.sub("", str(message.string))), message.id


@pytest.mark.parametrize("text", sorted(msgids()))
def test_a_french_sentence_is_short(text: str) -> None:
    assert max(len(part.split()) for part in sentences(text)) <= LONGEST


def test_french_sentences_are_short_on_average() -> None:
    lengths = [len(part.split()) for text in msgids() for part in sentences(text)]
    assert sum(lengths) / len(lengths) <= MEAN


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_text_uses_the_words_that_people_do_not(word: str) -> None:
    assert [text for text in msgids() if word in text.casefold()] == []


def test_the_collector_finds_texts_of_every_kind() -> None:
    found = msgids()
    assert "Se connecter" in found  # a template
    assert "appareil partagé" in found  # a table of words
    assert "Nous ne vous avons pas encore trouvé." in found  # an error
    assert "Ce service est prévu pour votre profil, dans votre école." in found  # a rule
