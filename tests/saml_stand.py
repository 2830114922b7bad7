"""The identity provider on its real door beside the OpenID Connect one, on the same family and sessions."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from html import unescape
from typing import Any

from lxml import etree

from broker.domain.keys import ChangeKeys, KeyState, StoredKey
from broker.domain.service_clients import ServiceProvider
from broker.domain.services import Protocol, Service
from broker.live import Part
from broker.protocol.oidc.signing import KeyVault
from broker.protocol.saml.keys import WANTED, SamlKeys
from broker.protocol.saml.provider import IdentityProvider
from broker.protocol.saml.routes import SamlParts, build_saml_routes
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_ledger import SqlLedger
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_provider_logins import SqlProviderLogins
from tests.builders import NOW
from tests.oidc_stand import ISSUER, Answer, Browser, Stand, open_stand, service
from tests.saml_party import Message, Party

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
SAML_ROUTES = {
    "GET /saml/metadata", "GET /saml/sso", "POST /saml/sso", "GET /saml/sso/resume", "GET /saml/sso/init",
    "GET /saml/slo", "POST /saml/slo", "GET /saml/slo/resume", "GET /saml/slo/answer", "POST /saml/soap",
}  # fmt: skip
"""Every address of the identity provider: what is closed there is tried in `test_saml_flags`."""


@dataclass(frozen=True, slots=True)
class SamlStand:
    """The stand, with the endpoints of SAML."""

    oidc: Stand
    keys: SamlKeys
    logins: SqlProviderLogins

    def call(self, method: str, target: str, **more: Any) -> Answer:
        return self.oidc.call(method, target, **more)

    def sign_in(self, **more: Any) -> Browser:
        return self.oidc.sign_in(**more)

    def rebuilt(self, change: Callable[[Any], Any]) -> SamlStand:
        """The same stand with `change` applied to each endpoint object behind the routes."""
        return replace(self, oidc=self.oidc.rebuilt(change))

    def ask(self, message: Message, browser: Browser | None = None, **more: Any) -> Answer:
        """Send a request by redirect."""
        return self.call("GET", f"{message.path}?{message.redirect(**more)}", browser=browser)


@contextmanager
def open_saml(sqlite_url: str, *, services: tuple[Service, ...] = ()) -> Iterator[SamlStand]:
    """A stand on a fresh database, closed at the end."""
    with open_stand(sqlite_url, services=services or (saml_service(),)) as stand:
        vault = KeyVault(SqlKeys(stand.engine), seal=lambda plain: plain, unseal=lambda sealed: sealed, tenant="ville")
        vault.keys.change(ChangeKeys(stand.clock(), (), added=(stored_key(),)))
        keys = SamlKeys(vault, stand.signer, name="preau.example")
        idp = IdentityProvider(ISSUER, Part(stand.live_policies, lambda book: book.installation.sessions))
        details, logins = SqlDetails(stand.engine), SqlProviderLogins(stand.engine)
        parts = SamlParts(
            idp, stand.register, stand.people, SqlPortraits(stand.grants, stand.people, details), stand.grants,
            details, logins, SqlLedger(stand.engine), stand.store, stand.live_policies, keys, stand.federation,
        )  # fmt: skip
        yield SamlStand(replace(stand, routes=(*stand.routes, *build_saml_routes(parts))), keys, logins)


def saml_service(service_id: str = "cantine", declared: ServiceProvider | None = None, **changes: Any) -> Service:
    """A family service with an OpenID Connect client and a SAML service provider of the same name."""
    provider = declared or Party(service_id).declared()
    return replace(service(service_id), saml=provider, protocols=(Protocol.OIDC, Protocol.SAML), **changes)


@cache
def stored_key() -> StoredKey:
    """One key for every stand: making one takes a second."""
    vault = KeyVault(None, seal=lambda plain: plain, unseal=lambda sealed: sealed)  # type: ignore[arg-type]
    return vault.make(*WANTED, KeyState.ACTIVE, now=NOW)


def response_of(answer: Answer) -> etree._Element:
    """The Response that an answer has the browser post."""
    return etree.fromstring(base64.b64decode(posted(answer)["SAMLResponse"]))


def posted(answer: Answer) -> dict[str, str]:
    """The fields of the form that an answer is."""
    assert answer.status == 200, (answer.status, answer.body)
    found = re.findall(r'name="([^"]+)" value="([^"]*)"', answer.body.decode())
    return {name: unescape(value) for name, value in found}


def status_of(answer: Answer) -> tuple[str, ...]:
    """The status codes of the Response, without what they share."""
    codes = [each.get("Value", "") for each in response_of(answer).iter(f"{SAMLP}StatusCode")]
    return tuple(code.rpartition(":")[2] for code in codes)


def assertion_of(answer: Answer) -> etree._Element:
    found = response_of(answer).find(f"{SAML}Assertion")
    assert found is not None, status_of(answer)
    return found


def told_of(assertion: etree._Element) -> dict[str, list[str]]:
    """Attributes by their names."""
    return {
        each.get("FriendlyName") or each.get("Name", ""): [value.text or "" for value in each]
        for each in assertion.iter(f"{SAML}Attribute")
    }


def name_of(assertion: etree._Element) -> str:
    return assertion.findtext(f"{SAML}Subject/{SAML}NameID") or ""


def index_of(assertion: etree._Element) -> str:
    found = assertion.find(f"{SAML}AuthnStatement")
    assert found is not None
    return found.get("SessionIndex", "")
