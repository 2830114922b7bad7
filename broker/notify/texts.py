"""The words of mails and text messages: French, and the reader's own language where it is known.

No text says anything about a child, holds a secret that it is not made for, or a link that leads to one: whoever reads
over a shoulder, or forges such a mail, has nothing (ux §2.11, LR-18). A text message has one segment in French and
English, two at most in Arabic: `tests/unit/notify/test_texts.py` measures them at their longest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.credentials import LetterCode
from broker.domain.notices import Mail, TextMessage
from broker.notify.spans import lasting

Translate = Callable[[str, str], str]
"""The text of a msgid in a language (`fr`, `en`, `ar`); of a language that there is none of, in French."""
FRENCH = "fr"
RIGHT_TO_LEFT = frozenset({"ar"})


def N_(text: str) -> str:  # noqa: N802 - the usual mark of a msgid that is translated later
    """Mark a text for translation where it is used."""
    return text


@dataclass(frozen=True, slots=True)
class Words:
    """What is told of one kind: a mail's subject, one sentence or two for both ways, and what to do about it.

    `by_text`: whether it is worth an SMS: each is paid for, and too many are not read.
    """

    subject: str
    what: str
    then: str
    by_text: bool = True


NOT_YOU = N_("Ce n'est pas vous ? %(call)s")
QUESTION = N_("Une question ? %(call)s")
CALL_NUMBER = N_("Appelez le %(phone)s.")
CALL_SCHOOL = N_("Appelez votre école.")
HELLO = N_("Bonjour,")
NEVER = N_("Personne ne vous demande votre mot de passe, ni un code, même à l'école.")
WHERE = N_("Tout est aussi écrit dans votre accès : %(site)s")
CODE = N_("Ecole : votre code est %(code)s. Il marche %(lasts)s. Ne le donnez à personne.")
LETTER_CODE = N_("Ecole : votre code marche %(minutes)s min. Ne le donnez à personne.")
CODE_SUBJECT = N_("Votre code")

WORDS: Mapping[NoticeKind, Words] = {
    NoticeKind.SECRET_SET: Words(
        N_("Votre mot de passe a changé"),
        N_("Le mot de passe de votre accès a changé le %(day)s à %(time)s."),
        NOT_YOU,
    ),
    NoticeKind.LETTER_ISSUED: Words(
        N_("Une lettre pour vous"),
        N_("L'école prépare une lettre pour vous. Elle porte un code pour choisir votre mot de passe."),
        QUESTION,
        by_text=False,
    ),
    NoticeKind.WINDOW_OPENED: Words(
        N_("L'école vous laisse choisir un nouveau mot de passe"),
        N_("Votre école vous laisse choisir un nouveau mot de passe, le %(day)s dès %(time)s, pour quelques minutes."),
        NOT_YOU,
    ),
    NoticeKind.CODE_TEXTED: Words(
        N_("L'école vous envoie un code"),
        N_("Votre école vous envoie un code par SMS, le %(day)s à %(time)s. Il sert à choisir un mot de passe."),
        NOT_YOU,
    ),
    NoticeKind.FAMILY_WINDOW_OPENED: Words(
        N_("Un mot de passe d'élève peut être choisi"),
        N_("Un responsable laisse un élève choisir un mot de passe, le %(day)s dès %(time)s, quelques minutes."),
        NOT_YOU,
        by_text=False,
    ),
    NoticeKind.CODE_SENT: Words(
        N_("Un code a été demandé"),
        N_("Quelqu'un a demandé un code pour votre accès, le %(day)s à %(time)s."),
        NOT_YOU,
        by_text=False,
    ),
    NoticeKind.WAIT_LIFTED: Words(
        N_("Vous pouvez vous connecter"),
        N_("L'école a mis fin à l'attente de votre accès, le %(day)s à %(time)s."),
        QUESTION,
        by_text=False,
    ),
    NoticeKind.ACCESS_CLOSED: Words(
        N_("Votre accès est fermé"),
        N_("Votre accès est fermé depuis le %(day)s à %(time)s."),
        QUESTION,
    ),
    NoticeKind.ACCESS_REOPENED: Words(
        N_("Votre accès est ouvert"),
        N_("Votre accès est de nouveau ouvert depuis le %(day)s à %(time)s."),
        QUESTION,
        by_text=False,
    ),
    NoticeKind.CONTACT_ASKED: Words(
        N_("Un nouveau moyen de vous joindre"),
        N_("Un nouveau moyen de vous joindre a été donné le %(day)s à %(time)s. Il compte dans %(hold)s."),
        NOT_YOU,
    ),
    NoticeKind.CONTACT_CHANGED: Words(
        N_("Votre numéro ou votre adresse change"),
        N_("L'école a changé votre numéro ou votre adresse le %(day)s à %(time)s. Cela compte dans %(hold)s."),
        NOT_YOU,
    ),
    NoticeKind.FACTOR_ADDED: Words(
        N_("Un moyen de connexion en plus"),
        N_("Un moyen de connexion a été ajouté à votre accès le %(day)s à %(time)s."),
        NOT_YOU,
    ),
    NoticeKind.FACTOR_REMOVED: Words(
        N_("Un moyen de connexion en moins"),
        N_("Un moyen de connexion a été retiré de votre accès le %(day)s à %(time)s."),
        NOT_YOU,
    ),
    NoticeKind.LINK_CREATED: Words(
        N_("Un compte relié à votre accès"),
        N_("Un compte a été relié à votre accès le %(day)s à %(time)s."),
        NOT_YOU,
    ),
    NoticeKind.LINK_UNDONE: Words(
        N_("Un compte qui n'est plus relié"),
        N_("Un compte n'est plus relié à votre accès depuis le %(day)s à %(time)s."),
        NOT_YOU,
    ),
    NoticeKind.CONTAINED: Words(
        N_("Votre accès est protégé"),
        N_("Par prudence, tout ce qui était ouvert avec votre accès est fermé depuis le %(day)s à %(time)s."),
        QUESTION,
    ),
    NoticeKind.POST_GIVEN: Words(
        N_("Vous aidez au guichet"),
        N_("Vous pouvez aider les familles au guichet de votre école depuis le %(day)s à %(time)s."),
        QUESTION,
        by_text=False,
    ),
    NoticeKind.POST_ENDED: Words(
        N_("Vous n'aidez plus au guichet"),
        N_("Vous n'aidez plus les familles au guichet de votre école depuis le %(day)s à %(time)s."),
        QUESTION,
        by_text=False,
    ),
}
"""Every kind there is (a test compares): adding one is adding its words."""


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """`NoticeWords` by gettext. `phone`: who helps, empty where the installation names nobody; `site`: the issuer.

    `hold`: how long a new contact waits before it counts.
    """

    translate: Translate
    site: str
    phone: str
    hold: Callable[[], timedelta]

    def mail(self, notice: AccessNotice, to: str) -> Mail:
        """The mail: French first, then the reader's language where another is known."""
        words, own = WORDS[notice.kind], notice.told.get("language", FRENCH)
        parts = [self._body(words, notice.at, language) for language in dict.fromkeys((FRENCH, own))]
        key = f"{notice.person_id}\n{notice.kind}\n{notice.at.timestamp()}"
        return Mail(to, words.subject, "\n\n-- \n\n".join(parts) + "\n", key)

    def text(self, notice: AccessNotice, to: str) -> TextMessage | None:
        """The SMS, in the reader's language alone."""
        words, language = WORDS[notice.kind], notice.told.get("language", FRENCH)
        if not words.by_text:
            return None
        return TextMessage(to, f"{self._what(words, notice.at, language)} {self._then(words, language)}")

    def _body(self, words: Words, at: datetime, language: str) -> str:
        lines = (
            self.translate(HELLO, language),
            self._what(words, at, language),
            self._then(words, language),
            self.translate(WHERE, language) % {"site": self.site},
            self.translate(NEVER, language),
        )
        return "\n\n".join(lines)

    def _what(self, words: Words, at: datetime, language: str) -> str:
        clock = "%Hh%M" if language == FRENCH else "%H:%M"
        told = {"day": f"{at:%d/%m}", "time": at.strftime(clock), "hold": lasting(self.hold(), language)}
        return self.translate(words.what, language) % told

    def _then(self, words: Words, language: str) -> str:
        call = self.translate(CALL_NUMBER if self.phone else CALL_SCHOOL, language)
        return self.translate(words.then, language) % {"call": call % {"phone": phone_in(language, self.phone)}}


