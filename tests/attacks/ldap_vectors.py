"""The LDAP family of attacks as data: what may be typed, what a hostile directory answers, which certificates lie."""

from __future__ import annotations

import stringprep
import sys
import unicodedata
from collections.abc import Iterator
from datetime import timedelta

LOGIN, PASSWORD, SUBJECT = "aline.quemeneur", "le grand cartable bleu", "T99000a1"

_GRAMMAR = (
    "*", "(", ")", "\\", "&", "|", "!", "=", "~=", ">=", "<=", ":=", ":dn:=", "*)(uid=*", ")(|(uid=*",
    "*)(|(uid=*))",
    "*))(|(uid=*", ")(&(uid=*)", "*)(objectClass=*", ")(!(uid=x)", "*)(!(uid=x)", "\\2a", "\\2A", "\\28", "\\29",
    "\\5c", "\\5c2a", "\\00", "\\0", "\\", "\\\\", "%2a", "%28", "&#42;", "*)(userPassword=*", ")(ENTPersonLogin=*",
    "*)(ENTPersonJointure=*", "))(&(objectClass=*", "*)(uid;binary=*", "*)(2.5.4.0=*", "(uid=*)",
    ":caseExactMatch:=*",
    "\u2217", "\uff0a", "\ufe61", "\u066d", "$", ";", "'", '"', "--", "#", "{0}", "%s", "${jndi:ldap://127.0.0.1/x}",
    "+",
    ",", "<", ">", "/", "?", "??sub?(uid=*)", "@", "[", "]", "^", "`",
)  # fmt: skip


def grammar() -> Iterator[tuple[str, str]]:
    """Every fragment before, within and after the login, alone, and in the login's place beside its own end."""
    middle = len(LOGIN) // 2
    for fragment in dict.fromkeys(_GRAMMAR):
        yield f"before {fragment}", fragment + LOGIN
        yield f"within {fragment}", LOGIN[:middle] + fragment + LOGIN[middle:]
        yield f"after {fragment}", LOGIN + fragment
        yield f"alone {fragment}", fragment


def wildcards() -> Iterator[tuple[str, str]]:
    """Every beginning, end and middle of the login with an asterisk in the place of the rest."""
    for cut in range(1, len(LOGIN)):
        yield f"beginning {cut}", LOGIN[:cut] + "*"
        yield f"end {cut}", "*" + LOGIN[cut:]
        yield f"hole {cut}", LOGIN[:cut] + "*" + LOGIN[cut + 1 :]


_LOOKALIKES = {
    "a": "\u0430\u0251\u03b1", "e": "\u0435\u0454", "i": "\u0456\u03b9\u0131", "l": "\u04cf1I", "n": "\u0578",
    "q": "\u051b", "u": "\u057d\u03c5", "r": "\u0433", "m": "\u217f", ".": "\u3002\u2024\uff0e",
}  # fmt: skip


def unicode_forms() -> Iterator[tuple[str, str]]:
    """Letters by their likes, their wide, bold and marked forms, and marks that do not show, at every place."""
    for place, char in enumerate(LOGIN):
        others = [*_LOOKALIKES.get(char, ""), char + "\u0301", char + "\u200d", char + "\u00ad", char + "\u202e"]
        if char.isalpha():
            others += [chr(ord(char) - 97 + first) for first in (0xFF41, 0x1D41A, 0x24D0)]
        for other in others:
            yield f"{place} {other!a}", LOGIN[:place] + other + LOGIN[place + 1 :]


def controls() -> Iterator[tuple[str, str]]:
    """Every control within the login, and a NUL wherever it could end it."""
    for number in (*range(0x20), *range(0x7F, 0xA0)):
        yield f"control {number:02x}", LOGIN[:5] + chr(number) + LOGIN[5:]
    for place in range(len(LOGIN) + 1):
        yield f"nul {place}", LOGIN[:place] + "\0" + LOGIN[place:]
    yield "nul, then a wildcard", LOGIN + "\0*"
    yield "half a character", LOGIN + "\ud800"
    yield "the other half", "\udfff" + LOGIN


def lengths() -> Iterator[tuple[str, str]]:
    for size in (0, 257, 1_000, 65_535, 1_000_000):
        yield f"{size} characters", "a" * size
    yield "spaces", " " * 40
    yield "spaces within", LOGIN.replace(".", " ")
    yield "marks without end", "a" + "\u0301" * 5_000


LOGINS = {
    "grammar": dict(grammar()), "wildcards": dict(wildcards()), "unicode": dict(unicode_forms()),
    "controls": dict(controls()), "lengths": dict(lengths()),
}  # fmt: skip


def secrets() -> Iterator[tuple[str, str]]:
    """Passwords that a directory or a library on the way may take for none, or for another."""
    yield "empty", ""
    for number in range(sys.maxunicode + 1):
        char = chr(number)
        if unicodedata.category(char) in {"Zs", "Zl", "Zp"} or stringprep.in_table_b1(char):
            yield f"nothing but {number:04x}", char * 3
    for number in (*range(0x20), 0x7F, 0x85, 0x200E, 0x202E, 0x2060, 0xE000, 0xFFFE, 0xE0001):
        yield f"control {number:04x}", chr(number)
    for place in range(len(PASSWORD) + 1):
        yield f"nul at {place}", PASSWORD[:place] + "\0" + PASSWORD[place:]
    for cut in range(1, len(PASSWORD)):
        yield f"only the first {cut}", PASSWORD[:cut]
    yield from _near_secrets()


