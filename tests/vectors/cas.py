"""What must get nobody a ticket, and no ticket validated: addresses, tickets, requests, callbacks and SOAP bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import product

from broker.services import cas_addresses as at
from tests.cas_stand import BOOKS, CALLBACK, NOTES

AddressCheck = Callable[[at.Asked], bool]
LOGIN_WAYS = ("service", "TARGET", "gateway", "method=POST", "logout", "logout url")
"""The ways in which an address is named to be led to: each is tried with each address."""
VALIDATIONS = (
    "/validate",
    "/serviceValidate",
    "/proxyValidate",
    "/p3/serviceValidate",
    "/p3/proxyValidate",
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that belongs to nobody. `check`: what alone stops it; None: it is simply not a registered one."""

    id: str
    url: str
    check: AddressCheck | None = None


_SPOILT: tuple[tuple[AddressCheck, tuple[str, ...]], ...] = (
    (at.is_short, (NOTES + "a" * 2048, NOTES + "?q=" + "a" * 4000)),
    (
        at.is_plain,
        tuple(
            f"{NOTES}{each}"
            for each in (
                "a b", "é", 'a"b', "<b>", "{x}", "a|b", "a^b", "a`b", "\u202eevil", "\u3002", "a\u00a0b", "\uff0f..",
            )
        ),
    ),
    (at.has_no_backslash, (NOTES + "\\", NOTES + "\\evil.example", NOTES + "a\\..\\b", NOTES + "?x=\\")),
    (at.has_no_fragment, (NOTES + "#", NOTES + "#frag", NOTES + "x#@evil.example", NOTES + "?a=1#b")),
    (at.is_web, ("HTTPS://notes.example/app/", "Https://notes.example/app/x", "hTTPS://notes.example/app/")),
    (
        at.has_authority,
        (
            "https://user@notes.example/app/", "https://user:pw@notes.example/app/", "https://@notes.example/app/",
            "https://evil.example@notes.example/app/", "https://NOTES.example/app/", "https://notes.EXAMPLE/app/",
            "https://notes.example:/app/", "https://notes.example:0443/app/", "https://:@notes.example/app/",
        ),
    ),
    (
        at.has_no_climb,
        tuple(
            f"{NOTES}{each}"
            for each in ("..", "../", "../x", "./", ".", "a/../b", "..;/x", ".;a/x", "a/..;v=1/b", "a/.")
        ),
    ),
    (at.has_no_double_slash, tuple(f"{NOTES}{each}" for each in ("/", "/evil.example", "a//b", "a//", "a///b"))),
    (
        at.has_plain_path,
        tuple(
            f"{NOTES}{each}"
            for each in (
                "%2e%2e/", "%2E%2E/x", "%2f", "a%2Fb", "%5c", "%5Cevil", "%00", "a%0d%0aX: y", "%0a", "%09",
                "%252e%252e/",
            )
        ),
    ),
    (at.has_whole_escapes, tuple(f"{NOTES}{each}" for each in ("%", "%zz", "%2", "a%", "?q=%", "?q=%g1", "?%u0041=1"))),
)  # fmt: skip
_FOREIGN = (
    "https://evil.example/", "https://evil.example/app/", "https://notes.example.evil.example/app/",
    "https://evilnotes.example/app/", "https://notes.example:8443/app/", "https://notes.example:80/app/",
    "https://notes.example/", "https://notes.example/app", "https://notes.example/apple/", "https://notes.example/App/",
    "https://notes.example", "http://notes.example/app/", "//notes.example/app/", "/app/", "notes.example/app/",
    "https:notes.example/app/", "https:/notes.example/app/", "https:///notes.example/app/",
    "javascript:alert(1)", "javascript://notes.example/app/%0aalert(1)", "data:text/html,x", "file:///app/", "ftp://notes.example/app/",
    "https://notes.example./app/", "https://www.notes.example/app/", "https://notes/app/", "https://[::1]/app/",
    "https://127.0.0.1/app/", "https://2130706433/app/", "https://0x7f000001/app/", "https://notes.example%2eevil/app/",
    "https://notes.example%00.evil.example/app/", "https://notes.example;evil/app/", "https://notes.example,evil.example/app/",
    "https://evil.example/https://notes.example/app/", "https://evil.example/?https://notes.example/app/",
    "https://evil.example#https://notes.example/app/", "https://evil.example\\@notes.example/app/",
    "https://notes.example\\.evil.example/app/", "https://notes.example@evil.example/app/",
    "https://notes.example:443@evil.example/app/", "https://xn--ntes-1ra.example/app/", "https://n\u043etes.example/app/",
    f"{BOOKS}/", f"{BOOKS}x", f"{BOOKS}?a=1", f"{BOOKS}#", f"{BOOKS};a", f"{BOOKS}%20", BOOKS.upper(), BOOKS[:-1],
    "https://livres.example/", "*", "https://*/app/", "https://notes.example/*", "null", "about:blank", "x" * 300,
)  # fmt: skip


