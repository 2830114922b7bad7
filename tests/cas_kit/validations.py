"""Validation (CAS Protocol 3.0.3 §2.4–§2.6, §2.8, §4.2) and proxies (§2.7, §3.2–§3.4)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.cas_kit.server import CAS, TICKET, Assertion, Section, Server, read

CLAUSES = {
    "/serviceValidate": "2.5",
    "/proxyValidate": "2.6",
    "/p3/serviceValidate": "2.8",
    "/p3/proxyValidate": "2.8",
}
SAML1 = "{urn:oasis:names:tc:SAML:1.0:assertion}"
SAML1P = "{urn:oasis:names:tc:SAML:1.0:protocol}"


def first(cas: Server) -> Section:
    """§2.4: `/validate`, CAS 1."""
    browser = cas.signed_in()
    ticket = cas.get("/login", browser, service=cas.service).ticket
    good = cas.get("/validate", service=cas.service, ticket=ticket)
    lines = good.body.decode().split("\n")
    yield Assertion("2.4.2", "a good ticket: first line yes", lines[0] == "yes")
    yield Assertion("2.4.2", "then the user, then the end", len(lines) == 3 and lines[1] != "" and lines[2] == "")
    yield Assertion("2.4.2", "the answer is text", good.headers.get("content-type", "").startswith("text/plain"))
    again = cas.get("/validate", service=cas.service, ticket=ticket)
    yield Assertion("2.4.2", "a bad ticket: no, and an empty line", again.body == b"no\n\n")
    for named, parameters in (
        ("without a ticket", {"service": cas.service}),
        ("without a service", {"ticket": "ST-x"}),
        ("without anything", {}),
        ("with a ticket that never was", {"service": cas.service, "ticket": "ST-never"}),
    ):
        yield Assertion("2.4.2", f"no {named}", cas.get("/validate", **parameters).body == b"no\n\n")
    fresh = cas.get("/login", browser, service=cas.service).ticket
    refused = cas.get("/validate", service=cas.service, ticket=fresh, renew="true")
    yield Assertion("2.4.1", "renew fails for a ticket of single sign-on", refused.body == b"no\n\n")
    fresh = cas.get("/login", browser, service=cas.service).ticket
    cas.get("/validate", service=cas.other, ticket=fresh)
    yield Assertion(
        "3.1.1",
        "a wrong service spends the ticket",
        cas.get("/validate", service=cas.service, ticket=fresh).body == b"no\n\n",
    )


def validation(cas: Server) -> Section:
    """§2.5, §2.6, §2.8: the same at each address."""
    for path, clause in CLAUSES.items():
        yield from _good(cas, path, clause)
        yield from _bad(cas, path, clause)
        if "json" in cas.features:
            yield from _json(cas, path, clause)


def _good(cas: Server, path: str, clause: str) -> Section:
    browser = cas.signed_in()
    ticket = cas.get("/login", browser, service=cas.service).ticket
    reply = cas.get(path, service=cas.service, ticket=ticket)
    root, told = reply.xml, read(reply)
    yield Assertion(f"{clause}.2", f"{path}: status 200", reply.status == 200)
    yield Assertion(f"{clause}.2", f"{path}: XML", "xml" in reply.headers.get("content-type", ""))
    yield Assertion("A", f"{path}: cas:serviceResponse in its namespace", root.tag == f"{{{CAS}}}serviceResponse")
    yield Assertion("A", f"{path}: exactly one outcome", len(root) == 1)
    yield Assertion(
        "2.5.2", f"{path}: cas:authenticationSuccess", reply.outcome.tag == f"{{{CAS}}}authenticationSuccess"
    )
    yield Assertion(
        "2.5.2", f"{path}: one cas:user with a name", told.user != "" and len(list(root.iter(f"{{{CAS}}}user"))) == 1
    )
    yield Assertion("2.5.2", f"{path}: no proxy-granting ticket that was not asked for", told.iou == "")
    yield Assertion(
        "2.5.2", f"{path}: the answer is kept by nobody", "no-store" in reply.headers.get("cache-control", "")
    )
    second = read(cas.get(path, service=cas.service, ticket=ticket))
    yield Assertion("3.1.1", f"{path}: a ticket is good once", second.code == "INVALID_TICKET")
    if path.startswith("/p3/"):
        for name in ("authenticationDate", "longTermAuthenticationRequestTokenUsed", "isFromNewLogin"):
            yield Assertion("2.5.7", f"{path}: {name}", name in told.attributes)
        yield Assertion(
            "2.5.7",
            f"{path}: isFromNewLogin is false after single sign-on",
            told.attributes.get("isFromNewLogin") == "false",
        )
        yield Assertion(
            "2.5.7", f"{path}: authenticationDate is a date", "T" in told.attributes.get("authenticationDate", "")
        )


def _bad(cas: Server, path: str, clause: str) -> Section:
    browser = cas.signed_in()

    def drawn() -> str:
        return cas.get("/login", browser, service=cas.service).ticket

    def code(**parameters: str) -> str:
        return read(cas.get(path, **parameters)).code

    yield Assertion(
        "2.5.3", f"{path}: INVALID_REQUEST without a ticket", code(service=cas.service) == "INVALID_REQUEST"
    )
    yield Assertion("2.5.3", f"{path}: INVALID_REQUEST without a service", code(ticket=drawn()) == "INVALID_REQUEST")
    yield Assertion("2.5.3", f"{path}: INVALID_REQUEST without either", code() == "INVALID_REQUEST")
    yield Assertion(
        "2.5.3",
        f"{path}: INVALID_TICKET for one that never was",
        code(service=cas.service, ticket="ST-never-was") == "INVALID_TICKET",
    )
    yield Assertion(
        "2.5.3",
        f"{path}: INVALID_SERVICE for another service's",
        code(service=cas.other, ticket=drawn()) == "INVALID_SERVICE",
    )
    ticket = drawn()
    code(service=cas.other, ticket=ticket)
    yield Assertion(
        "2.5.3", f"{path}: and the ticket is spent by it", code(service=cas.service, ticket=ticket) == "INVALID_TICKET"
    )
    yield Assertion(
        "2.5.1",
        f"{path}: renew fails after single sign-on",
        code(service=cas.service, ticket=drawn(), renew="true") == "INVALID_TICKET",
    )
    reply = cas.get(path, service=cas.service, ticket="ST-<x>&")
    outcome = reply.outcome
    yield Assertion("2.5.3", f"{path}: cas:authenticationFailure", outcome.tag == f"{{{CAS}}}authenticationFailure")
    yield Assertion("2.5.3", f"{path}: with a sentence", bool((outcome.text or "").strip()))
    yield Assertion(f"{clause}.2", f"{path}: no user in a failure", not read(reply).user)
    yield Assertion(
        "2.5.3", f"{path}: nothing of the request in it", b"&lt;x" not in reply.body and b"<x" not in reply.body
    )


def _json(cas: Server, path: str, clause: str) -> Section:
    browser = cas.signed_in()
    ticket = cas.get("/login", browser, service=cas.service).ticket
    reply = cas.get(path, service=cas.service, ticket=ticket, format="JSON")
    response = reply.json.get("serviceResponse", {})
    yield Assertion("2.5.1", f"{path}: format=JSON answers with JSON", "json" in reply.headers.get("content-type", ""))
    yield Assertion("2.5.2", f"{path}: one outcome", list(response) == ["authenticationSuccess"])
    yield Assertion("2.5.2", f"{path}: the user", bool(response.get("authenticationSuccess", {}).get("user")))
    failed = cas.get(path, service=cas.service, ticket=ticket, format="JSON").json.get("serviceResponse", {})
    yield Assertion("2.5.3", f"{path}: a failure in JSON", list(failed) == ["authenticationFailure"])
    yield Assertion(
        "2.5.3", f"{path}: its code", failed.get("authenticationFailure", {}).get("code") == "INVALID_TICKET"
    )
    yield Assertion(
        "2.5.3", f"{path}: its description", bool(failed.get("authenticationFailure", {}).get("description"))
    )
    plain = cas.get("/login", browser, service=cas.service).ticket
    told = read(cas.get(path, service=cas.service, ticket=plain, format="XML"))
    yield Assertion(f"{clause}.1", f"{path}: format=XML is the default", told.user != "")


def proxies(cas: Server) -> Section:
    """§2.5.4, §2.6, §2.7: a service goes on in a person's name."""
    if "proxy" not in cas.features:
        return
    browser = cas.signed_in()
    ticket = cas.get("/login", browser, service=cas.front).ticket
    told = read(cas.get("/serviceValidate", service=cas.front, ticket=ticket, pgtUrl=cas.callback))
    arrived = next(reversed(cas.at_callback()), {})
    granting, iou = arrived.get("pgtId", ""), arrived.get("pgtIou", "")
    yield Assertion("2.5.4", "the callback gets pgtId and pgtIou", bool(granting and iou))
    yield Assertion("2.5.4", "the answer names the same pgtIou", told.iou == iou)
    yield Assertion("3.3.1", "proxy-granting tickets begin with PGT-", granting.startswith("PGT-"))
    yield Assertion("3.3.1", "they fit into 64 characters", len(granting) <= 64)
    yield Assertion("3.4.1", "what stands for them begins with PGTIOU-", iou.startswith("PGTIOU-"))
    yield Assertion("3.4.1", "it fits into 64 characters", len(iou) <= 64)
    yield Assertion(
        "3.7", "both hold letters, digits and hyphens alone", bool(TICKET.fullmatch(granting) and TICKET.fullmatch(iou))
    )
    yield Assertion("3.4.1", "one does not tell the other", granting.partition("-")[2] not in iou)
    yield from _proxy_tickets(cas, granting)
    ticket = cas.get("/login", browser, service=cas.front).ticket
    bad = read(cas.get("/serviceValidate", service=cas.front, ticket=ticket, pgtUrl="https://nobody.example/pgt"))
    yield Assertion("2.5.3", "INVALID_PROXY_CALLBACK for a callback of nobody", bad.code == "INVALID_PROXY_CALLBACK")
    ticket = cas.get("/login", browser, service=cas.front).ticket
    plain = read(
        cas.get("/serviceValidate", service=cas.front, ticket=ticket, pgtUrl=cas.callback.replace("https", "http"))
    )
    yield Assertion("2.5.4", "a callback without https gets nothing", plain.iou == "")
    cas.get("/logout", browser)
    over = read(cas.get("/proxy", pgt=granting, targetService=cas.proxied))
    yield Assertion("3.3.1", "a proxy-granting ticket ends with the session", over.code == "INVALID_TICKET")


