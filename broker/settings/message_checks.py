"""What must hold of the ways to people: a relay and a gateway that are proven, files that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from broker.domain.notices import MailSecurity
from broker.settings.key_checks import check_https
from broker.settings.secret_files import read_secret, secret_fault
from broker.settings.values import Settings

_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_PHONE = re.compile(r"\+?[0-9][0-9 ]{5,18}[0-9]")
_LAST_PORT = (1 << 16) - 1


def check_messages(settings: Settings) -> Iterator[str]:
    """Every fault of `help_phone`, `[mail]`, `[sms]` and `[letters]`."""
    if settings.help_phone and not _PHONE.fullmatch(settings.help_phone):
        yield "help_phone: digits are wanted, as 01 23 45 67 89"
    yield from _check_mail(settings)
    yield from _check_sms(settings)
    fonts = settings.letters.fonts_dir
    if fonts is not None and not fonts.is_dir():
        yield f"letters.fonts_dir: {fonts} is not a folder (Debian: fonts-noto-core)"


def _check_mail(settings: Settings) -> Iterator[str]:
    stated = settings.mail
    if not stated.host:
        return
    if not 0 < stated.port <= _LAST_PORT:
        yield "mail.port: a port is wanted"
    if stated.security is MailSecurity.NONE and stated.host not in _HERE:
        yield "mail.security: none is for a relay on this machine; starttls or tls is wanted"
    if not stated.sender:
        yield "mail.sender: missing"
    if bool(stated.login) is not (stated.password_file is not None):
        yield "mail: login and password_file belong together"
    yield from _file_faults("mail.ca_file", stated.ca_file)
    yield from _secret_faults("mail.password_file", stated.password_file)


def _check_sms(settings: Settings) -> Iterator[str]:
    stated = settings.sms
    if not stated.url:
        return
    parts = urlsplit(stated.url)
    yield from check_https("sms.url", parts)
    if not parts.hostname or "@" in parts.netloc:
        yield "sms.url: an address without name and password is wanted; what proves us stands in secret_file"
    if not _HEADER.fullmatch(stated.secret_header):
        yield "sms.secret_header: the name of a header is wanted"
    yield from _file_faults("sms.ca_file", stated.ca_file)
    yield from _secret_faults("sms.secret_file", stated.secret_file)


def _file_faults(name: str, path: Path | None) -> Iterator[str]:
    if path is not None and not path.is_file():
        yield f"{name}: {path} is not a file"


def _secret_faults(name: str, path: Path | None) -> Iterator[str]:
    """A secret of one line in ASCII: it goes into a header, or over SMTP."""
    if path is None:
        return
    if fault := secret_fault(path):
        yield f"{name}: {path} {fault}"
    elif not (secret := read_secret(path)).isascii() or not secret.isprintable():
        yield f"{name}: {path} must hold one line of ASCII"