def addresses() -> tuple[Address, ...]:
    """Every address that belongs to nobody."""
    spoilt = [Address(f"{check.__name__}: {url[:60]!r}", url, check) for check, urls in _SPOILT for url in urls]
    return (*spoilt, *(Address(f"foreign: {url[:60]!r}", url) for url in _FOREIGN))


# ---- tickets --------------------------------------------------------------------------------------------------------

SpoilTicket = Callable[[str], str]
TICKET_FAULTS: dict[str, SpoilTicket] = {
    "cut by one": lambda t: t[:-1],
    "longer by one": lambda t: t + "A",
    "first character another": lambda t: t[:3] + ("B" if t[3] == "A" else "A") + t[4:],
    "last character another": lambda t: t[:-1] + ("B" if t[-1] == "A" else "A"),
    "other case": lambda t: t[:3] + t[3:].swapcase(),
    "prefix in lower case": lambda t: "st-" + t[3:],
    "prefix alone": lambda t: t[:3],
    "without prefix": lambda t: t[3:],
    "as a proxy ticket": lambda t: "PT-" + t[3:],
    "as a proxy-granting ticket": lambda t: "PGT-" + t[3:],
    "as an iou": lambda t: "PGTIOU-" + t[3:],
    "as a login ticket": lambda t: "LT-" + t[3:],
    "as a ticket-granting cookie": lambda t: "TGT-" + t[3:],
    "as a code": lambda t: "pco_" + t[3:],
    "prefix twice": lambda t: "ST-" + t,
    "blank before": lambda t: " " + t,
    "blank after": lambda t: t + " ",
    "a wildcard": lambda t: t[:-1] + "%",
    "a like pattern": lambda t: t[:-1] + "_",
    "all wildcards": lambda _: "ST-%",
    "a quote": lambda t: t + "'",
    "an or": lambda t: t + "' OR '1'='1",
    "a comment": lambda t: t + "--",
    "markup": lambda t: t + "<x/>",
    "an entity": lambda t: t + "&amp;",
    "a fullwidth letter": lambda t: t[:-1] + "\uff21",
    "a combining mark": lambda t: t + "\u0301",
    "an encoded letter": lambda t: t[:-1] + f"%{ord(t[-1]):02X}",
    "two tickets in one": lambda t: f"{t},{t}",
    "the digest": lambda t: sha256(t.encode()).hexdigest(),
    "the digest after the prefix": lambda t: "ST-" + sha256(t.encode()).hexdigest()[:29],
    "reversed": lambda t: "ST-" + t[:2:-1],
    "very long": lambda t: t * 60,
    "one that never was": lambda _: "ST-" + "A" * 29,
}

# ---- requests -------------------------------------------------------------------------------------------------------