def _proxy_tickets(cas: Server, granting: str) -> Section:
    reply = cas.get("/proxy", pgt=granting, targetService=cas.proxied)
    ticket = read(reply).ticket
    yield Assertion("2.7.2", "cas:proxySuccess", reply.outcome.tag == f"{{{CAS}}}proxySuccess")
    yield Assertion("3.2.1", "proxy tickets begin with PT-", ticket.startswith("PT-"))
    yield Assertion("3.2.1", "they fit into 32 characters", len(ticket) <= 32)
    yield Assertion("3.7", "they hold letters, digits and hyphens alone", bool(TICKET.fullmatch(ticket)))
    told = read(cas.get("/proxyValidate", service=cas.proxied, ticket=ticket))
    yield Assertion("2.6.2", "a proxy ticket validates at /proxyValidate", told.user != "")
    yield Assertion("2.6.2", "the answer names the proxy", told.proxies == (cas.callback,))
    yield Assertion(
        "3.2.1", "once", read(cas.get("/proxyValidate", service=cas.proxied, ticket=ticket)).code == "INVALID_TICKET"
    )

    def drawn() -> str:
        return read(cas.get("/proxy", pgt=granting, targetService=cas.proxied)).ticket

    yield Assertion("2.7", "a proxy-granting ticket is good for more than one", drawn() != "")
    at_first = read(cas.get("/serviceValidate", service=cas.proxied, ticket=drawn()))
    yield Assertion("2.5.3", "INVALID_TICKET_SPEC at /serviceValidate", at_first.code == "INVALID_TICKET_SPEC")
    yield Assertion(
        "2.4", "no at /validate", cas.get("/validate", service=cas.proxied, ticket=drawn()).body == b"no\n\n"
    )
    p3 = read(cas.get("/p3/proxyValidate", service=cas.proxied, ticket=drawn()))
    yield Assertion("2.8", "it validates at /p3/proxyValidate", p3.user != "")
    wrong = read(cas.get("/proxyValidate", service=cas.other, ticket=drawn()))
    yield Assertion("3.2.1", "for its own service alone", wrong.code == "INVALID_SERVICE")
    renewed = read(cas.get("/proxyValidate", service=cas.proxied, ticket=drawn(), renew="true"))
    yield Assertion("2.6.1", "never with renew", renewed.code == "INVALID_TICKET")
    for named, parameters in (
        ("without pgt", {"targetService": cas.proxied}),
        ("without targetService", {"pgt": granting}),
        ("without either", {}),
    ):
        code = read(cas.get("/proxy", **parameters)).code
        yield Assertion("2.7.2", f"INVALID_REQUEST {named}", code == "INVALID_REQUEST")
    unknown = cas.get("/proxy", pgt="PGT-never-was", targetService=cas.proxied)
    yield Assertion("2.7.2", "cas:proxyFailure", unknown.outcome.tag == f"{{{CAS}}}proxyFailure")
    yield Assertion("2.7.2", "INVALID_TICKET for one that never was", read(unknown).code == "INVALID_TICKET")
    closed = read(cas.get("/proxy", pgt=granting, targetService=cas.other))
    yield Assertion(
        "2.7.2", "UNAUTHORIZED_SERVICE_PROXY where it may not go", closed.code == "UNAUTHORIZED_SERVICE_PROXY"
    )


