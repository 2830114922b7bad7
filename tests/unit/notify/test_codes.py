"""Codes go out by what is set up, to whom they are meant for, and by nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from broker.domain.credentials import ContactKind, LetterCode
from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import Channel, TextMessage
from broker.notify.codes import Codes
from broker.telling import open_words

CODE = LetterCode("AB12", "CD34EF56GH78")


@dataclass
class Kept:
    """`Texter` that keeps what it is given."""

    messages: list[TextMessage] = field(default_factory=list)

    def send(self, message: TextMessage) -> None:
        self.messages.append(message)


def test_the_desks_code_goes_by_sms_and_counts_for_the_school() -> None:
    texter = Kept()
    codes = Codes(None, texter, open_words(), "https://sso.example.fr")
    assert (codes.reaches(ContactKind.MOBILE), codes.reaches(ContactKind.MAIL)) == (True, False)
    codes.send_letter("+33639981234", CODE, minutes=30, uai="0990001A")
    ((to, text, uai),) = [(each.to, each.text, each.uai) for each in texter.messages]
    assert (to, uai) == ("+33639981234", "0990001A")
    assert text.endswith("https://sso.example.fr/code#AB12-CD34-EF56-GH78")


def test_without_a_gateway_nothing_goes_out() -> None:
    codes = Codes(None, None, open_words(), "https://sso.example.fr")
    assert not codes.reaches(ContactKind.MOBILE)
    with pytest.raises(UpstreamUnavailable):
        codes.send_letter("+33639981234", CODE, minutes=30, uai="")
    to = Channel(ContactKind.MOBILE, "+33639981234")
    with pytest.raises(UpstreamUnavailable):
        codes.send(to, "482913", lasts=timedelta(minutes=10), language="fr", uai="")