Pairs = tuple[tuple[str, str], ...]
RequestFault = Callable[[str, str], Pairs]
REQUEST_FAULTS: dict[str, RequestFault] = {
    "service twice, the same": lambda s, t: (("service", s), ("service", s), ("ticket", t)),
    "service twice, another first": lambda s, t: (("service", BOOKS), ("service", s), ("ticket", t)),
    "service twice, another last": lambda s, t: (("service", s), ("service", BOOKS), ("ticket", t)),
    "ticket twice, the same": lambda s, t: (("service", s), ("ticket", t), ("ticket", t)),
    "ticket twice, another first": lambda s, t: (("service", s), ("ticket", "ST-x"), ("ticket", t)),
    "ticket twice, another last": lambda s, t: (("service", s), ("ticket", t), ("ticket", "ST-x")),
    "ticket twice, one empty": lambda s, t: (("service", s), ("ticket", t), ("ticket", "")),
    "renew twice": lambda s, t: (("service", s), ("ticket", t), ("renew", "true"), ("renew", "")),
    "no service": lambda s, t: (("ticket", t),),
    "an empty service": lambda s, t: (("service", ""), ("ticket", t)),
    "SERVICE instead": lambda s, t: (("SERVICE", s), ("ticket", t)),
    "Ticket instead": lambda s, t: (("service", s), ("Ticket", t)),
    "TARGET instead": lambda s, t: (("TARGET", s), ("ticket", t)),
    "another service": lambda s, t: (("service", BOOKS), ("ticket", t)),
    "the service with a slash more": lambda s, t: (("service", s + "/"), ("ticket", t)),
    "the service with a slash less": lambda s, t: (("service", s[:-1]), ("ticket", t)),
    "the service in capitals": lambda s, t: (("service", s.upper()), ("ticket", t)),
    "the service with its port": lambda s, t: (("service", s.replace(".example/", ".example:443/")), ("ticket", t)),
    "the service with a query": lambda s, t: (("service", s + "?a=1"), ("ticket", t)),
    "the service with an empty query and more": lambda s, t: (("service", s + "?&"), ("ticket", t)),
    "the service with a fragment": lambda s, t: (("service", s + "#"), ("ticket", t)),
    "the service below": lambda s, t: (("service", s + "x"), ("ticket", t)),
    "the service encoded": lambda s, t: (("service", s.replace("/", "%2F")), ("ticket", t)),
    "a blank before the service": lambda s, t: (("service", " " + s), ("ticket", t)),
    "renew after single sign-on": lambda s, t: (("service", s), ("ticket", t), ("renew", "true")),
    "renew by any word": lambda s, t: (("service", s), ("ticket", t), ("renew", "false")),
    "a control character": lambda s, t: (("service", s), ("ticket", t), ("x", "\x00")),
}

# ---- callbacks ------------------------------------------------------------------------------------------------------

CALLBACKS = (
    CALLBACK + "/", CALLBACK + "?a=1", CALLBACK + "#", CALLBACK + "x", CALLBACK[:-1], CALLBACK.upper(),
    CALLBACK.replace("https", "http"), CALLBACK.replace("https://", "https://u@"),
    CALLBACK.replace(".example", ".example:443"),
    CALLBACK.replace("facade", "FACADE"), "https://evil.example/pgt", "https://facade.example.evil.example/pgt",
    "https://facade.example/pgt/../x", "https://facade.example/%70gt", "https://facade.example//pgt",
    "https://169.254.169.254/latest/meta-data/", "https://127.0.0.1/pgt", "https://[::1]/pgt", "https://localhost/pgt",
    "file:///etc/passwd", "gopher://facade.example/", "javascript:1", "https://", " " + CALLBACK, CALLBACK + " ", "x",
    "https://facade.example@evil.example/pgt", "https://evil.example\\@facade.example/pgt", CALLBACK + "\u0301",
    CALLBACK.replace("facade", "f\u0430cade"),
)  # fmt: skip

# ---- SOAP bodies ----------------------------------------------------------------------------------------------------

_GOOD = (
    '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header/><S:Body>'
    '<p:Request xmlns:p="urn:oasis:names:tc:SAML:1.0:protocol" MajorVersion="1" MinorVersion="1" RequestID="_1" '
    'IssueInstant="2026-01-01T00:00:00Z"><p:AssertionArtifact>{}</p:AssertionArtifact></p:Request></S:Body></S:Envelope>'
)
SpoilBody = Callable[[str], str]


def _changed(old: str, new: str) -> SpoilBody:
    return lambda ticket: _GOOD.replace(old, new).format(ticket)


