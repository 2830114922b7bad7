"""A town that people enter by sources no one here wrote: LemonLDAP::NG by CAS and by SAML, SimpleSAMLphp by SAML.

All three vouch for the same mother, by the references that the town's own sources release of her.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from broker.demo.cas_answers import AUTHORITY
from broker.demo.configuration import ACADEMIE, FEED_1D, FEED_2D, TENANT
from broker.demo.people import Account, Site
from broker.demo.prepared import Town
from broker.protocol.saml_sources import acs_url, entity_id, slo_url
from broker.settings import load_settings
from broker.wire.saml.identity_provider import parse_identity_provider
from connectors.saml import Known, SamlSource
from connectors.saml.educonnect import EduConnectSamlProfile
from tests import llng
from tests.browser.town import free_port
from tests.interop.simplesaml import Asker, entity_of, metadata_of, simplesaml
from tests.interop.visits import MOTHER
from tests.preau_process import running, stopped
from tests.saml_peer import pair
from tests.saml_sources import PROVIDER, our_key, pem_certificate, provider_metadata
from tests.towns import running_town

BY_CAS, BY_SAML, BY_PHP = "lemon-cas", "lemon-saml", "simplesaml"
"""The sources, by id; their labels are the same."""
_ENTITY = re.compile(r'entityID="([^"]+)"')
_CAS_SOURCE = """
[[sources]]
id = "{source_id}"
kind = "cas"
tenant = "{tenant}"
label = {{ fr = "{source_id}" }}
url = "{url}"
logout = "upstream"
releases_references = true
feeds = ["{feed_1d}", "{feed_2d}"]
academies = {{ "{authority}" = "{academie}" }}
"""
_SAML_SOURCE = """
[[sources]]
id = "{source_id}"
kind = "saml"
tenant = "{tenant}"
label = {{ fr = "{source_id}" }}
issuer = "{issuer}"
metadata_file = "secrets/{source_id}.xml"
key_file = "secrets/saml.key"
certificate_file = "secrets/saml.pem"
profile = "educonnect"
releases_references = true
feeds = ["{feed_1d}", "{feed_2d}"]
"""


@dataclass(frozen=True, slots=True)
class SourceTown:
    """Where the broker answers, the town, and where the sources answer."""

    origin: str
    town: Town
    portal: str
    php: str


def mother_of(town: Town) -> Account:
    """Her account at EduConnect."""
    return next(each for each in town.accounts if each.site is Site.EDUCONNECT and each.login == MOTHER)


@contextmanager
def town_with_sources(folder: Path) -> Iterator[SourceTown]:
    """Serve it until the block ends. Raises `ServerMissing`, `ServerFailed`."""
    from broker.cli.demo import settle  # with ldap3, whose warnings are only let through once pytest is configured

    port, log = free_port(), folder / "serve.log"
    issuer = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        town = stack.enter_context(running_town(folder / "town", issuer=issuer))
        portal, php, tables = _sources(stack, folder, town)
        town.settings.write_text(town.settings.read_text("utf-8") + tables, "utf-8")
        settle(town, load_settings(town.settings, {}))
        serving = stack.enter_context(running(log, port, "serve", "--config", str(town.settings)))
        yield SourceTown(issuer, town, portal, php)
        assert stopped(serving, signal.SIGTERM) == 0


def _sources(stack: ExitStack, folder: Path, town: Town) -> tuple[str, str, str]:
    """Start the sources, put their files in place; returns their addresses and their tables."""
    files = town.folder / "secrets"
    (files / "saml.key").touch(mode=0o600)
    (files / "saml.key").write_bytes(pair("sp").pem)
    (files / "saml.pem").write_bytes(pem_certificate(pair("sp")))
    portal = stack.enter_context(llng.llng(folder / "llng", *_lemon(town), host=llng.ELSEWHERE))
    told = httpx.get(f"{portal.base}/saml/metadata", trust_env=False).raise_for_status().text
    php = f"http://127.0.0.47:{free_port()}"
    asker = Asker(
        entity_id(town.issuer, BY_PHP), acs_url(town.issuer, BY_PHP), slo_url(town.issuer, BY_PHP),
        pair("sp").certificate,
    )  # fmt: skip
    stack.enter_context(simplesaml(php, asker, {"uid": ["aline"], **_told(town)}))
    (files / f"{BY_SAML}.xml").write_text(told, "utf-8")
    (files / f"{BY_PHP}.xml").write_bytes(metadata_of(php))
    feeds = {"tenant": TENANT, "feed_1d": FEED_1D, "feed_2d": FEED_2D}
    by_cas = {"url": f"{portal.base}/cas", "authority": AUTHORITY, "academie": ACADEMIE}
    tables = "".join(
        (
            _CAS_SOURCE.format(source_id=BY_CAS, **by_cas, **feeds),
            _SAML_SOURCE.format(source_id=BY_SAML, issuer=_entity(told), **feeds),
            _SAML_SOURCE.format(source_id=BY_PHP, issuer=entity_of(php), **feeds),
        )
    )
    return portal.base, php, tables


def _told(town: Town) -> dict[str, list[str]]:
    """What a source in the shape of EduConnect says of her."""
    mother = mother_of(town)
    references = [f"{{AAF}}{ACADEMIE}|x|{key}" for key in mother.keys]
    return {"FrEduCtId": ["9f3c7a"], "FrEduCtRefId": references, "FrEduCtPersonAffiliation": ["resp2d"]}


def _lemon(town: Town) -> tuple[dict[str, object], ...]:
    """The portal's settings: one account, whose attributes are macros, as where a directory holds them."""
    said = _told(town)
    jointures = [f"{AUTHORITY}${key}" for key in mother_of(town).keys]
    values = {**said, "ENTPersonJointure": jointures}
    macros = {name: f"'{'; '.join(each)}'" for name, each in values.items()}
    macros["_whatToTrace"] = "lc($_user)"
    by_cas = {
        "casAttributes": {"ENTPersonJointure": "ENTPersonJointure", "cn": "cn"}, "casBackChannelSingleLogout": 1,
    }  # fmt: skip
    checked = {
        "CheckSSOMessageSignature": 1, "CheckSLOMessageSignature": 1, "SignSLOMessage": 1,
        "NotOnOrAfterTimeout": 300, "SessionNotOnOrAfterTimeout": 3600,
    }  # fmt: skip
    by_saml = llng.saml(_our_metadata(town), attributes={name: name for name in said}, **checked)
    return {"macros": macros}, {**llng.CAS, **by_cas}, by_saml


def _our_metadata(town: Town) -> str:
    """What the broker will say of itself to the portal, once it runs: it does not depend on the portal."""
    anybody = parse_identity_provider(provider_metadata(pair("idp")), PROVIDER)
    source = SamlSource(
        BY_SAML, entity_id(town.issuer, BY_SAML), acs_url(town.issuer, BY_SAML), Known(anybody), our_key(),
        EduConnectSamlProfile(), slo_url(town.issuer, BY_SAML),
    )  # fmt: skip
    return source.open().metadata.decode()


def _entity(metadata: str) -> str:
    found = _ENTITY.search(metadata)
    assert found, metadata
    return found[1]
