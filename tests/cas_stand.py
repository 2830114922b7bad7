"""The CAS server on its real door, real storage and real policies: services that speak CAS, and their side of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree as ET

from broker.domain.cas import CasClient, LogoutStyle
from broker.domain.errors import UpstreamUnavailable
from broker.domain.people import Profil, Space
from broker.domain.services import ClaimName, Protocol, Service
from broker.protocol.cas.routes import CasParts
from tests.oidc_stand import Answer, Browser, Stand, open_stand, service

CAS = "http://www.yale.edu/tp/cas"
NOTES, BOOKS, PORTAL = "https://notes.example/app/", "https://livres.example/entree", "https://facade.example/"
CALLBACK = "https://facade.example/pgt"


def cas_service(service_id: str, client: CasClient, **changes: Any) -> Service:
    """A family service that speaks CAS alone, unless told otherwise."""
    plain = service(service_id, claims=(ClaimName.GIVEN_NAME, ClaimName.FAMILY_NAME))
    return replace(plain, parties=(), protocols=(Protocol.CAS,), cas=client, **changes)


SERVICES = (
    cas_service("notes", CasClient((NOTES,), proxied_by=frozenset({"facade"}))),
    cas_service("livres", CasClient((BOOKS,), logout=LogoutStyle.BODY)),
    cas_service("facade", CasClient((PORTAL,), proxy_callbacks=(CALLBACK,), proxied_by=frozenset({"facade"}))),
    cas_service("personnels", CasClient(("https://personnels.example/",)), space=Space.STAFF,
                profils=frozenset({Profil.ENSEIGNANT})),
)  # fmt: skip


class Callbacks:
    """What arrives at the callbacks of proxies. `status`: what they answer; 0: they do not."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.status = 200

    def visit(self, url: str) -> int:
        """Be visited."""
        if not self.status:
            raise UpstreamUnavailable("nobody answers")
        self.seen.append({"url": url.partition("?")[0], **dict(parse_qsl(urlsplit(url).query))})
        return self.status


@dataclass(frozen=True, slots=True)
class CasStand:
    """The server, and what services do at it."""

    stand: Stand
    callbacks: Callbacks

    def get(self, path: str, browser: Browser | None = None, **parameters: str) -> Answer:
        """Ask an endpoint under `/cas`."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.stand.call("GET", f"/cas{path}{query}", browser=browser)

    def ticket(self, browser: Browser, service: str = NOTES, **more: str) -> str:
        """A fresh service ticket for a signed-in browser."""
        answer = self.get("/login", browser, service=service, **more)
        assert answer.status == 303, (answer.status, answer.body)
        return answer.told["ticket"]

    def validate(self, ticket: str, service: str = NOTES, *, at: str = "/p3/serviceValidate", **more: str) -> Outcome:
        """Validate a ticket."""
        return read_outcome(self.get(at, service=service, ticket=ticket, **more))

    def granting(self, browser: Browser) -> str:
        """A proxy-granting ticket of the façade, as its callback got it."""
        told = self.validate(self.ticket(browser, PORTAL), PORTAL, pgtUrl=CALLBACK)
        assert told.user
        assert told.iou == self.callbacks.seen[-1]["pgtIou"]
        return self.callbacks.seen[-1]["pgtId"]

    def proxied(self, browser: Browser, target: str = NOTES) -> str:
        """A fresh proxy ticket."""
        answer = self.get("/proxy", pgt=self.granting(browser), targetService=target)
        return read_outcome(answer).ticket


@dataclass(frozen=True, slots=True)
class Outcome:
    """A validation answer as a client reads it; `code` of a failure, `ticket` of a proxy answer."""

    user: str = ""
    code: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    iou: str = ""
    proxies: tuple[str, ...] = ()
    ticket: str = ""


def read_outcome(answer: Answer) -> Outcome:
    """Read an answer in XML, JSON or the two lines of CAS 1."""
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "application/json":
        return _of_json(answer.json["serviceResponse"])
    if kind == "text/plain":
        first, second, _ = (*answer.body.decode().split("\n"), "", "")[:3]
        return Outcome(user=second) if first == "yes" else Outcome(code="no")
    return _of_xml(ET.fromstring(answer.body))


def _of_xml(root: ET.Element) -> Outcome:
    (outcome,) = root

    def texts(path: str) -> tuple[str, ...]:
        return tuple(each.text or "" for each in outcome.findall(path.replace("cas:", f"{{{CAS}}}")))

    told = outcome.find(f"{{{CAS}}}attributes")
    return Outcome(
        user="".join(texts("cas:user")),
        code=outcome.get("code", ""),
        attributes=tuple((each.tag.rpartition("}")[2], each.text or "") for each in (told if told is not None else ())),
        iou="".join(texts("cas:proxyGrantingTicket")),
        proxies=texts("cas:proxies/cas:proxy"),
        ticket="".join(texts("cas:proxyTicket")),
    )


def _of_json(response: dict[str, Any]) -> Outcome:
    ((_, told),) = response.items()
    pairs = ((name, value) for name, value in told.get("attributes", {}).items())
    flat = tuple((name, each) for name, value in pairs for each in (value if isinstance(value, list) else [value]))
    return Outcome(
        told.get("user", ""), told.get("code", ""), flat, told.get("proxyGrantingTicket", ""),
        tuple(told.get("proxies", ())), told.get("proxyTicket", ""),
    )  # fmt: skip


@contextmanager
def open_cas(
    sqlite_url: str,
    *,
    services: tuple[Service, ...] = SERVICES,
    change: Callable[[CasParts], CasParts] = lambda parts: parts,
) -> Iterator[CasStand]:
    """A stand on a fresh database."""
    callbacks = Callbacks()
    visited = lambda parts: change(replace(parts, visit=callbacks.visit))  # noqa: E731
    with open_stand(sqlite_url, services=services, change_cas=visited) as stand:
        yield CasStand(stand, callbacks)
