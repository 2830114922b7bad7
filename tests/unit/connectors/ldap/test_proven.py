"""A directory serves nobody before its self-test has passed, and is tested no more after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from broker.domain.errors import UpstreamUnavailable
from connectors.ldap.directory import LdapDirectory, Question
from connectors.ldap.filters import Equals
from connectors.ldap.names import parse_dn
from connectors.ldap.proven import ProvenDirectory

BASE = parse_dn("dc=example")
QUESTION = Question(BASE, Equals("uid", "a"), ())


@dataclass
class Trial:
    """A directory that passes its test once it is `sound`, and keeps what it was asked."""

    sound: bool = False
    url: str = "ldaps://annuaire.example"
    asked: list[str] = field(default_factory=list)

    def self_test(self) -> None:
        self.asked.append("test")
        if not self.sound:
            raise UpstreamUnavailable("a wrong certificate")

    def find_one(self, question: Question) -> Any:
        self.asked.append("find")

    def check_password(self, dn: Any, password: str) -> bool:
        self.asked.append("bind")
        return True

    def search(self, question: Question) -> Any:
        self.asked.append("search")
        return iter(())


ACTS: dict[str, Callable[[ProvenDirectory], object]] = {
    "find": lambda one: one.find_one(QUESTION),
    "bind": lambda one: one.check_password(BASE, "x"),
    "search": lambda one: list(one.search(QUESTION)),
}


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_asked_before_the_test_and_no_second_test_is_made(act: str) -> None:
    tested = Trial()
    one = ProvenDirectory(cast("LdapDirectory", tested))
    assert not one.try_at_start()
    with pytest.raises(UpstreamUnavailable):
        ACTS[act](one)
    assert tested.asked == ["test", "test"]
    tested.sound = True
    ACTS[act](one)
    ACTS[act](one)
    assert tested.asked[2:] == ["test", act, act]


def test_a_sound_directory_is_proven_at_start() -> None:
    tested = Trial(sound=True)
    one = ProvenDirectory(cast("LdapDirectory", tested))
    assert one.try_at_start()
    assert one.check_password(BASE, "x")
    assert tested.asked == ["test", "bind"]
