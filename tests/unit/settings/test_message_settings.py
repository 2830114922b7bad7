"""What must hold of relay, gateway and fonts, each fault told with its key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.domain.notices import MailSecurity
from broker.settings.message_checks import check_messages
from broker.settings.message_values import LetterSettings, MailSettings, SmsSettings
from broker.settings.values import SecretSettings, Settings
from broker.telling import message_faults

MAIL = MailSettings("smtp.example.fr", sender="ecole@example.fr")
SMS = SmsSettings("https://sms.example.fr/v1")
MASTER = SecretSettings(Path("master"))


def faults(mail: MailSettings = MAIL, sms: SmsSettings = SMS, **more: Any) -> list[str]:
    settings = Settings("https://sso.example.fr", MASTER, mail=mail, sms=sms, **more)
    return [*check_messages(settings), *message_faults(settings)]


def test_what_is_said_as_it_should_be_has_no_fault() -> None:
    assert faults(help_phone="01 23 45 67 89") == []
    assert faults(MailSettings(), SmsSettings()) == []


def test_what_is_not_named_is_not_looked_at() -> None:
    assert faults(replace(MAIL, host="", port=0, sender=""), replace(SMS, url="", secret_header="a b")) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"port": 0}, "mail.port:"),
        ({"port": 70000}, "mail.port:"),
        ({"security": MailSecurity.NONE}, "mail.security:"),
        ({"sender": ""}, "mail.sender: missing"),
        ({"sender": "a@example.fr\r\nBcc: b@example.fr"}, "mail.sender: one plain"),
        ({"login": "preau"}, "mail: login and password_file"),
        ({"login": "preau", "password_file": Path("/nowhere")}, "mail.password_file:"),
        ({"ca_file": Path("/nowhere")}, "mail.ca_file:"),
    ],
)
def test_each_fault_of_the_relay_is_told(changes: dict[str, Any], told: str) -> None:
    (fault,) = faults(replace(MAIL, **changes))
    assert fault.startswith(told)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_relay_on_this_machine_may_go_without_tls(host: str) -> None:
    assert faults(replace(MAIL, host=host, security=MailSecurity.NONE)) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"url": "http://sms.example.fr/v1"}, "sms.url: https"),
        ({"url": "https://name:word@sms.example.fr/v1"}, "sms.url: an address without"),
        ({"secret_header": "X:"}, "sms.secret_header:"),
        ({"secret_file": Path("/nowhere")}, "sms.secret_file:"),
        ({"ca_file": Path("/nowhere")}, "sms.ca_file:"),
        ({"body": "{"}, "sms.body:"),
        ({"body": '{"to": "{to}"}'}, "sms.body: both"),
        ({"body": '{"text": "{text}"}'}, "sms.body: both"),
        ({"body": '{"a": {"to": "{to}", "text": "{text}"}}', "form": True}, "sms.body: a form"),
        ({"body": '["{to}", "{text}"]', "form": True}, "sms.body: a form"),
    ],
)
def test_each_fault_of_the_gateway_is_told(changes: dict[str, Any], told: str) -> None:
    (fault,) = faults(sms=replace(SMS, **changes))
    assert fault.startswith(told)


@pytest.mark.parametrize("secret", ["", "a\nX-Other: b", "clé"])
def test_a_secret_that_no_header_can_carry_is_told(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "secret"
    file.write_text(secret, "utf-8")
    (fault,) = faults(sms=replace(SMS, secret_file=file))
    assert fault.startswith("sms.secret_file:")
    file.write_text("Bearer 0123\n", "utf-8")
    assert faults(sms=replace(SMS, secret_file=file)) == []


def test_an_authority_that_holds_no_certificate_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing", "utf-8")
    (fault,) = faults(replace(MAIL, ca_file=file))
    assert fault.startswith("mail.ca_file:")


def test_each_font_that_is_missing_is_told(tmp_path: Path) -> None:
    (fault,) = faults(letters=LetterSettings(tmp_path / "nowhere"))
    assert fault.startswith("letters.fonts_dir:")
    assert len(faults(letters=LetterSettings(tmp_path))) == 4


@pytest.mark.parametrize("phone", ["appelez", "01 23 45 67 89\n", "1" * 40, "01.23"])
def test_what_is_no_telephone_number_is_told(phone: str) -> None:
    (fault,) = faults(help_phone=phone)
    assert fault.startswith("help_phone:")
