"""Mails handed to a real relay on loopback: sealed, plain, to one address, and told apart by what the relay answers."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import Mail, MailSecurity, MessageUnsent
from broker.notify.mail import Relay, SmtpMailer, is_address
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock
from tests.mail_relay import PASSWORD, mail_relay
from tests.mail_relay import Relay as Listening

MAIL = Mail("parent@example.org", "Votre mot de passe a changé", "Bonjour,\n\nC'est écrit : é ê ش\n.\nFin\n", "key")


@pytest.fixture
def listening(throw_away_ca: ThrowAwayCa) -> Iterator[Listening]:
    with mail_relay(throw_away_ca.issue(stem="relay")) as relay:
        yield relay


@pytest.fixture
def mailer(listening: Listening, throw_away_ca: ThrowAwayCa, clock: FakeClock) -> SmtpMailer:
    return mailer_of(listening, throw_away_ca.trust(), clock)


def mailer_of(listening: Listening, trust: ssl.SSLContext, clock: FakeClock) -> SmtpMailer:
    stated = Relay(
        "127.0.0.1", listening.port, MailSecurity.STARTTLS, "ecole@example.fr", "Accès école",
        trust, "preau", PASSWORD,
    )  # fmt: skip
    return SmtpMailer(stated, clock)


def changed(mailer: SmtpMailer, **what: object) -> SmtpMailer:
    return replace(mailer, relay=replace(mailer.relay, **what))  # type: ignore[arg-type]


def test_a_mail_arrives_as_it_was_written(mailer: SmtpMailer, listening: Listening) -> None:
    mailer.send(MAIL)
    (mail,) = listening.mails
    assert listening.envelopes == [("ecole@example.fr", ["parent@example.org"])]
    assert listening.sealed == [True]
    assert listening.logins == ["preau"]
    assert mail["subject"] == MAIL.subject
    assert mail["from"] == "Accès école <ecole@example.fr>"
    assert mail["to"] == "parent@example.org"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["message-id"].endswith("@example.fr>")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == MAIL.text


def test_what_is_sent_twice_for_one_thing_bears_one_id(mailer: SmtpMailer, listening: Listening) -> None:
    for mail in (MAIL, MAIL, replace(MAIL, key="other"), replace(MAIL, key=""), replace(MAIL, key="")):
        mailer.send(mail)
    first, again, other, unkeyed, unkeyed_again = (mail["message-id"] for mail in listening.mails)
    assert first == again
    assert len({first, other, unkeyed, unkeyed_again}) == 4


def test_a_relay_may_be_sealed_from_the_first_byte(throw_away_ca: ThrowAwayCa, clock: FakeClock) -> None:
    with mail_relay(throw_away_ca.issue(stem="relay-at-once"), at_once=True) as listening:
        changed(mailer_of(listening, throw_away_ca.trust(), clock), security=MailSecurity.TLS).send(MAIL)
    assert listening.sealed == [True]


def test_a_relay_that_nobody_vouches_for_gets_nothing(listening: Listening, clock: FakeClock) -> None:
    with pytest.raises(UpstreamUnavailable):
        mailer_of(listening, ssl.create_default_context(), clock).send(MAIL)
    assert listening.mails == []
    assert listening.logins == []


def test_a_certificate_of_another_host_is_none(throw_away_ca: ThrowAwayCa, clock: FakeClock) -> None:
    other = throw_away_ca.issue(hosts=("relay.example.fr",), stem="other-relay")
    with mail_relay(other) as listening, pytest.raises(UpstreamUnavailable):
        mailer_of(listening, throw_away_ca.trust(), clock).send(MAIL)
    assert listening.logins == []


def test_a_relay_that_hides_its_starttls_gets_nothing(mailer: SmtpMailer, listening: Listening) -> None:
    """Somebody in between who cuts STARTTLS out must not read what follows."""
    listening.offers_tls = False
    with pytest.raises(UpstreamUnavailable):
        mailer.send(MAIL)
    assert listening.mails == []
    listening.offers_tls = True
    mailer.send(MAIL)
    assert len(listening.mails) == 1


@pytest.mark.parametrize(
    ("verb", "reply", "raised"),
    [
        ("RCPT", "550 5.1.1 nobody", MessageUnsent),
        ("RCPT", "451 later", UpstreamUnavailable),
        ("MAIL", "550 not from you", UpstreamUnavailable),
        ("DATA", "554 no", MessageUnsent),
        ("DATA", "452 full", UpstreamUnavailable),
        ("AUTH", "535 no", UpstreamUnavailable),
        ("EHLO", "421 closing", UpstreamUnavailable),
    ],
)
def test_what_the_relay_answers_is_later_or_never(
    mailer: SmtpMailer, listening: Listening, verb: str, reply: str, raised: type[Exception]
) -> None:
    listening.replies[verb] = reply
    with pytest.raises(raised):
        mailer.send(MAIL)
    listening.replies.clear()
    mailer.send(MAIL)
    assert len(listening.mails) == 1


def test_a_relay_that_drips_is_cut_off(mailer: SmtpMailer, listening: Listening) -> None:
    listening.drips = 0.05
    began = time.monotonic()
    with pytest.raises(UpstreamUnavailable):
        replace(mailer, whole=0.5).send(MAIL)
    assert time.monotonic() - began < 10


def test_a_relay_that_is_not_there_may_be_later(mailer: SmtpMailer) -> None:
    with pytest.raises(UpstreamUnavailable):
        changed(mailer, port=1).send(MAIL)


@pytest.mark.parametrize(
    "to",
    [
        "",
        "nobody",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org, b@example.org",
        "a@example.org>\r\nRCPT TO:<b@example.org",
        '"a b"@example.org',
        "a@exa mple.org",
        "a..b@example.org",
        "é@example.org",
        "a" * 250 + "@example.org",
    ],
)
def test_what_is_no_plain_address_is_never_sent_to(mailer: SmtpMailer, listening: Listening, to: str) -> None:
    with pytest.raises(MessageUnsent):
        mailer.send(replace(MAIL, to=to))
    assert listening.envelopes == []
    assert not is_address(to)


def test_a_subject_adds_no_header(mailer: SmtpMailer, listening: Listening) -> None:
    mailer.send(replace(MAIL, subject="Bonjour\r\nBcc: b@example.org\r\n\r\nautre"))
    (mail,) = listening.mails
    assert mail["bcc"] is None
    assert mail["subject"] == "Bonjour Bcc: b@example.org autre"


def test_the_password_shows_nowhere(mailer: SmtpMailer) -> None:
    assert PASSWORD not in repr(mailer)
    assert smtplib.SMTP.debuglevel == 0
