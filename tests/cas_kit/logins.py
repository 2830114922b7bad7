"""`/login` and `/logout` (CAS Protocol 3.0.3 §2.1–§2.3), and the tickets themselves (§3)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from urllib.parse import parse_qs

from tests.cas_kit.server import TICKET, Assertion, Section, Server, read

SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"


def login_as_requestor(cas: Server) -> Section:
    """§2.1: who asks, and how."""
    nobody, somebody = cas.browser(), cas.signed_in()
    asked = cas.get("/login", nobody, service=cas.service)
    yield Assertion("2.1.3", "without a session, credentials are asked for", asked.ticket == "" and asked.status < 400)
    yield Assertion("2.1.3", "the page is not the service's", not asked.location.startswith(cas.service))
    sso = cas.get("/login", somebody, service=cas.service)
    yield Assertion("2.1.4", "with a session, the browser goes to the service at once", sso.status in {302, 303})
    yield Assertion("2.2.4", "the ticket goes to the address asked for", sso.location.partition("?")[0] == cas.service)
    yield Assertion("2.2.4", "the ticket is the parameter 'ticket'", sso.ticket != "")
    yield Assertion(
        "2.1.1",
        "the service's own query is kept",
        "a=1&b=%20" in cas.get("/login", somebody, service=f"{cas.service}?a=1&b=%20").location,
    )
    yield Assertion(
        "2.1.1",
        "a service that is not registered gets no redirect",
        not cas.get("/login", somebody, service="https://nobody.example/").location.startswith(
            "https://nobody.example"
        ),
    )
    yield Assertion(
        "2.1.1",
        "a service that is not registered gets no ticket",
        not cas.get("/login", somebody, service="https://nobody.example/").ticket,
    )
    plain = cas.get("/login", somebody)
    yield Assertion(
        "2.1.1", "without a service there is no ticket and no failure", not plain.ticket and plain.status < 400
    )
    yield Assertion(
        "2.1.1", "without a service or a session there is no failure", cas.get("/login", nobody).status < 400
    )


def login_flags(cas: Server) -> Section:
    """§2.1.1: renew and gateway, and what is set first."""
    nobody, somebody = cas.browser(), cas.signed_in()
    gone = cas.get("/login", nobody, service=cas.service, gateway="true")
    yield Assertion("2.1.1", "gateway without a session leads to the service", gone.location.startswith(cas.service))
    yield Assertion("2.1.1", "gateway without a session gives no ticket", not gone.ticket)
    yield Assertion("2.1.1", "gateway shows no page", gone.status in {302, 303})
    yield Assertion(
        "2.1.1",
        "gateway with a session gives a ticket",
        cas.get("/login", somebody, service=cas.service, gateway="true").ticket != "",
    )
    yield Assertion(
        "2.1.1",
        "gateway never leads to an address that is not registered",
        not cas.get("/login", nobody, service="https://nobody.example/", gateway="true").location.startswith(
            "https://nobody"
        ),
    )
    yield Assertion(
        "2.1.1", "gateway without a service is no failure", cas.get("/login", nobody, gateway="true").status < 400
    )
    renewed = cas.get("/login", somebody, service=cas.service, renew="true")
    yield Assertion("2.1.1", "renew bypasses the session", not renewed.ticket)
    fresh = cas.log_in(somebody, renewed)
    yield Assertion("2.1.1", "after renew the login leads to the service", fresh.location.startswith(cas.service))
    told = read(cas.get("/p3/serviceValidate", service=cas.service, ticket=fresh.ticket, renew="true"))
    yield Assertion("2.5.1", "a ticket of a fresh login validates with renew", told.user != "")
    yield Assertion("2.5.7", "it says that the login is new", told.attributes.get("isFromNewLogin") == "true")
    later = cas.get("/login", somebody, service=cas.service).ticket
    refused = read(cas.get("/serviceValidate", service=cas.service, ticket=later, renew="true"))
    yield Assertion("2.5.1", "a ticket of single sign-on fails with renew", refused.code == "INVALID_TICKET")
    both = cas.get("/login", somebody, service=cas.service, renew="true", gateway="true")
    yield Assertion("2.1.1", "renew goes before gateway", not both.location.startswith(cas.service))


def login_methods(cas: Server) -> Section:
    """§2.1.1, §2.2.1: how the ticket travels, and whether the person is warned."""
    somebody = cas.signed_in()
    if "method" in cas.features:
        got = cas.get("/login", somebody, service=cas.service, method="GET")
        yield Assertion("2.1.1", "method=GET redirects", got.ticket != "")
        posted = cas.get("/login", somebody, service=cas.service, method="POST")
        yield Assertion("2.1.1", "method=POST answers with a page, not a redirect", posted.status == 200)
        yield Assertion("2.1.1", "the page posts to the service", cas.service.encode() in posted.body)
        yield Assertion("2.1.1", "the page holds a ticket", b"ST-" in posted.body)
        in_header = cas.get("/login", somebody, service=cas.service, method="HEADER")
        yield Assertion(
            "2.1.1", "method=HEADER gives the ticket in a header", in_header.headers.get("ticket", "")[:3] == "ST-"
        )
        yield Assertion(
            "2.1.1", "method=HEADER names the service in a header", in_header.headers.get("service") == cas.service
        )
        ticket = in_header.headers.get("ticket", "")
        told = read(cas.get("/serviceValidate", service=cas.service, ticket=ticket))
        yield Assertion("2.1.1", "a ticket in a header validates as another", told.user != "")
    if "warn" in cas.features:
        warned = cas.get("/login", somebody, service=cas.service, warn="true")
        yield Assertion("2.2.1", "warn: single sign-on is not silent", not warned.ticket)
        yield Assertion("2.2.1", "warn: the person stays at the server", not warned.location.startswith(cas.service))


def tickets(cas: Server) -> Section:
    """§3.1, §3.7: shape, length, randomness."""
    browser = cas.signed_in()
    drawn = [cas.get("/login", browser, service=cas.service).ticket for _ in range(10)]
    yield Assertion("3.1.1", "service tickets begin with ST-", all(each.startswith("ST-") for each in drawn))
    yield Assertion("3.1.1", "no two are the same", len(set(drawn)) == len(drawn))
    yield Assertion("3.1.1", "they hold at most 256 characters", all(len(each) <= 256 for each in drawn))
    yield Assertion(
        "3.1.1", "they fit into the 32 characters that every client takes", all(len(each) <= 32 for each in drawn)
    )
    yield Assertion("3.7", "they hold letters, digits and hyphens alone", all(TICKET.fullmatch(each) for each in drawn))
    yield Assertion("3.1.1", "they share no long beginning", len({each[:11] for each in drawn}) == len(drawn))
    yield Assertion(
        "3.1.1",
        "tickets for one service do not replace each other",
        all(read(cas.get("/serviceValidate", service=cas.service, ticket=each)).user for each in drawn),
    )


def logout(cas: Server) -> Section:
    """§2.3: the session ends, and services are told."""
    browser = cas.signed_in()
    ticket = cas.get("/login", browser, service=cas.service).ticket
    read(cas.get("/serviceValidate", service=cas.service, ticket=ticket))
    elsewhere = cas.get("/login", browser, service=cas.other).ticket
    read(cas.get("/serviceValidate", service=cas.other, ticket=elsewhere))
    waiting = cas.get("/login", browser, service=cas.service).ticket
    left = cas.get("/logout", browser)
    yield Assertion("2.3.2", "the person is told, not refused", left.status < 400)
    yield Assertion(
        "2.3", "afterwards there is no single sign-on", not cas.get("/login", browser, service=cas.service).ticket
    )
    yield Assertion(
        "2.3",
        "a ticket that was not yet validated is no longer good",
        read(cas.get("/serviceValidate", service=cas.service, ticket=waiting)).code == "INVALID_TICKET",
    )
    told = cas.at_services()
    yield Assertion(
        "2.3.3",
        "each service that had validated a ticket is told",
        {cas.service, cas.other} <= {url for url, _, _ in told},
    )
    yield from _messages(told, {ticket, elsewhere}, waiting)
    nobody = cas.get("/logout", cas.browser())
    yield Assertion("2.3", "whoever is not signed in is not refused", nobody.status < 400)
    led = cas.get("/logout", cas.browser(), service=cas.service)
    yield Assertion("2.3.1", "service leads on to a registered address", led.location == cas.service)
    astray = cas.get("/logout", cas.browser(), service="https://nobody.example/")
    yield Assertion("2.3.1", "and to no other", not astray.location.startswith("https://nobody.example"))
    astray = cas.get("/logout", cas.browser(), url="https://nobody.example/")
    yield Assertion("2.3.1", "nor does url (CAS 2)", not astray.location.startswith("https://nobody.example"))


def _messages(told: list[tuple[str, str, str]], tickets_shown: set[str], waiting: str) -> Section:
    """Appendix C: the logout request."""
    indexes = set()
    for url, media_type, body in told:
        text = body if media_type.startswith("text/xml") else parse_qs(body).get("logoutRequest", [""])[0]
        root = ET.fromstring(text)
        index = root.findtext(f"{SAMLP}SessionIndex", "")
        indexes.add(index)
        yield Assertion("C", f"a samlp:LogoutRequest to {url}", root.tag == f"{SAMLP}LogoutRequest")
        yield Assertion("C", f"with an ID to {url}", bool(root.get("ID")))
        yield Assertion("C", f"of version 2.0 to {url}", root.get("Version") == "2.0")
        yield Assertion("C", f"with its instant to {url}", bool(root.get("IssueInstant")))
        yield Assertion("C", f"with a NameID to {url}", bool(root.findtext(f"{SAML}NameID", "")))
        yield Assertion("2.3.3", f"SessionIndex is the ticket at {url}", index in tickets_shown)
    yield Assertion("2.3.3", "each ticket that was validated is named", tickets_shown <= indexes)
    yield Assertion("2.3.3", "a ticket that was not validated is named to nobody", waiting not in indexes)


SECTIONS = (login_as_requestor, login_flags, login_methods, tickets, logout)
