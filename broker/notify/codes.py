"""`CodeSender`: six digits by SMS or mail, a code like a letter's by SMS; now or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from broker.domain.credentials import ContactKind, LetterCode
from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import Channel, TextMessage
from broker.domain.ports.notify import Mailer, Texter
from broker.notify.texts import FRENCH, Translate, code_mail, code_text, letter_text


@dataclass(frozen=True, slots=True)
class Codes:
    """Sends by what is set up."""

    mailer: Mailer | None
    texter: Texter | None
    translate: Translate
    issuer: str

    def reaches(self, kind: ContactKind) -> bool:
        """See `CodeSender.reaches`."""
        return (self.texter if kind is ContactKind.MOBILE else self.mailer) is not None

    def send(self, channel: Channel, digits: str, *, lasts: timedelta, language: str, uai: str) -> None:
        """See `CodeSender.send`."""
        if channel.kind is ContactKind.MOBILE and self.texter is not None:
            site = urlsplit(self.issuer).hostname or ""
            text = code_text(digits, lasts=lasts, site=site, language=language, translate=self.translate)
            self.texter.send(TextMessage(channel.to, text, uai))
        elif channel.kind is ContactKind.MAIL and self.mailer is not None:
            mail = code_mail(channel.to, digits, lasts=lasts, language=language, translate=self.translate)
            self.mailer.send(mail)
        else:
            raise UpstreamUnavailable(f"no {channel.kind} is set up")

    def send_letter(self, to: str, code: LetterCode, *, minutes: int, uai: str) -> None:
        """See `CodeSender.send_letter`. In French: nothing tells which language somebody reads who is not here."""
        if self.texter is None:
            raise UpstreamUnavailable("no mobile is set up")
        text = letter_text(code, issuer=self.issuer, minutes=minutes, language=FRENCH, translate=self.translate)
        self.texter.send(TextMessage(to, text, uai))