_ARTIFACT = "<p:AssertionArtifact>{}</p:AssertionArtifact>"
BODY_FAULTS: dict[str, SpoilBody] = {
    "a document type": lambda t: "<!DOCTYPE x>" + _GOOD.format(t),
    "an entity": lambda t: f'<!DOCTYPE x [<!ENTITY t "{t}">]>' + _GOOD.format("&t;"),
    "an outside entity": lambda _: '<!DOCTYPE x [<!ENTITY t SYSTEM "file:///etc/hostname">]>' + _GOOD.format("&t;"),
    "a parameter entity": lambda t: '<!DOCTYPE x [<!ENTITY % t SYSTEM "https://e.example/x"> %t;]>' + _GOOD.format(t),
    "a billion laughs": lambda _: '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>' + _GOOD.format("&b;"),
    "a comment in the ticket": lambda t: _GOOD.format(f"{t[:9]}<!-- -->{t[9:]}"),
    "a comment before": lambda t: "<!-- -->" + _GOOD.format(t),
    "a section": lambda t: _GOOD.format(f"<![CDATA[{t}]]>"),
    "an instruction": lambda t: _GOOD.format(f"<?x y?>{t}"),
    "another encoding": lambda t: '<?xml version="1.0" encoding="utf-7"?>' + _GOOD.format(t),
    "XML 1.1": lambda t: '<?xml version="1.1"?>' + _GOOD.format(t),
    "two artifacts": lambda t: _GOOD.replace(_ARTIFACT, _ARTIFACT * 2).format(t, t),
    "two artifacts, one of nobody": lambda t: _GOOD.replace(_ARTIFACT, _ARTIFACT * 2).format("ST-x", t),
    "two requests": _changed("</S:Body>", '<p:Request xmlns:p="urn:oasis:names:tc:SAML:1.0:protocol"/></S:Body>'),
    "two bodies": _changed("</S:Envelope>", "<S:Body/></S:Envelope>"),
    "a part in the artifact": lambda t: _GOOD.format(f"<x/>{t}"),
    "an artifact of another namespace": _changed(_ARTIFACT, "<AssertionArtifact>{}</AssertionArtifact>"),
    "an artifact of SAML 2": _changed(":1.0:protocol", ":2.0:protocol"),
    "another envelope": _changed("schemas.xmlsoap.org/soap/envelope/", "www.w3.org/2003/05/soap-envelope"),
    "no envelope": lambda t: re.sub(r"</?S:(Envelope|Body|Header)[^>]*>", "", _GOOD).format(t),
    "no body": _changed("S:Body", "S:Corps"),
    "no request": _changed("p:Request", "p:Demande"),
    "a response": _changed("p:Request", "p:Response"),
    "an artifact in the header": _changed("<S:Header/>", "<S:Header><x/></S:Header><x/>"),
    "the wrong element": _changed("AssertionArtifact", "AssertionIDReference"),
    "the artifact too deep": _changed(_ARTIFACT, f"<x>{_ARTIFACT}</x>"),
    "too many elements": _changed("<S:Header/>", "<S:Header>" + "<x/>" * 20 + "</S:Header>"),
    "too large": _changed("<S:Header/>", "<S:Header>" + " " * 17_000 + "</S:Header>"),
    "cut": lambda t: _GOOD.format(t)[:-5],
    "two roots": lambda t: _GOOD.format(t) * 2,
    "nothing": lambda _: "",
    "text": lambda t: t,
    "JSON": lambda t: f'{{"ticket": "{t}"}}',
    "a form": lambda t: f"ticket={t}",
    "a NUL": lambda t: _GOOD.format(t) + "\x00",
    "an unbound prefix": _changed("xmlns:p=", "xmlns:q="),
}  # fmt: skip


def cas_ids() -> Iterator[str]:
    """The name of every vector of the family, each once."""
    yield from (f"{each.id} by {way}" for each, way in product(addresses(), LOGIN_WAYS))
    yield from (f"{each.id} as targetService" for each in addresses())
    yield from (f"ticket {fault} at {path}" for fault, path in product(TICKET_FAULTS, VALIDATIONS))
    yield from (f"request with {fault} at {path}" for fault, path in product(REQUEST_FAULTS, VALIDATIONS))
    yield from (f"callback {url!r}" for url in CALLBACKS)
    yield from (f"SOAP: {fault}" for fault in BODY_FAULTS)