def saml(cas: Server) -> Section:
    """§4.2: `/samlValidate`."""
    if "saml" not in cas.features:
        return
    browser = cas.signed_in()
    ticket = cas.get("/login", browser, TARGET=cas.service).ticket
    yield Assertion("4.2.1", "TARGET names the service at /login", ticket != "")
    reply = cas.post("/samlValidate", saml_request(ticket), media_type="text/xml", TARGET=cas.service)
    root = ET.fromstring(reply.body)
    response = root.find(f".//{SAML1P}Response")
    status = root.find(f".//{SAML1P}StatusCode")
    yield Assertion("4.2.4", "a SOAP envelope", root.tag.endswith("}Envelope"))
    yield Assertion("4.2.4", "samlp:Response of SAML 1", response is not None and response.get("MajorVersion") == "1")
    yield Assertion("4.2.4", "its id", response is not None and bool(response.get("ResponseID")))
    yield Assertion("4.2.4", "success", status is not None and status.get("Value", "").endswith(":Success"))
    yield Assertion("4.2.4", "a NameIdentifier", bool(root.findtext(f".//{SAML1}NameIdentifier")))
    yield Assertion("4.2.4", "for the service alone", root.findtext(f".//{SAML1}Audience") == cas.service)
    conditions = root.find(f".//{SAML1}Conditions")
    yield Assertion("4.2.4", "for a time", conditions is not None and bool(conditions.get("NotOnOrAfter")))
    again = ET.fromstring(
        cas.post("/samlValidate", saml_request(ticket), media_type="text/xml", TARGET=cas.service).body
    )
    status = again.find(f".//{SAML1P}StatusCode")
    yield Assertion(
        "3.1.1",
        "a ticket is good once there too",
        status is not None and not status.get("Value", "").endswith("Success"),
    )
    yield Assertion("4.2.4", "a failure names nobody", again.find(f".//{SAML1}NameIdentifier") is None)
    for named, body in (("no XML", b"x"), ("no ticket", saml_request(""))):
        failed = ET.fromstring(cas.post("/samlValidate", body, media_type="text/xml", TARGET=cas.service).body)
        yield Assertion("4.2.3", f"{named}: a failure", failed.find(f".//{SAML1}Assertion") is None)


def saml_request(ticket: str) -> bytes:
    """The request of §4.2.3."""
    return (
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Header/>'
        '<SOAP-ENV:Body><samlp:Request xmlns:samlp="urn:oasis:names:tc:SAML:1.0:protocol" MajorVersion="1" '
        'MinorVersion="1" RequestID="_192.168.16.51.1024506224022" IssueInstant="2026-06-19T17:03:44.022Z">'
        f"<samlp:AssertionArtifact>{ticket}</samlp:AssertionArtifact></samlp:Request></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


SECTIONS = (first, validation, proxies, saml)
