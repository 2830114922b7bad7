"""The settings of what leaves the house towards people: mail, text messages, letters. Part of `values`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.domain.notices import MailSecurity


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The relay by which people are written to (docs/notify.md). Without a host no mail is sent."""

    host: str = ""
    """Name of the SMTP relay; nothing said: no mail is sent."""
    port: int = 587
    """Its port: 587 with starttls, 465 with tls."""
    security: MailSecurity = MailSecurity.STARTTLS
    """starttls or tls, verified in both cases; none is for a relay on this very machine (127.0.0.1, ::1, localhost)."""
    ca_file: Path | None = None
    """Certificate authority to trust for the relay, when it is not a public one."""
    sender: str = ""
    """Address that mails come from; nobody reads what is answered to it."""
    sender_name: str = "Accès aux services de l'école"
    """Name that stands before that address."""
    login: str = ""
    """Name of our account at the relay, where it wants one."""
    password_file: Path | None = None
    """File that holds that account's password."""


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """The HTTP gateway by which text messages are sent (docs/notify.md). Without an address none is sent."""

    url: str = ""
    """Address that a message is posted to, https (http on loopback only); nothing said: no SMS is sent."""
    ca_file: Path | None = None
    """Certificate authority to trust for the gateway, when it is not a public one."""
    body: str = '{"to": "{to}", "text": "{text}"}'
    """What is posted, as JSON; {to} becomes the number (+33612345678), {text} the message."""
    form: bool = False
    """Whether the body's fields are sent as a form instead of JSON."""
    secret_header: str = "Authorization"  # noqa: S105 - the name of a header
    """Header that proves us to the gateway."""
    secret_file: Path | None = None
    """File that holds the whole value of that header, as Bearer abc…; nothing said: no such header is sent."""
    success: int = 0
    """Status of a message that was taken; 0: any from 200 to 299."""


@dataclass(frozen=True, slots=True)
class LetterSettings:
    """Letters that the desk prints. Without fonts they are in French and English; Arabic needs Noto's."""

    fonts_dir: Path | None = None
    """Folder of the Noto fonts; on Debian fonts-noto-core, /usr/share/fonts/truetype/noto."""
