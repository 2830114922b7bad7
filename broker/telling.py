"""Mail, text messages and letters put together for a process: from settings to relay, gateway, fonts and words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

from broker.domain.audit import Topic
from broker.domain.clock import Clock
from broker.domain.errors import SettingsError
from broker.domain.ports import Current
from broker.domain.ports.notify import Mailer, SmsCounts, Texter
from broker.jobs.notices import Calendars, TellNotice
from broker.jobs.work import Worker
from broker.notify.codes import Codes
from broker.notify.letter import LetterPrinter
from broker.notify.letter_paper import font_faults
from broker.notify.mail import Relay, SmtpMailer, is_address
from broker.notify.sms import Gateway, GatewayTexter, parse_template
from broker.notify.texts import NoticeTexts, Translate
from broker.settings import Settings, read_secret
from broker.stores import Stores
from broker.web.assets import templates_folder
from broker.web.languages import BY_CODE, FRENCH, load_catalogues
from connectors.outbound import Outbound, OutboundLimits, open_outbound
from policies import PolicyBook
from policies.calendar import quiet_until
from policies.calendar_tables import calendar_of

_LIMITS = OutboundLimits(most_bytes=64 * 1024, at_once=8)


def open_notice_teller(
    settings: Settings, stores: Stores, book: Current[PolicyBook], resources: ExitStack, *, clock: Clock
) -> Worker:
    """The worker that tells people what happened to their access: apart, as relays and gateways may hang."""
    translate = open_words()
    tell = TellNotice(
        channels=stores.channels,
        told=stores.access_notices,
        words=NoticeTexts(
            translate, settings.issuer, settings.help_phone, lambda: book.current().installation.codes.contact_hold
        ),
        mailer=open_mailer(settings, clock=clock),
        texter=open_texter(settings, stores.sms_counts, resources, clock=clock),
        calendars=_calendars(book),
        most=lambda: int(book.current().installation.codes.notices_a_day),
        clock=clock,
    )
    return Worker(outbox=stores.outbox, deliverers={Topic.NOTICE: tell}, clock=clock)


def open_code_sender(settings: Settings, counts: SmsCounts, resources: ExitStack, *, clock: Clock) -> Codes:
    """Who sends one-time codes, by what is set up."""
    mailer, texter = open_mailer(settings, clock=clock), open_texter(settings, counts, resources, clock=clock)
    return Codes(mailer, texter, open_words(), settings.issuer)


def open_printer(settings: Settings) -> LetterPrinter:
    """Who makes letters."""
    return LetterPrinter(open_words(), settings.letters.fonts_dir)


def open_mailer(settings: Settings, *, clock: Clock) -> Mailer | None:
    """The mailer; None where no relay is named. Raises `SettingsError`."""
    stated = settings.mail
    if not stated.host:
        return None
    relay = Relay(
        stated.host,
        stated.port,
        stated.security,
        stated.sender,
        stated.sender_name,
        _trust("mail.ca_file", stated.ca_file),
        stated.login,
        read_secret(stated.password_file) if stated.password_file else "",
    )
    return SmtpMailer(relay, clock)


def open_texter(settings: Settings, counts: SmsCounts, resources: ExitStack, *, clock: Clock) -> Texter | None:
    """The texter; None where no gateway is named. Raises `SettingsError`."""
    stated = settings.sms
    if not stated.url:
        return None
    headers = {stated.secret_header: read_secret(stated.secret_file)} if stated.secret_file else {}
    try:
        outbound = open_outbound(ca_file=stated.ca_file, limits=_LIMITS)
        body = parse_template(stated.body, form=stated.form)
    except (OSError, ValueError) as fault:
        raise SettingsError((f"sms: cannot be used ({type(fault).__name__})",)) from fault
    resources.callback(outbound.close)
    gateway = Gateway(stated.url, body, stated.form, stated.success, headers)
    return GatewayTexter(gateway, partial(_post, outbound), counts, clock)


def open_words() -> Translate:
    """Texts in every language there is a catalogue of."""
    catalogues = load_catalogues(templates_folder())

    def translate(text: str, language: str) -> str:
        return str(catalogues[BY_CODE.get(language, FRENCH).locale].gettext(text))

    return translate


def message_faults(settings: Settings) -> Iterator[str]:
    """Faults of relay, gateway and fonts that sound settings still hide; what is missing they tell already."""
    if settings.mail.host and settings.mail.sender and not is_address(settings.mail.sender):
        yield "mail.sender: one plain address is wanted"
    for name, path in (("mail.ca_file", settings.mail.ca_file), ("sms.ca_file", settings.sms.ca_file)):
        if path is not None and path.is_file():
            yield from _authority_faults(name, path)
    try:
        parse_template(settings.sms.body, form=settings.sms.form)
    except ValueError as fault:
        yield f"sms.body: {fault}"
    fonts = settings.letters.fonts_dir
    if fonts is not None and fonts.is_dir():
        yield from (f"letters.fonts_dir: {fault}" for fault in font_faults(fonts))


def _calendars(book: Current[PolicyBook]) -> Calendars:
    def quiet(uai: str, now: datetime) -> datetime | None:
        return quiet_until(calendar_of(book.current().installation.calendar, uai), now)

    def local(uai: str, at: datetime) -> datetime:
        return at.astimezone(calendar_of(book.current().installation.calendar, uai).place.time_zone)

    return Calendars(quiet, local)


def _post(outbound: Outbound, url: str, body: bytes, headers: Mapping[str, str]) -> int:
    return outbound.post(url, body=body, headers=headers).status


def _trust(name: str, path: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(path) if path else None)
    except OSError as fault:
        raise SettingsError((f"{name}: cannot be used ({type(fault).__name__})",)) from fault


def _authority_faults(name: str, path: Path) -> Iterator[str]:
    try:
        _trust(name, path)
    except SettingsError as fault:
        yield from fault.problems