def phone_in(language: str, phone: str) -> str:
    """A telephone number inside a text.

    Its groups would stand in reverse in an Arabic line, and a plus behind them: a mark before it, and fixed spaces,
    have it read as it is called (UAX #9, W4 and W7).
    """
    return "\u200e" + phone.replace(" ", "\u00a0") if language in RIGHT_TO_LEFT else phone


def code_text(digits: str, *, lasts: timedelta, site: str, language: str, translate: Translate) -> str:
    """The SMS of a code. Its last line binds it to our address: telephones offer it there and nowhere else."""
    return f"{_code(digits, lasts, language, translate)}\n@{site} #{digits}"


def letter_text(code: LetterCode, *, issuer: str, minutes: int, language: str, translate: Translate) -> str:
    """The SMS of a code like a letter's: the page, and the code behind # as a letter prints it, to be read or pressed.

    What stands behind # is sent to nobody; the page still asks what only the family knows.
    """
    words = translate(LETTER_CODE, language) % {"minutes": minutes}
    return f"{words}\n{issuer}/code#{code.written.replace(' ', '-')}"


def code_mail(to: str, digits: str, *, lasts: timedelta, language: str, translate: Translate) -> Mail:
    """The mail of a code."""
    return Mail(to, translate(CODE_SUBJECT, language), f"{_code(digits, lasts, language, translate)}\n")


def _code(digits: str, lasts: timedelta, language: str, translate: Translate) -> str:
    return translate(CODE, language) % {"code": digits, "lasts": lasting(lasts, language)}