def _near_secrets() -> Iterator[tuple[str, str]]:
    yield "upper case", PASSWORD.upper()
    yield "spaces around", f" {PASSWORD} "
    yield "hard spaces", PASSWORD.replace(" ", "\u00a0")
    yield "wide letters", "".join(chr(ord(char) + 0xFEE0) if char.isalpha() else char for char in PASSWORD)
    yield "a mark that does not show", PASSWORD + "\u00ad"
    yield "half a character", PASSWORD + "\ud800"
    yield "long", "x" * 1025
    yield "very long", "x" * 1_000_000
    yield "twice", PASSWORD * 2
    for text in ("*", "(userPassword=*)", "{CLEARTEXT}" + PASSWORD, "{SSHA}x", "\\6ce", "%00", "null", "0", "' or 1=1"):
        yield f"the text {text}", text


SECRETS = dict(secrets())

NAMES = (
    "", " ", ",", "=", "uid=", "uid", "uid=\\", "uid=a\\0", "uid=a\\zz", "\0",
    "uid=T99000a1\0,ou=people,dc=ent-test,dc=fr",
    "uid=T99000a1", "uid=T99000a1,ou=people", "uid=T99000a1,ou=people,dc=ent-test", "uid=T99000a1,dc=ent-test,dc=fr",
    "ou=people,dc=ent-test,dc=fr", "dc=fr", "cn=admin,dc=ent-test,dc=fr", "cn=lecteur,dc=ent-test,dc=fr",
    "uid=T99000a1,ou=people,dc=ent-test,dc=fr,dc=evil", "uid=T99000a1,ou=people,dc=ent-test,dc=frr",
    "uid=T99000a1,ou=people,dc=ent-test,dc=evil,dc=fr", "uid=T99000a1\\,ou=people,dc=ent-test,dc=fr",
    "uid=T99000a1\\2cou=people,dc=ent-test,dc=fr", "uid=T99000a1+ou=people,dc=ent-test,dc=fr",
    "uid=T99000a1;ou=people;dc=ent-test;dc=fr", 'uid="T99000a1",ou=people,dc=ent-test,dc=fr',
    "uid=#04085439393030306131,ou=people,dc=ent-test,dc=fr", "uid=T99000a1,ou=people,,dc=ent-test,dc=fr",
    "uid=T99000a1,ou=people,dc=ent-test,dc=fr,", "uid=T99000a1,ou=people,dc=ent-test,dc=fr\\", "ldap://127.0.0.1/uid=a",
    "uid=T99000a1,ou=people\\,dc=ent-test,dc=fr", "uid=a\nb,ou=people,dc=ent-test,dc=fr", "uid=" + "a" * 2_000,
    "uid=T99000a1,ou=people,dc=ent-test,dc=\u0442r", "uid=T99000a1,ou=pe\u043eple,dc=ent-test,dc=fr",
    "1.2.=a,ou=people,dc=ent-test,dc=fr", "uid=a<b,ou=people,dc=ent-test,dc=fr", "uid=a>b,ou=people,dc=ent-test,dc=fr",
    "uid=\\ff\\fe,ou=people,dc=ent-test,dc=fr", "uid=\\00,ou=people,dc=ent-test,dc=fr",
    "=a,ou=people,dc=ent-test,dc=fr",
)  # fmt: skip
"""What a hostile directory may call the entry that it found."""

REFERRALS = (
    "ldap://127.0.0.1:{port}", "ldap://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}/dc=evil",
    "LDAP://127.0.0.1:{port}/x",
    "ldap://localhost:{port}/dc=ent-test,dc=fr??sub?(uid=*)", "ldaps://127.0.0.1:{port}/dc=ent-test,dc=fr",
    "ldap://127.0.0.1:{port}/dc=fr?*?base?(objectClass=*)?!bindname=cn=admin", "http://127.0.0.1:{port}/", "x",
    "ldap://user:password@127.0.0.1:{port}/", "ldap://127.0.0.2:{port}/",
)  # fmt: skip

CERTIFICATES = {
    "another address": {"hosts": ("127.0.0.9",)},
    "a name for an address": {"hosts": ("localhost",)},
    "a wildcard": {"hosts": ("*",)},
    "a wildcard of an address": {"hosts": ("*.0.0.1",)},
    "an address as a longer name": {"hosts": ("127.0.0.1.evil.example",)},
    "a name that ends in it": {"hosts": ("evil127.0.0.1.example",)},
    "expired yesterday": {"lifetime": timedelta(days=-1)},
    "expired this second": {"lifetime": timedelta(seconds=-1)},
}
"""What an otherwise good certificate of the right authority gets wrong."""

BIND_REFUSED = (19, 32, 48, 49, 50, 53)
BIND_BROKEN = (
    *range(1, 10),
    10,
    11,
    12,
    13,
    14,
    16,
    17,
    18,
    20,
    21,
    33,
    34,
    36,
    51,
    52,
    54,
    64,
    71,
    80,
    112,
    118,
    120,
    127,
)
