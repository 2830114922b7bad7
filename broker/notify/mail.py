"""Mails by SMTP: plain text, to one address, over a connection that is proven and bounded.

TLS is verified always; without it only a relay on this very machine is spoken to. Headers are built from values that
cannot hold a line end (CWE-93): an address that is none is refused, it is never mended.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from threading import Timer

from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import Mail, MailSecurity, MessageUnsent

STEP = 10.0
WHOLE = 40.0
"""Seconds for one answer of the relay, and for the whole mail: an entry of the outbox is leased for a minute."""
LONGEST_ADDRESS = 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_FOR_EVER = 500
"""Replies from here on say that the same mail is refused again (RFC 5321 §4.2.1)."""


@dataclass(frozen=True, slots=True)
class Relay:
    """The SMTP relay, and as whom it is used. `login` empty: it takes mails from this machine as it is."""

    host: str
    port: int
    security: MailSecurity
    sender: str
    sender_name: str
    trust: ssl.SSLContext
    login: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """`Mailer` by SMTP, a connection for each mail: they are few."""

    relay: Relay
    clock: Callable[[], datetime]
    whole: float = WHOLE

    def send(self, mail: Mail) -> None:
        """See `Mailer.send`."""
        message = build_message(mail, self.relay, now=self.clock())
        try:
            with _connected(self.relay, whole=self.whole) as client:
                client.send_message(message, from_addr=self.relay.sender, to_addrs=[mail.to])
        except smtplib.SMTPRecipientsRefused as fault:
            raise _judged(max(code for code, _ in fault.recipients.values())) from None
        except smtplib.SMTPAuthenticationError as fault:
            raise UpstreamUnavailable(f"the relay refuses our login: {fault.smtp_code}") from None
        except smtplib.SMTPDataError as fault:
            raise _judged(fault.smtp_code) from None
        except (smtplib.SMTPException, OSError, ValueError) as fault:
            raise UpstreamUnavailable(f"mail failed: {type(fault).__name__}") from None


def build_message(mail: Mail, relay: Relay, *, now: datetime) -> EmailMessage:
    """The mail as it is sent. Raises `MessageUnsent` for what is no single plain address."""
    if not is_address(mail.to):
        raise MessageUnsent
    message = EmailMessage()
    message["From"] = Address(relay.sender_name, addr_spec=relay.sender)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = format_datetime(now)
    message["Message-ID"] = _message_id(mail, relay)
    # Robots must not answer it, nor tell it that somebody is on holiday (RFC 3834 §5).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, charset="utf-8", cte="quoted-printable")
    return message


def is_address(text: str) -> bool:
    """Tell whether it is one plain address, in ASCII and without quotes or comments."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None and ".." not in text


def _message_id(mail: Mail, relay: Relay) -> str:
    name = hashlib.sha256(f"{mail.key}\n{mail.to}".encode()).hexdigest()[:40] if mail.key else secrets.token_hex(20)
    return f"<{name}@{relay.sender.rpartition('@')[2]}>"


def _judged(code: int) -> Exception:
    return MessageUnsent() if code >= _FOR_EVER else UpstreamUnavailable(f"the relay answered {code}")


class _Client(smtplib.SMTP):
    """A client that is cut off after `whole` seconds: a relay may answer in time, one letter after another, for ever.

    The cut goes through a second handle of the same socket, which no handshake takes away.
    """

    def __init__(self, relay: Relay, *, whole: float) -> None:
        self._relay, self._whole = relay, whole
        self._spare: socket.socket | None = None
        self._cut: Timer | None = None
        super().__init__(relay.host, relay.port, timeout=STEP)

    def close(self) -> None:
        """Give everything back."""
        if self._cut is not None:
            self._cut.cancel()
        if self._spare is not None:
            self._spare.close()
        super().close()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc] # typeshed leaves it out
        self._spare = plain.dup()
        self._cut = Timer(self._whole, _shut, [self._spare])
        self._cut.daemon = True
        self._cut.start()
        if self._relay.security is not MailSecurity.TLS:
            return plain
        try:
            return self._relay.trust.wrap_socket(plain, server_hostname=host)
        except BaseException:
            self.close()
            raise


@contextmanager
def _connected(relay: Relay, *, whole: float) -> Iterator[smtplib.SMTP]:
    """A connection that is sealed and logged in."""
    client = _Client(relay, whole=whole)
    try:
        if relay.security is MailSecurity.STARTTLS:
            client.starttls(context=relay.trust)
        if relay.login:
            client.login(relay.login, relay.password)
        yield client
        # What was taken is taken: a relay that does not say goodbye must not have the mail sent twice.
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
    finally:
        client.close()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
