"""SAML as libraries no one here wrote understand it: what they send comes in, what we answer they take, and log out by.

python3-saml is the stricter judge; pysaml2 runs with its signatures checked by xmlsec in process (no subprocess).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import xmlsec
from lxml import etree
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, sigver
from saml2.client import Saml2Client
from saml2.config import SPConfig

from broker.wire.saml.names import RSA_SHA256
from tests.oidc_stand import Answer, Browser
from tests.saml_party import Party, private_pem
from tests.saml_stand import SamlStand, open_saml, posted, saml_service

BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[SamlStand]:
    with open_saml(sqlite_url) as opened:
        yield opened


def sent(stand: SamlStand, url: str, browser: Browser) -> Answer:
    address = urlsplit(url)
    return stand.call("GET", f"{address.path}?{address.query}", browser=browser)


# ---- python3-saml -------------------------------------------------------------------------------------------------


def one_login(stand: SamlStand, *, post: dict[str, str] | None = None, query: str = "", encrypted: bool = False) -> Any:
    """A service provider on python3-saml in strict mode, everything signed, for one request of a browser."""
    party = Party()
    idp = OneLogin_Saml2_IdPMetadataParser.parse(stand.call("GET", "/saml/metadata").body)
    settings = {
        "strict": True,
        "sp": {
            "entityId": party.entity_id,
            "assertionConsumerService": {"url": party.acs, "binding": BINDING_HTTP_POST},
            "singleLogoutService": {"url": party.slo_url, "binding": BINDING_HTTP_REDIRECT},
            "x509cert": party.key.certificate,
            "privateKey": private_pem(party.name).decode(),
        },
        "security": {
            "authnRequestsSigned": True, "logoutRequestSigned": True, "logoutResponseSigned": True,
            "wantMessagesSigned": True, "wantAssertionsSigned": True, "wantNameId": True,
            "wantAssertionsEncrypted": encrypted, "rejectDeprecatedAlgorithm": True,
            "signatureAlgorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "digestAlgorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
        },
        "idp": idp["idp"],
    }  # fmt: skip
    target = urlsplit(party.slo_url if query else party.acs)
    request = {
        "https": "on", "http_host": target.netloc, "script_name": target.path, "post_data": post or {},
        "get_data": dict(parse_qsl(query)), "query_string": query,
        "validate_signature_from_qs": True,
    }  # fmt: skip
    return OneLogin_Saml2_Auth(request, settings)


def today(stand: SamlStand) -> None:
    """The libraries ask the clock of the machine: let the stand live by it too."""
    stand.oidc.clock.advance(datetime.now(UTC) - stand.oidc.clock())


@pytest.mark.parametrize("encrypted", [False, True])
def test_python3_saml_logs_in_reads_the_attributes_and_logs_out(sqlite_url: str, encrypted: bool) -> None:
    with open_saml(sqlite_url, services=(saml_service(declared=Party().declared(encrypt=encrypted)),)) as stand:
        today(stand)
        browser = stand.sign_in()
        asks = one_login(stand)
        answer = sent(stand, asks.login(return_to="https://cantine.example/menu"), browser)
        takes = one_login(stand, post=posted(answer), encrypted=encrypted)
        takes.process_response(request_id=asks.get_last_request_id())
        assert takes.get_errors() == [], takes.get_last_error_reason()
        assert takes.get_friendlyname_attributes()["givenName"] == ["Dominique"]
        leaves = one_login(stand)
        url = leaves.logout(
            name_id=takes.get_nameid(), session_index=takes.get_session_index(), nq=takes.get_nameid_nq(),
            spnq=takes.get_nameid_spnq(), name_id_format=takes.get_nameid_format(),
        )  # fmt: skip
        assert sent(stand, url, browser).location == "/au-revoir"
        farewell = stand.oidc.federation.farewells.find(browser.cookies["__Host-preau-farewell"])
        assert farewell is not None
        ends = one_login(stand, query=urlsplit(farewell.onward).query)
        ends.process_slo(keep_local_session=True, request_id=leaves.get_last_request_id())
        assert ends.get_errors() == [], ends.get_last_error_reason()


# ---- pysaml2 ------------------------------------------------------------------------------------------------------


class InProcess(sigver.CryptoBackend):  # type: ignore[misc]
    """pysaml2's signatures by the xmlsec bindings: no program is started."""

    version = "1.3"

    def version_nums(self) -> tuple[int, ...]:
        return (1, 3)

    def sign_statement(self, statement: Any, node_name: str, key_file: str, node_id: str) -> str:
        root = etree.fromstring(str(statement).encode())
        xmlsec.tree.add_ids(root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(key_file, xmlsec.constants.KeyDataFormatPem)
        context.sign(next(root.iter("{http://www.w3.org/2000/09/xmldsig#}Signature")))
        return etree.tostring(root).decode()

    def validate_signature(self, signedtext: Any, cert_file: str, cert_type: str, node_name: str, node_id: str) -> bool:
        root = etree.fromstring(signedtext if isinstance(signedtext, bytes) else signedtext.encode())
        node = next(each for each in root.iter() if each.get("ID") == node_id)
        xmlsec.tree.add_ids(root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(cert_file, xmlsec.constants.KeyDataFormatCertPem)
        context.verify(node.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))
        return True


def py_saml(stand: SamlStand, folder: Any, monkeypatch: pytest.MonkeyPatch) -> Saml2Client:
    monkeypatch.setattr(sigver, "get_xmlsec_binary", lambda *_, **__: __file__)
    monkeypatch.setattr(sigver, "_get_xmlsec_cryptobackend", lambda *_, **__: InProcess())
    party = Party()
    (folder / "key.pem").write_bytes(private_pem(party.name))
    (folder / "cert.pem").write_text(
        f"-----BEGIN CERTIFICATE-----\n{party.key.certificate}\n-----END CERTIFICATE-----\n", "ascii"
    )
    config = SPConfig().load(
        {
            "entityid": party.entity_id,
            "key_file": str(folder / "key.pem"),
            "cert_file": str(folder / "cert.pem"),
            "signing_algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "digest_algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
            "allow_unknown_attributes": True,
            "service": {
                "sp": {
                    "endpoints": {
                        "assertion_consumer_service": [(party.acs, BINDING_HTTP_POST)],
                        "single_logout_service": [(party.slo_url, BINDING_HTTP_REDIRECT)],
                    },
                    "authn_requests_signed": True, "want_assertions_signed": True, "want_response_signed": True,
                    "allow_unsolicited": False,
                }
            },
            "metadata": {"inline": [stand.call("GET", "/saml/metadata").body.decode()]},
        }
    )  # fmt: skip
    return Saml2Client(config)


def test_pysaml2_logs_in_and_reads_the_attributes(
    stand: SamlStand, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    today(stand)
    client, browser = py_saml(stand, tmp_path, monkeypatch), stand.sign_in()
    request_id, told = client.prepare_for_authenticate(sign=True, sigalg=RSA_SHA256)
    url = dict(told["headers"])["Location"]
    answer = sent(stand, url, browser)
    message = posted(answer)["SAMLResponse"]
    response = client.parse_authn_request_response(message, BINDING_HTTP_POST, outstanding={request_id: "/"})
    assert response is not None
    assert response.ava["givenName"] == ["Dominique"]
    assert response.session_info()["name_id"].text in base64.b64decode(message).decode()
